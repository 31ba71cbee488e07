import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._options import crossing_margin, filled
from ._rates import bounded, exprel_inverse


class WangBuzsakiState(eqx.Module):
    """Voltage, and the gates that have a time constant (m of sodium has none)."""

    v: Float[Array, "..."]
    h: Float[Array, "..."]
    n: Float[Array, "..."]


class WangBuzsaki(AbstractODENeuron):
    """Fast-spiking hippocampal interneuron of Wang and Buzsáki.

    C dv/dt = -I_L - I_Na - I_K + I, with I_L = g_L (v - E_L), I_Na = g_Na m³ h (v - E_Na)
    (m without delay: alpha_m / (alpha_m + beta_m)), I_K = g_K n⁴ (v - E_K), and
    dx/dt = phi (alpha_x (1 - x) - beta_x x) for x = h, n:

    alpha_m = 0.1 (v + 35) / (1 - exp(-(v + 35) / 10)),  beta_m = 4 exp(-(v + 60) / 18),
    alpha_h = 0.07 exp(-(v + 58) / 20),  beta_h = 1 / (1 + exp(-(v + 28) / 10)),
    alpha_n = 0.01 (v + 34) / (1 - exp(-(v + 34) / 10)),  beta_n = 0.125 exp(-(v + 44) / 80).

    A spike where v crosses v_threshold upwards, without reset. The gates start at their steady
    state for v_start.

    **Arguments** (per cm²):

    - `C`: capacitance, µF.
    - `g_Na`, `g_K`, `g_L`: largest conductances and leak, mS.
    - `E_Na`, `E_K`, `E_L`: reversal potentials, mV.
    - `phi`: speed of the gates (temperature).
    - `v_threshold`: where a spike is counted, mV.
    - `v_start`: voltage at the start, mV.

    The current is in µA. Recordable beside the state: `m`, `I_Na`, `I_K`, `I_L`.

    Reference: Wang & Buzsáki (1996), J. Neurosci. 16:6402.

    !!! example

        ```python
        inh = Population(WangBuzsaki(), 100, start="rest")
        ```
    """

    C: Float[Array, "..."] = param(1.0, unit="uF/cm^2", lower=0.0)
    g_Na: Float[Array, "..."] = param(35.0, unit="mS/cm^2")
    E_Na: Float[Array, "..."] = param(55.0, unit="mV")
    g_K: Float[Array, "..."] = param(9.0, unit="mS/cm^2")
    E_K: Float[Array, "..."] = param(-90.0, unit="mV")
    g_L: Float[Array, "..."] = param(0.1, unit="mS/cm^2")
    E_L: Float[Array, "..."] = param(-65.0, unit="mV")
    phi: Float[Array, "..."] = param(5.0, lower=0.0)
    v_threshold: Float[Array, "..."] = param(0.0, unit="mV")
    v_start: Float[Array, "..."] = param(-64.0, unit="mV")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> WangBuzsakiState:
        v = filled(self, "v_start", shape)
        return WangBuzsakiState(v, **{name: x for name, (x, _) in self.gates(v).items()})

    def derivative(self, state: WangBuzsakiState, drive: Drive) -> WangBuzsakiState:
        v = state.v
        rates = {
            name: (target - getattr(state, name)) / tau
            for name, (target, tau) in self.gates(v).items()
        }
        dv = (drive.at(v) - sum(self._currents(state).values())) / self.C
        return WangBuzsakiState(dv, **rates)

    def gates(
        self, v: Float[Array, "..."]
    ) -> dict[str, tuple[Float[Array, "..."], Float[Array, "..."]]]:
        """Steady state and time constant (ms) of each gate at voltage v."""
        v = bounded(v)
        rates = {
            "h": (0.07 * jnp.exp(-(v + 58.0) / 20.0), jax.nn.sigmoid((v + 28.0) / 10.0)),
            "n": (
                0.1 * exprel_inverse(-(v + 34.0) / 10.0),
                0.125 * jnp.exp(-(v + 44.0) / 80.0),
            ),
        }
        return {name: (a / (a + b), 1.0 / (self.phi * (a + b))) for name, (a, b) in rates.items()}

    def _currents(self, state: WangBuzsakiState) -> dict[str, Float[Array, "..."]]:
        v = state.v
        return {
            "I_Na": self.g_Na * _m(v) ** 3 * state.h * (v - self.E_Na),
            "I_K": self.g_K * state.n**4 * (v - self.E_K),
            "I_L": self.g_L * (v - self.E_L),
        }

    def observe(self, state: WangBuzsakiState, drive: Drive) -> dict[str, Float[Array, "..."]]:
        return {"m": _m(state.v), **self._currents(state)}

    def margin(self, old: WangBuzsakiState, new: WangBuzsakiState) -> Float[Array, "..."]:
        scale = jnp.abs(self.v_threshold - self.E_L)
        return crossing_margin(old.v, new.v, self.v_threshold, scale)

    def reset(self, state: WangBuzsakiState, spikes: Float[Array, "..."]) -> WangBuzsakiState:
        return state


def _m(v: Float[Array, "..."]) -> Float[Array, "..."]:
    """The gate without delay of sodium."""
    v = bounded(v)
    alpha = exprel_inverse(-(v + 35.0) / 10.0)
    return alpha / (alpha + 4.0 * jnp.exp(-(v + 60.0) / 18.0))
