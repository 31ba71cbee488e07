"""Figures of sweeps: heat map, family of f-I curves, parallel coordinates."""

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import LogNorm, to_hex

from jaxneuro.plotting import fi_family, heat_map, parallel_coordinates


def cells(axes):
    """The value that a heat map shows at a place."""
    mesh = axes.collections[0]
    edges = mesh.get_coordinates()
    values = mesh.get_array().reshape(edges.shape[0] - 1, edges.shape[1] - 1)

    def at(x, y):
        return values[
            np.searchsorted(edges[:, 0, 1], y) - 1, np.searchsorted(edges[0, :, 0], x) - 1
        ]

    return at


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def legend(axes):
    found = axes.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def test_heat_map_cells_reach_halfway_on_their_scale():
    x, y = [100.0, 1.0, 10.0], jnp.asarray([0.0, 3.0, 1.0])
    values = np.arange(9.0).reshape(3, 3)
    figure = heat_map(x, y, jnp.asarray(values), x_label="w (nS)", label="Rate (Hz)", title="map")
    figure.canvas.draw()
    axes, bar = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert (axes.get_xlabel(), bar.get_ylabel(), axes.get_title()) == ("w (nS)", "Rate (Hz)", "map")
    edges = axes.collections[0].get_coordinates()
    np.testing.assert_allclose(edges[0, :, 0], 10.0 ** np.array([-0.5, 0.5, 1.5, 2.5]))
    np.testing.assert_allclose(edges[:, 0, 1], [-0.5, 0.5, 2.0, 4.0])
    np.testing.assert_allclose(axes.get_xlim(), edges[0, [0, -1], 0])
    at = cells(axes)
    for i, j in np.ndindex(3, 3):
        assert at(x[i], float(y[j])) == values[i, j]
    assert at(3.0, 1.9) == values[1, 2]
    assert labels(axes.xaxis) == ["1", "10", "100"]
    assert sorted(text.get_text() for text in axes.texts) == sorted(f"{v:g}" for v in range(9))


def test_heat_map_marks_what_failed_and_what_has_no_value():
    values = np.array([[1.0, np.nan], [3.0, -7.0], [np.inf, 2.0]])
    failed = np.array([[False, False], [False, True], [False, False]])
    figure = heat_map([1, 2, 3], [1, 2], values, failed=failed)
    figure.canvas.draw()
    axes = figure.axes[0]
    assert legend(axes) == ["failed (1)", "no value (2)"]
    np.testing.assert_array_equal(
        np.ma.getmaskarray(axes.collections[0].get_array()).reshape(2, 3),
        [[False, False, True], [True, True, False]],
    )
    # The value of the failed run does not widen the scale of colours.
    assert axes.collections[0].get_clim() == (1.0, 3.0)
    (patch,) = axes.patches
    assert patch.get_hatch()
    np.testing.assert_array_equal(
        patch.get_path().get_extents().get_points(), [[1.5, 1.5], [2.5, 2.5]]
    )
    # Hatches of a large grid would be finer than its cells can show.
    failed = np.zeros((300, 2), bool)
    failed[7] = True
    figure = heat_map(np.arange(300), [1, 2], np.zeros((300, 2)), failed=failed)
    figure.canvas.draw()
    axes = figure.axes[0]
    assert not axes.patches
    marked = axes.collections[1]
    np.testing.assert_array_equal(
        marked.get_array().reshape(2, 300).count(axis=0), 2 * failed[:, 0]
    )
    assert legend(axes) == ["failed (2)"]
    assert not axes.texts


def test_heat_map_over_names_keeps_their_order():
    names = ["lif", "adex", "a very long name", "izhikevich"]
    values = np.arange(8.0).reshape(4, 2)
    figure = heat_map(names, [True, False], values)
    figure.canvas.draw()
    axes = figure.axes[0]
    assert labels(axes.xaxis) == names
    assert labels(axes.yaxis) == ["True", "False"]
    assert axes.get_xticklabels()[0].get_rotation() > 0
    assert cells(axes)(1, 0) == values[1, 0]
    # Numbers may be names too, and of many names only some are written.
    figure = heat_map(np.arange(100) ** 2, [7], np.zeros((100, 1)), x_scale="text")
    figure.canvas.draw()
    assert labels(figure.axes[0].xaxis)[:2] == ["0", "25"]


def test_heat_map_of_a_logarithm_and_of_little_or_nothing():
    values = np.array([[0.0, 1e-3, np.nan], [-1.0, 10.0, 0.1]])
    figure = heat_map([1, 2], [1, 2, 3], values, is_log=True)
    figure.canvas.draw()
    mesh = figure.axes[0].collections[0]
    assert isinstance(mesh.norm, LogNorm)
    assert mesh.get_clim() == (1e-3, 10.0)
    assert cells(figure.axes[0])(1, 1) == 1e-3
    for shape, value in [((1, 1), 0.0), ((3, 1), -70.0), ((1, 20), 1e-9), ((2, 2), np.nan)]:
        x, y = np.arange(shape[0]), np.arange(shape[1])
        figure = heat_map(x, y, np.full(shape, value), is_log=value > 0)
        figure.canvas.draw()
        low, high = figure.axes[0].collections[0].get_clim()
        assert high > low
    assert len(figure.axes[1].get_yticks()) == 0


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1, 2, 4], "log"),
        ([1, 2, 5, 10, 20, 50], "log"),
        ([1, 2, 3, 4], "linear"),
        ([0, 1, 10, 100], "linear"),
        ([1, 1000], "linear"),
        (np.linspace(0.01, 10, 30), "linear"),
        (np.geomspace(1e-6, 1.0, 30), "log"),
    ],
)
def test_the_scale_is_the_one_on_which_values_lie_evenly(values, scale):
    figure = heat_map(values, [1], np.zeros((len(values), 1)))
    figure.canvas.draw()
    assert figure.axes[0].get_xscale() == scale
    if values[0] > 0:
        figure = heat_map(values, [1], np.zeros((len(values), 1)), x_scale="log")
        figure.canvas.draw()
        assert figure.axes[0].get_xscale() == "log"


def test_a_few_curves_have_names_and_bands_over_the_seeds():
    currents = np.array([2.0, 0.0, 1.0])
    mean = np.array([[20.0, 0.0, 5.0], [40.0, 0.0, 8.0]])
    rates = mean[:, :, None] + np.array([-1.0, 1.0, np.nan])
    rates[1, 2] = np.nan
    figure = fi_family(
        currents, jnp.asarray(rates), [20, 5], unit="pA", parameter_label="tau (ms)", title="LIF"
    )
    figure.canvas.draw()
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_title()) == ("Current (pA)", "LIF")
    assert axes.get_ylabel() == "Rate (Hz), mean ± s.d. of 3 seeds"
    assert legend(axes) == ["5", "20"]
    assert axes.get_legend().get_title().get_text() == "tau (ms)"
    first, second = (line.get_xydata() for line in axes.lines)
    np.testing.assert_allclose(first, [[0, 0], [1, np.nan], [2, 40]])
    np.testing.assert_allclose(second, [[0, 0], [1, 5], [2, 20]])
    band = axes.collections[1].get_paths()[0].get_extents()
    # ± 1 Hz about 0 and 20 Hz, cut at 0.
    np.testing.assert_allclose(band.get_points(), [[0, 0], [2, 21]])


def test_many_curves_have_a_colour_bar():
    values = np.geomspace(1.0, 100.0, 50)
    rates = np.outer(1 / values, np.arange(4.0))
    rates[3] = np.nan
    mixed = np.random.default_rng(0).permutation(50)
    figure = fi_family(np.arange(4.0), rates[mixed], values[mixed], parameter_label="tau (ms)")
    figure.canvas.draw()
    axes, bar = figure.axes
    (lines,) = axes.collections
    np.testing.assert_allclose(lines.get_array(), values)
    np.testing.assert_allclose(np.array(lines.get_segments()[2])[:, 1], rates[2])
    assert isinstance(lines.norm, LogNorm)
    assert bar.get_ylabel() == "tau (ms)"
    assert "10" in labels(bar.yaxis)
    assert [text.get_text() for text in axes.texts] == ["1 of 50 curves have no rates"]
    assert axes.get_xlim()[0] <= 0.0
    assert axes.get_xlim()[1] >= 3.0


def test_families_of_names_of_equal_values_and_of_one():
    names = [f"cell {n}" for n in range(9)]
    figure = fi_family([1.0, 10.0, 100.0], np.zeros((9, 3)), names)
    figure.canvas.draw()
    assert labels(figure.axes[1].yaxis) == names
    assert figure.axes[0].get_xscale() == "log"
    fi_family([1.0, 2.0], np.full((9, 2), np.nan), np.ones(9)).canvas.draw()
    figure = fi_family([1.0], [[3.0]], ["lif"])
    figure.canvas.draw()
    assert legend(figure.axes[0]) == ["lif"]


def coloured(axes):
    """Heights of the coloured lines, the last on top."""
    lines = [c for c in axes.collections if not c.get_label().startswith(("failed", "no "))]
    return np.array([segment[:, 1] for segment in lines[0].get_segments()]), lines[0].get_colors()


def test_runs_are_lines_the_best_on_top():
    runs = {
        "tau (ms)": jnp.asarray([5.0, 10.0, 20.0]),
        "w (nS)": [1.0, 100.0, 10.0],
        "model": ["lif", "adex", "lif"],
        "Rate (Hz)": np.array([40.0, 9.0, 20.0]),
    }
    figure = parallel_coordinates(runs, "Rate (Hz)", title="sweep")
    figure.canvas.draw()
    axes, bar = figure.axes
    assert labels(axes.xaxis) == list(runs)
    assert (bar.get_ylabel(), axes.get_title()) == ("Rate (Hz)", "sweep")
    logs = np.log([4.0, 20 / 9]) / np.log([4.0, 40 / 9])
    heights, shades = coloured(axes)
    # tau and the rate have more even logarithms as well.
    wanted = [[0.5, 1.0, 1.0, 0.0], [1.0, 0.5, 0.0, logs[1]], [0.0, 0.0, 0.0, 1.0]]
    np.testing.assert_allclose(heights, wanted, atol=1e-12)
    # The best is dark.
    assert shades[-1, :3].sum() < shades[0, :3].sum()
    figure = parallel_coordinates(runs, "Rate (Hz)", best="lowest", scales={"tau (ms)": "linear"})
    heights, shades = coloured(figure.axes[0])
    np.testing.assert_allclose(heights[-1], [1 / 3, 1.0, 1.0, 0.0])
    assert shades[-1, :3].sum() < shades[0, :3].sum()
    assert not figure.axes[0].get_legend()
    assert {"lif", "adex", "5", "10", "20", "100"} <= {text.get_text() for text in axes.texts}


def test_failed_runs_are_apart_and_missing_values_below_the_axes():
    rate = np.array([1.0, np.nan, 3.0, np.nan])
    figure = parallel_coordinates({"a": [0.0, 1.0, 2.0, 3.0], "Rate (Hz)": rate}, "Rate (Hz)")
    figure.canvas.draw()
    axes = figure.axes[0]
    assert legend(axes) == ["failed (2)"]
    failed = axes.collections[0]
    assert {to_hex(c) for c in failed.get_colors()} == {"#808080"}
    heights = np.array([segment[:, 1] for segment in failed.get_segments()])
    np.testing.assert_allclose(heights[:, 0], [1 / 3, 1.0])
    assert (heights[:, 1] < 0).all()
    assert axes.get_ylim()[0] < heights.min()
    assert "none" in {text.get_text() for text in axes.texts}
    # A silent run has no CV, but it did not fail.
    runs = {"a": [0.0, 1.0, 2.0, 3.0], "Rate (Hz)": rate}
    figure = parallel_coordinates(
        runs, rate, colour_label="CV", failed=jnp.asarray([False, True, False, False])
    )
    figure.canvas.draw()
    assert legend(figure.axes[0]) == ["failed (1)", "no CV (1)"]
    parallel_coordinates({"a": [1, 2], "b": [np.nan] * 2}, "b").canvas.draw()
    parallel_coordinates({"a": [1, 2], "b": [3, 3]}, "b").canvas.draw()


def test_of_thousands_of_runs_an_even_part_is_shown():
    key = np.random.default_rng(0)
    loss = key.permutation(20_000) * 1.0
    failed = key.random(20_000) < 0.1
    figure = parallel_coordinates({"a": loss, "b": -loss}, loss, failed=failed, best="lowest")
    figure.canvas.draw()
    axes = figure.axes[0]
    shown = coloured(axes)[0][:, 0] * (loss.size - 1)
    grey = len(axes.collections[0].get_segments())
    assert abs(grey - 100) < 10
    assert shown.size + grey == 1000
    assert "1,000 of 20,000 runs shown" in {text.get_text() for text in axes.texts}
    # From the worst to the best, both among them, in steps as even as the failed ones allow.
    np.testing.assert_allclose(shown[[0, -1]], [loss[~failed].max(), loss[~failed].min()])
    assert 10 < -np.diff(shown).max() <= -np.diff(shown).min() < 45
    figure = parallel_coordinates({"a": loss, "b": -loss}, loss, most=1)
    np.testing.assert_allclose(coloured(figure.axes[0])[0], [[1.0, 0.0]])


def test_misuse_is_named():
    zeros = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"values have shape \(2, 3\), but x has 3 values and y 2"):
        heat_map([1, 2, 3], [1, 2], zeros)
    with pytest.raises(ValueError, match=r"failed has shape \(3,\), but values \(2, 3\)"):
        heat_map([1, 2], [1, 2, 3], zeros, failed=np.zeros(3, bool))
    with pytest.raises(ValueError, match=r"x has the value 2\.0 2 times"):
        heat_map([2, 2], [1, 2, 3], zeros)
    with pytest.raises(ValueError, match="y has values that are not finite"):
        heat_map([1, 2], [1, np.nan, 3], zeros)
    with pytest.raises(ValueError, match=r"x has the value 0, which a logarithmic scale cannot"):
        heat_map([0, 1], [1, 2, 3], zeros, x_scale="log")
    with pytest.raises(ValueError, match="x is text, which has no log scale"):
        heat_map(["a", "b"], [1, 2, 3], zeros, x_scale="log")
    with pytest.raises(ValueError, match="there is no scale 'symlog'"):
        heat_map([1, 2], [1, 2, 3], zeros, y_scale="symlog")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no value is above 0"):
        heat_map([1, 2], [1, 2, 3], zeros, is_log=True)
    with pytest.raises(ValueError, match=r"currents has shape \(0,\)\. Pass a list"):
        fi_family([], zeros, [1, 2])
    with pytest.raises(ValueError, match="there are 3 parameter values and 2 currents"):
        fi_family([1, 2], zeros, [1, 2, 3])
    with pytest.raises(ValueError, match="parameter_values has values that are not finite"):
        fi_family([1, 2, 3], zeros, [1, np.nan])
    with pytest.raises(ValueError, match="the currents are text"):
        fi_family(["a", "b", "c"], zeros, [1, 2])  # type: ignore[arg-type]
    columns = {"a": [1, 2], "b": [1, 2]}
    with pytest.raises(ValueError, match="there are 1 columns"):
        parallel_coordinates({"a": [1]}, "a")
    with pytest.raises(ValueError, match=r"no column 'c'. There are: a, b"):
        parallel_coordinates(columns, "c")
    with pytest.raises(ValueError, match=r"no column 'd'. There are: a, b"):
        parallel_coordinates(columns, "a", scales={"d": "log"})
    with pytest.raises(ValueError, match=r"different lengths: {'a': 2, 'b': 2, 'colour': 3"):
        parallel_coordinates(columns, np.zeros(3))
    with pytest.raises(ValueError, match="the colour is text"):
        parallel_coordinates({"a": [1, 2], "b": ["x", "y"]}, "b")
