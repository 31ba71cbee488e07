"""Conductances of a given time course: the alpha function, the difference of exponentials."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import param

from ._kinetics import AbstractKinetics, TwoStageOpening


class Alpha(AbstractKinetics):
    """Each event makes an alpha function with a peak of its weight at t = tau.

    s(t) = sum over events w (t / tau) exp(1 - t / tau). Exact at any dt.

    **Arguments:**

    - `tau`: time to peak and of decay, ms, `()` or of the target's shape.

    Reference: Rall (1967), J. Neurophysiol. 30:1138.

    !!! example

        ```python
        receptor = ConductanceReceptor(Alpha(tau=3.0), g_max=1.5, e_rev=0.0)
        ```
    """

    tau: Float[Array, "..."] = param(2.0, unit="ms", lower=0.0)

    def init(self, shape: tuple[int, ...]) -> TwoStageOpening:
        return TwoStageOpening(jnp.zeros(shape), jnp.zeros(shape))

    def step(
        self, state: TwoStageOpening, events: Float[Array, "..."], dt: float
    ) -> tuple[TwoStageOpening, Float[Array, "..."], Float[Array, "..."]]:
        x = state.x + jnp.e * events
        decay = jnp.exp(-dt / self.tau)
        end = (state.s + x * (dt / self.tau)) * decay
        return TwoStageOpening(x * decay, end), state.s, end


class DualExponential(AbstractKinetics):
    """Each event makes a difference of two exponentials with a peak of its weight.

    s(t) = sum over events w N (exp(-t / tau_decay) - exp(-t / tau_rise)), with N such that the peak
    of the bracket is 1. Exact at any dt. Where the two are equal it is the alpha function, with
    finite gradients there and nearby; swapping them changes nothing.

    **Arguments:**

    - `tau_rise`, `tau_decay`: time constants, ms, `()` or of the target's shape.

    Reference: Roth & van Rossum (2009), Modeling synapses, in: Computational Modeling Methods for
    Neuroscientists, MIT Press.

    !!! example

        ```python
        receptor = ConductanceReceptor(DualExponential(tau_rise=0.5, tau_decay=5.0), e_rev=-70.0)
        ```
    """

    tau_rise: Float[Array, "..."] = param(0.5, unit="ms", lower=0.0)
    tau_decay: Float[Array, "..."] = param(5.0, unit="ms", lower=0.0)

    def init(self, shape: tuple[int, ...]) -> TwoStageOpening:
        return TwoStageOpening(jnp.zeros(shape), jnp.zeros(shape))

    def step(
        self, state: TwoStageOpening, events: Float[Array, "..."], dt: float
    ) -> tuple[TwoStageOpening, Float[Array, "..."], Float[Array, "..."]]:
        # ds/dt = x - s / tau_decay, and x decays with tau_rise: s is in proportion to the
        # difference, divided by that of the two rates, and so stays finite where they are equal.
        rise, decay = 1.0 / self.tau_rise, 1.0 / self.tau_decay
        x = state.x + self._slope() * events
        end = state.s * jnp.exp(-decay * dt) + x * passed_on(rise, decay, dt)
        return TwoStageOpening(x * jnp.exp(-rise * dt), end), state.s, end

    def _slope(self) -> Float[Array, "..."]:
        """ds/dt just after an event, 1 / ms, for which the peak is 1."""
        # The peak is tau_rise r^(r / (1 - r)) per unit of slope, r = tau_rise / tau_decay.
        ratio = self.tau_rise / self.tau_decay
        return jnp.exp(ratio * _log_ratio(ratio)) / self.tau_rise


def passed_on(
    first: Float[Array, "..."], second: Float[Array, "..."], duration: Float[Array, "..."] | float
) -> Float[Array, "..."]:
    """What a variable that decays at one rate leaves in a second one that it feeds, after a while.

    The integral over u of exp(-first u) exp(-second (duration - u)), from 0 to the duration, with
    finite gradients where the rates (1 / ms) are equal. The rates may be swapped.
    """
    gap = jnp.abs(first - second)
    # Not `minimum`: where the rates are equal its gradient would be that of one of them.
    slower = 0.5 * (first + second - gap)
    return duration * jnp.exp(-slower * duration) * _mean_decay(gap * duration)


def _mean_decay(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """(1 - exp(-z)) / z, which is 1 at z = 0, with finite gradients everywhere, for z >= 0."""
    # Near 0 a series, since the derivative of the quotient is a difference of two numbers of size
    # 1 / z; guarded on both branches against unused NaNs.
    is_near = z < float(jnp.finfo(z.dtype).eps) ** 0.25
    near, far = jnp.where(is_near, z, 0.0), jnp.where(is_near, 1.0, z)
    series = 1.0 - near / 2.0 * (1.0 - near / 3.0 * (1.0 - near / 4.0))
    return jnp.where(is_near, series, -jnp.expm1(-far) / far)


def _log_ratio(r: Float[Array, "..."]) -> Float[Array, "..."]:
    """log(r) / (r - 1), which is 1 at r = 1, with finite gradients everywhere."""
    y = r - 1.0
    is_near = jnp.abs(y) < float(jnp.finfo(r.dtype).eps) ** 0.25
    near, far = jnp.where(is_near, y, 0.0), jnp.where(is_near, 1.0, y)
    series = 1.0 - near * (1.0 / 2.0 - near * (1.0 / 3.0 - near * (1.0 / 4.0 - near / 5.0)))
    return jnp.where(is_near, series, jnp.log1p(far) / far)
