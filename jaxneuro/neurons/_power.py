"""Powers with a broken exponent, whose slope at 0 is infinite on paper."""

import jax.numpy as jnp
from jaxtyping import Array, Float

SMALLEST = 1e-12


def root(x: Float[Array, "..."], exponent: Float[Array, "..."]) -> Float[Array, "..."]:
    """max(x, 0)^exponent, with value and slope 0 below 1e-12: its gradient is finite everywhere."""
    is_small = x < SMALLEST
    return jnp.where(is_small, 0.0, jnp.where(is_small, 1.0, x) ** exponent)


def signed_root(
    x: Float[Array, "..."], n: Float[Array, "..."], *, is_exponent: bool = False
) -> Float[Array, "..."]:
    """sign(x) |x|^(1 / n), or sign(x) |x|^n."""
    exponent = n if is_exponent else 1.0 / n
    return jnp.sign(x) * root(jnp.abs(x), exponent)
