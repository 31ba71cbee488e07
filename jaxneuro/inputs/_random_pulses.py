import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jaxneuro.core import check_bounds, param

from ._sources import AbstractSource

ROUNDING = 1e-3  # of a step


class RandomPulses(AbstractSource):
    """At regular times 1 in a random part of the channels, drawn anew each time; 0 otherwise.

    The first pulse comes in the first step, the others in the first step that does not begin before
    their time. `round(fraction * channels)` channels are chosen each time, at least one unless the
    fraction is 0.

    **Arguments:**

    - `interval`: from one pulse to the next, ms.
    - `fraction`: of the channels, in [0, 1].

    !!! example

        ```python
        simulate(net, {"stimulus": RandomPulses(interval=25.0, fraction=0.01)}, dt=0.1,
                 steps=3000, key=jax.random.key(0))
        ```
    """

    interval: Float[Array, ""] = param(unit="ms", lower=0.0)
    fraction: float = eqx.field(static=True, default=0.01)

    def __check_init__(self):
        if not 0.0 <= self.fraction <= 1.0:
            raise ValueError(
                f"RandomPulses: fraction is {self.fraction}; a fraction lies in [0, 1]."
            )
        check_bounds(self)

    def sample(
        self, key: Key[Array, ""], step: Int[Array, ""], shape: tuple[int, ...], dt: float
    ) -> Float[Array, "..."]:
        order = jax.random.uniform(key, shape)
        if self.fraction == 0:
            return jnp.zeros_like(order)
        count = max(1, round(self.fraction * order.size))
        limit = jax.lax.top_k(order.reshape(-1), count)[0][-1]
        return jnp.where(self._is_due(step, dt) & (order >= limit), 1.0, 0.0)

    def _is_due(self, step: Int[Array, ""], dt: float) -> Bool[Array, ""]:
        """Whether this is the first step that does not begin before one of the pulses."""
        steps = self.interval / dt
        whole = jnp.round(steps)
        # A multiple of dt up to rounding is one, or rounding would add up over the pulses.
        steps = jnp.where(jnp.abs(steps - whole) < 1e-5 * steps, whole, steps)
        now = step.astype(steps.dtype)
        pulse = jnp.floor(now / steps) + jnp.arange(2, dtype=steps.dtype)
        late = now - pulse * steps
        return jnp.any((late > -ROUNDING) & (late < 1.0 - ROUNDING))
