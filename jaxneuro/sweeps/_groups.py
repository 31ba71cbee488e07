import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Key

from jaxneuro.core import from_first

from ._grid import Grid
from ._memory import free_bytes, needed_bytes
from ._plan import MOST_BYTES, Plan
from ._program import AXIS, Lane, Output, Program, choose_capacity, lane_outputs
from ._tile import choose_tile

Group = tuple[Any, ...]


def combined(columns: Sequence[np.ndarray]) -> np.ndarray:
    """A number for each row of some columns, the same where rows are."""
    codes = np.zeros(len(columns[0]), int)
    for column in columns:
        found = np.unique(column, return_inverse=True)[1]
        codes = np.unique(codes * (found.max() + 1) + found, return_inverse=True)[1]
    return codes


class Groups:
    """The compiled programs, one for each combination of static values."""

    def __init__(
        self,
        lane: Lane,
        points: Grid,
        static: Sequence[str],
        devices: Sequence[Any],
        key: Key[jax.Array, ""],
        chunk: int | None,
    ):
        self.lane, self.points, self.static, self.key = lane, points, static, key
        self.devices, self.chunk = devices, chunk
        self.mesh = jax.make_mesh(
            (len(devices),), (AXIS,), (jax.sharding.AxisType.Auto,), devices=devices
        )
        self.compile_seconds = 0.0
        self.programs: dict[Group, Program] = {}
        most = float(jnp.finfo(jnp.result_type(float)).max)
        for name, axis in points.axes.items():
            if axis.values.dtype.kind == "f" and np.abs(axis.values).max() > most:
                raise ValueError(f"run: axis {name!r} holds a number beyond {most:.3g}.")
        self.first = self.of(0)
        self.outputs: dict[str, Output] = self._outputs(self.first)
        self.plan = Plan.choose(tuple(points.dims.values()), 1)

    def choose_plan(self, tile: int | None) -> Plan:
        """Tiles of this size at most, or of one that suits the function and fits the memory."""
        if tile is not None:
            self.plan = self._plan(tile)
            return self.plan
        platform, fixed = self.devices[0].platform, self.fixed(self.first)
        size = choose_tile(
            self.lane, self._point(), fixed, self.key, self.points.lanes, platform == "cpu"
        )
        while size > 1 and size * self.lane_bytes > MOST_BYTES:
            size //= 2
        while True:
            self.plan = self._plan(size)
            try:
                self.program(self.first)
            except MemoryError:
                if self.plan.tile == 1:
                    raise
                size = self.plan.tile // 2
                continue
            return self.plan

    @property
    def lane_bytes(self) -> int:
        """Size of the results of a lane."""
        return sum(int(np.prod(o.shape)) * o.dtype.itemsize for o in self.outputs.values())

    def of(self, lane: int) -> Group:
        """The group of a lane."""
        values = self.points.points(np.array([lane]))
        return tuple(values[name][0].item() for name in self.static)

    def split(
        self, lanes: np.ndarray, lengths: Sequence[int]
    ) -> Iterator[tuple[Group, np.ndarray]]:
        """Each group with the places of its lanes among these, in whole tiles.

        Lanes of different blocks, which have these lengths, share no tile. Tiles are filled up by
        lanes that are run again.
        """
        codes = np.zeros(len(lanes), int)
        if self.static:
            values = self.points.points(lanes)
            codes = combined([values[name] for name in self.static])
        edges = np.cumsum([0, *lengths]).tolist()
        firsts = np.sort(np.unique(codes, return_index=True)[1]) if self.static else [0]
        for first in firsts:
            places = []
            for start, stop in itertools.pairwise(edges):
                mine = start + np.flatnonzero(codes[start:stop] == codes[first])
                if len(mine):
                    places.append(np.pad(mine, (0, -len(mine) % self.plan.tile), mode="edge"))
            yield self.of(int(lanes[first])), np.concatenate(places)

    def fixed(self, group: Group) -> dict[str, Any]:
        return dict(zip(self.static, group, strict=True))

    def dynamic(self, lanes: np.ndarray) -> dict[str, np.ndarray]:
        """The values of these lanes that a program takes, in JAX's precision."""
        number = np.dtype(jnp.result_type(float))
        values = {n: x for n, x in self.points.points(lanes).items() if n not in self.static}
        return {n: x.astype(number) if x.dtype.kind == "f" else x for n, x in values.items()}

    def program(self, group: Group) -> Program:
        """The program of a group, compiled when it is first wanted.

        **Raises:** `MemoryError` if it does not fit.
        """
        if group in self.programs and self.programs[group].tile == self.plan.tile:
            return self.programs[group]
        outputs = self._outputs(group)
        if outputs != self.outputs:
            raise ValueError(
                f"run: the results of {self.fixed(group)} are {outputs}, but those of "
                f"{self.fixed(self.first)} are {self.outputs}. Reduce them to one shape."
            )
        tile = self.plan.tile
        tiles = -(-self.points.lanes // tile)
        capacity = choose_capacity(tiles, len(self.devices), self.lane_bytes * tile)
        if self.chunk is not None:
            capacity = min(capacity, max(1, self.chunk // (tile * len(self.devices))))
        lanes = self.dynamic(np.arange(1))
        program = Program(
            self.lane, self.fixed(group), lanes, outputs, tile, capacity, self.mesh, self.key
        )
        self.compile_seconds += program.compile_seconds
        needed, free = needed_bytes(program.compiled), free_bytes(self.devices)
        if from_first(lambda: needed > free):  # all processes must go the same way
            raise MemoryError(
                f"run: {tile} lanes at a time of {self.fixed(group) or 'this function'} need "
                f"{needed / 2**20:,.0f} MiB on each device, of which {free / 2**20:,.0f} MiB may "
                "be used. Take a smaller tile, or reduce the results in the function."
            )
        self.programs[group] = program
        return program

    def _plan(self, tile: int) -> Plan:
        shape = tuple(self.points.dims.values())
        codes = [self._codes(dim) for dim in self.points.dims]
        return Plan.choose(shape, tile, codes, self.lane_bytes)

    def _codes(self, dim: str) -> np.ndarray | None:
        """Which values along a dimension have the same static ones."""
        axes = [x for n, x in self.points.axes.items() if x.dim == dim and n in self.static]
        return combined([axis.values for axis in axes]) if axes else None

    def _outputs(self, group: Group) -> dict[str, Output]:
        return lane_outputs(self.lane, self._point(), self.fixed(group), self.key)

    def _point(self) -> dict[str, Any]:
        return {n: jax.ShapeDtypeStruct((), x.dtype) for n, x in self.dynamic(np.arange(1)).items()}
