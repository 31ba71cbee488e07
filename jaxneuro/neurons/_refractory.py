from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron
from ._options import check_shapes


class RefractoryState(eqx.Module):
    """The wrapped neuron's state, the held steps that remain, and the last step's spikes."""

    inner: Any
    remaining: Int[Array, "..."]
    fired: Float[Array, "..."]

    @property
    def v(self) -> Any:  # an array, or what `eqx.tree_at` puts in its place
        return self.inner.v


class Refractory(AbstractNeuron):
    """Holds v for a while after each spike; the other variables of the neuron go on.

    The period is counted in whole steps, round(period / dt): after a spike in step i the neuron
    is held in steps i + 1 ... i + round(period / dt).

    **Arguments:**

    - `neuron`: the neuron to wrap.
    - `period`: refractory period, ms, shape `()` or that of the population.

    !!! example

        ```python
        neuron = Refractory(LIF(tau=20.0), period=2.0)
        ```
    """

    neuron: AbstractNeuron
    period: Float[Array, "..."] = param(2.0, unit="ms")

    def __check_init__(self):
        if not isinstance(self.period, Tracer) and not np.all(np.asarray(self.period) >= 0):
            raise ValueError(f"Refractory: period is {self.period} ms; it must be 0 or more.")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> RefractoryState:
        check_shapes(self, shape)
        inner = self.neuron.init(shape, key)
        remaining = jnp.zeros(shape, dtype=jnp.int32)
        return RefractoryState(inner, remaining, jnp.zeros(shape, inner.v.dtype))

    def advance(
        self, state: RefractoryState, drive: Drive, dt: float, integrator: AbstractIntegrator
    ) -> RefractoryState:
        period = jnp.round(self.period / dt).astype(jnp.int32)
        remaining = jnp.where(state.fired > 0, period, jnp.maximum(state.remaining - 1, 0))
        inner = self.neuron.advance(state.inner, drive, dt, integrator)
        held = jnp.where(remaining > 0, state.v, inner.v)
        inner = eqx.tree_at(lambda s: s.v, inner, held)
        return RefractoryState(inner, remaining, state.fired)

    def margin(self, old: RefractoryState, new: RefractoryState) -> Float[Array, "..."] | None:
        margin = self.neuron.margin(old.inner, new.inner)
        return None if margin is None else jnp.where(new.remaining > 0, -jnp.inf, margin)

    def reset(self, state: RefractoryState, spikes: Float[Array, "..."]) -> RefractoryState:
        inner = self.neuron.reset(state.inner, spikes)
        return RefractoryState(inner, state.remaining, spikes)
