import equinox as eqx
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron, integrate
from ._lif import Membrane
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


class LI(AbstractNeuron):
    """Leaky integrator that never spikes: the readout of a classifier.

    tau dv/dt = v_rest - v + resistance I.

    **Arguments:** as in `LIF`.

    !!! example

        ```python
        readout = Population(LI(tau=20.0), 10)
        ```
    """

    tau: Float[Array, "..."] = param(10.0, unit="ms", lower=0.0)
    v_rest: Float[Array, "..."] = param(0.0)
    resistance: Float[Array, "..."] = param(1.0)
    input_scale: InputScale = eqx.field(static=True, default="physical")

    def __check_init__(self):
        check_option(self.input_scale, InputScale, "LI: input_scale")

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

    def margin(self, old: Membrane, new: Membrane) -> None:
        return None

    def reset(self, state: Membrane, spikes: Float[Array, "..."]) -> Membrane:
        return state


class IF(AbstractNeuron):
    """Perfect (non-leaky) integrate-and-fire neuron.

    dv/dt = I / capacitance; a spike where v > threshold.

    **Arguments:**

    - `capacitance`: unit of current times ms per unit of v.
    - the others as in `LIF`; v starts at `v_reset`.

    Reference: Gerstner et al. (2014), Neuronal Dynamics, chapter 1.

    !!! example

        ```python
        neuron = IF(threshold=1.0, input_scale="unit")
        ```
    """

    threshold: Float[Array, "..."] = param(1.0)
    v_reset: Float[Array, "..."] = param(0.0)
    capacitance: Float[Array, "..."] = param(1.0, lower=0.0)
    reset_by: ResetBy = eqx.field(static=True, default="subtraction")
    input_scale: InputScale = eqx.field(static=True, default="physical")

    def __check_init__(self):
        check_option(self.reset_by, ResetBy, "IF: reset_by")
        check_option(self.input_scale, InputScale, "IF: input_scale")
        check_reset(self.reset_by, self.v_reset, self.threshold, "IF")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Membrane:
        return Membrane(filled(self, "v_reset", shape))

    def derivative(self, state: Membrane, drive: Drive) -> Membrane:
        return Membrane(drive.at(state.v) / self.capacitance + 0.0 * state.v)

    def advance(
        self, state: Membrane, drive: Drive, dt: float, integrator: AbstractIntegrator
    ) -> Membrane:
        drive = scaled_drive(drive, self.input_scale)
        return integrate(self.derivative, state, drive, dt, integrator)

    def margin(self, old: Membrane, new: Membrane) -> Float[Array, "..."]:
        return scaled_margin(new.v, self.threshold, self.v_reset, self.v_reset)

    def reset(self, state: Membrane, spikes: Float[Array, "..."]) -> Membrane:
        return Membrane(reset_voltage(state.v, spikes, self.reset_by, self.v_reset, self.threshold))
