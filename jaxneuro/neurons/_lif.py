import equinox as eqx
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


class Membrane(eqx.Module):
    """The state of a neuron that is its membrane voltage alone."""

    v: Float[Array, "..."]


class LIF(AbstractNeuron):
    """Leaky integrate-and-fire neuron.

    tau dv/dt = v_rest - v + resistance I; a spike where v > threshold.

    With the default integrator (exponential Euler) a step is exact at any dt:
    v <- v_rest + beta (v - v_rest) + (1 - beta) resistance I, beta = exp(-dt / tau).
    `input_scale="unit"` drops the factor 1 - beta and gives the neuron of the machine-learning
    libraries, v <- beta v + I.

    **Arguments:**

    - `tau`: membrane time constant, ms, shape `()` or that of the population.
    - `threshold`, `v_rest`, `v_reset`: voltages, in one unit of your choice (1, 0, 0 by default).
    - `resistance`: unit of v per unit of current.
    - `reset_by`: `"subtraction"` lowers v by threshold - v_reset, `"value"` sets v_reset, `"none"`
      leaves v. Whether the gradient flows through it is the population's `reset_gradient`.
    - `input_scale`: `"physical"` or `"unit"`.

    Reference: Gerstner et al. (2014), Neuronal Dynamics, chapter 1.

    !!! example

        ```python
        neuron = LIF(tau=20.0, v_rest=-70.0, v_reset=-65.0, threshold=-50.0, reset_by="value")
        ```
    """

    tau: Float[Array, "..."] = param(10.0, unit="ms", lower=0.0)
    threshold: Float[Array, "..."] = param(1.0)
    v_rest: Float[Array, "..."] = param(0.0)
    v_reset: Float[Array, "..."] = param(0.0)
    resistance: Float[Array, "..."] = param(1.0)
    reset_by: ResetBy = eqx.field(static=True, default="subtraction")
    input_scale: InputScale = eqx.field(static=True, default="physical")

    def __check_init__(self):
        check_option(self.reset_by, ResetBy, "LIF: reset_by")
        check_option(self.input_scale, InputScale, "LIF: input_scale")
        check_reset(self.reset_by, self.v_reset, self.threshold, "LIF")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Membrane:
        return Membrane(filled(self, "v_rest", shape))

    def derivative(self, state: Membrane, drive: Drive) -> Membrane:
        return Membrane(
            (self.v_rest - state.v + self.resistance * drive.at(state.v)) * (1.0 / self.tau)
        )

    def advance(
        self, state: Membrane, drive: Drive, dt: float, integrator: AbstractIntegrator
    ) -> Membrane:
        drive = scaled_drive(drive, self.input_scale)
        return integrate(self.derivative, state, drive, dt, integrator)

    def margin(self, old: Membrane, new: Membrane) -> Float[Array, "..."]:
        return scaled_margin(new.v, self.threshold, self.v_rest, self.v_reset)

    def reset(self, state: Membrane, spikes: Float[Array, "..."]) -> Membrane:
        return Membrane(reset_voltage(state.v, spikes, self.reset_by, self.v_reset, self.threshold))
