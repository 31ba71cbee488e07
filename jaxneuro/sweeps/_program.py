import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Bool, Int, Key, UInt32

AXIS = "lanes"
Lane = Callable[[dict[str, Any], Key[Array, ""]], Any]
MARK = "failed"
MOST_TILES = 4096  # of one call on one device


class Output(NamedTuple):
    """Shape and type of one result of a lane."""

    shape: tuple[int, ...]
    dtype: np.dtype


def lane_outputs(
    lane: Lane, point: Mapping[str, Any], fixed: Mapping[str, Any], key: Key[Array, ""]
) -> dict[str, Output]:
    """What a lane returns, with the mark of its failure.

    **Raises:** `ValueError` for results that are no dictionary of arrays.
    """
    order: list[str] = []  # which a tree of JAX does not keep

    def results(point: dict[str, Any], key: Key[Array, ""]) -> dict[str, Array]:
        found = _results(lane, point, fixed, key)
        order[:] = found
        return found

    shapes = jax.eval_shape(results, dict(point), key)
    return {name: Output(shapes[name].shape, np.dtype(shapes[name].dtype)) for name in order}


class Program:
    """The compiled form of one group of lanes: tiles one after another on every device.

    **Arguments:**

    - `lane`: `(point, key) -> results`.
    - `fixed`: the values of the point that do not change within the group.
    - `dynamic`: a point of the others, for their types.
    - `outputs`: as from `lane_outputs`.
    - `tile`: lanes under one `vmap`; 1 does without.
    - `capacity`: tiles per device and call, at most.
    - `mesh`: of all devices.
    - `key`: base key; a lane has it folded with its index.
    """

    def __init__(
        self,
        lane: Lane,
        fixed: Mapping[str, Any],
        dynamic: Mapping[str, np.ndarray],
        outputs: Mapping[str, Output],
        tile: int,
        capacity: int,
        mesh: Mesh,
        key: Key[Array, ""],
    ):
        self.lane, self.fixed, self.outputs, self.key = lane, dict(fixed), dict(outputs), key
        self.tile, self.capacity, self.mesh = tile, capacity, mesh
        self.sharding = NamedSharding(mesh, P(AXIS))
        began = time.perf_counter()
        run = jax.shard_map(
            self._tiles,
            mesh=mesh,
            in_specs=(P(AXIS), P(AXIS), P(AXIS)),
            out_specs=P(AXIS),
            # The first state of a simulation is the same on all devices.
            check_vma=False,
        )
        rows = mesh.size * capacity * tile
        like = lambda n, dtype: jax.ShapeDtypeStruct((n,), dtype, sharding=self.sharding)  # noqa: E731
        values = {name: like(rows, x.dtype) for name, x in dynamic.items()}
        lowered = jax.jit(run).lower(values, like(rows, np.uint32), like(mesh.size, np.int32))
        self.compiled = lowered.compile()
        self.compile_seconds = time.perf_counter() - began

    def start(self, points: Mapping[str, np.ndarray], lanes: np.ndarray) -> Any:
        """Begins to run these lanes, whose number is a multiple of the tile.

        **Returns:** what `finish` takes; the devices work on meanwhile.
        """
        tiles, devices = len(lanes) // self.tile, self.mesh.size
        assert tiles <= devices * self.capacity
        counts = np.array([len(range(d, tiles, devices)) for d in range(devices)], np.int32)
        shape = devices, self.capacity, self.tile

        def spread(x: np.ndarray) -> Any:
            # Tile i is the next one of device i modulo devices; the rest is never run.
            whole = np.zeros(shape, x.dtype)
            index = np.arange(tiles)
            whole[index % devices, index // devices] = x.reshape(tiles, self.tile)
            return self._put(whole.reshape(-1))

        values = {name: spread(x) for name, x in points.items()}
        return self.compiled(values, spread(lanes.astype(np.uint32)), self._put(counts)), tiles

    def finish(self, started: Any) -> dict[str, np.ndarray]:
        """Waits for the results of a `start`: leaves `(lanes, ...)` in its order."""
        results, tiles = started
        devices = self.mesh.size
        index = np.arange(tiles)

        def gathered(x: Array) -> np.ndarray:
            if not x.is_fully_addressable:
                x = multihost_utils.process_allgather(x, tiled=True)
            whole = np.asarray(x).reshape(devices, self.capacity, self.tile, *x.shape[1:])
            picked = whole[index % devices, index // devices]
            return picked.reshape(tiles * self.tile, *x.shape[1:])

        return {name: gathered(x) for name, x in results.items()}

    def _put(self, whole: np.ndarray) -> Array:
        return jax.make_array_from_callback(whole.shape, self.sharding, lambda part: whole[part])

    def _tiles(
        self,
        values: dict[str, Array],
        lanes: UInt32[Array, "lanes"],
        count: Int[Array, "1"],
    ) -> dict[str, Array]:
        """The tiles of one device.

        The bound of the loop is no constant, so that the same code runs any number of tiles.
        """
        size = self.tile

        def one(point: dict[str, Array], lane: Array) -> dict[str, Array]:
            return _results(self.lane, point, self.fixed, jax.random.fold_in(self.key, lane))

        def body(index: Array, results: dict[str, Array]) -> dict[str, Array]:
            start = index * size
            pick = lambda x: jax.lax.dynamic_slice_in_dim(x, start, size)  # noqa: E731
            now = jax.tree.map(pick, values), pick(lanes)
            if size == 1:
                found = jax.tree.map(lambda x: x[None], one(*jax.tree.map(lambda x: x[0], now)))
            else:
                found = jax.vmap(one)(*now)
            write = lambda to, x: jax.lax.dynamic_update_slice_in_dim(to, x, start, 0)  # noqa: E731
            return jax.tree.map(write, results, found)

        rows = lanes.shape[0]
        blank = {n: jnp.zeros((rows, *o.shape), o.dtype) for n, o in self.outputs.items()}
        return jax.lax.fori_loop(0, count[0], body, blank)


def has_failed(tree: Any) -> Bool[Array, ""]:
    """Whether a leaf of a tree, such as a simulation's last state, holds a NaN or an infinity.

    For a lane's result `"failed"`: its other results may hide what became of the state.

    !!! example

        ```python
        def lane(point, key):
            run = simulate(net, {"exc": Constant(point["current"])}, dt=0.1, steps=1000, key=key,
                           record={"spikes": Count("exc.spikes")})
            return {"spikes": run["spikes"], "failed": has_failed(run.state)}
        ```
    """
    leaves = [x for x in jax.tree.leaves(tree) if eqx.is_inexact_array(x)]
    whole = [jnp.all(jnp.isfinite(x)) for x in leaves]
    return ~jnp.stack(whole).all() if whole else jnp.asarray(False)


def choose_capacity(tiles: int, devices: int, tile_bytes: int) -> int:
    """Tiles per device and call: no more than there are, and results of at most 64 MiB."""
    room = 2**26 // max(1, tile_bytes)
    return max(1, min(-(-tiles // devices), room, MOST_TILES))


def _results(
    lane: Lane, point: dict[str, Any], fixed: Mapping[str, Any], key: Key[Array, ""]
) -> dict[str, Array]:
    found = lane({**point, **fixed}, key)
    if not isinstance(found, Mapping):
        found = {"result": found}
    results = {}
    for name, x in found.items():
        if not isinstance(name, str) or not name or "/" in name:
            raise ValueError(f"run: a result cannot be called {name!r}; take a text without '/'.")
        if not eqx.is_array_like(x):
            raise ValueError(
                f"run: result {name!r} of the function is {type(x).__name__}; return an array, or "
                "a dictionary of arrays."
            )
        x = jnp.asarray(x)
        x = x.astype(jnp.float32) if x.dtype in (jnp.bfloat16, jnp.float16) else x
        if not isinstance(x.dtype, np.dtype) or x.dtype.kind not in "biufc":
            raise ValueError(f"run: result {name!r} is {x.dtype}; return numbers that NumPy has.")
        results[name] = x
    if MARK not in results:
        results[MARK] = has_failed(results)
    if results[MARK].shape != () or results[MARK].dtype != bool:
        raise ValueError(
            f"run: result {MARK!r} has shape {results[MARK].shape} and type "
            f"{results[MARK].dtype}; it must be one bool."
        )
    return results
