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


class HindmarshRoseState(eqx.Module):
    """Voltage (x in the paper), fast recovery and slow adaptation current."""

    v: Float[Array, "..."]
    y: Float[Array, "..."]
    z: Float[Array, "..."]


class HindmarshRose(AbstractODENeuron):
    """Bursting neuron of Hindmarsh and Rose, dimensionless, with a unit of time of 1 ms.

    dv/dt = y - a v³ + b v² - z + I,  dy/dt = c - d v² - y,  dz/dt = r (s (v - v_rest) - z);
    a spike where v crosses v_threshold upwards, without reset.

    It starts at v_rest and, there, at rest for the other two. Beyond |v| = 10 the equations see
    that bound.

    **Arguments:**

    - `a`, `b`, `c`, `d`: of the fast subsystem.
    - `r`: rate of adaptation, 1/ms; `s`: its strength. r = 0.006 is common too.
    - `v_rest`: where z is 0, x_1 in the paper: (-1 - √5) / 2, the rest without input. -1.6 is
      common too.
    - `v_threshold`: where a spike is counted.

    Reference: Hindmarsh & Rose (1984), Proc. R. Soc. Lond. B 221:87.

    !!! example

        ```python
        chaotic = HindmarshRose(r=0.006, v_rest=-1.6)  # under a current of 3.25
        ```
    """

    a: Float[Array, "..."] = param(1.0)
    b: Float[Array, "..."] = param(3.0)
    c: Float[Array, "..."] = param(1.0)
    d: Float[Array, "..."] = param(5.0)
    r: Float[Array, "..."] = param(0.001, unit="1/ms", lower=0.0)
    s: Float[Array, "..."] = param(4.0)
    v_rest: Float[Array, "..."] = param(-(1.0 + 5.0**0.5) / 2.0)
    v_threshold: Float[Array, "..."] = param(1.0)

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> HindmarshRoseState:
        v = filled(self, "v_rest", shape)
        return HindmarshRoseState(v, self.c - self.d * v**2, jnp.zeros_like(v))

    def derivative(self, state: HindmarshRoseState, drive: Drive) -> HindmarshRoseState:
        v = jnp.clip(state.v, -LARGEST, LARGEST)
        cubic = (self.b - self.a * v) * v**2
        return HindmarshRoseState(
            v=state.y + cubic - state.z + drive.at(v),
            y=self.c - self.d * v**2 - state.y,
            z=self.r * (self.s * (v - self.v_rest) - state.z),
        )

    def margin(self, old: HindmarshRoseState, new: HindmarshRoseState) -> Float[Array, "..."]:
        return crossing_margin(old.v, new.v, self.v_threshold, SPIKE)

    def reset(self, state: HindmarshRoseState, spikes: Float[Array, "..."]) -> HindmarshRoseState:
        return state
