import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxneuro.edges import AbstractConnectivity, Sparse
from jaxneuro.neurons import as_shape

from ._distance import Positions


class Blocks(AbstractConnectivity):
    """Blocks of targets, each with a window of sources: a small dense product for each.

    The weight is `(blocks, window, targets per block)`; pairs in a window that are not joined count
    as 0 and have no gradient. `partition` makes it.

    **Arguments:**

    - `sources`: flat indices of each block's window, `(blocks, window)`; short ones are filled up.
    - `targets`: flat indices of each block's targets, `(blocks, targets)`, filled up likewise.
    - `is_joined`: which pairs are synapses, `(blocks, window, targets)`.
    - `place`: where in the list of all blocks' targets each target is, `(post,)`.
    - `pre`: number of sources.
    - `shape`: the target's shape.

    !!! example

        ```python
        cells = topology.grid((8, 8))
        blocks = topology.partition(topology.circle_field(cells, cells, 1.5), 64, cells, blocks=2)
        blocks.to_matrix(blocks.from_matrix(jnp.ones((64, 64))))  # (64, 64), 0 outside the fields
        ```
    """

    sources: Int[Array, "blocks window"]
    targets: Int[Array, "blocks targets"]
    is_joined: Bool[Array, "blocks window targets"]
    place: Int[Array, "post"]
    pre: int = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True, converter=as_shape)

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        if math.prod(source_shape) != self.pre:
            raise ValueError(
                f"Blocks: made for {self.pre:,} sources, but the source has shape {source_shape}."
            )
        return self.shape

    def weight_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.is_joined.shape

    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.shape

    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        return max(1, round(int(self.is_joined.sum()) / math.prod(self.shape)))

    def propagate(
        self, weight: Float[Array, "blocks window targets"], signals: Float[Array, "time ..."]
    ) -> Float[Array, "time ..."]:
        heard = signals.reshape(signals.shape[0], -1)[:, self.sources]
        joined = jnp.where(self.is_joined, weight, 0.0)
        events = jnp.einsum("tbw,bwp->tbp", heard, joined).reshape(signals.shape[0], -1)
        return events[:, self.place].reshape(-1, *self.shape)

    def from_matrix(self, matrix: Float[Array, "pre post"]) -> Float[Array, "..."]:
        """The weight of the blocks with the numbers of a matrix, where there are synapses."""
        picked = matrix[self.sources[:, :, None], self.targets[:, None, :]]
        return jnp.where(self.is_joined, picked, 0.0)

    def to_matrix(self, weight: Float[Array, "blocks window targets"]) -> Float[Array, "pre post"]:
        """The whole matrix, 0 where there are no synapses."""
        joined = jnp.where(self.is_joined, weight, 0.0)
        matrix = jnp.zeros((self.pre, math.prod(self.shape)), weight.dtype)
        return matrix.at[self.sources[:, :, None], self.targets[:, None, :]].add(joined)


def partition(
    fields: Sparse,
    pre: int | tuple[int, ...],
    post_positions: Positions,
    blocks: int | tuple[int, ...],
) -> Blocks:
    """Split a projection with receptive fields into blocks of neighbouring targets.

    Each block is a small matrix from the sources that any of its targets hears. The result is that
    of the whole matrix with zeros outside the fields, for (blocks window targets) / (pre post) of
    its products and memory. 64 x 64 cells with boxes of 11 x 11 in 8 x 8 blocks (8 % of the matrix)
    took less than half of its time on a CPU, and a quarter with the gradient of 32 steps
    (`benchmarks/partition.py`). A list of synapses is faster still on a CPU where few neurons send
    something and no gradient is taken; with it, blocks were six times as fast.

    **Arguments:**

    - `fields`: who hears whom, as from `box_field`.
    - `pre`: number of sources, or their shape.
    - `post_positions`: of the targets, `(n, dimensions)` or `(n,)`.
    - `blocks`: how many in each dimension, of equal extent; one number for all. About as many as
      receptive fields fit next to each other is a good choice.

    **Returns:** the connectivity; `from_matrix` makes its weight of a matrix.

    **Raises:** `ValueError` for positions that do not fit, pairs that occur twice, and no synapses.

    !!! example

        ```python
        cells = topology.grid((20, 20))
        fields = topology.box_field(cells, cells, 2.0)
        blocks = topology.partition(fields, 400, cells, blocks=4)
        edge = Projection("exc", "exc", blocks.from_matrix(jnp.ones((400, 400))), blocks)
        ```
    """
    size, count = math.prod(as_shape(pre)), math.prod(fields.shape)
    source, target = np.asarray(fields.pre), np.asarray(fields.post)
    if source.size == 0:
        raise ValueError("partition: the fields are empty. Give them a longer reach.")
    if source.max() >= size:
        raise ValueError(f"partition: pre is {size:,}, but a synapse comes from {source.max()}.")
    if len(np.unique(source.astype(np.int64) * count + target)) < source.size:
        raise ValueError("partition: some pair occurs twice. Add up the weights of such pairs.")
    block_of = _blocks_of(post_positions, count, blocks)
    number = int(block_of.max()) + 1
    windows = [np.unique(source[block_of[target] == block]) for block in range(number)]
    members = [np.flatnonzero(block_of == block) for block in range(number)]
    sources, targets = _filled(windows), _filled(members)
    place, row = np.empty(count, np.int64), np.empty(count, np.int64)
    for block, member in enumerate(members):
        row[member] = np.arange(len(member))
        place[member] = block * targets.shape[1] + row[member]
    is_joined = np.zeros((*sources.shape, targets.shape[1]), bool)
    for block, window in enumerate(windows):
        own = block_of[target] == block
        is_joined[block, np.searchsorted(window, source[own]), row[target[own]]] = True
    return Blocks(
        sources=jnp.asarray(sources, jnp.int32),
        targets=jnp.asarray(targets, jnp.int32),
        is_joined=jnp.asarray(is_joined),
        place=jnp.asarray(place, jnp.int32),
        pre=size,
        shape=fields.shape,
    )


def _blocks_of(positions: Positions, count: int, blocks: Any) -> np.ndarray:
    """The block of each target, numbered from 0 without gaps."""
    points = np.asarray(positions, np.float64)
    points = points.reshape(len(points), -1)
    if len(points) != count:
        raise ValueError(
            f"partition: post_positions are those of {len(points):,} neurons, but the fields have "
            f"{count:,} targets. Pass one position for each."
        )
    numbers = np.asarray(blocks)
    is_whole = np.issubdtype(numbers.dtype, np.integer) and (numbers >= 1).all()
    if numbers.shape not in ((), points.shape[1:]) or not is_whole:
        raise ValueError(
            f"partition: blocks is {blocks}; it must be a whole number >= 1, or one for each of "
            f"{points.shape[1]} dimensions."
        )
    low, extent = points.min(0), np.ptp(points, axis=0)
    part = (points - low) / np.where(extent > 0, extent, 1.0)
    cell = np.minimum((part * numbers).astype(np.int64), numbers - 1)
    return np.unique(cell, axis=0, return_inverse=True)[1].reshape(-1)


def _filled(lists: list[np.ndarray]) -> np.ndarray:
    """The lists as rows; short ones are filled up with 0."""
    rows = np.zeros((len(lists), max(len(one) for one in lists)), np.int64)
    for row, one in zip(rows, lists, strict=True):
        row[: len(one)] = one
    return rows
