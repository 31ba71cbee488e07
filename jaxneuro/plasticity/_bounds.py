from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxneuro.core import param


class AbstractBounds(eqx.Module):
    """Between which values a weight stays, and how its changes become smaller near them."""

    @abstractmethod
    def up(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        """What an increase is multiplied by."""

    @abstractmethod
    def down(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        """What a decrease is multiplied by."""

    @abstractmethod
    def clip(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        """The weight, within the bounds."""


class Unbounded(AbstractBounds):
    """Any weight."""

    def up(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.ones_like(weight)

    def down(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.ones_like(weight)

    def clip(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        return weight


class HardBounds(AbstractBounds):
    """Changes do not depend on the weight (additive rules), which is clipped.

    **Arguments:**

    - `low`, `high`: in the unit of the weight.

    **Raises:** `ValueError` unless `low` is below `high`.
    """

    low: Float[Array, ""] = param(0.0)
    high: Float[Array, ""] = param(1.0)

    def __check_init__(self):
        _check_order(self)

    def up(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.ones_like(weight)

    def down(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.ones_like(weight)

    def clip(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        return _within(weight, self.low, self.high)


class SoftBounds(AbstractBounds):
    """Changes shrink as the weight comes near the bound they lead to, which is then clipped too.

    Increases are multiplied by ((high - w) / (high - low))^mu, decreases by
    ((w - low) / (high - low))^mu: the multiplicative rule for mu = 1, the additive one for 0.

    **Arguments:**

    - `low`, `high`: in the unit of the weight.
    - `mu`: exponent, from 0 to 1.

    **Raises:** `ValueError` unless `low` is below `high`, and for an exponent below 0.

    Reference: Gütig, Aharonov, Rotter & Sompolinsky (2003), J. Neurosci. 23:3697.
    """

    low: Float[Array, ""] = param(0.0)
    high: Float[Array, ""] = param(1.0)
    mu: Float[Array, ""] = param(1.0)

    def __check_init__(self):
        _check_order(self)
        if not isinstance(self.mu, Tracer) and not np.all(np.asarray(self.mu) >= 0):
            raise ValueError(f"SoftBounds: mu is {self.mu}; it must be at least 0.")

    def up(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        return _power((self.high - weight) / (self.high - self.low), self.mu)

    def down(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        return _power((weight - self.low) / (self.high - self.low), self.mu)

    def clip(self, weight: Float[Array, "..."]) -> Float[Array, "..."]:
        return _within(weight, self.low, self.high)


def _within(x: Float[Array, "..."], low: Array, high: Array) -> Float[Array, "..."]:
    """x, clipped; at a bound its derivative is 1, where that of `jnp.clip` would be one half."""
    return jnp.where(x < low, low, jnp.where(x > high, high, x))


def _power(x: Float[Array, "..."], mu: Float[Array, ""]) -> Float[Array, "..."]:
    """x^mu, 0 below 0, with a finite gradient there."""
    is_inside = x > 0
    return jnp.where(is_inside, jnp.where(is_inside, x, 1.0) ** mu, 0.0)


def _check_order(bounds: HardBounds | SoftBounds) -> None:
    low, high = bounds.low, bounds.high
    if isinstance(low, Tracer) or isinstance(high, Tracer):
        return
    if not np.all(np.asarray(low) < np.asarray(high)):
        name = type(bounds).__name__
        raise ValueError(f"{name}: low is {low} and high {high}; low must be below high.")
