from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron
from ._options import check_option, check_reset, filled, reset_voltage, scaled_margin

Adaptation = Literal["current", "conductance"]


class ConductanceLIFState(eqx.Module):
    """Membrane voltage and adaptation."""

    v: Float[Array, "..."]
    w: Float[Array, "..."]


class ConductanceLIF(AbstractNeuron):
    """Leaky integrate-and-fire neuron with spike-triggered adaptation, per unit of capacitance.

    dv/dt = (v_rest - v) / tau + I - w;  dw/dt = -w / tau_w;  a spike where v > threshold, after
    which v is v_reset and w grows by `delta_w`. With `adaptation="conductance"` w is a conductance,
    and w (v - e_adaptation) takes its place in dv/dt.

    Conductances of receptors are in 1/ms (g / C) and currents in mV/ms (I / C): the time constant
    divides the leak alone. w decays exactly with any integrator.

    **Arguments:**

    - `tau`: membrane time constant, ms.
    - `threshold`, `v_rest`, `v_reset`: mV.
    - `delta_w`: growth of the adaptation per spike, mV/ms; a conductance: 1/ms.
    - `tau_w`: its time constant, ms.
    - `e_adaptation`: its reversal potential, mV; of no use to a current.
    - `adaptation`: `"current"` or `"conductance"`.

    Each of shape `()` or that of the population.

    Reference: Benda & Herz (2003), Neural Comput. 15:2523 (adaptation by current and conductance).

    !!! example

        ```python
        cells = Population(Refractory(ConductanceLIF(tau=10.0, delta_w=0.5), 2.0), 100)
        ```
    """

    tau: Float[Array, "..."] = param(10.0, unit="ms", lower=0.0)
    threshold: Float[Array, "..."] = param(-55.0, unit="mV")
    v_rest: Float[Array, "..."] = param(-65.0, unit="mV")
    v_reset: Float[Array, "..."] = param(-75.0, unit="mV")
    delta_w: Float[Array, "..."] = param(0.5)
    tau_w: Float[Array, "..."] = param(100.0, unit="ms", lower=0.0)
    e_adaptation: Float[Array, "..."] = param(-90.0, unit="mV")
    adaptation: Adaptation = eqx.field(static=True, default="current")

    def __check_init__(self):
        check_option(self.adaptation, Adaptation, "ConductanceLIF: adaptation")
        check_reset("value", self.v_reset, self.threshold, "ConductanceLIF")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> ConductanceLIFState:
        v = filled(self, "v_rest", shape)
        return ConductanceLIFState(v, jnp.zeros_like(v))

    def advance(
        self, state: ConductanceLIFState, drive: Drive, dt: Any, integrator: AbstractIntegrator
    ) -> ConductanceLIFState:
        def w(c: Any) -> Float[Array, "..."]:
            return state.w * jnp.exp(-c * dt / self.tau_w)

        def slope(v: Float[Array, "..."], c: Any) -> Float[Array, "..."]:
            current = drive.at(v, c) - self._adaptation(v, w(c))
            return (self.v_rest - v) * (1.0 / self.tau) + current

        v = integrator.step(slope, state.v, dt)
        return ConductanceLIFState(v if drive.jump is None else v + drive.jump, w(1.0))

    def _adaptation(self, v: Float[Array, "..."], w: Float[Array, "..."]) -> Float[Array, "..."]:
        """The outward current of adaptation."""
        return w if self.adaptation == "current" else w * (v - self.e_adaptation)

    def observe(self, state: ConductanceLIFState, drive: Drive) -> dict[str, Float[Array, "..."]]:
        return {"I_w": self._adaptation(state.v, state.w)}

    def margin(self, old: ConductanceLIFState, new: ConductanceLIFState) -> Float[Array, "..."]:
        return scaled_margin(new.v, self.threshold, self.v_rest, self.v_reset)

    def reset(self, state: ConductanceLIFState, spikes: Float[Array, "..."]) -> ConductanceLIFState:
        v = reset_voltage(state.v, spikes, "value", self.v_reset, self.threshold)
        return ConductanceLIFState(v, state.w + spikes * self.delta_w)
