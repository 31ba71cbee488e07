import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Key

from jaxneuro.core import from_first, interrupted_afterwards, suggest

from ._grid import Grid
from ._groups import Groups
from ._plan import Plan
from ._program import MARK, Lane, Program
from ._store import Labels, Store

SECONDS_PER_CALL = 1.0


class Progress(NamedTuple):
    """Where a sweep is: handed to `on_progress` after each part that was stored.

    **Attributes:**

    - `done`, `lanes`: how many lanes are stored, also by earlier runs, of how many.
    - `run`: of those, how many this run computed.
    - `failed`: how many of the lanes that are stored failed.
    - `seconds`: since the first lane began, without compiling.
    - `compile_seconds`: spent compiling until now.
    """

    done: int
    lanes: int
    run: int
    failed: int
    seconds: float
    compile_seconds: float

    @property
    def left_seconds(self) -> float:
        """How long the rest will take at this speed."""
        return self.seconds * (self.lanes - self.done) / max(1, self.run)


def run(
    lane: Lane,
    points: Grid,
    *,
    key: Key[jax.Array, ""],
    store: str | Path | None = None,
    static: Sequence[str] = (),
    tile: int | None = None,
    chunk: int | None = None,
    devices: Sequence[Any] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    units: Mapping[str, str] | None = None,
    coords: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Any:
    """Computes a function at every point of a grid, in compiled calls over all devices.

    The results of a lane depend on its point and its index alone: not on devices, processes,
    chunks or interruptions (equal bits on CPU). After `jax.distributed.initialize` every process
    makes the same call; process 0 has the store.

    **Arguments:**

    - `lane`: `(point, key) -> results`, a pure function of JAX; `point` has a scalar for each
      axis, the results are a dictionary of arrays, or one. It must not raise at some points (as
      `eqx.error_if` does), which ends the sweep: a result `"failed"` (one bool, see
      `has_failed`) marks a lane instead; without it any number that is not finite does.
    - `points`: see `grid`.
    - `key`: each lane gets it folded with its index.
    - `store`: path of a Zarr store, which is made, or gone on with where it is incomplete; by
      default everything stays in memory.
    - `static`: axes whose values must be known while compiling, such as sizes; each
      combination of them is compiled once. Texts always are.
    - `tile`: lanes under one `vmap`, at most; by default as many as suit the function and the
      device and fit its memory. It may change the last bits of products, so a store keeps its own.
    - `chunk`: lanes per compiled call, at most, though a tile on each device; by default calls
      take about a second.
    - `devices`: all of JAX's by default.
    - `dims`, `units`, `coords`: names of a result's own dimensions, units by result, and values
      by dimension.
    - `settings`: what else tells this sweep from another, kept in the store and compared.
    - `on_progress`: called with a `Progress`.

    **Returns:** an `xarray.Dataset` with the results over the grid's dimensions, and `status`:
    1 done, 2 failed. None on processes other than 0.

    **Raises:** `ValueError` for a static axis that is none, results that differ in shape between
    groups, or a store of another sweep; `MemoryError` where not even one lane fits; `OSError`
    for a full disk: what is stored stays, and the same call goes on.

    !!! example

        ```python
        def rate(point, key):
            neuron = Population(LIF(tau=point["tau"]), 1)
            run = simulate(neuron, {"neuron": Constant(point["current"][None])}, dt=0.1,
                           steps=10_000, key=key, record={"spikes": Count("neuron.spikes")})
            return {"rate": run["spikes"][0]}

        points = grid({"tau": [5.0, 10.0, 20.0], "current": np.linspace(0.0, 3.0, 50)})
        run(rate, points, key=jax.random.key(0), units={"rate": "Hz"}).rate.plot()
        ```
    """
    for name in static:
        if name not in points.axes:
            raise ValueError(f"run: no axis {name!r} to be static. {suggest(name, [*points.axes])}")
    for name, size in (("tile", tile), ("chunk", chunk)):
        if size is not None and size < 1:
            raise ValueError(f"run: {name} is {size}; it must be at least 1.")
    texts = [name for name, axis in points.axes.items() if axis.values.dtype.kind == "U"]
    devices = jax.devices() if devices is None else list(devices)
    if not devices:
        raise ValueError("run: the list of devices is empty.")
    groups = Groups(lane, points, sorted({*static, *texts}), devices, key, chunk)
    labels = Labels(dims, units, coords, groups.outputs, points)
    signature = {
        "settings": settings or {},
        "key": np.asarray(jax.random.key_data(key)).tolist(),
        "precision": str(jnp.result_type(float)),
    }
    shape = tuple(points.dims.values())
    place = None if store is None else Path(store)
    kept: Store | None = None

    def opened() -> tuple[list[int], int]:
        nonlocal kept
        kept = Store.open(place, points, groups.plan, groups.outputs, labels, signature)
        return kept.survey()

    plan = from_first(lambda: Store.plan_of(place))
    if plan is None:
        groups.choose_plan(tile)
    else:
        groups.plan = Plan(shape, tuple(plan["block"]), plan["tile"])
    missing, failed = from_first(opened)
    _Sweep(groups, points, kept, failed, on_progress).go(missing)
    return None if kept is None else kept.dataset()


class _Part(NamedTuple):
    """Lanes that were started together: where their results belong in those of the batch."""

    program: Program
    started: Any
    places: np.ndarray


class _Batch(NamedTuple):
    blocks: list[int]
    lengths: list[int]
    parts: list[_Part]
    began: float


class _Sweep:
    """The way through the missing blocks: the next batch runs while the last one is stored."""

    def __init__(
        self,
        groups: Groups,
        points: Grid,
        store: Store | None,
        failed: int,
        on_progress: Callable[[Progress], None] | None,
    ):
        self.groups, self.points, self.store = groups, points, store
        self.failed, self.on_progress = failed, on_progress
        self.run = self.done = 0
        self.tiles_per_second = 0.0
        self.at = 0.0  # when the last batch ended

    def go(self, missing: Sequence[int]) -> None:
        plan = self.groups.plan
        self.done = self.points.lanes - sum(plan.size(block) for block in missing)
        self.began = self._now()
        left = list(missing)
        pending: _Batch | None = None
        try:
            while left or pending is not None:
                with interrupted_afterwards():
                    before, pending = pending, None
                    try:
                        if left:
                            pending = self.start(self.take(left))
                    finally:  # a group that cannot be compiled costs nothing that was computed
                        if before is not None:
                            self.finish(before)
        except KeyboardInterrupt:
            with interrupted_afterwards():
                if pending is not None:
                    self.finish(pending)
                    pending = None
            raise
        finally:  # a full disk, say: what the devices still compute must end first
            if pending is not None:
                for part in pending.parts:
                    jax.block_until_ready(part.started)

    def take(self, left: list[int]) -> list[int]:
        """The next blocks, so many that they take about `SECONDS_PER_CALL`."""
        plan, devices = self.groups.plan, len(self.groups.devices)
        # All processes must take the same blocks, so one clock decides.
        tiles = from_first(lambda: max(devices, int(self.tiles_per_second * SECONDS_PER_CALL)))
        most = self.groups.program(self.groups.of(plan.first(left[0]))).capacity * devices
        wanted, taken, found = min(tiles, most), [], 0
        while left and (not taken or found < wanted):
            taken.append(left.pop(0))
            found += -(-plan.size(taken[-1]) // plan.tile)
        return taken

    def start(self, blocks: list[int]) -> _Batch:
        plan, groups, began = self.groups.plan, self.groups, time.perf_counter()
        lengths = [plan.size(block) for block in blocks]
        lanes = np.concatenate([plan.lanes(block) for block in blocks])
        parts = []
        for group, places in groups.split(lanes, lengths):
            program = groups.program(group)
            room = program.capacity * len(groups.devices) * plan.tile
            for first in range(0, len(places), room):
                some = places[first : first + room]
                chosen = lanes[some]
                parts.append(_Part(program, program.start(groups.dynamic(chosen), chosen), some))
        return _Batch(blocks, lengths, parts, began)

    def finish(self, batch: _Batch) -> None:
        results: dict[str, np.ndarray] = {}
        for part in batch.parts:
            for name, x in part.program.finish(part.started).items():
                if name not in results:
                    results[name] = np.zeros((sum(batch.lengths), *x.shape[1:]), x.dtype)
                results[name][part.places] = x
        tiles = sum(len(part.places) for part in batch.parts) / self.groups.plan.tile
        # With what was compiled meanwhile: rather too short a batch next than too long a one.
        before, self.at = max(self.at, batch.began), time.perf_counter()
        self.tiles_per_second = tiles / max(self.at - before, 1e-3)
        from_first(lambda: self.keep(batch, results))
        lanes = sum(batch.lengths)
        self.run, self.done = self.run + lanes, self.done + lanes
        self.failed += int(np.sum(results[MARK]))
        if self.on_progress is not None:
            self.on_progress(
                Progress(
                    self.done,
                    self.points.lanes,
                    self.run,
                    self.failed,
                    self._now() - self.began,
                    self.groups.compile_seconds,
                )
            )

    def keep(self, batch: _Batch, results: Mapping[str, np.ndarray]) -> None:
        assert self.store is not None
        edges = itertools.pairwise(itertools.accumulate(batch.lengths, initial=0))
        for block, (start, stop) in zip(batch.blocks, edges, strict=True):
            self.store.write(block, {name: x[start:stop] for name, x in results.items()})

    def _now(self) -> float:
        """The clock, which stands still while something is compiled."""
        return time.perf_counter() - self.groups.compile_seconds
