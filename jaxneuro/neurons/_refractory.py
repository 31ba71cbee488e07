from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron
from ._options import check_shapes


class RefractoryState(eqx.Module):
    """The wrapped neuron's state and what remains of the hold.

    `remaining` counts steps, with -1 right after a spike; or ms with `whole_steps=False`.
    """

    inner: Any
    remaining: Int[Array, "..."] | Float[Array, "..."]

    @property
    def v(self) -> Any:  # an array, or what `eqx.tree_at` puts in its place
        return self.inner.v


class Refractory(AbstractNeuron):
    """Holds v for a while after each spike; the other variables of the neuron go on.

    The period is counted in whole steps, round(period / dt): after a spike in step i the neuron
    is held in steps i + 1 ... i + round(period / dt). With `whole_steps=False` it ends inside a
    step: v then moves in what is left of that step only, and a spike may be anywhere in its step
    (`reset_gradient="event"` needs this), so that the period has a gradient.

    **Arguments:**

    - `neuron`: the neuron to wrap.
    - `period`: refractory period, ms, shape `()` or that of the population.
    - `whole_steps`: False ends the hold at its exact time.

    !!! example

        ```python
        neuron = Refractory(LIF(tau=20.0), period=2.0)
        ```
    """

    neuron: AbstractNeuron
    period: Float[Array, "..."] = param(2.0, unit="ms")
    whole_steps: bool = eqx.field(static=True, default=True)

    def __check_init__(self):
        if not isinstance(self.period, Tracer) and not np.all(np.asarray(self.period) >= 0):
            raise ValueError(f"Refractory: period is {self.period} ms; it must be 0 or more.")

    @property
    def ports(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.neuron.ports

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> RefractoryState:
        check_shapes(self, shape)
        inner = self.neuron.init(shape, key)
        kind = jnp.int32 if self.whole_steps else inner.v.dtype
        return RefractoryState(inner, jnp.zeros(shape, kind))

    def advance(
        self, state: RefractoryState, drive: Drive, dt: Any, integrator: AbstractIntegrator
    ) -> RefractoryState:
        inner = self.neuron.advance(state.inner, drive, dt, integrator)
        if self.whole_steps:
            period = jnp.round(self.period / dt).astype(jnp.int32)
            remaining = jnp.where(state.remaining < 0, period, jnp.maximum(state.remaining - 1, 0))
            held = jnp.where(remaining > 0, state.v, inner.v)
            inner = eqx.tree_at(lambda s: s.v, inner, held)
            return RefractoryState(inner, remaining)
        held_for = jnp.minimum(state.remaining, dt)
        # What is left of this step runs from the drive and the other variables in between.
        part = jnp.where(held_for > 0, held_for / jnp.where(held_for > 0, dt, 1.0), 0.0)
        between = jax.tree.map(
            lambda a, b: a + part * (b - a) if eqx.is_inexact_array(b) else b, state.inner, inner
        )
        between = eqx.tree_at(lambda s: s.v, between, state.v)
        late = self.neuron.advance(between, drive.after(part), dt - held_for, integrator)
        jump = 0.0 if drive.jump is None else drive.jump
        v = jnp.where(held_for > 0, late.v + jnp.where(held_for < dt, jump, 0.0), inner.v)
        inner = eqx.tree_at(lambda s: s.v, inner, v)
        return RefractoryState(inner, state.remaining - held_for)

    def margin(self, old: RefractoryState, new: RefractoryState) -> Float[Array, "..."] | None:
        margin = self.neuron.margin(old.inner, new.inner)
        # Held to the end of the step, or (exactly) still held when the step ends.
        return None if margin is None else jnp.where(new.remaining > 0, -jnp.inf, margin)

    def observe(self, state: RefractoryState, drive: Drive) -> dict[str, Float[Array, "..."]]:
        return self.neuron.observe(state.inner, drive)

    def reset(self, state: RefractoryState, spikes: Float[Array, "..."]) -> RefractoryState:
        inner = self.neuron.reset(state.inner, spikes)
        since = -1 if self.whole_steps else self.period
        return RefractoryState(inner, jnp.where(spikes > 0, since, state.remaining))
