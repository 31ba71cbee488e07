import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron, integrate
from ._options import (
    InputScale,
    ResetBy,
    check_option,
    check_reset,
    filled,
    reset_voltage,
    scaled_drive,
    scaled_margin,
)


class AdaptiveState(eqx.Module):
    """Membrane voltage and the rise of the threshold."""

    v: Float[Array, "..."]
    rise: Float[Array, "..."]


class AdaptiveLIF(AbstractNeuron):
    """Leaky integrate-and-fire neuron whose threshold rises at each spike and decays back.

    tau dv/dt = v_rest - v + resistance I;  tau_threshold d(rise)/dt = -rise;  a spike where
    v > threshold + rise, after which rise grows by `step`.

    **Arguments:**

    - `tau_threshold`: time constant of the threshold, ms.
    - `step`: rise of the threshold per spike, in the unit of v.
    - the others as in `LIF`.

    Reference: Bellec et al. (2018), NeurIPS 31 (LSNN).

    !!! example

        ```python
        neuron = AdaptiveLIF(tau=20.0, tau_threshold=200.0, step=0.2)
        ```
    """

    tau: Float[Array, "..."] = param(10.0, unit="ms", lower=0.0)
    tau_threshold: Float[Array, "..."] = param(100.0, unit="ms", lower=0.0)
    step: Float[Array, "..."] = param(0.1)
    threshold: Float[Array, "..."] = param(1.0)
    v_rest: Float[Array, "..."] = param(0.0)
    v_reset: Float[Array, "..."] = param(0.0)
    resistance: Float[Array, "..."] = param(1.0)
    reset_by: ResetBy = eqx.field(static=True, default="subtraction")
    input_scale: InputScale = eqx.field(static=True, default="physical")

    def __check_init__(self):
        check_option(self.reset_by, ResetBy, "AdaptiveLIF: reset_by")
        check_option(self.input_scale, InputScale, "AdaptiveLIF: input_scale")
        check_reset(self.reset_by, self.v_reset, self.threshold, "AdaptiveLIF")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> AdaptiveState:
        v = filled(self, "v_rest", shape)
        return AdaptiveState(v, jnp.zeros_like(v))

    def derivative(self, state: AdaptiveState, drive: Drive) -> AdaptiveState:
        dv = (self.v_rest - state.v + self.resistance * drive.at(state.v)) * (1.0 / self.tau)
        return AdaptiveState(dv, -state.rise / self.tau_threshold)

    def advance(
        self, state: AdaptiveState, drive: Drive, dt: float, integrator: AbstractIntegrator
    ) -> AdaptiveState:
        drive = scaled_drive(drive, self.input_scale)
        return integrate(self.derivative, state, drive, dt, integrator)

    def margin(self, old: AdaptiveState, new: AdaptiveState) -> Float[Array, "..."]:
        return scaled_margin(new.v - new.rise, self.threshold, self.v_rest, self.v_reset)

    def reset(self, state: AdaptiveState, spikes: Float[Array, "..."]) -> AdaptiveState:
        threshold = self.threshold + state.rise
        v = reset_voltage(state.v, spikes, self.reset_by, self.v_reset, threshold)
        return AdaptiveState(v, state.rise + spikes * self.step)
