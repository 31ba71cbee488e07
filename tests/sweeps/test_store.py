import errno
import json
import resource
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sweep_lanes as lanes
import xarray

from jaxneuro import sweeps
from jaxneuro.sweeps._plan import Plan
from jaxneuro.sweeps._program import Output
from jaxneuro.sweeps._store import Labels, Store

KEY = jax.random.key(7)
GRID = sweeps.grid({"a": np.linspace(0.0, 1.0, 40), "b": [1, 2]})


def lane(point, key):
    return {"drawn": point["a"] * lanes.drawn(key) * jnp.arange(1.0, 4.0), "n": jnp.int32(0)}


def run(store=None, points=GRID, function=lane, **options):
    return sweeps.run(function, points, key=KEY, store=store, tile=4, chunk=8, **options)


class Stop(Exception):
    pass


def stop_after(calls):
    """A progress that ends the sweep at some call."""
    seen = []

    def told(progress):
        seen.append(progress)
        if len(seen) == calls:
            raise Stop

    return told, seen


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed store."""
    place = tmp_path_factory.mktemp("whole") / "a.zarr"
    run(place)
    return place


def test_a_store_equals_what_is_in_memory_and_xarray_opens_it(whole):
    memory = run()
    xarray.testing.assert_identical(sweeps.load(whole).load(), memory)
    xarray.testing.assert_identical(
        xarray.open_zarr(whole, consolidated=False, chunks=None).load(), memory
    )
    assert (memory.status == 1).all()
    assert [path.name for path in whole.parent.iterdir()] == ["a.zarr"]


def test_an_interrupted_sweep_goes_on_to_the_same_files(tmp_path, whole):
    place = tmp_path / "runs" / "a.zarr"
    done = 0
    for calls in (1, 2, 3):
        told, seen = stop_after(calls)
        with pytest.raises(Stop):
            run(place, on_progress=told)
        assert seen[0].done > done
        assert seen[-1].run == seen[-1].done - done
        done = int((sweeps.load(place).status != 0).sum())
        # The batch that was stored when the error came, and none that was not.
        assert seen[-1].done == done < GRID.lanes
    run(place)
    assert lanes.files(place) == lanes.files(whole)


def test_chunks_and_blocks_do_not_change_the_results(tmp_path, whole):
    sweeps.run(lane, GRID, key=KEY, store=tmp_path / "a.zarr", tile=4)
    assert lanes.files(tmp_path / "a.zarr") == lanes.files(whole)
    tiles = [sweeps.run(lane, GRID, key=KEY, tile=tile) for tile in (1, 3, 80)]
    for other in tiles:
        np.testing.assert_array_equal(other.drawn, sweeps.load(whole).drawn)


def test_a_complete_store_returns_at_once(whole):
    before = lanes.files(whole)
    traced = []

    def seen(point, key):
        traced.append(1)
        return lane(point, key)

    told = []
    results = run(whole, function=seen, on_progress=told.append)
    assert len(traced) == 1  # for the shapes of the results
    assert told == []
    xarray.testing.assert_identical(results.load(), run())
    assert lanes.files(whole) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": {"dt": 0.2, "net": {"n": 3}}}, r"settings.dt was 0.1, is 0.2"),
        ({"settings": {"dt": 0.1, "net": {"n": 4}}}, r"settings.net.n was 3, is 4"),
        ({"key": jax.random.key(8)}, r"key.1 was 7, is 8"),
        ({"points": sweeps.grid({"a": [0.0], "b": [1]})}, r"axes.a was 40 values, 0.0 to 1.0"),
        ({"points": GRID * sweeps.grid({"c": [1]})}, r"axes.c was None, is 1 values"),
        (
            {"function": lambda p, k: {"drawn": p["a"]}},
            r"results.drawn was float32 \[3\], is float",
        ),
    ],
)
def test_a_store_of_another_sweep_is_refused(tmp_path_factory, change, message):
    place = tmp_path_factory.getbasetemp() / "settings.zarr"
    settings = {"dt": 0.1, "net": {"n": 3}}
    if not place.exists():
        run(place, settings=settings)
    before = lanes.files(place)
    options = {"points": GRID, "function": lane, "settings": settings, "key": KEY} | change
    with pytest.raises(ValueError, match="holds another sweep") as caught:
        sweeps.run(options.pop("function"), options.pop("points"), store=place, **options)
    caught.match(message)
    caught.match("or choose another place")
    assert lanes.files(place) == before


def test_settings_may_be_anything(tmp_path):
    settings = {"nan": np.nan, "path": tmp_path, "number": np.float32(0.1), "pair": (1, None)}
    run(tmp_path / "a.zarr", settings=settings)
    run(tmp_path / "a.zarr", settings=settings)
    with pytest.raises(ValueError, match=r"number was 0\.1, is 0\.2"):
        run(tmp_path / "a.zarr", settings=settings | {"number": np.float32(0.2)})


def test_precision_is_part_of_a_sweep(whole, x64):
    with pytest.raises(ValueError, match="precision was float32, is float64"):
        run(whole)


@pytest.mark.parametrize("kind", ["empty", "file", "files", "array", "group"])
def test_what_is_no_store_is_refused_and_left_alone(tmp_path, kind):
    import zarr

    place = tmp_path / "place"
    if kind == "file":
        place.write_text("mine")
    elif kind == "array":
        zarr.create_array(str(place), shape=(3,), dtype="f4")
    elif kind == "group":
        zarr.create_group(str(place), attributes={"mine": 1})
    else:
        place.mkdir()
    if kind == "files":
        (place / "thesis.txt").write_text("mine")
    before = lanes.files(tmp_path)
    for act in (run, sweeps.load):
        with pytest.raises(ValueError, match=r"place (is no Zarr store|holds no sweep)"):
            act(place)
    assert lanes.files(tmp_path) == before


def test_nothing_cannot_be_loaded(tmp_path):
    with pytest.raises(ValueError, match="is no Zarr store: nothing"):
        sweeps.load(tmp_path / "a.zarr")


def test_what_a_killed_process_leaves_is_cleared(tmp_path, whole):
    place = tmp_path / "a.zarr"
    half = tmp_path / ".a.zarr.partial"  # killed while the store was made
    half.mkdir()
    (half / "zarr.json").write_text("{")
    told, _ = stop_after(2)
    with pytest.raises(Stop):
        run(place, on_progress=told)
    (place / "drawn" / "c" / "9.0123.partial").write_text("half")  # while a chunk was written
    run(place)
    assert lanes.files(place) == lanes.files(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_a_block_whose_status_is_not_there_is_computed_again(tmp_path, whole):
    place = tmp_path / "a.zarr"
    run(place)
    chunks = sorted((place / "status" / "c").rglob("*"))
    chunks = [path for path in chunks if path.is_file()]
    for path in chunks[::3]:
        path.unlink()
    told = []
    run(place, on_progress=told.append)
    assert 0 < told[-1].run < GRID.lanes
    assert lanes.files(place) == lanes.files(whole)


@pytest.mark.parametrize("at", [1, 4, 11])
def test_a_full_disk_stops_the_sweep_and_it_goes_on(tmp_path, whole, monkeypatch, at):
    from zarr.storage import LocalStore

    place = tmp_path / "a.zarr"
    run_to_end, writes = LocalStore.set, []

    async def full(self, key, value):
        if "/c/" in key:
            writes.append(key)
            if len(writes) > at:
                raise OSError(errno.ENOSPC, "No space left on device", key)
        return await run_to_end(self, key, value)

    monkeypatch.setattr(LocalStore, "set", full)
    with pytest.raises(OSError, match="No space left on device"):
        run(place)
    monkeypatch.undo()
    if at == 1:  # while the store was made
        assert not place.exists()
    else:
        partly, finished = sweeps.load(place), sweeps.load(whole)
        done = partly.status == 1
        assert int(done.sum()) == 4 * ((at - 2) // 2)  # blocks of 4 lanes, files of 2 results
        np.testing.assert_array_equal(partly.drawn.where(done), finished.drawn.where(done))
    run(place)
    assert lanes.files(place) == lanes.files(whole)


def test_files_that_may_not_grow_stop_the_sweep(tmp_path):
    def big(point, key):
        return point["a"] * jnp.sin(1e3 * lanes.drawn(key) * jnp.arange(5000.0))

    def go(name):
        points = sweeps.grid({"a": np.linspace(1.0, 2.0, 64)})
        sweeps.run(big, points, key=KEY, store=tmp_path / name, tile=8)

    go("whole.zarr")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            go("a.zarr")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not [*tmp_path.rglob("*.partial")]
    go("a.zarr")
    assert lanes.files(tmp_path / "a.zarr") == lanes.files(tmp_path / "whole.zarr")


def test_a_store_knows_what_is_missing_among_many_blocks(tmp_path):
    points = sweeps.grid({"a": np.linspace(0.0, 1.0, 3000)})
    outputs = {"y": Output((), np.dtype("f4")), "failed": Output((), np.dtype(bool))}
    labels = Labels(None, None, None, outputs, points)
    plan = Plan((3000,), (3,), 1)
    store = Store.open(tmp_path / "a.zarr", points, plan, outputs, labels, {})
    for block in (0, 7, 999):
        failed = np.array([False, block == 7, block == 7])
        store.write(block, {"y": np.ones(3, np.float32), "failed": failed})
    missing, failed = Store.open(tmp_path / "a.zarr", points, plan, outputs, labels, {}).survey()
    assert missing == sorted(set(range(1000)) - {0, 7, 999})
    assert failed == 2


def test_the_signature_can_be_read_without_this_library(whole):
    told = json.loads((whole / "zarr.json").read_text())["attributes"]["sweep"]
    assert told["key"] == [0, 7]
    assert told["results"] == {"drawn": "float32 [3]", "n": "int32 []"}
    assert told["plan"]["tile"] == 4
    status = json.loads((whole / "status" / "zarr.json").read_text())
    assert status["dimension_names"] == ["a", "b"]
    assert status["attributes"]["flag_meanings"] == "missing done failed"
