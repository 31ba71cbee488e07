import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

MOST_BLOCKS = 256
MOST_BYTES = 2**28  # of the results of a block or of a tile
VECTOR = 16  # sizes of tiles are multiples of this where little is lost by it
SHARE = 16  # a sixteenth is little


@dataclass(frozen=True)
class Plan:
    """How the lanes of a grid are cut: into blocks that are stored, and into tiles that are run.

    It depends on the grid and the size of a tile alone, never on devices or processes, and a lane
    always has the same place in its tile: products differ in bits with their number of rows.

    **Attributes:**

    - `shape`: of the grid.
    - `block`: extent of a block in each dimension; those at the end may be smaller.
    - `tile`: lanes under one `vmap`, all of one block and one group.
    """

    shape: tuple[int, ...]
    block: tuple[int, ...]
    tile: int

    @classmethod
    def choose(
        cls,
        shape: tuple[int, ...],
        tile: int,
        groups: Sequence[np.ndarray | None] = (),
        lane_bytes: int = 0,
    ) -> "Plan":
        """Blocks of about 1 in 256 of all lanes, at least a tile, and tiles that fill them.

        **Arguments:**

        - `shape`: of the grid.
        - `tile`: its size at most.
        - `groups`: by dimension, the group of each of its values, or None where they are all of
          one. Only lanes of the same group share a tile.
        - `lane_bytes`: size of a lane's results.
        """
        groups = groups or (None,) * len(shape)
        wanted = -(-math.prod(shape) // MOST_BLOCKS)
        wanted = max(tile, min(wanted, MOST_BYTES // max(1, lane_bytes)))
        block = [1] * len(shape)
        for axis in reversed(range(len(shape))):
            codes = groups[axis]
            if codes is not None and len(np.unique(codes)) == len(codes):
                continue  # no two of these could share a tile
            room = max(1, wanted // math.prod(block))
            parts = -(-shape[axis] // room)
            block[axis] = -(-shape[axis] // parts)
            if parts > 1:
                break
        parts = [_parts(*one) for one in zip(shape, block, groups, strict=True)]
        return cls(shape, tuple(block), _fill(_product(parts), tile))

    @property
    def blocks(self) -> int:
        return math.prod(self._counts)

    @property
    def _counts(self) -> tuple[int, ...]:
        return tuple(-(-n // b) for n, b in zip(self.shape, self.block, strict=True))

    def region(self, block: int) -> tuple[slice, ...]:
        """Where a block lies in an array of the grid's shape."""
        place = np.unravel_index(block, self._counts)
        return tuple(
            slice(int(i) * b, min((int(i) + 1) * b, n))
            for i, b, n in zip(place, self.block, self.shape, strict=True)
        )

    def size(self, block: int) -> int:
        """How many lanes a block has."""
        return math.prod(one.stop - one.start for one in self.region(block))

    def first(self, block: int) -> int:
        """Index of a block's first lane."""
        return int(np.ravel_multi_index([one.start for one in self.region(block)], self.shape))

    def lanes(self, block: int) -> np.ndarray:
        """Indices of a block's lanes, in C order."""
        axes = np.ix_(*(np.arange(one.start, one.stop) for one in self.region(block)))
        return np.ravel_multi_index(axes, self.shape).reshape(-1)


def _parts(length: int, block: int, codes: np.ndarray | None) -> Counter[int]:
    """How often a block has how many values of one group along a dimension."""
    if codes is None:
        whole, rest = divmod(length, block)
        return Counter({n: k for n, k in ((block, whole), (rest, 1)) if n and k})
    pairs = np.stack([np.arange(length) // block, codes])
    found = np.unique(pairs, axis=1, return_counts=True)[1]
    return Counter(found.tolist())


def _product(parts: Sequence[Mapping[int, int]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for chosen in itertools.product(*(one.items() for one in parts)):
        found[math.prod(n for n, _ in chosen)] += math.prod(k for _, k in chosen)
    return found


def _fill(parts: Mapping[int, int], tile: int) -> int:
    """The size of a tile with which these parts, each filled up to whole tiles, cost the least."""
    lengths = np.array(list(parts))
    times = np.array(list(parts.values()))
    fewest = -(-lengths // tile)
    sizes = {tile}
    for more in range(4):  # tiles that divide one of the parts
        sizes |= set((-(-lengths // (fewest + more))).tolist())
    # A tile costs something besides its lanes: a part of what the largest costs.
    cost = {n: np.sum(-(-lengths // n) * times) * (n + tile / SHARE) for n in sizes}
    size = min(sizes, key=lambda n: (cost[n], n))
    even = -(-size // VECTOR) * VECTOR
    return even if even <= min(tile, size * (1 + 1 / SHARE)) else size
