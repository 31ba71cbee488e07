from collections.abc import Callable, Sequence

import numpy as np

from jaxneuro.core import plural
from jaxneuro.edges import Sparse

from ._distance import Periods, Positions, as_points, distance, ways
from ._pairs import as_sparse
from ._random import CHUNK, check_one_population


def box_field(
    pre_positions: Positions,
    post_positions: Positions,
    reach: float | Sequence[float],
    *,
    self_connections: bool = True,
    periodic: Periods = None,
) -> Sparse:
    """Join each target to the sources in a box around it.

    **Arguments:**

    - `pre_positions`, `post_positions`: `(n, dimensions)`, or `(n,)` on a line or ring.
    - `reach`: how far the box reaches in each direction (its border belongs to it), one number, or
      one per dimension.
    - `self_connections`: False leaves out neuron i to neuron i of a population that projects to
      itself.
    - `periodic`: as in `distance_dependent`.

    **Returns:** synapses sorted by source, then by target; the target's shape is `(n,)`.

    **Raises:** `ValueError` for positions of unequal dimensions and a reach below 0.

    !!! example

        ```python
        retina, cortex = topology.grid((20, 20)), topology.grid((10, 10), spacing=2.0)
        fields = topology.box_field(retina, cortex, reach=3.0)
        ```
    """
    pre, post, box = as_points("box_field", pre_positions, post_positions, periodic)
    limits = _limits("box_field: reach", reach, pre.shape[1])

    def is_inside(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        inside = [way <= limit for way, limit in zip(ways(one, two, box), limits, strict=True)]
        return np.logical_and.reduce(inside)

    return _joined("box_field", pre, post, is_inside, self_connections)


def circle_field(
    pre_positions: Positions,
    post_positions: Positions,
    radius: float,
    *,
    self_connections: bool = True,
    periodic: Periods = None,
) -> Sparse:
    """Join each target to the sources in a circle (in space: a ball) around it.

    **Arguments:**

    - `radius`: of the circle; its border belongs to it.
    - all others: as in `box_field`.

    **Returns:** as `box_field`.

    **Raises:** as `box_field`.

    !!! example

        ```python
        cells = topology.grid((20, 20))
        topology.circle_field(cells, cells, radius=3.0, self_connections=False)
        ```
    """
    pre, post, box = as_points("circle_field", pre_positions, post_positions, periodic)
    _limits("circle_field: radius", radius, 1)
    is_inside = lambda one, two: distance(one, two, box) <= radius  # noqa: E731
    return _joined("circle_field", pre, post, is_inside, self_connections)


def _joined(
    name: str,
    pre: np.ndarray,
    post: np.ndarray,
    is_inside: Callable[[np.ndarray, np.ndarray], np.ndarray],
    self_connections: bool,
) -> Sparse:
    """The pairs for which it holds; some sources at a time, which bounds the memory."""
    if not self_connections:
        check_one_population(len(pre), len(post), name)
    sources, targets = [], []
    some = max(1, CHUNK // len(post))
    for start in range(0, len(pre), some):
        source, target = np.nonzero(is_inside(pre[start : start + some, None], post[None]))
        sources.append(start + source)
        targets.append(target)
    source, target = np.concatenate(sources), np.concatenate(targets)
    kept = slice(None) if self_connections else source != target
    return as_sparse(source[kept], target[kept], len(post))


def _limits(what: str, value: float | Sequence[float], dimensions: int) -> list[float]:
    limits = np.asarray(value, np.float64)
    if limits.shape not in ((), (dimensions,)) or not (limits >= 0).all():
        raise ValueError(
            f"{what} is {value}; it must be a number >= 0"
            + (
                f", or one for each of the {plural(dimensions, 'dimension')}."
                if dimensions > 1
                else "."
            )
        )
    return np.broadcast_to(limits, (dimensions,)).tolist()
