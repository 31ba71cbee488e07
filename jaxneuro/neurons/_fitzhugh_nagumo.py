import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._options import crossing_margin, filled

# What a spike reaches: the scale of the margin.
SPIKE = 2.0
# Far beyond that, a restoring force that still grew would throw an explicit integrator off.
LARGEST = 10.0


class FitzHughNagumoState(eqx.Module):
    """Voltage and recovery variable."""

    v: Float[Array, "..."]
    w: Float[Array, "..."]


class FitzHughNagumo(AbstractODENeuron):
    """The two-dimensional caricature of the squid axon, dimensionless, with a unit of time of 1 ms.

    dv/dt = v - v³ / 3 - w + I,  tau dw/dt = v + a - b w;  a spike where v crosses v_threshold
    upwards, without reset.

    The paper has c (v - v³ / 3 + w + z) and -(v - a + b w) / c with c = 3 and depolarisation
    negative: turned round and with time in units of 1 / c, tau is c² = 9. Its later form has
    1 / tau = 0.08, as the default here. w starts at v_start - v_start³ / 3, where v stands still:
    at rest, for the default v_start. With a = b = 0 it is van der Pol's oscillator.

    Beyond |v| = 10 the equations see that bound.

    **Arguments:**

    - `a`, `b`: of the recovery.
    - `tau`: time constant of the recovery, ms.
    - `v_threshold`: where a spike is counted.
    - `v_start`: voltage at the start.

    Reference: FitzHugh (1961), Biophys. J. 1:445; Nagumo et al. (1962), Proc. IRE 50:2061.

    !!! example

        ```python
        axon = Population(FitzHughNagumo(), 10)  # fires under 0.5
        ```
    """

    a: Float[Array, "..."] = param(0.7)
    b: Float[Array, "..."] = param(0.8)
    tau: Float[Array, "..."] = param(12.5, unit="ms", lower=0.0)
    v_threshold: Float[Array, "..."] = param(1.0)
    v_start: Float[Array, "..."] = param(-1.1994080352440)

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> FitzHughNagumoState:
        v = filled(self, "v_start", shape)
        return FitzHughNagumoState(v, v - v**3 / 3.0)

    def derivative(self, state: FitzHughNagumoState, drive: Drive) -> FitzHughNagumoState:
        v = jnp.clip(state.v, -LARGEST, LARGEST)
        return FitzHughNagumoState(
            v=v - v**3 / 3.0 - state.w + drive.at(v),
            w=(v + self.a - self.b * state.w) / self.tau,
        )

    def margin(self, old: FitzHughNagumoState, new: FitzHughNagumoState) -> Float[Array, "..."]:
        return crossing_margin(old.v, new.v, self.v_threshold, SPIKE)

    def reset(self, state: FitzHughNagumoState, spikes: Float[Array, "..."]) -> FitzHughNagumoState:
        return state
