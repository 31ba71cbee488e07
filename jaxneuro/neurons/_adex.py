import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._options import check_reset, filled, reset_voltage, scaled_margin


class AdExState(eqx.Module):
    """Membrane voltage and adaptation current."""

    v: Float[Array, "..."]
    w: Float[Array, "..."]


class AdEx(AbstractODENeuron):
    """Adaptive exponential integrate-and-fire neuron.

    C dv/dt = g_L (E_L - v) + g_L Delta_T exp((v - v_t) / Delta_T) - w + I,
    tau_w dw/dt = a (v - E_L) - w;  a spike where v > v_peak, then v <- v_reset and w <- w + b.

    v starts at E_L and w at 0. Both right-hand sides see min(v, v_peak), so that no integrator
    overflows inside the step of a spike.

    **Arguments:**

    - `C`: capacitance, pF; `g_L`: leak, nS; `E_L`: its reversal potential, mV.
    - `v_t`, `Delta_T`: where the upstroke begins and how sharply, mV.
    - `v_peak`: where a spike is cut, mV. The paper cuts at 20 mV, PyNN at the default: what lies
      between takes `C / g_L exp((v_t - v_peak) / Delta_T)` = 0.05 ms.
    - `v_reset`: mV.
    - `tau_w` (ms), `a` (nS), `b` (pA): time constant, coupling to v, and step of the adaptation.

    Recordable beside the state: `I_L` = g_L (v - E_L), `I_exp` = the exponential's inward current,
    negative.

    Reference: Brette & Gerstner (2005), J. Neurophysiol. 94:3637.

    !!! example

        ```python
        bursting = Population(AdEx(v_reset=-47.0), 10)
        ```
    """

    C: Float[Array, "..."] = param(281.0, unit="pF", lower=0.0)
    g_L: Float[Array, "..."] = param(30.0, unit="nS", lower=0.0)
    E_L: Float[Array, "..."] = param(-70.6, unit="mV")
    v_t: Float[Array, "..."] = param(-50.4, unit="mV")
    Delta_T: Float[Array, "..."] = param(2.0, unit="mV", lower=0.0)
    v_reset: Float[Array, "..."] = param(-70.6, unit="mV")
    v_peak: Float[Array, "..."] = param(-40.0, unit="mV")
    tau_w: Float[Array, "..."] = param(144.0, unit="ms", lower=0.0)
    a: Float[Array, "..."] = param(4.0, unit="nS")
    b: Float[Array, "..."] = param(80.5, unit="pA")

    def __check_init__(self):
        check_reset("value", self.v_reset, self.v_peak, "AdEx, whose threshold is v_peak")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> AdExState:
        v = filled(self, "E_L", shape)
        return AdExState(v, jnp.zeros_like(v))

    def derivative(self, state: AdExState, drive: Drive) -> AdExState:
        v = jnp.minimum(state.v, self.v_peak)
        dv = (drive.at(v) - self._leak(v) - self._upstroke(v) - state.w) / self.C
        return AdExState(dv, (self.a * (v - self.E_L) - state.w) / self.tau_w)

    def _leak(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.g_L * (v - self.E_L)

    def _upstroke(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        return -self.g_L * self.Delta_T * jnp.exp((v - self.v_t) / self.Delta_T)

    def observe(self, state: AdExState, drive: Drive) -> dict[str, Float[Array, "..."]]:
        v = jnp.minimum(state.v, self.v_peak)
        return {"I_L": self._leak(v), "I_exp": self._upstroke(v)}

    def margin(self, old: AdExState, new: AdExState) -> Float[Array, "..."]:
        return scaled_margin(new.v, self.v_peak, self.E_L, self.v_reset)

    def reset(self, state: AdExState, spikes: Float[Array, "..."]) -> AdExState:
        v = reset_voltage(state.v, spikes, "value", self.v_reset, self.v_peak)
        return AdExState(v, state.w + spikes * self.b)
