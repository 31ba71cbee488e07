from collections.abc import Callable, Iterator, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro.core import plural
from jaxneuro.edges import Sparse

from ._pairs import as_sparse
from ._random import CHUNK, generator

Positions = Float[Array | np.ndarray, "n ..."]
Periods = float | Sequence[float] | None


def distance_dependent(
    key: Key[Array, ""],
    pre_positions: Positions,
    post_positions: Positions,
    kernel: Callable[[Array], Array],
    *,
    self_connections: bool = False,
    periodic: Periods = None,
) -> Sparse:
    """Join each ordered pair with a probability that depends on its distance, independently.

    Every pair is looked at, some sources at a time: time is that of the pairs, memory that of the
    synapses.

    **Arguments:**

    - `key`: decides which pairs; the same key gives the same ones.
    - `pre_positions`, `post_positions`: `(n, dimensions)`, or `(n,)` on a line or ring.
    - `kernel`: probability at a distance, such as `Gaussian(sd=2.0)`, or your own function.
    - `self_connections`: False leaves out neuron i to neuron i where both populations have the
      same positions; pass True for two populations that share a layout.
    - `periodic`: length of the box in each dimension, or one number for all; distances are then
      measured the shorter way round. None for open borders.

    **Returns:** synapses sorted by source, then by target; the target's shape is `(n,)`.

    **Raises:** `ValueError` for positions of unequal dimensions and a kernel that gives other
    numbers than probabilities.

    !!! example

        ```python
        positions = topology.grid((10, 10))
        topology.distance_dependent(
            jax.random.key(0), positions, positions, topology.Gaussian(sd=1.5), periodic=10.0
        )
        ```
    """
    rng = generator(key, "distance_dependent")
    pre, post, box = as_points("distance_dependent", pre_positions, post_positions, periodic)
    is_one = not self_connections and np.array_equal(pre, post)
    sources, targets = [], []
    some = max(1, CHUNK // len(post))
    for start in range(0, len(pre), some):
        apart = distance(pre[start : start + some, None], post[None], box)
        is_joined = rng.random(apart.shape) < _probabilities(kernel, apart)
        if is_one:
            here = np.arange(len(is_joined))
            is_joined[here, start + here] = False
        source, target = np.nonzero(is_joined)
        sources.append(start + source)
        targets.append(target)
    return as_sparse(np.concatenate(sources), np.concatenate(targets), len(post))


def synapse_distances(
    connectivity: Sparse,
    pre_positions: Positions,
    post_positions: Positions,
    *,
    periodic: Periods = None,
) -> Float[Array, "synapses"]:
    """Measure how far apart the two neurons of each synapse are.

    **Arguments:**

    - `connectivity`: synapses.
    - `pre_positions`, `post_positions`, `periodic`: as in `distance_dependent`.

    **Returns:** distances, in the unit of the positions.

    **Raises:** `ValueError` for positions that do not fit the synapses or each other.

    !!! example

        ```python
        positions = topology.circle(100)
        sparse = topology.fixed_probability(jax.random.key(0), 100, 100, 0.1)
        topology.synapse_distances(sparse, positions, positions)
        ```
    """
    pre, post, box = as_points("synapse_distances", pre_positions, post_positions, periodic)
    source, target = np.asarray(connectivity.pre), np.asarray(connectivity.post)
    size = int(np.prod(connectivity.shape))
    if len(post) != size:
        raise ValueError(
            f"synapse_distances: post_positions are those of {plural(len(post), 'neuron')}, but "
            f"the target has {size:,}. Pass one position for each."
        )
    if source.size and source.max() >= len(pre):
        raise ValueError(
            f"synapse_distances: pre_positions are those of {plural(len(pre), 'neuron')}, but a "
            f"synapse comes from neuron {source.max()}. Pass one position for each."
        )
    return jnp.asarray(distance(pre[source], post[target], box), float)


def distance_delays(
    distances: Float[Array, "synapses"],
    base: float,
    *,
    extent: float | None = None,
    shortest: float = 0.0,
) -> Float[Array, "synapses"]:
    """Delays that grow with distance, from half of `base` on.

    delay = max(base (1/2 + distance / (2 extent)), shortest)

    They are not rounded to steps: the simulation does that, once it knows the step.

    **Arguments:**

    - `distances`: as from `synapse_distances`.
    - `base`: delay at the distance `extent`, ms.
    - `extent`: the longest distance by default; for a grid its side, say.
    - `shortest`: ms.

    **Returns:** delays, ms.

    **Raises:** `ValueError` for a base or extent that is not above 0.

    !!! example

        ```python
        topology.distance_delays(jnp.asarray([0.0, 1.0, 4.0]), base=2.0, shortest=0.1)
        ```
    """
    distances = jnp.asarray(distances, float)
    if extent is None:
        extent = float(distances.max(initial=0.0)) or 1.0
    for value, what in ((base, "base"), (extent, "extent")):
        if not value > 0:
            raise ValueError(f"distance_delays: {what} is {value}; it must be above 0.")
    return jnp.maximum(base * (0.5 + 0.5 * distances / extent), shortest)


def as_points(
    name: str, pre: Positions, post: Positions, periodic: Periods
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Both as `(n, dimensions)`, and the lengths of the box."""
    places = []
    for role, positions in (("pre", pre), ("post", post)):
        array = np.asarray(positions, np.float64)
        if array.ndim not in (1, 2) or array.size == 0 or not np.isfinite(array).all():
            raise ValueError(
                f"{name}: {role}_positions have shape {array.shape}; pass finite numbers of shape "
                "(n, dimensions), or (n,) on a line."
            )
        places.append(array.reshape(len(array), -1))
    dimensions = places[0].shape[1]
    if places[1].shape[1] != dimensions:
        raise ValueError(
            f"{name}: pre_positions have {plural(dimensions, 'dimension')} and post_positions "
            f"{places[1].shape[1]}. Pass positions in one space."
        )
    if periodic is None:
        return *places, None
    box = np.asarray(periodic, np.float64)
    if box.shape not in ((), (dimensions,)) or not (box > 0).all():
        raise ValueError(
            f"{name}: periodic is {periodic}; pass the length of the box, above 0, in each of "
            f"the {plural(dimensions, 'dimension')} or one number for all."
        )
    return *places, np.broadcast_to(box, (dimensions,))


def ways(one: np.ndarray, two: np.ndarray, box: np.ndarray | None) -> Iterator[np.ndarray]:
    """How far apart points are in each dimension, the last axis; the shorter way round in a box."""
    for dimension in range(one.shape[-1]):
        way = np.abs(one[..., dimension] - two[..., dimension])
        if box is not None:
            way %= box[dimension]
            way = np.minimum(way, box[dimension] - way)
        yield way


def distance(one: np.ndarray, two: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    """Between points along the last axis, the shorter way round where there is a box."""
    squares = 0.0
    for way in ways(one, two, box):
        squares = squares + way * way
    return np.sqrt(squares)


def _probabilities(kernel: Callable[[Array], Array], distance: np.ndarray) -> np.ndarray:
    values = np.asarray(kernel(jnp.asarray(distance, float)))
    if values.shape != distance.shape:
        raise ValueError(
            f"distance_dependent: the kernel makes shape {values.shape} of distances of shape "
            f"{distance.shape}. It must give one probability for each."
        )
    is_wrong = ~((values >= 0.0) & (values <= 1.0))
    if is_wrong.any():
        raise ValueError(
            f"distance_dependent: the kernel gives {values[is_wrong][0]:g} at distance "
            f"{distance[is_wrong][0]:g}; a probability lies in [0, 1]."
        )
    return values
