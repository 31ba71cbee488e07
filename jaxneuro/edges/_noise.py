"""Noise of single neurons: random events, a random baseline, random numbers."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, param

from ._sourceless import AbstractSourcelessEdge, step_key


class NoiseState(eqx.Module):
    """The key from which an edge draws; each step folds its index into it."""

    key: Key[Array, ""]


class PoissonEvents(AbstractSourcelessEdge):
    """Independent random events of one size at each target neuron, at most one a step.

    With probability rate dt / 1000 the drive's current is `weight` for that step; aimed at a
    `SharedReceptor` (`target="exc/ampa"`) it is an event there, so that the conductance jumps.

    **Arguments:**

    - `target`: as of any edge.
    - `rate`: Hz, `()` or of the target's shape; above 1000 / dt every step has an event.
    - `weight`: size of an event.

    !!! example

        ```python
        {"exc/ampa": SharedReceptor("exc", ExponentialConductance(tau=5.0)),
         "noise": PoissonEvents("exc/ampa", rate=500.0, weight=0.3)}
        ```
    """

    target: str = eqx.field(static=True)
    rate: Float[Array, "..."] = param(0.0, unit="Hz")
    weight: Float[Array, "..."] = param(0.0)

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> NoiseState:
        return NoiseState(key)

    def step(
        self, state: NoiseState, events: None, v: Float[Array, "..."], context: Context
    ) -> tuple[NoiseState, Drive]:
        draw = jax.random.uniform(step_key(state.key, context), v.shape, v.dtype)
        hit = draw < self.rate * (context.dt / 1000.0)
        return state, Drive(current=jnp.where(hit, self.weight, jnp.zeros_like(v)))


class UniformDraw(AbstractSourcelessEdge):
    """A fresh number from [0, 1) for each neuron and step: what a random spike is drawn with."""

    target: str = eqx.field(static=True)

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> NoiseState:
        return NoiseState(key)

    def step(
        self, state: NoiseState, events: None, v: Float[Array, "..."], context: Context
    ) -> tuple[NoiseState, Drive]:
        draw = jax.random.uniform(step_key(state.key, context), v.shape, v.dtype)
        return state, Drive(current=draw)


class BaselineState(eqx.Module):
    """The key, the random part of the baseline current, and the whole of it."""

    key: Key[Array, ""]
    offset_base: Float[Array, "..."]
    I_base: Float[Array, "..."]


class BaselineNoise(AbstractSourcelessEdge):
    """A baseline current with a random part that is held for random times.

    I = mean + offset; in each step, with probability rate dt / 1000, the offset is drawn anew from
    N(0, noise²), for each neuron on its own.

    **Arguments:**

    - `target`: as of any edge.
    - `mean`, `noise`: mean of the current and standard deviation of its random part.
    - `rate`: Hz.

    Reference: CompNeuroPy 1.0.4, the "NoisyBase" models.
    """

    target: str = eqx.field(static=True)
    mean: Float[Array, "..."] = param(0.0)
    noise: Float[Array, "..."] = param(0.0)
    rate: Float[Array, "..."] = param(0.0, unit="Hz")

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> BaselineState:
        zero = jnp.zeros(target_shape)
        return BaselineState(key, zero, zero)

    def step(
        self, state: BaselineState, events: None, v: Float[Array, "..."], context: Context
    ) -> tuple[BaselineState, Drive]:
        when, what = jax.random.split(step_key(state.key, context))
        is_drawn = jax.random.uniform(when, v.shape, v.dtype) < self.rate * (context.dt / 1000.0)
        fresh = self.noise * jax.random.normal(what, v.shape, v.dtype)
        offset = jnp.where(is_drawn, fresh, state.offset_base)
        current = self.mean + offset
        return BaselineState(state.key, offset, current), Drive(current=current)
