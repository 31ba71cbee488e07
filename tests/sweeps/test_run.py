import re
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sweep_lanes as lanes

from jaxneuro import simulation, sweeps
from jaxneuro.inputs import Constant
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, Population
from jaxneuro.sweeps import _groups

KEY = jax.random.key(7)


def loop(lane, points, static=()):
    """The results of a plain loop over the lanes, `(lanes, ...)` each."""
    compiled, found = {}, []
    for i in range(points.lanes):
        point = {name: x[0] for name, x in points.points(np.array([i])).items()}
        fixed = {n: x.item() for n, x in point.items() if n in static or x.dtype.kind == "U"}
        given = {n: x for n, x in point.items() if n not in fixed}
        given = {n: np.float32(x) if x.dtype == np.float64 else x for n, x in given.items()}
        group = tuple(fixed.values())
        if group not in compiled:
            compiled[group] = jax.jit(lambda p, k, fixed=fixed: lane({**p, **fixed}, k))
        found.append(compiled[group](given, jax.random.fold_in(KEY, i)))
    return jax.tree.map(lambda *x: np.stack(x), *found)


def flat(results, name):
    """A result as `(lanes, ...)`."""
    x, grid = results[name].to_numpy(), results.status.shape
    return x.reshape(-1, *x.shape[len(grid) :])


def counted(lane):
    """A lane that counts how often it is traced."""
    seen = []

    def wrapped(point, key):
        seen.append(1)
        return lane(point, key)

    return wrapped, seen


def traces(points, lane, **options):
    wrapped, seen = counted(lane)
    sweeps.run(wrapped, points, key=KEY, **options)
    return len(seen)


def test_networks_with_noise_equal_a_loop():
    results, want = lanes.run("network"), loop(lanes.network, lanes.NETWORKS)
    assert want["fires"].max() > 100.0
    assert len(np.unique(want["fires"])) > 10
    for name in ("fires", "v"):
        np.testing.assert_allclose(flat(results, name), want[name], rtol=1e-5, atol=1e-6)
    assert results.tau.attrs["units"] == "ms"
    assert (results.status == 1).all()


@pytest.mark.parametrize("tile", [1, 5, 16, None])
def test_random_lanes_equal_a_loop(tile):
    def lane(point, key):
        return {"drawn": jax.random.uniform(key) * point["a"], "flips": jax.random.bits(key)}

    points = sweeps.grid({"a": np.linspace(0.0, 1.0, 7), "b": range(5)})
    results, want = sweeps.run(lane, points, key=KEY, tile=tile), loop(lane, points)
    for name in want:  # one rounding each: equal bits
        np.testing.assert_array_equal(flat(results, name), want[name])
        assert results[name].dtype == want[name].dtype


def test_products_with_shared_weights_equal_a_loop():
    results, want = lanes.run("products"), loop(lanes.products, lanes.PRODUCTS)
    for name in want:  # sums in another order
        np.testing.assert_allclose(flat(results, name), want[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("points", "tile"),
    [
        (lanes.SIZED, None),
        (sweeps.grid({"n": [2, 5], "how": ["sum"]}) * sweeps.grid({"x": [0.5, 1.0]}), 4),
        (
            sweeps.grid({"x": [0.5, 1.0, 2.0, 3.0], "n": [2, 5, 5, 2], "how": list("abab")}, "zip"),
            2,
        ),
        (
            sweeps.grid({"x": [0.5, 1.0, 2.0], "how": ["a", "sum", "a"]}, "zip")
            * sweeps.grid({"n": [2, 3]}, "zip"),
            None,
        ),
    ],
    ids=["inside", "outside", "zip", "two zips"],
)
def test_static_values_equal_a_loop_and_compile_once_each(points, tile):
    def lane(point, key):
        assert isinstance(point["n"], int)
        assert isinstance(point["how"], str)
        seen.append((point["n"], point["how"]))
        return lanes.sized(point, key)

    seen = []
    found = sweeps.run(lane, points, key=KEY, static=("n",), tile=tile)
    told = seen.copy()
    want = loop(lane, points, ("n",))
    np.testing.assert_allclose(flat(found, "result"), want, rtol=1e-6)
    pairs = points.points(np.arange(points.lanes))
    groups = set(zip(pairs["n"].tolist(), pairs["how"].tolist(), strict=True))
    assert set(told) == groups
    # Two for the shapes and the program; the first group chooses the tile too.
    assert max(map(told.count, groups)) <= 7
    assert len(told) <= 3 * len(groups) + 4


def test_a_dynamic_value_never_compiles_again():
    def lane(point, key):
        return point["a"] * lanes.drawn(key)

    few = traces(sweeps.grid({"a": np.linspace(0.0, 1.0, 3)}), lane)
    many = traces(sweeps.grid({"a": np.linspace(0.0, 1.0, 5000)}), lane)
    assert few == many <= 5
    short = traces(sweeps.grid({"a": np.linspace(0.0, 1.0, 100)}), lane, tile=3, chunk=7)
    assert short <= many


def test_each_static_combination_compiles_once():
    def lane(point, key):
        return jnp.zeros(point["n"]).sum() + point["a"]

    one = traces(sweeps.grid({"a": [0.0, 0.5, 1.0], "n": [1]}), lane, static=("n",), tile=2)
    for count in (2, 4):
        points = sweeps.grid({"a": np.linspace(0.0, 1.0, 50), "n": range(1, count + 1)})
        assert traces(points, lane, static=("n",), tile=2, chunk=4) == one + 2 * (count - 1)


def test_a_function_may_return_one_array():
    results = sweeps.run(lambda p, k: jnp.stack([p["a"], -p["a"]]), GRID, key=KEY)
    np.testing.assert_allclose(results.result, np.stack([GRID_A, -GRID_A], 1), rtol=1e-6)
    assert results.result.dims == ("a", "result_0")


GRID_A = np.linspace(0.0, 1.0, 20)
GRID = sweeps.grid({"a": GRID_A})


def test_results_have_their_own_dims_units_and_coords():
    def lane(point, key):
        trace = point["a"] * jnp.arange(3.0)
        return {"v": trace, "both": trace[:, None] * jnp.ones((1, 2)), "n": jnp.int32(3)}

    results = sweeps.run(
        lane,
        GRID * sweeps.grid({"b": [1, 2]}),
        key=KEY,
        dims={"v": ("time",), "both": ("time", "side")},
        units={"v": "mV"},
        coords={"time": [0.0, 0.5, 1.0], "side": ["left", "right"]},
    )
    assert results.v.dims == ("a", "b", "time")
    assert results.both.dims == ("a", "b", "time", "side")
    assert results.v.attrs["units"] == "mV"
    assert results.n.dtype == np.int32
    chosen = results.both.sel(time=0.5, side="right", b=2)
    np.testing.assert_allclose(chosen, GRID_A, rtol=1e-6)


def test_points_are_the_coordinates_of_the_results():
    points = sweeps.grid({"b": [True, False], "i": [-3, 4, 5], "t": ["x", "y"]}) * sweeps.grid(
        {"f": (0.1, 0.9), "g": (1.0, 2.0)}, "random", samples=4
    )

    def lane(point, key):
        assert point["b"].dtype == bool
        assert point["i"].dtype == jnp.int32
        shown = {name: point[name] for name in "bifg"}
        return {f"the_{name}": x for name, x in shown.items()} | {"is_x": point["t"] == "x"}

    results = sweeps.run(lane, points, key=KEY)
    assert results.the_b.dtype == bool
    for name in "bifg":
        coordinate = results[name].astype(results[f"the_{name}"].dtype)
        want = coordinate.broadcast_like(results.status).transpose(*results.status.dims)
        np.testing.assert_array_equal(results[f"the_{name}"], want)
    assert results.is_x.sel(t="x").all()
    assert not results.is_x.sel(t="y").any()


def test_double_precision(x64):
    points = sweeps.grid({"a": [0.1, 0.2], "n": [1, 2]})
    results = sweeps.run(lambda p, k: p["a"] + jax.random.uniform(k), points, key=KEY)
    assert results.result.dtype == np.float64
    want = [0.1 + float(jax.random.uniform(jax.random.fold_in(KEY, i))) for i in (0, 1)]
    np.testing.assert_array_equal(results.result[0], want)


def test_lower_precision_is_stored_in_single():
    results = sweeps.run(lambda p, k: p["a"].astype(jnp.bfloat16), GRID, key=KEY)
    assert results.result.dtype == np.float32


@pytest.mark.parametrize("unit", ["seconds", "days since 2000-01-01"])
def test_a_unit_of_time_does_not_change_the_values(unit):
    # xarray makes dates and, in some versions, durations of such units unless it is told not to.
    points = sweeps.grid({"a": [1.0, 2.0]}, units={"a": unit})
    results = sweeps.run(lambda p, k: p["a"], points, key=KEY, units={"result": unit})
    assert results.result.to_numpy().tolist() == [1.0, 2.0]
    assert results.a.to_numpy().tolist() == [1.0, 2.0]


def test_lanes_that_break_down_are_marked_and_the_others_go_on():
    def lane(point, key):
        grown = jax.lax.fori_loop(0, 100, lambda i, x: x * point["a"], jnp.float32(1.0))
        return {"grown": grown, "root": jnp.sqrt(point["b"]), "count": jnp.int32(1)}

    points = sweeps.grid({"a": [0.5, 1.0, 10.0], "b": [-1.0, 4.0]})
    seen = []
    results = sweeps.run(lane, points, key=KEY, tile=2, on_progress=seen.append)
    assert results.status.to_numpy().tolist() == [[2, 1], [2, 1], [2, 2]]
    assert results.root.sel(b=4.0).to_numpy().tolist() == [2.0] * 3
    np.testing.assert_allclose(results.grown.sel(a=0.5), 0.5**100)
    assert np.isinf(results.grown.sel(a=10.0)).all()
    assert seen[-1].failed == 4
    told = sweeps.failed_points(results)
    assert told[1:3] == [{"a": 1.0, "b": -1.0}, {"a": 10.0, "b": -1.0}]
    assert sweeps.failed_points(results, 2) == told[:2]
    assert sweeps.failed_points(results.sel(b=4.0)) == [{"a": 10.0, "b": 4.0}]


def test_a_result_that_says_so_decides_alone():
    def lane(point, key):
        # The variation of no spikes is no number, which is no failure.
        return {"cv": 0.0 / point["a"], "failed": point["a"] > 0.9}

    results = sweeps.run(lane, GRID, key=KEY)
    assert np.isnan(results.cv[0])
    assert (results.status == np.where(GRID_A > 0.9, 2, 1)).all()
    assert "failed" not in results


def test_a_network_that_explodes_has_failed():
    def lane(point, key):
        net = Network({"n": Population(LIF(tau=10.0), 2)})
        run = simulation.simulate(
            net,
            {"n": Constant(point["i"] * jnp.ones(2))},
            dt=1.0,
            steps=20,
            key=key,
            record={"spikes": simulation.Count("n.spikes")},
        )
        return {"spikes": run["spikes"], "failed": sweeps.has_failed(run.state)}

    results = sweeps.run(lane, sweeps.grid({"i": [0.5, 3e38, 2.0]}), key=KEY)
    assert results.status[0] == results.status[2] == 1
    assert results.spikes[2].min() > 0


def test_has_failed_looks_at_every_number():
    tree = {"a": jnp.ones(3), "n": jnp.arange(2), "k": KEY, "s": "text"}
    assert not sweeps.has_failed(tree)
    assert sweeps.has_failed(tree | {"a": jnp.array([1.0, jnp.nan])})
    assert sweeps.has_failed(tree | {"c": jnp.array(-jnp.inf)})
    assert not sweeps.has_failed({})


def test_progress_counts_up_to_all_lanes():
    seen = []
    lane = lambda p, k: p["a"]  # noqa: E731
    points = sweeps.grid({"a": np.linspace(0.0, 1.0, 100)})
    sweeps.run(lane, points, key=KEY, tile=10, chunk=20, on_progress=seen.append)
    done = [one.done for one in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1].run == seen[-1].lanes == 100
    assert len(done) >= 5
    assert max(np.diff([0, *done])) <= max(20, 10 * jax.device_count())
    assert seen[0].compile_seconds > 0
    assert seen[-1].left_seconds == 0
    halfway = sweeps.Progress(30, 100, 20, 0, 10.0, 0.0)
    assert halfway.left_seconds == 35.0


@pytest.mark.parametrize(
    ("lane", "message"),
    [
        (lambda p, k: {"v": None}, "'v' of the function is NoneType"),
        (lambda p, k: {"v": {"w": p["a"]}}, "'v' of the function is dict"),
        (lambda p, k: (p["a"], p["a"]), "'result' of the function is tuple"),
        (lambda p, k: {"v": k}, r"'v' is key<fry>"),
        (lambda p, k: {"v/w": p["a"]}, "cannot be called 'v/w'"),
        (lambda p, k: {"": p["a"]}, "cannot be called ''"),
        (lambda p, k: {1: p["a"]}, "cannot be called 1"),
        (lambda p, k: {"a": p["a"]}, "'a' or a dim of it has the name of an axis"),
        (lambda p, k: {"status": p["a"]}, "'status' or a dim of it has the name"),
        (
            lambda p, k: {"v": p["a"], "failed": p["a"]},
            "'failed' has shape \\(\\) and type float32",
        ),
        (lambda p, k: {"failed": jnp.array([True])}, "'failed' has shape \\(1,\\)"),
    ],
)
def test_results_that_cannot_be_stored_are_refused(lane, message):
    with pytest.raises(ValueError, match=message):
        sweeps.run(lane, GRID, key=KEY)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"static": ("b",)}, "no axis 'b' to be static"),
        ({"tile": 0}, "tile is 0; it must be at least 1"),
        ({"chunk": 0}, "chunk is 0; it must be at least 1"),
        ({"devices": []}, "the list of devices is empty"),
        ({"dims": {"w": ("t",)}}, r"dims for \['w'\]; results are"),
        ({"units": {"w": "mV"}}, r"units for \['w'\]; results are"),
        ({"dims": {"v": ("t", "u")}}, r"'v' has shape \(3,\), but dims names \('t', 'u'\)"),
        ({"dims": {"v": ("a",)}}, "has the name of an axis"),
        ({"dims": {"v": ("v",)}}, "must differ from each other and from the results"),
        ({"dims": {"v": ("t/u",)}}, "without slashes"),
        ({"dims": {"m": ("t", "t")}}, "must differ from each other"),
        ({"dims": {"v": ("t",), "m": ("s", "t")}}, "dim 't' has length 2 and 3"),
        ({"coords": {"t": [1, 2, 3]}}, "coords of 't' have shape \\(3,\\), but results have no"),
        ({"coords": {"v_0": [1, 2]}}, "but results have length 3"),
    ],
)
def test_misuse_is_refused(options, message):
    def lane(point, key):
        return {"v": point["a"] * jnp.ones(3), "m": jnp.zeros((2, 2))}

    with pytest.raises(ValueError, match=message):
        sweeps.run(lane, GRID, key=KEY, **options)


def test_names_and_numbers_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="an axis cannot be called 'status'"):
        sweeps.run(lambda p, k: p["status"], sweeps.grid({"status": [1.0]}), key=KEY)
    with pytest.raises(ValueError, match=r"'a' holds a number beyond 3\.4e\+38"):
        sweeps.run(lambda p, k: p["a"], sweeps.grid({"a": [1.0, 1e300]}), key=KEY)


def test_groups_must_have_results_of_one_shape(tmp_path):
    def lane(point, key):
        return jnp.zeros(point["n"])

    points = sweeps.grid({"n": [2, 3]})
    with pytest.raises(ValueError, match=r"results of \{'n': 3\} are .*Reduce them to one shape"):
        sweeps.run(lane, points, key=KEY, static=("n",), store=tmp_path / "a.zarr")
    # What the first group computed is not lost.
    assert sweeps.load(tmp_path / "a.zarr").status.to_numpy().tolist() == [1, 0]


def test_a_tile_that_does_not_fit_is_halved(monkeypatch):
    def lane(point, key):
        return jnp.sum(lanes.drawn(key) * jnp.arange(1000.0)) * point["a"]

    points = sweeps.grid({"a": np.linspace(0.0, 1.0, 64)})
    want = sweeps.run(lane, points, key=KEY, tile=4)
    sizes = []
    program = _groups.Program

    def noted(lane, fixed, dynamic, outputs, tile, *rest):
        sizes.append(tile)
        return program(lane, fixed, dynamic, outputs, tile, *rest)

    monkeypatch.setattr(_groups, "Program", noted)
    monkeypatch.setattr(_groups, "needed_bytes", lambda compiled: 1000 * sizes[-1])
    monkeypatch.setattr(_groups, "free_bytes", lambda devices: 4000)
    results = sweeps.run(lane, points, key=KEY)
    assert sizes == [64, 32, 16, 8, 4]
    np.testing.assert_array_equal(results.result, want.result)


def test_a_lane_that_does_not_fit_is_refused_with_numbers(monkeypatch):
    monkeypatch.setattr(_groups, "needed_bytes", lambda compiled: 3 * 2**20)
    monkeypatch.setattr(_groups, "free_bytes", lambda devices: 2**20)
    message = r"run: 1 lanes at a time .* need 3 MiB on each device, of which 1 MiB may be used"
    with pytest.raises(MemoryError, match=message):
        sweeps.run(lambda p, k: p["a"], GRID, key=KEY)
    with pytest.raises(MemoryError, match="Take a smaller tile"):
        sweeps.run(lambda p, k: p["a"], GRID, key=KEY, tile=4)


def test_the_memory_of_a_program_is_known():
    def lane(point, key):
        return jnp.outer(point["a"] * jnp.ones(1000), jnp.arange(1000.0)) @ jnp.ones(1000)

    groups = _groups.Groups(lane, GRID, [], jax.devices(), KEY, None)
    groups.choose_plan(4)
    needed = _groups.needed_bytes(groups.program(()).compiled)
    assert needed >= 4 * 1000 * 4  # the results of a tile
    assert 2**26 < _groups.free_bytes(jax.devices()) < 2**50


@pytest.mark.parametrize("part", [sweeps.grid, sweeps.run, sweeps.has_failed])
def test_the_example_of_a_public_name_runs(part):
    (code,) = re.findall(r"```python\n(.*?)```", part.__doc__, re.S)
    code = code.replace(".rate.plot()", "").replace("10_000", "100").replace("50)", "5)")
    net = Network({"exc": Population(LIF(), 2)})
    names = {"jax": jax, "jnp": jnp, "np": np, "net": net, "Constant": Constant, "LIF": LIF}
    names |= {"Population": Population, "simulate": simulation.simulate}
    names |= {"Count": simulation.Count, "grid": sweeps.grid, "run": sweeps.run}
    names |= {"Range": sweeps.Range, "has_failed": sweeps.has_failed}
    exec(textwrap.dedent(code), names)
    if part is sweeps.has_failed:
        current = sweeps.grid({"current": np.array([0.5, 2.0])})
        results = sweeps.run(
            lambda p, k: names["lane"]({"current": p["current"] * jnp.ones(2)}, k), current, key=KEY
        )
        assert (results.status == 1).all()
