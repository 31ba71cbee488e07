import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ._random import check_count


def grid(size: int | tuple[int, int], *, spacing: float = 1.0) -> Float[Array, "n 2"]:
    """Positions on a square lattice, row by row.

    **Arguments:**

    - `size`: (rows, columns); or a number of neurons, which fill the first places of the
      smallest square that holds them.
    - `spacing`: distance of neighbours, in whatever unit you measure positions.

    **Returns:** x (the column) and y (the row) of each neuron, from (0, 0) on.

    **Raises:** `ValueError` for sizes that are no whole numbers >= 1 and a spacing that is not
    above 0.

    !!! example

        ```python
        topology.grid((4, 5), spacing=0.5)
        ```
    """
    _check_length(spacing, "grid: spacing")
    if isinstance(size, tuple):
        rows, columns = (check_count(length, "grid: a side", 1) for length in size)
        count = rows * columns
    else:
        count = check_count(size, "grid: size", 1)
        columns = math.isqrt(count - 1) + 1
    row, column = np.divmod(np.arange(count), columns)
    return _points(spacing * column, spacing * row)


def circle(size: int, *, radius: float | None = None, rounded: bool = False) -> Float[Array, "n 2"]:
    """Positions on a circle, evenly spaced, from (radius, 0) on counter-clockwise.

    **Arguments:**

    - `size`: number of neurons.
    - `radius`: `size` / 2 pi by default, which puts neighbours a distance of 1 apart along the
      circle.
    - `rounded`: rounds the coordinates to whole numbers.

    **Returns:** x and y of each neuron; the centre is (0, 0).

    **Raises:** as `grid`.

    !!! example

        ```python
        topology.circle(100)
        ```
    """
    size = check_count(size, "circle: size", 1)
    radius = size / (2.0 * math.pi) if radius is None else _check_length(radius, "circle: radius")
    angle = 2.0 * math.pi * np.arange(size) / size
    points = _points(radius * np.cos(angle), radius * np.sin(angle))
    return jnp.round(points) if rounded else points


def disc(
    key: Key[Array, ""], size: int, *, radius: float | None = None, rounded: bool = False
) -> Float[Array, "n 2"]:
    """Positions drawn uniformly from a filled circle.

    **Arguments:**

    - `key`: decides where; the same key gives the same positions.
    - `size`: number of neurons.
    - `radius`: 1.5 sqrt(`size` / pi) by default: 2.25 units of area for each neuron.
    - `rounded`: as in `circle`.

    **Returns:** x and y of each neuron; the centre is (0, 0).

    **Raises:** as `grid`.

    !!! example

        ```python
        topology.disc(jax.random.key(0), 100)
        ```
    """
    size = check_count(size, "disc: size", 1)
    if radius is None:
        radius = 1.5 * math.sqrt(size / math.pi)
    else:
        radius = _check_length(radius, "disc: radius")
    area, turn = jax.random.uniform(key, (2, size))
    angle = 2.0 * math.pi * turn
    outward = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    points = radius * jnp.sqrt(area)[:, None] * outward
    return jnp.round(points) if rounded else points


def ring(size: int) -> Float[Array, "n"]:
    """Preferred directions, evenly spaced: 2 pi i / size.

    With `periodic=2 * math.pi` they serve as positions.

    **Arguments:**

    - `size`: number of neurons.

    **Returns:** angles in [0, 2 pi), rad.

    !!! example

        ```python
        topology.ring(256)
        ```
    """
    size = check_count(size, "ring: size", 1)
    return jnp.asarray(2.0 * math.pi * np.arange(size) / size, float)


def columns(
    sizes: Sequence[int], *, spacing: float = 1.0, height: float | None = None
) -> Float[Array, "n 2"]:
    """Positions of layers side by side, each a centred column of evenly spaced neurons.

    **Arguments:**

    - `sizes`: number of neurons of each layer.
    - `spacing`: distance from layer to layer.
    - `height`: distance from the first to the last neuron of each layer; by default neighbours
      are 1 apart.

    **Returns:** x and y of each neuron, layer after layer; the columns' middles are at y = 0.

    **Raises:** as `grid`.

    !!! example

        ```python
        topology.columns((49, 30, 20, 10), spacing=10.0)
        ```
    """
    _check_length(spacing, "columns: spacing")
    if height is not None:
        _check_length(height, "columns: height")
    x, y = [], []
    for index, size in enumerate(sizes):
        size = check_count(size, "columns: a size", 1)
        half = 0.5 * (size - 1 if height is None or size == 1 else height)
        x.append(np.full(size, index * spacing))
        y.append(np.linspace(half, -half, size))
    if not x:
        raise ValueError("columns: there are no layers. Pass the size of at least one.")
    return _points(np.concatenate(x), np.concatenate(y))


def _points(x: np.ndarray, y: np.ndarray) -> Float[Array, "n 2"]:
    return jnp.asarray(np.stack([x, y], axis=1), float)


def _check_length(value: float, what: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} is {value}; it must be above 0.")
    return float(value)
