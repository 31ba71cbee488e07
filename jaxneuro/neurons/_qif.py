import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._lif import Membrane
from ._options import check_reset, filled, reset_voltage, scaled_margin


class QIF(AbstractODENeuron):
    """Quadratic integrate-and-fire neuron.

    C dv/dt = k (v - v_rest) (v - v_t) + I;  a spike where v > v_peak, then v <- v_reset.

    It is `Izhikevich2007` without recovery, and fires for ever above I = k (v_t - v_rest)² / 4. The
    right-hand side sees min(v, v_peak), so that no integrator overflows inside the step of a spike.

    **Arguments:**

    - `C`: capacitance, pF; `k`: nS/mV.
    - `v_rest`, `v_t`: stable and unstable fixed point without current, mV.
    - `v_reset`: mV.
    - `v_peak`: where a spike is cut, mV.

    Reference: Ermentrout & Kopell (1986), SIAM J. Appl. Math. 46:233; Latham et al. (2000),
    J. Neurophysiol. 83:808.

    !!! example

        ```python
        exc = Population(QIF(v_reset=-65.0), 100)
        ```
    """

    C: Float[Array, "..."] = param(100.0, unit="pF", lower=0.0)
    k: Float[Array, "..."] = param(0.7, unit="nS/mV", lower=0.0)
    v_rest: Float[Array, "..."] = param(-60.0, unit="mV")
    v_t: Float[Array, "..."] = param(-40.0, unit="mV")
    v_reset: Float[Array, "..."] = param(-60.0, unit="mV")
    v_peak: Float[Array, "..."] = param(30.0, unit="mV")

    def __check_init__(self):
        check_reset("value", self.v_reset, self.v_peak, "QIF, whose threshold is v_peak")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Membrane:
        return Membrane(filled(self, "v_rest", shape))

    def derivative(self, state: Membrane, drive: Drive) -> Membrane:
        v = jnp.minimum(state.v, self.v_peak)
        return Membrane((self.k * (v - self.v_rest) * (v - self.v_t) + drive.at(v)) / self.C)

    def margin(self, old: Membrane, new: Membrane) -> Float[Array, "..."]:
        return scaled_margin(new.v, self.v_peak, self.v_rest, self.v_reset)

    def reset(self, state: Membrane, spikes: Float[Array, "..."]) -> Membrane:
        return Membrane(reset_voltage(state.v, spikes, "value", self.v_reset, self.v_peak))
