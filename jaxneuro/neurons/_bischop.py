from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, check_option, param

from ._base import AbstractODENeuron
from ._options import check_shapes, crossing_margin
from ._rates import bounded, exprel_inverse

Calcium = Literal["original", "corrected"]


class HHneuronBischopState(eqx.Module):
    """Voltage, gates, parvalbumin bound to magnesium and calcium, calcium, gate of SK."""

    v: Float[Array, "..."]
    h: Float[Array, "..."]
    n1: Float[Array, "..."]
    n3: Float[Array, "..."]
    PV_Mg: Float[Array, "..."]
    PV_Ca: Float[Array, "..."]
    Ca: Float[Array, "..."]
    k: Float[Array, "..."]


class HHneuronBischop(AbstractODENeuron):
    """Striatal fast-spiking interneuron with parvalbumin, of Bischop et al. (2012).

    C_m dv/dt = -I_L - I_Na - I_Kv1 - I_Kv3 - I_SK - I_Ca + I_app + I, with
    I_L = gg_L (v - E_L), I_Na = gg_Na m³ h (v - E_Na) (m without delay),
    I_Kv1 = gg_Kv1 n1⁴ (v - E_K), I_Kv3 = gg_Kv3 n3² (v - E_K), I_SK = gg_SK k² (v - E_K),
    I_Ca = gg_Ca a² (v - E_Ca) (a without delay); calcium is bound by parvalbumin and opens SK.
    A spike where v crosses v_t upwards, without reset.

    Defaults and start values are CompNeuroPy's: v at -68 mV, every gate and concentration at 0 (so
    the first ms are a transient; `start="rest"` has none). Its defects, and what this class does:

    - calcium: +I_Ca / (2 F A d) removes calcium where the inward current should bring it, and in
      µM/ms it is a million times too small, so SK never opens. `calcium="corrected"` has
      -10⁶ I_Ca / (2 F A d).
    - beta_n1 = 0.0043 exp((44 + v) / 34) grows with v; Erisir et al. (1999) may have the opposite
      sign there (not checked against the paper). It is as in CompNeuroPy.
    - four voltages at which its rates are 0 / 0: removed here, with their gradients.

    **Arguments** (names of CompNeuroPy):

    - `C_m`: pF; `gg_*`: nS; `E_*`, `v_t`: mV; `I_app`: pA.
    - `K_SK`, `Ca_rest`, `Mg`, `PV_T`: µM; `k_on_*`: 1/(µM ms); `k_off_*`, `gamma`: 1/ms.
    - `F`: C/mol; `A`: µm²; `d`: µm.
    - `calcium`: `"original"` or `"corrected"`.

    Recordable beside the state: `m`, `a`, `PV`, `I_L`, `I_Na`, `I_Kv1`, `I_Kv3`, `I_SK`, `I_Ca`.

    Reference: Bischop et al. (2012), Front. Mol. Neurosci. 5:78; CompNeuroPy 1.0.4.

    !!! example

        ```python
        fsi = Population(HHneuronBischop(calcium="corrected"), 10, start="rest")
        ```
    """

    C_m: Float[Array, "..."] = param(30.0, unit="pF", lower=0.0)
    gg_L: Float[Array, "..."] = param(2.5, unit="nS")
    E_L: Float[Array, "..."] = param(-68.0, unit="mV")
    gg_Na: Float[Array, "..."] = param(700.0, unit="nS")
    E_Na: Float[Array, "..."] = param(74.0, unit="mV")
    gg_Kv1: Float[Array, "..."] = param(2.0, unit="nS")
    gg_Kv3: Float[Array, "..."] = param(300.0, unit="nS")
    gg_SK: Float[Array, "..."] = param(2.0, unit="nS")
    E_K: Float[Array, "..."] = param(-90.0, unit="mV")
    K_SK: Float[Array, "..."] = param(0.5, unit="uM", lower=0.0)
    F: Float[Array, "..."] = param(96485.332, unit="C/mol", lower=0.0)
    A: Float[Array, "..."] = param(3000.0, unit="um^2", lower=0.0)
    d: Float[Array, "..."] = param(0.2, unit="um", lower=0.0)
    gamma: Float[Array, "..."] = param(1.0, unit="1/ms")
    Ca_rest: Float[Array, "..."] = param(0.07, unit="uM")
    k_on_ca: Float[Array, "..."] = param(0.1, unit="1/(uM ms)")
    k_off_ca: Float[Array, "..."] = param(0.001, unit="1/ms")
    k_on_mg: Float[Array, "..."] = param(0.0008, unit="1/(uM ms)")
    k_off_mg: Float[Array, "..."] = param(0.025, unit="1/ms")
    Mg: Float[Array, "..."] = param(500.0, unit="uM")
    PV_T: Float[Array, "..."] = param(63.5, unit="uM")
    gg_Ca: Float[Array, "..."] = param(30.0, unit="nS")
    E_Ca: Float[Array, "..."] = param(80.0, unit="mV")
    v_t: Float[Array, "..."] = param(30.0, unit="mV")
    I_app: Float[Array, "..."] = param(0.0, unit="pA")
    calcium: Calcium = eqx.field(static=True, default="original")

    def __check_init__(self):
        check_option(self.calcium, Calcium, "HHneuronBischop: calcium")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> HHneuronBischopState:
        check_shapes(self, shape)
        zero = jnp.zeros(shape, self.E_L.dtype)
        return HHneuronBischopState(jnp.full_like(zero, -68.0), *(zero for _ in range(7)))

    def derivative(self, state: HHneuronBischopState, drive: Drive) -> HHneuronBischopState:
        currents = self._currents(state)
        dv = (self.I_app + drive.at(state.v) - sum(currents.values())) / self.C_m
        gates = {
            name: (target - getattr(state, name)) / tau
            for name, (target, tau) in self.gates(state.v).items()
        }
        free = self.PV_T - state.PV_Ca - state.PV_Mg
        bound = self.k_on_ca * state.Ca * free - self.k_off_ca * state.PV_Ca
        entry = currents["I_Ca"] / (2.0 * self.F * self.A * self.d)
        if self.calcium == "corrected":
            entry = -1e6 * entry
        return HHneuronBischopState(
            dv,
            PV_Mg=self.k_on_mg * self.Mg * free - self.k_off_mg * state.PV_Mg,
            PV_Ca=bound,
            Ca=entry - self.gamma * (state.Ca - self.Ca_rest) - bound,
            # k_inf = Ca / (K_SK + Ca) and tau_k = 1 / (K_SK + Ca), multiplied out.
            k=state.Ca - (self.K_SK + state.Ca) * state.k,
            **gates,
        )

    def gates(
        self, v: Float[Array, "..."]
    ) -> dict[str, tuple[Float[Array, "..."], Float[Array, "..."]]]:
        """Steady state and time constant (ms) of each gate at voltage v."""
        v = bounded(v)
        rates = {
            "h": (
                0.0035 * jnp.exp(-v / 24.186),
                0.017 * 5.2 * exprel_inverse((-51.25 - v) / 5.2),
            ),
            "n1": (
                0.014 * 2.3 * exprel_inverse((-44.0 - v) / 2.3),
                0.0043 * jnp.exp((44.0 + v) / 34.0),
            ),
            "n3": (11.8 * exprel_inverse((95.0 - v) / 11.8), 0.025 * jnp.exp(-v / 22.222)),
        }
        return {name: (a / (a + b), 1.0 / (a + b)) for name, (a, b) in rates.items()}

    def _instantaneous(self, v: Float[Array, "..."]) -> tuple[Array, Array]:
        """The gates without delay: m of sodium and a of calcium."""
        v = bounded(v)
        opening = 40.0 * 13.5 * exprel_inverse((75.5 - v) / 13.5)
        closing = 1.2262 * jnp.exp(-v / 42.248)
        return opening / (opening + closing), jax.nn.sigmoid((v + 6.0) / 7.775)

    def _currents(self, state: HHneuronBischopState) -> dict[str, Float[Array, "..."]]:
        v = state.v
        m, a = self._instantaneous(v)
        return {
            "I_L": self.gg_L * (v - self.E_L),
            "I_Na": self.gg_Na * m**3 * state.h * (v - self.E_Na),
            "I_Kv1": self.gg_Kv1 * state.n1**4 * (v - self.E_K),
            "I_Kv3": self.gg_Kv3 * state.n3**2 * (v - self.E_K),
            "I_SK": self.gg_SK * state.k**2 * (v - self.E_K),
            "I_Ca": self.gg_Ca * a**2 * (v - self.E_Ca),
        }

    def observe(self, state: HHneuronBischopState, drive: Drive) -> dict[str, Float[Array, "..."]]:
        m, a = self._instantaneous(state.v)
        free = self.PV_T - state.PV_Ca - state.PV_Mg
        return {"m": m, "a": a, "PV": free, **self._currents(state)}

    def margin(self, old: HHneuronBischopState, new: HHneuronBischopState) -> Float[Array, "..."]:
        return crossing_margin(old.v, new.v, self.v_t, jnp.abs(self.v_t - self.E_L))

    def reset(
        self, state: HHneuronBischopState, spikes: Float[Array, "..."]
    ) -> HHneuronBischopState:
        return state
