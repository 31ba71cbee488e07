import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron
from ._options import check_shapes


class ResonatorState(eqx.Module):
    """The complex state z of a resonator: voltage-like v = im z and current-like x = re z."""

    v: Float[Array, "..."]
    x: Float[Array, "..."]


class ResonateAndFire(AbstractNeuron):
    """Resonate-and-fire neuron: a damped oscillation with a threshold.

    dz/dt = (b + i omega) z + I for z = x + i v, that is dx/dt = b x - omega v + I and
    dv/dt = omega x + b v;  a spike where v > threshold, then z <- x_reset + i v_reset.

    Input moves x, not v: currents as above, and a `Delta` receptor's jump is a jump of x. With the
    default integrator (exponential Euler) a step is exact at any dt, as z is advanced as one
    complex number.

    **Arguments:**

    - `b`: rate of growth (< 0: of decay), 1/ms.
    - `omega`: angular frequency, rad/ms: 2 pi / period.
    - `threshold`: of v, above 0.
    - `x_reset`, `v_reset`: z after a spike. The paper's i is on the threshold, from where v decays.

    Reference: Izhikevich (2001), Neural Netw. 14:883.

    !!! example

        ```python
        alpha_rhythm = ResonateAndFire(b=-0.01, omega=0.0628)  # 100 ms
        ```
    """

    b: Float[Array, "..."] = param(-0.1, unit="1/ms")
    omega: Float[Array, "..."] = param(1.0, unit="rad/ms")
    threshold: Float[Array, "..."] = param(1.0, lower=0.0)
    x_reset: Float[Array, "..."] = param(0.0)
    v_reset: Float[Array, "..."] = param(1.0)

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> ResonatorState:
        check_shapes(self, shape)
        zero = jnp.zeros(shape, self.b.dtype)
        return ResonatorState(zero, zero)

    def derivative(self, state: ResonatorState, drive: Drive) -> ResonatorState:
        v, x = state.v, state.x
        return ResonatorState(
            v=self.omega * x + self.b * v, x=self.b * x - self.omega * v + drive.at(v)
        )

    def advance(
        self, state: ResonatorState, drive: Drive, dt: float, integrator: AbstractIntegrator
    ) -> ResonatorState:
        def slope(z: Array, c: float) -> Array:
            rate = self.derivative(ResonatorState(z.imag, z.real), drive.during(c))
            return jax.lax.complex(rate.x, rate.v)

        z = integrator.step(slope, jax.lax.complex(state.x, state.v), dt)
        return ResonatorState(z.imag, z.real if drive.jump is None else z.real + drive.jump)

    def margin(self, old: ResonatorState, new: ResonatorState) -> Float[Array, "..."]:
        return new.v / self.threshold - 1.0

    def reset(self, state: ResonatorState, spikes: Float[Array, "..."]) -> ResonatorState:
        kept = 1.0 - spikes
        return ResonatorState(
            state.v * kept + spikes * self.v_reset, state.x * kept + spikes * self.x_reset
        )
