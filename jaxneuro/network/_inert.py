import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive
from jaxneuro.integrators import AbstractIntegrator
from jaxneuro.neurons import AbstractNeuron


class InertState(eqx.Module):
    """What behaviours read and write: a voltage, and which neurons spike (0 or 1)."""

    v: Float[Array, "..."]
    spike: Float[Array, "..."]


class Inert(AbstractNeuron):
    """A neuron without dynamics of its own: behaviours drive it.

    Its `v` stays as they leave it, its `spike` (0 or 1) too. Where `spike` is 1 when the
    populations advance, it spikes: edges, records and reducers hear it as any other neuron. What
    edges hand to it is ignored.

    !!! example

        ```python
        net = Network({"cells": Population(Inert(), 100)}, behaviours={"cells": {1: Leak(0.9)}})
        ```
    """

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> InertState:
        return InertState(jnp.zeros(shape), jnp.zeros(shape))

    def advance(
        self, state: InertState, drive: Drive, dt: float, integrator: AbstractIntegrator
    ) -> InertState:
        return state

    def margin(self, old: InertState, new: InertState) -> Float[Array, "..."]:
        return new.spike - 0.5

    def reset(self, state: InertState, spikes: Float[Array, "..."]) -> InertState:
        return state
