import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._options import crossing_margin, filled


class MorrisLecarState(eqx.Module):
    """Voltage and the gate of potassium."""

    v: Float[Array, "..."]
    w: Float[Array, "..."]


class MorrisLecar(AbstractODENeuron):
    """The barnacle muscle fibre of Morris and Lecar: calcium without delay, potassium with.

    C dv/dt = -I_L - I_Ca - I_K + I, with I_L = g_L (v - E_L), I_Ca = g_Ca m_inf (v - E_Ca),
    I_K = g_K w (v - E_K), and dw/dt = phi cosh((v - V_3) / (2 V_4)) (w_inf - w), where
    m_inf = (1 + tanh((v - V_1) / V_2)) / 2 and w_inf = (1 + tanh((v - V_3) / V_4)) / 2.

    A spike where v crosses v_threshold upwards, without reset. w starts at its steady state for
    v_start.

    The parameters are those of Rinzel and Ermentrout, by which the model is mostly known (1981 it
    was fitted to a fibre that rests at -50 mV). The default set is of class 2: firing begins at a
    frequency above 0, by a Hopf bifurcation. `g_Ca=4.0, V_3=12.0, V_4=17.4, phi=1/15` is of class
    1: it begins at frequency 0, by a saddle-node on the cycle; with `phi=0.23` it is bistable.

    **Arguments** (per cm²):

    - `C`: capacitance, µF.
    - `g_Ca`, `g_K`, `g_L`: largest conductances and leak, mS.
    - `E_Ca`, `E_K`, `E_L`: reversal potentials, mV.
    - `V_1`, `V_2`: where calcium is half open and over which range, mV; `V_3`, `V_4`: potassium.
    - `phi`: rate of the potassium gate at V_3, 1/ms.
    - `v_threshold`: where a spike is counted, mV.
    - `v_start`: voltage at the start, mV.

    The current is in µA. Recordable beside the state: `m`, `I_Ca`, `I_K`, `I_L`.

    Reference: Morris & Lecar (1981), Biophys. J. 35:193; Rinzel & Ermentrout (1989), in Methods in
    Neuronal Modeling (Koch & Segev, eds.).

    !!! example

        ```python
        class_1 = MorrisLecar(g_Ca=4.0, V_3=12.0, V_4=17.4, phi=1 / 15)
        ```
    """

    C: Float[Array, "..."] = param(20.0, unit="uF/cm^2", lower=0.0)
    g_Ca: Float[Array, "..."] = param(4.4, unit="mS/cm^2")
    E_Ca: Float[Array, "..."] = param(120.0, unit="mV")
    g_K: Float[Array, "..."] = param(8.0, unit="mS/cm^2")
    E_K: Float[Array, "..."] = param(-84.0, unit="mV")
    g_L: Float[Array, "..."] = param(2.0, unit="mS/cm^2")
    E_L: Float[Array, "..."] = param(-60.0, unit="mV")
    V_1: Float[Array, "..."] = param(-1.2, unit="mV")
    V_2: Float[Array, "..."] = param(18.0, unit="mV", lower=0.0)
    V_3: Float[Array, "..."] = param(2.0, unit="mV")
    V_4: Float[Array, "..."] = param(30.0, unit="mV", lower=0.0)
    phi: Float[Array, "..."] = param(0.04, unit="1/ms", lower=0.0)
    v_threshold: Float[Array, "..."] = param(0.0, unit="mV")
    v_start: Float[Array, "..."] = param(-60.855, unit="mV")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> MorrisLecarState:
        v = filled(self, "v_start", shape)
        return MorrisLecarState(v, self.gates(v)["w"][0])

    def derivative(self, state: MorrisLecarState, drive: Drive) -> MorrisLecarState:
        target, tau = self.gates(state.v)["w"]
        dv = (drive.at(state.v) - sum(self._currents(state).values())) / self.C
        return MorrisLecarState(dv, (target - state.w) / tau)

    def gates(
        self, v: Float[Array, "..."]
    ) -> dict[str, tuple[Float[Array, "..."], Float[Array, "..."]]]:
        """Steady state and time constant (ms) of each gate at voltage v."""
        x = (v - self.V_3) / self.V_4
        # At 20 the gate takes 1e-7 ms; cosh would go on to infinity.
        rate = self.phi * jnp.cosh(jnp.clip(x / 2.0, -20.0, 20.0))
        return {"w": (jax.nn.sigmoid(2.0 * x), 1.0 / rate)}

    def _m(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.nn.sigmoid(2.0 * (v - self.V_1) / self.V_2)

    def _currents(self, state: MorrisLecarState) -> dict[str, Float[Array, "..."]]:
        v = state.v
        return {
            "I_Ca": self.g_Ca * self._m(v) * (v - self.E_Ca),
            "I_K": self.g_K * state.w * (v - self.E_K),
            "I_L": self.g_L * (v - self.E_L),
        }

    def observe(self, state: MorrisLecarState, drive: Drive) -> dict[str, Float[Array, "..."]]:
        return {"m": self._m(state.v), **self._currents(state)}

    def margin(self, old: MorrisLecarState, new: MorrisLecarState) -> Float[Array, "..."]:
        # The larger one: a threshold may be at E_L.
        scale = jnp.maximum(
            jnp.abs(self.v_threshold - self.E_L), jnp.abs(self.v_threshold - self.E_K)
        )
        return crossing_margin(old.v, new.v, self.v_threshold, scale)

    def reset(self, state: MorrisLecarState, spikes: Float[Array, "..."]) -> MorrisLecarState:
        return state
