"""Random currents of single neurons: white noise, and noise that is correlated in time."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, init_key, param

from ._noise import NoiseState
from ._parameter_shapes import check_fit
from ._sourceless import AbstractSourcelessEdge, step_key


class GaussianNoise(AbstractSourcelessEdge):
    """A white-noise current: I = mean + sd xi(t), drawn for each neuron on its own.

    xi is drawn anew in each step with the standard deviation 1 / sqrt(dt), so that its effect on a
    neuron does not depend on dt. With `per_step=True` it is 1 at any dt, as in programs that draw
    N(mean, sd) each step; the effect of the noise then shrinks with dt.

    **Arguments:**

    - `target`: as of any edge.
    - `mean`: of the current, in the target's unit.
    - `sd`: unit of current times sqrt(ms); with `per_step` the standard deviation of the current.
      A leaky cell's v has the standard deviation resistance sd / sqrt(2 tau).
    - `per_step`: as above.

    Each of shape `()` or that of the target.

    Reference: Gerstner et al. (2014), Neuronal Dynamics, section 8.1.

    !!! example

        ```python
        edges = {"noise": GaussianNoise("exc", mean=0.5, sd=0.3)}
        ```
    """

    target: str = eqx.field(static=True)
    mean: Float[Array, "..."] = param(0.0)
    sd: Float[Array, "..."] = param(1.0)
    per_step: bool = eqx.field(static=True, default=False)

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> NoiseState:
        check_fit(self, ("mean", "sd"), target_shape)
        return NoiseState(key)

    def step(
        self, state: NoiseState, events: None, v: Float[Array, "..."], context: Context
    ) -> tuple[NoiseState, Drive]:
        draw = jax.random.normal(step_key(state.key, context), v.shape, v.dtype)
        scale = 1.0 if self.per_step else 1.0 / math.sqrt(context.dt)
        return state, Drive(current=self.mean + self.sd * scale * draw)


class OrnsteinUhlenbeckState(eqx.Module):
    """The key, and the current of the last step."""

    key: Key[Array, ""]
    I: Float[Array, "..."]  # noqa: E741


class OrnsteinUhlenbeck(AbstractSourcelessEdge):
    """A random current that is correlated over a time tau, for each neuron on its own.

    dI/dt = (mean - I) / tau + sd sqrt(2 / tau) xi(t), with its exact distribution at any dt. It
    starts from its stationary distribution N(mean, sd²) and is held within a step.

    **Arguments:**

    - `target`: as of any edge.
    - `mean`, `sd`: of the stationary current, in the target's unit.
    - `tau`: correlation time, ms.

    Each of shape `()` or that of the target.

    Reference: Destexhe et al. (2001), Neuroscience 107:13 (of conductances); Gillespie (1996),
    Phys. Rev. E 54:2084 (the exact update).

    !!! example

        ```python
        edges = {"noise": OrnsteinUhlenbeck("exc", mean=0.5, sd=0.3, tau=10.0)}
        ```
    """

    target: str = eqx.field(static=True)
    mean: Float[Array, "..."] = param(0.0)
    sd: Float[Array, "..."] = param(1.0)
    tau: Float[Array, "..."] = param(5.0, unit="ms", lower=0.0)

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> OrnsteinUhlenbeckState:
        check_fit(self, ("mean", "sd", "tau"), target_shape)
        draw = jax.random.normal(init_key(key, "start"), target_shape)
        return OrnsteinUhlenbeckState(key, self.mean + self.sd * draw)

    def step(
        self, state: OrnsteinUhlenbeckState, events: None, v: Float[Array, "..."], context: Context
    ) -> tuple[OrnsteinUhlenbeckState, Drive]:
        draw = jax.random.normal(step_key(state.key, context), v.shape, v.dtype)
        kept = jnp.exp(-context.dt / self.tau)
        spread = self.sd * jnp.sqrt(-jnp.expm1(-2.0 * context.dt / self.tau))
        current = self.mean + kept * (state.I - self.mean) + spread * draw
        return OrnsteinUhlenbeckState(state.key, current), Drive(current=current)
