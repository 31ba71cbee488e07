import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

from jaxneuro.sweeps import Range, grid, read_table


def all_points(points):
    return points.points(np.arange(points.lanes))


def test_a_product_has_every_combination_in_order():
    points = grid({"a": [1.0, 2.0], "b": ["x", "y", "z"], "c": range(2)})
    assert points.dims == {"a": 2, "b": 3, "c": 2}
    assert points.lanes == 12
    found = all_points(points)
    want = [(a, b, c) for a in (1.0, 2.0) for b in "xyz" for c in range(2)]
    assert list(zip(found["a"], found["b"], found["c"], strict=True)) == want
    assert found["c"].dtype == np.int32


def test_points_are_found_in_any_order():
    points = grid({"a": [1.0, 2.0], "b": [3, 4, 5]})
    found = points.points(np.array([5, 0, 3]))
    assert found["a"].tolist() == [2.0, 1.0, 2.0]
    assert found["b"].tolist() == [5, 3, 3]


def test_a_zip_goes_along_one_dimension():
    points = grid({"a": [1, 2, 3], "b": [True, False, True]}, "zip", units={"a": "mV"})
    assert points.dims == {"sample": 3}
    assert all_points(points)["b"].tolist() == [True, False, True]
    assert points.axes["a"].unit == "mV"
    assert points.axes["b"].unit == ""


@pytest.mark.parametrize("method", ["random", "sobol", "latin_hypercube"])
def test_samples_lie_in_their_ranges_and_repeat_by_their_seed(method):
    axes = {"a": (-1.0, 3.0), "b": Range(1.0, 1000.0, "log")}
    points = grid(axes, method, samples=64, seed=3)
    assert points.dims == {"sample": 64}
    a, b = all_points(points).values()
    assert ((a >= -1.0) & (a <= 3.0)).all()
    assert ((b >= 1.0) & (b <= 1000.0)).all()
    for part in ((a + 1.0) / 4.0, np.log10(b) / 3.0):
        # Even in their own scale; only independent ones may leave a tenth empty.
        counts = np.histogram(part, 8, (0.0, 1.0))[0]
        assert (counts == 8).all() if method != "random" else (counts > 1).all()
    again = all_points(grid(axes, method, samples=64, seed=3))
    np.testing.assert_array_equal(again["a"], a)
    assert not np.array_equal(all_points(grid(axes, method, samples=64, seed=4))["a"], a)


def test_sobol_points_are_those_of_scipy_and_spread_better_than_random_ones():
    axes = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    sobol = np.stack([*all_points(grid(axes, "sobol", samples=64, seed=5)).values()], 1)
    want = qmc.Sobol(2, rng=np.random.default_rng(5)).random_base2(6)
    np.testing.assert_array_equal(sobol, want)
    random = np.stack([*all_points(grid(axes, "random", samples=64, seed=5)).values()], 1)
    assert qmc.discrepancy(sobol) < 0.2 * qmc.discrepancy(random)


def test_a_hypercube_has_one_point_in_each_row():
    a = all_points(grid({"a": (0.0, 1.0), "b": (0.0, 1.0)}, "latin_hypercube", samples=50))["a"]
    assert sorted((a * 50).astype(int).tolist()) == list(range(50))


def test_a_product_of_grids():
    wide = grid({"a": (0.0, 1.0)}, "sobol", samples=4)
    both = wide * grid({"seed": range(3)})
    assert both.dims == {"sample": 4, "seed": 3}
    found = all_points(both)
    np.testing.assert_array_equal(found["a"], np.repeat(all_points(wide)["a"], 3))
    assert found["seed"].tolist() == [0, 1, 2] * 4


def test_a_product_of_three_zips_has_three_dimensions():
    # Both of the last were once called sample_2.
    parts = [grid({name: range(n)}, "zip") for name, n in (("a", 2), ("b", 3), ("c", 4))]
    both = parts[0] * parts[1] * parts[2]
    assert both.dims == {"sample": 2, "sample_2": 3, "sample_3": 4}
    assert both.lanes == 24
    named = grid({"sample_2": [1, 2]}) * parts[0] * parts[1]
    assert named.dims == {"sample_2": 2, "sample": 2, "sample_3": 3}


def test_a_table_is_read(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("\ufefftau, n ,name\n1.5,3,a\n\n2,4, b\n", encoding="utf-8")
    points = read_table(path, units={"tau": "ms"})
    assert points.dims == {"sample": 2}
    found = all_points(points)
    assert found["tau"].tolist() == [1.5, 2.0]
    assert found["n"].tolist() == [3, 4]
    assert found["n"].dtype == np.int32
    assert found["name"].tolist() == ["a", "b"]
    assert points.axes["tau"].unit == "ms"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", "one point in each line"),
        ("", "one point in each line"),
        ("a,b\n1,2\n3\n", "row 3 has 1 values, the first 2"),
        ("a,a\n1,2\n", "a name occurs twice"),
        ("a,b\n1,nan\n", "'b' holds a number that is not finite"),
        ("a,\n1,2\n", "an axis cannot be called ''"),
        ("tau (ms)\n1\n", "an axis cannot be called 'tau \\(ms\\)'"),
    ],
)
def test_a_bad_table_is_refused(tmp_path, text, message):
    path = tmp_path / "points.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_table(path)


@pytest.mark.parametrize(
    ("axes", "options", "message"),
    [
        ({}, {}, "there are no axes"),
        ({"a": []}, {}, "'a' has shape \\(0,\\)"),
        ({"a": 3.0}, {}, "'a' has shape \\(\\)"),
        ({"a": "abc"}, {}, "'a' has shape \\(\\)"),
        ({"a": [[1, 2]]}, {}, "'a' has shape \\(1, 2\\)"),
        ({"a": [1, "b"]}, {}, "'a' mixes numbers and texts"),
        ({"a": [None]}, {}, "must hold numbers or texts, not object"),
        ({"a": [1j]}, {}, "must hold numbers or texts, not complex128"),
        ({"a": [1.0, np.nan]}, {}, "not finite"),
        ({"a": [1.0, np.inf]}, {}, "not finite"),
        ({"a": [2**31]}, {}, "needs over 32 bits"),
        ({"a": np.array([-(2**63)])}, {}, "needs over 32 bits"),
        ({"a/b": [1]}, {}, "cannot be called 'a/b'"),
        ({"a b": [1]}, {}, "cannot be called 'a b'"),
        ({"": [1]}, {}, "cannot be called ''"),
        ({1: [1]}, {}, "cannot be called 1"),
        ({"a": [1], "b": [1, 2]}, {"method": "zip"}, "one length, but they have {'a': 1, 'b': 2}"),
        ({"a": [1]}, {"method": "cross"}, "no method 'cross'. Take product, zip"),
        ({"a": [1]}, {"units": {"b": "ms"}}, "units for \\['b'\\]"),
        ({"a": [1]}, {"samples": 3}, "'product' has no samples"),
        ({"a": (0, 1)}, {"method": "random"}, "'random' needs samples"),
        ({"a": (0, 1)}, {"method": "random", "samples": 0}, "samples is 0"),
        ({"a": (0, 1)}, {"method": "sobol", "samples": 100}, "Take 64 or 128"),
        ({"a": (1, 0)}, {"method": "random", "samples": 2}, "goes from 1 to 0"),
        ({"a": (0, np.inf)}, {"method": "random", "samples": 2}, "goes from 0 to inf"),
        ({"a": (0, 1, "log")}, {"method": "random", "samples": 2}, "starts at 0"),
        ({"a": (1, 2, "cubic")}, {"method": "random", "samples": 2}, "has scale 'cubic'"),
        ({"a": [1, 2, 3, 4]}, {"method": "random", "samples": 2}, "must be a Range"),
        ({"a": 1.0}, {"method": "random", "samples": 2}, "must be a Range"),
        ({"a": "ab"}, {"method": "random", "samples": 2}, "must be a Range"),
        ({"a": ("a", "b")}, {"method": "random", "samples": 2}, "must be a Range"),
        ({"a": range(2**16), "b": range(2**16)}, {}, "4,294,967,296 points are more than"),
    ],
)
def test_misuse_is_refused(axes, options, message):
    with pytest.raises(ValueError, match=message):
        grid(axes, **options)


def test_factors_that_clash_are_refused():
    with pytest.raises(ValueError, match="both factors have an axis 'a'"):
        grid({"a": [1]}) * grid({"a": [2]})
    with pytest.raises(ValueError, match="'sample' has the name of another dimension"):
        grid({"a": [1]}, "zip") * grid({"sample": [2]})


def test_arrays_of_jax_are_values():
    points = grid({"a": jnp.linspace(0.0, 1.0, 3), "b": jnp.arange(2)})
    assert all_points(points)["a"].tolist() == [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]


def test_every_point_of_the_largest_grid_is_found():
    points = grid({"a": range(2**16 - 1), "b": range(2**16)})
    found = points.points(np.array([points.lanes - 1, 2**31]))
    assert found["a"].tolist() == [2**16 - 2, 2**15]
    assert found["b"].tolist() == [2**16 - 1, 0]


def test_grids_are_told_apart():
    one, two = grid({"a": [1.0, 2.0, 3.0]}), grid({"a": [1.0, 2.5, 3.0]})
    assert one.describe() == grid({"a": np.array([1.0, 2.0, 3.0])}).describe()
    assert one.describe() != two.describe()
    assert one.describe()["a"].startswith("3 values, 1.0 to 3.0 (a; ")
