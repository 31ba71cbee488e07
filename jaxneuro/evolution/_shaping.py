"""What a strategy sees of the fitness: its order or its size, on a scale of its own."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

Shaping = Literal["rank", "standardize"]


def centred_rank(fitness: Float[Array, "*population"]) -> Float[Array, "*population"]:
    """Ranks from -0.5 (worst) to 0.5; equals share the mean of their ranks."""
    flat = fitness.reshape(-1)
    ordered = jnp.sort(flat)
    below = jnp.searchsorted(ordered, flat, side="left")
    up_to = jnp.searchsorted(ordered, flat, side="right")
    rank = (below + up_to - 1).astype(fitness.dtype) / 2
    return (rank / max(flat.size - 1, 1) - 0.5).reshape(fitness.shape)


def standardize(fitness: Float[Array, "*population"]) -> Float[Array, "*population"]:
    """Mean 0 and standard deviation 1 (all 0 where all are equal)."""
    centred = fitness - jnp.mean(fitness)
    spread = jnp.sqrt(jnp.mean(centred**2))
    return centred / jnp.where(spread > 0, spread, 1.0)


SHAPINGS = {"rank": centred_rank, "standardize": standardize}
