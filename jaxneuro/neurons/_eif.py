import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._lif import Membrane
from ._options import check_reset, filled, reset_voltage, scaled_margin


class EIF(AbstractODENeuron):
    """Exponential integrate-and-fire neuron.

    C dv/dt = g_L (E_L - v) + g_L Delta_T exp((v - v_t) / Delta_T) + I;  a spike where v > v_peak,
    then v <- v_reset.

    It fires for ever above I = g_L (v_t - E_L - Delta_T). The right-hand side sees min(v, v_peak),
    so that no integrator overflows inside the step of a spike.

    **Arguments** (the defaults are the paper's fit to `WangBuzsaki`, for 10 000 µm² of membrane; it
    adds a `Refractory` period of 1.7 ms):

    - `C`: capacitance, pF; `g_L`: leak, nS; `E_L`: its reversal potential, mV.
    - `v_t`, `Delta_T`: where the upstroke begins and how sharply, mV.
    - `v_reset`: mV.
    - `v_peak`: where a spike is cut, mV. Beyond it a spike would last another
      `C / g_L exp((v_t - v_peak) / Delta_T)` = 0.002 ms.

    Reference: Fourcaud-Trocmé et al. (2003), J. Neurosci. 23:11628.

    !!! example

        ```python
        neuron = Refractory(EIF(), period=1.7)
        ```
    """

    C: Float[Array, "..."] = param(100.0, unit="pF", lower=0.0)
    g_L: Float[Array, "..."] = param(10.0, unit="nS", lower=0.0)
    E_L: Float[Array, "..."] = param(-65.0, unit="mV")
    v_t: Float[Array, "..."] = param(-59.9, unit="mV")
    Delta_T: Float[Array, "..."] = param(3.48, unit="mV", lower=0.0)
    v_reset: Float[Array, "..."] = param(-68.0, unit="mV")
    v_peak: Float[Array, "..."] = param(-30.0, unit="mV")

    def __check_init__(self):
        check_reset("value", self.v_reset, self.v_peak, "EIF, whose threshold is v_peak")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Membrane:
        return Membrane(filled(self, "E_L", shape))

    def derivative(self, state: Membrane, drive: Drive) -> Membrane:
        v = jnp.minimum(state.v, self.v_peak)
        upstroke = self.g_L * self.Delta_T * jnp.exp((v - self.v_t) / self.Delta_T)
        return Membrane((self.g_L * (self.E_L - v) + upstroke + drive.at(v)) / self.C)

    def margin(self, old: Membrane, new: Membrane) -> Float[Array, "..."]:
        return scaled_margin(new.v, self.v_peak, self.E_L, self.v_reset)

    def reset(self, state: Membrane, spikes: Float[Array, "..."]) -> Membrane:
        return Membrane(reset_voltage(state.v, spikes, "value", self.v_reset, self.v_peak))
