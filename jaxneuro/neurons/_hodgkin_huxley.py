import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._options import crossing_margin, filled
from ._rates import bounded, exprel_inverse


class HodgkinHuxleyState(eqx.Module):
    """Voltage, and the gates of sodium (m, h) and potassium (n)."""

    v: Float[Array, "..."]
    m: Float[Array, "..."]
    h: Float[Array, "..."]
    n: Float[Array, "..."]


class HodgkinHuxley(AbstractODENeuron):
    """The squid axon of Hodgkin and Huxley, with today's sign of the voltage and rest at -65 mV.

    C dv/dt = -I_L - I_Na - I_K + I, with I_L = g_L (v - E_L), I_Na = g_Na m³ h (v - E_Na),
    I_K = g_K n⁴ (v - E_K), and dx/dt = alpha_x (1 - x) - beta_x x for x = m, h, n:

    alpha_m = 0.1 (v + 40) / (1 - exp(-(v + 40) / 10)),  beta_m = 4 exp(-(v + 65) / 18),
    alpha_h = 0.07 exp(-(v + 65) / 20),  beta_h = 1 / (1 + exp(-(v + 35) / 10)),
    alpha_n = 0.01 (v + 55) / (1 - exp(-(v + 55) / 10)),  beta_n = 0.125 exp(-(v + 65) / 80).

    A spike where v crosses v_threshold upwards, without reset. The gates start at their steady
    state for v_start.

    **Arguments** (per cm²):

    - `C`: capacitance, µF.
    - `g_Na`, `g_K`, `g_L`: largest conductances and leak, mS.
    - `E_Na`, `E_K`, `E_L`: reversal potentials, mV. (The paper's E_Na is 115 mV above rest, here
      50 mV as in NEURON and NeuroML, and its E_K 12 mV below.)
    - `v_threshold`: where a spike is counted, mV.
    - `v_start`: voltage at the start, mV.

    The current is in µA. Recordable beside the state: `I_Na`, `I_K`, `I_L`.

    Reference: Hodgkin & Huxley (1952), J. Physiol. 117:500.

    !!! example

        ```python
        axon = Population(HodgkinHuxley(), 10, start="rest")
        ```
    """

    C: Float[Array, "..."] = param(1.0, unit="uF/cm^2", lower=0.0)
    g_Na: Float[Array, "..."] = param(120.0, unit="mS/cm^2")
    E_Na: Float[Array, "..."] = param(50.0, unit="mV")
    g_K: Float[Array, "..."] = param(36.0, unit="mS/cm^2")
    E_K: Float[Array, "..."] = param(-77.0, unit="mV")
    g_L: Float[Array, "..."] = param(0.3, unit="mS/cm^2")
    E_L: Float[Array, "..."] = param(-54.3, unit="mV")
    v_threshold: Float[Array, "..."] = param(0.0, unit="mV")
    v_start: Float[Array, "..."] = param(-65.0, unit="mV")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> HodgkinHuxleyState:
        v = filled(self, "v_start", shape)
        return HodgkinHuxleyState(v, **{name: x for name, (x, _) in self.gates(v).items()})

    def derivative(self, state: HodgkinHuxleyState, drive: Drive) -> HodgkinHuxleyState:
        v = state.v
        rates = {
            name: (target - getattr(state, name)) / tau
            for name, (target, tau) in self.gates(v).items()
        }
        dv = (drive.at(v) - sum(self._currents(state).values())) / self.C
        return HodgkinHuxleyState(dv, **rates)

    def gates(
        self, v: Float[Array, "..."]
    ) -> dict[str, tuple[Float[Array, "..."], Float[Array, "..."]]]:
        """Steady state and time constant (ms) of each gate at voltage v."""
        v = bounded(v)
        rates = {
            "m": (exprel_inverse(-(v + 40.0) / 10.0), 4.0 * jnp.exp(-(v + 65.0) / 18.0)),
            "h": (0.07 * jnp.exp(-(v + 65.0) / 20.0), jax.nn.sigmoid((v + 35.0) / 10.0)),
            "n": (
                0.1 * exprel_inverse(-(v + 55.0) / 10.0),
                0.125 * jnp.exp(-(v + 65.0) / 80.0),
            ),
        }
        return {name: (a / (a + b), 1.0 / (a + b)) for name, (a, b) in rates.items()}

    def _currents(self, state: HodgkinHuxleyState) -> dict[str, Float[Array, "..."]]:
        v = state.v
        return {
            "I_Na": self.g_Na * state.m**3 * state.h * (v - self.E_Na),
            "I_K": self.g_K * state.n**4 * (v - self.E_K),
            "I_L": self.g_L * (v - self.E_L),
        }

    def observe(self, state: HodgkinHuxleyState, drive: Drive) -> dict[str, Float[Array, "..."]]:
        return self._currents(state)

    def margin(self, old: HodgkinHuxleyState, new: HodgkinHuxleyState) -> Float[Array, "..."]:
        scale = jnp.abs(self.v_threshold - self.E_L)
        return crossing_margin(old.v, new.v, self.v_threshold, scale)

    def reset(self, state: HodgkinHuxleyState, spikes: Float[Array, "..."]) -> HodgkinHuxleyState:
        return state
