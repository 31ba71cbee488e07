import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._options import check_reset, filled, reset_voltage, scaled_margin


class AdaptiveThresholdAdExState(eqx.Module):
    """Membrane voltage, two adaptation currents and the two shifts of the threshold."""

    v: Float[Array, "..."]
    w: Float[Array, "..."]
    w_2: Float[Array, "..."]
    theta_s: Float[Array, "..."]
    theta_v: Float[Array, "..."]


class AdaptiveThresholdAdEx(AbstractODENeuron):
    """Adaptive exponential neuron with a second adaptation current and a threshold that adapts.

    C dv/dt = g_L (E_L - v) + g_L Delta_T exp((v - theta) / Delta_T) - w - w_2 + I,
    tau_w dw/dt = a (v - E_L) - w,  tau_2 dw_2/dt = a_2 (v - E_L) - w_2,
    theta = v_t + theta_s + theta_v,  tau_s dtheta_s/dt = -theta_s,
    tau_v dtheta_v/dt = a_v max(v - v_i, 0) - theta_v;  a spike where v > v_peak, then v <- v_reset,
    w <- w + b, w_2 <- w_2 + b_2 and theta_s <- theta_s + delta_theta.

    With a_2, b_2, delta_theta and a_v at 0, as they are by default, it is `AdEx`. Cells that are
    fitted need what it adds: a threshold that rises with each spike as in `GLIF`, and with the
    voltage, as the inactivation of sodium channels makes it; and two time scales of adaptation. A
    negative a_2 is an inward current that makes the sag and rebound of h channels; a negative b_2
    makes the depolarisation after a spike. v starts at E_L and the others at 0. All right-hand
    sides see min(v, v_peak).

    **Arguments** (those of `AdEx`, and):

    - `tau_2` (ms), `a_2` (nS), `b_2` (pA): of the second adaptation current.
    - `tau_s` (ms), `delta_theta` (mV): decay of the threshold after a spike, and its jump there.
    - `tau_v` (ms), `a_v`, `v_i` (mV): time constant with which the threshold follows the voltage,
      by which part of it (without unit), and from where on.

    Recordable beside the state: `theta`, the threshold, mV.

    **Raises:** `ValueError` for a v_reset that is not below v_peak.

    References: Brette & Gerstner (2005), J. Neurophysiol. 94:3637; the threshold after a spike:
    Mensi et al. (2012), J. Neurophysiol. 107:1756, and Clopath et al. (2010), Nat. Neurosci.
    13:344; with the voltage: Platkiewicz & Brette (2011), PLoS Comput. Biol. 7:e1001129.

    !!! example

        ```python
        cell = AdaptiveThresholdAdEx(delta_theta=5.0, tau_s=30.0, a_v=0.3, b_2=20.0)
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
    tau_2: Float[Array, "..."] = param(20.0, unit="ms", lower=0.0)
    a_2: Float[Array, "..."] = param(0.0, unit="nS")
    b_2: Float[Array, "..."] = param(0.0, unit="pA")
    tau_s: Float[Array, "..."] = param(50.0, unit="ms", lower=0.0)
    delta_theta: Float[Array, "..."] = param(0.0, unit="mV")
    tau_v: Float[Array, "..."] = param(50.0, unit="ms", lower=0.0)
    a_v: Float[Array, "..."] = param(0.0)
    v_i: Float[Array, "..."] = param(-60.0, unit="mV")

    def __check_init__(self):
        what = "AdaptiveThresholdAdEx, whose spikes are cut at v_peak"
        check_reset("value", self.v_reset, self.v_peak, what)

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> AdaptiveThresholdAdExState:
        v = filled(self, "E_L", shape)
        zero = jnp.zeros_like(v)
        return AdaptiveThresholdAdExState(v, zero, zero, zero, zero)

    def derivative(
        self, state: AdaptiveThresholdAdExState, drive: Drive
    ) -> AdaptiveThresholdAdExState:
        v = jnp.minimum(state.v, self.v_peak)
        above = v - self.E_L
        upstroke = self.Delta_T * jnp.exp((v - self._theta(state)) / self.Delta_T)
        current = drive.at(v) + self.g_L * (upstroke - above) - state.w - state.w_2
        inactivating = self.a_v * jnp.maximum(v - self.v_i, 0.0)
        return AdaptiveThresholdAdExState(
            current / self.C,
            (self.a * above - state.w) / self.tau_w,
            (self.a_2 * above - state.w_2) / self.tau_2,
            -state.theta_s / self.tau_s,
            (inactivating - state.theta_v) / self.tau_v,
        )

    def _theta(self, state: AdaptiveThresholdAdExState) -> Float[Array, "..."]:
        return self.v_t + state.theta_s + state.theta_v

    def observe(
        self, state: AdaptiveThresholdAdExState, drive: Drive
    ) -> dict[str, Float[Array, "..."]]:
        return {"theta": self._theta(state)}

    def margin(
        self, old: AdaptiveThresholdAdExState, new: AdaptiveThresholdAdExState
    ) -> Float[Array, "..."]:
        return scaled_margin(new.v, self.v_peak, self.E_L, self.v_reset)

    def reset(
        self, state: AdaptiveThresholdAdExState, spikes: Float[Array, "..."]
    ) -> AdaptiveThresholdAdExState:
        return AdaptiveThresholdAdExState(
            reset_voltage(state.v, spikes, "value", self.v_reset, self.v_peak),
            state.w + spikes * self.b,
            state.w_2 + spikes * self.b_2,
            state.theta_s + spikes * self.delta_theta,
            state.theta_v,
        )
