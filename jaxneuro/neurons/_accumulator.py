import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron
from ._options import check_shapes


class AccumulatorState(eqx.Module):
    """The leaky sum of events, and what was decided (-1 before)."""

    g_ampa: Float[Array, "..."]
    decision: Float[Array, "..."]

    @property
    def v(self) -> Float[Array, "..."]:
        return self.g_ampa


class IntegratorNeuron(AbstractNeuron):
    """Sums the events that reach it, leakily, and decides when the sum reaches a threshold.

    dg_ampa/dt = -g_ampa / tau, g_ampa += each event (the current that drives it in a step);
    a spike in every step in which g_ampa > threshold (g is not reset: it fires as long as that
    holds, as in CompNeuroPy), and `decision` becomes `neuron_id`.

    **Arguments:**

    - `tau`: ms.
    - `threshold`: of g_ampa; None never spikes (CompNeuroPy's IntegratorNeuronSimple).
    - `neuron_id`: a number to tell it by, `()` or of the population's shape.

    Reference: CompNeuroPy 1.0.4.

    !!! example

        ```python
        race = Population(IntegratorNeuron(tau=50.0, threshold=20.0, neuron_id=[0.0, 1.0]), 2)
        ```
    """

    tau: Float[Array, "..."] = param(1.0, unit="ms", lower=0.0)
    threshold: Float[Array, "..."] | None = param(1.0)
    neuron_id: Float[Array, "..."] = param(0.0, unit="")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> AccumulatorState:
        check_shapes(self, shape)
        zero = jnp.zeros(shape, self.tau.dtype)
        return AccumulatorState(zero, zero - 1.0)

    def advance(
        self, state: AccumulatorState, drive: Drive, dt: float, integrator: AbstractIntegrator
    ) -> AccumulatorState:
        start = state.g_ampa + drive.at(state.g_ampa)
        g = integrator.step(lambda g, c: -g / self.tau, start, dt)
        g = g if drive.jump is None else g + drive.jump
        return AccumulatorState(g, state.decision)

    def margin(self, old: AccumulatorState, new: AccumulatorState) -> Float[Array, "..."] | None:
        if self.threshold is None:
            return None
        return (new.g_ampa - self.threshold) / jnp.maximum(jnp.abs(self.threshold), 1e-6)

    def reset(self, state: AccumulatorState, spikes: Float[Array, "..."]) -> AccumulatorState:
        decision = state.decision * (1.0 - spikes) + spikes * self.neuron_id
        return AccumulatorState(state.g_ampa, decision)
