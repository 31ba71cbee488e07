import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._hodgkin_huxley import HodgkinHuxleyState
from ._options import crossing_margin, filled
from ._rates import bounded, exprel_inverse


class TraubMiles(AbstractODENeuron):
    """Pyramidal cell of the COBAHH benchmark: Traub and Miles' channels, shifted to `v_t`.

    C dv/dt = -I_L - I_Na - I_K + I, with I_L = g_L (v - E_L), I_Na = g_Na m³ h (v - E_Na),
    I_K = g_K n⁴ (v - E_K), and dx/dt = alpha_x (1 - x) - beta_x x for x = m, h, n; with
    u = v - v_t:

    alpha_m = 0.32 (13 - u) / (exp((13 - u) / 4) - 1),  beta_m = 0.28 (u - 40) /
    (exp((u - 40) / 5) - 1),  alpha_h = 0.128 exp((17 - u) / 18),  beta_h = 4 /
    (1 + exp((40 - u) / 5)),  alpha_n = 0.032 (15 - u) / (exp((15 - u) / 5) - 1),
    beta_n = 0.5 exp((10 - u) / 40).

    A spike where v crosses v_threshold upwards, without reset. The gates start at their steady
    state for v_start (in the benchmark's Brian script they start at 0).

    With these values, which are the benchmark's, the cell has no rest above -31.8 pA: without input
    it fires at 14 Hz. PyNN's `HH_cond_exp` is this cell with E_L = -65 mV, which rests
    (find it with v_start = -65 mV: at -60 mV it is above its threshold).

    **Arguments** (the defaults are 1 µF, 0.05, 100 and 30 mS per cm² on 20 000 µm²):

    - `C`: capacitance, pF.
    - `g_L`, `g_Na`, `g_K`: leak and largest conductances, nS.
    - `E_L`, `E_Na`, `E_K`: reversal potentials, mV.
    - `v_t`: what the rates are shifted by, which places the firing threshold, mV.
    - `v_threshold`: where a spike is counted, mV.
    - `v_start`: voltage at the start, mV.

    The current is in pA. Recordable beside the state: `I_Na`, `I_K`, `I_L`.

    Reference: Traub & Miles (1991), Neuronal Networks of the Hippocampus; Brette et al. (2007),
    J. Comput. Neurosci. 23:349, benchmark 3.

    !!! example

        ```python
        cell = TraubMiles(E_L=-65.0, v_start=-65.0)
        resting = Population(cell, 100, start="rest")
        ```
    """

    C: Float[Array, "..."] = param(200.0, unit="pF", lower=0.0)
    g_L: Float[Array, "..."] = param(10.0, unit="nS")
    E_L: Float[Array, "..."] = param(-60.0, unit="mV")
    g_Na: Float[Array, "..."] = param(20_000.0, unit="nS")
    E_Na: Float[Array, "..."] = param(50.0, unit="mV")
    g_K: Float[Array, "..."] = param(6_000.0, unit="nS")
    E_K: Float[Array, "..."] = param(-90.0, unit="mV")
    v_t: Float[Array, "..."] = param(-63.0, unit="mV")
    v_threshold: Float[Array, "..."] = param(-20.0, unit="mV")
    v_start: Float[Array, "..."] = param(-60.0, unit="mV")

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
        u = bounded(v) - self.v_t
        rates = {
            "m": (
                0.32 * 4.0 * exprel_inverse((13.0 - u) / 4.0),
                0.28 * 5.0 * exprel_inverse((u - 40.0) / 5.0),
            ),
            "h": (0.128 * jnp.exp((17.0 - u) / 18.0), 4.0 * jax.nn.sigmoid((u - 40.0) / 5.0)),
            "n": (
                0.032 * 5.0 * exprel_inverse((15.0 - u) / 5.0),
                0.5 * jnp.exp((10.0 - u) / 40.0),
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
