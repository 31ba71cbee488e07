import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

TURN = 2.0 * math.pi


class PopulationVector(NamedTuple):
    """Where the activity of a ring of neurons points, and how sharply.

    **Attributes:**

    - `angle`: rad, in [0, 2π); NaN without a spike. Where `length` is near 0 it means nothing.
    - `length`: 1 if all spikes come from one direction, 0 if they cancel or there are none.
    """

    angle: Float[Array, "..."]
    length: Float[Array, "..."]


def population_vector(
    counts: Shaped[Array | np.ndarray, "... neurons"],
    directions: Shaped[Array | np.ndarray, " neurons"],
) -> PopulationVector:
    """The mean direction of all spikes, each counted as a unit vector.

    length · exp(i angle) = Σ_j n_j exp(i θ_j) / Σ_j n_j. Works under `jax.jit`, and is
    differentiable in the counts.

    **Arguments:**

    - `counts`: n_j, spikes (or rates) of each neuron, none negative; a series of windows (see
      `windowed_counts`), or any other axes before the last, give a vector each.
    - `directions`: θ_j, preferred direction of each neuron, rad.

    **Returns:** a `PopulationVector` of the shape of `counts` without its last axis.

    **Raises:** `ValueError` when there is not one direction for each neuron.

    Reference: Georgopoulos, Schwartz & Kettner (1986), Science 233:1416.

    >>> import numpy as np
    >>> angle, length = population_vector(np.array([0, 2, 0, 0]), np.arange(4) * np.pi / 2)
    >>> round(float(angle), 4), float(length)
    (1.5708, 1.0)
    """
    if directions.ndim != 1 or counts.shape[-1:] != directions.shape:
        raise ValueError(
            f"population_vector: counts have shape {counts.shape}, but there are "
            f"{directions.size} directions of shape {directions.shape}. Pass one direction for "
            "each neuron of the last axis."
        )
    counts = jnp.asarray(counts).astype(float)
    theta = jnp.asarray(directions).astype(counts.dtype)
    x, y = counts @ jnp.cos(theta), counts @ jnp.sin(theta)
    total = counts.sum(axis=-1)
    square = x**2 + y**2
    points = square > 0
    # Guarded on both branches: neither the root nor the angle has a gradient at 0.
    x, square = jnp.where(points, x, 1.0), jnp.where(points, square, 1.0)
    length = jnp.where(points, jnp.sqrt(square) / jnp.where(points, total, 1.0), 0.0)
    angle = _wrapped(jnp.arctan2(jnp.where(points, y, 0.0), x))
    return PopulationVector(
        jnp.where(total > 0, angle, jnp.nan), jnp.clip(length, 0.0, 1.0).astype(angle.dtype)
    )


def angular_difference(
    a: Shaped[Array | np.ndarray, "..."] | float, b: Shaped[Array | np.ndarray, "..."] | float
) -> Float[Array, "..."]:
    """How far `a` is ahead of `b` on the circle, in [-π, π) rad.

    **Arguments:**

    - `a`, `b`: angles, rad, of any number of turns; shapes that broadcast.

    >>> round(float(angular_difference(0.1, 6.2)), 4)
    0.1832
    """
    return _wrapped(jnp.asarray(a) - jnp.asarray(b) + math.pi) - math.pi


def _wrapped(angle: Array) -> Array:
    """In [0, 2π); a tiny negative angle is rounded to 2π by the modulus, which is 0."""
    wrapped = jnp.mod(angle, TURN)
    return jnp.where(wrapped < jnp.asarray(TURN, wrapped.dtype), wrapped, 0.0)
