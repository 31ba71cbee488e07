import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron, integrate
from ._options import (
    InputScale,
    ResetBy,
    check_currents_only,
    check_option,
    check_reset,
    filled,
    reset_voltage,
    scaled_margin,
)


class CurrentState(eqx.Module):
    """Membrane voltage and synaptic current."""

    v: Float[Array, "..."]
    i: Float[Array, "..."]


class CurrentLIF(AbstractNeuron):
    """Leaky integrate-and-fire neuron with one synaptic current of its own.

    tau_syn di/dt = -i + I;  tau dv/dt = v_rest - v + resistance i;  a spike where v > threshold.

    `input_scale="unit"` gives the machine-learning form: i <- alpha i + I, then v <- beta v + i
    (around v_rest), alpha = exp(-dt / tau_syn), beta = exp(-dt / tau).

    Several time constants on one cell are receptors on edges instead (`ExponentialCurrent`).

    **Arguments:**

    - `tau_syn`: time constant of the synaptic current, ms.
    - the others as in `LIF`.

    Reference: Pedersen et al. (2024), Nature Communications 15:8122 (the "CubaLIF" of NIR).

    !!! example

        ```python
        neuron = CurrentLIF(tau=20.0, tau_syn=5.0)
        ```
    """

    tau: Float[Array, "..."] = param(10.0, unit="ms", lower=0.0)
    tau_syn: Float[Array, "..."] = param(5.0, unit="ms", lower=0.0)
    threshold: Float[Array, "..."] = param(1.0)
    v_rest: Float[Array, "..."] = param(0.0)
    v_reset: Float[Array, "..."] = param(0.0)
    resistance: Float[Array, "..."] = param(1.0)
    reset_by: ResetBy = eqx.field(static=True, default="subtraction")
    input_scale: InputScale = eqx.field(static=True, default="physical")

    def __check_init__(self):
        check_option(self.reset_by, ResetBy, "CurrentLIF: reset_by")
        check_option(self.input_scale, InputScale, "CurrentLIF: input_scale")
        check_reset(self.reset_by, self.v_reset, self.threshold, "CurrentLIF")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> CurrentState:
        v = filled(self, "v_rest", shape)
        return CurrentState(v, jnp.zeros_like(v))

    def derivative(self, state: CurrentState, drive: Drive) -> CurrentState:
        dv = (self.v_rest - state.v + self.resistance * state.i) / self.tau
        return CurrentState(dv, (drive.at(state.v) - state.i) / self.tau_syn)

    def advance(
        self, state: CurrentState, drive: Drive, dt: float, integrator: AbstractIntegrator
    ) -> CurrentState:
        if self.input_scale == "physical":
            return integrate(self.derivative, state, drive, dt, integrator)
        check_currents_only(drive)
        i = state.i * jnp.exp(-dt / self.tau_syn) + drive.at(state.v)
        v = self.v_rest + (state.v - self.v_rest) * jnp.exp(-dt / self.tau) + i
        return CurrentState(v if drive.jump is None else v + drive.jump, i)

    def margin(self, old: CurrentState, new: CurrentState) -> Float[Array, "..."]:
        return scaled_margin(new.v, self.threshold, self.v_rest, self.v_reset)

    def reset(self, state: CurrentState, spikes: Float[Array, "..."]) -> CurrentState:
        v = reset_voltage(state.v, spikes, self.reset_by, self.v_reset, self.threshold)
        return CurrentState(v, state.i)
