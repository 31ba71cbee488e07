"""Figures of a fit: sweeps, raster, f-I curves, features, parameters, convergence, spectrum."""

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import same_color

from jaxneuro.plotting import (
    fit_convergence,
    fit_features,
    fit_parameters,
    fit_raster,
    fit_rates,
    fit_sweeps,
    identifiability,
)

GREY, BLUE, VERMILION = "#404040", "#0072B2", "#D55E00"
T = np.arange(0.0, 100.0)
LABELS = [-50.0, 0.0, 150.0, 162.5]
HELD_OUT = np.array([False, True, False, True])
RECORDED = -70.0 + np.outer(np.sin(T / 5.0), [1.0, 0.0, 20.0, 40.0])
SIMULATED = RECORDED + 2.0


def legend(figure):
    (found,) = figure.legends
    return [text.get_text() for text in found.get_texts()]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_every_sweep_is_recorded_and_simulated_in_its_panel():
    figure = fit_sweeps(
        T,
        jnp.asarray(RECORDED),
        SIMULATED,
        labels=LABELS,
        held_out=jnp.asarray(HELD_OUT),
        windows=[(10.0, 30.0), (50.0, 70.0)],
        title="Cell",
    )
    figure.draw_without_rendering()
    assert len(figure.axes) == 4
    for sweep, axes in enumerate(figure.axes):
        recorded, simulated = axes.lines
        np.testing.assert_array_equal(recorded.get_xdata(), T)
        np.testing.assert_allclose(recorded.get_ydata(), RECORDED[:, sweep], rtol=1e-6)
        np.testing.assert_array_equal(simulated.get_ydata(), SIMULATED[:, sweep])
        assert same_color(recorded.get_color(), GREY)
        assert same_color(simulated.get_color(), VERMILION if HELD_OUT[sweep] else BLUE)
        spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
        assert spans == [(10.0, 30.0), (50.0, 70.0)]
        assert axes.get_ylim() == figure.axes[0].get_ylim()
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "-50 pA",
        "0 pA (held out)",
        "150 pA",
        "162.5 pA (held out)",
    ]
    assert legend(figure) == ["recorded", "simulated, fitted (2)", "simulated, held out (2)"]
    assert (figure.get_suptitle(), figure.get_supxlabel()) == ("Cell", "Time (ms)")
    # The lowest panel of each column says the time.
    shown = [axes.xaxis.get_tick_params()["labelbottom"] for axes in figure.axes]
    assert shown == [False, True, True, True]


def test_simulated_spikes_are_strokes_up_to_the_peak():
    spikes = [np.array([20.4, np.inf]), [], np.array([60.6, 99.0]), []]
    figure = fit_sweeps(T, RECORDED, SIMULATED, labels=LABELS, spikes=spikes, peak=15.0)
    for axes, wanted in zip(figure.axes, [[20], [], [61, 99], []], strict=True):
        drawn = axes.lines[1].get_ydata()
        assert np.flatnonzero(drawn == 15.0).tolist() == wanted
    # A model with spikes of its own is higher than the strokes, and stays so.
    high = np.full_like(SIMULATED, 30.0)
    figure = fit_sweeps(T, RECORDED, high, labels=LABELS, spikes=spikes, peak=15.0)
    assert figure.axes[0].lines[1].get_ydata().min() == 30.0
    assert legend(figure) == ["recorded", "simulated, fitted (4)"]


@pytest.mark.parametrize("sweeps", [1, 17, 30])
def test_no_spike_is_lost_in_long_sweeps_and_every_panel_can_be_read(sweeps):
    t = np.arange(60_000) * 0.05
    v = np.full((t.size, sweeps), -60.0)
    v[43_217] = 55.0
    v[100:9_000, 0] = np.nan
    figure = fit_sweeps(t, v, v - 1.0, labels=np.arange(sweeps) * 10, title="Cell")
    figure.draw_without_rendering()
    assert len(figure.axes) == sweeps
    for axes in figure.axes:
        for line, peak in zip(axes.lines, (55.0, 54.0), strict=True):
            assert line.get_xdata().size <= 1200
            assert abs(line.get_xdata()[np.nanargmax(line.get_ydata())] - t[43_217]) < 5.0
            assert np.nanmax(line.get_ydata()) == peak
        box = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
        assert box.width > 3.0
        assert box.height > 0.8


def test_a_simulation_that_runs_away_does_not_hide_the_recording():
    wild = SIMULATED.copy()
    wild[50:, 2] = -1e6
    wild[60:, 3] = np.inf
    figure = fit_sweeps(T, RECORDED, wild, labels=LABELS)
    low, high = figure.axes[0].get_ylim()
    assert RECORDED.min() - 0.4 * np.ptp(RECORDED) < low < RECORDED.min()
    assert RECORDED.max() < high < RECORDED.max() + 0.2 * np.ptp(RECORDED)


def strokes(lines):
    """Time and lower and upper end of each stroke."""
    return {(float(s[0, 0]), *sorted(s[:, 1].tolist())) for s in lines.get_segments()}


def test_raster_has_recorded_spikes_above_simulated_ones():
    recorded = [np.array([10.0, 20.0, 120.0]), np.array([]), [30.0]]
    simulated = [jnp.asarray([12.0]), [13.0, 14.0], np.array([np.inf])]
    figure = fit_raster(
        recorded,
        simulated,
        labels=[50, "ramp", 100],
        span=(0.0, 100.0),
        held_out=[False, True, False],
        windows=[(5.0, 50.0)],
        title="Cell",
    )
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert legend(figure) == ["recorded", "simulated, fitted (2)", "simulated, held out (1)"]
    grey, blue, vermilion = axes.collections
    for lines, colour in ((grey, GREY), (blue, BLUE), (vermilion, VERMILION)):
        assert same_color(lines.get_colors()[0], colour)
    assert {(t, round(low)) for t, low, _ in strokes(grey)} == {(10, 0), (20, 0), (30, 2)}
    assert {(t, round(low)) for t, low, _ in strokes(blue)} == {(12, 0)}
    assert {(t, round(low)) for t, low, _ in strokes(vermilion)} == {(13, 1), (14, 1)}
    # Rows go down, so what is above has the smaller number.
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert max(high % 1 for _, _, high in strokes(grey)) > 0.5
    assert all(low % 1 < high % 1 < 0.5 for _, low, high in strokes(blue) | strokes(vermilion))
    assert labels(axes.yaxis) == ["50 pA", "ramp", "100 pA"]
    assert same_color(axes.get_yticklabels()[1].get_color(), VERMILION)
    # The spike at 120 ms is neither drawn nor counted.
    assert texts(axes) == ["2 | 1", "0 | 2", "1 | 0", "spikes"]
    assert (axes.patches[0].get_x(), axes.get_xlim()) == (5.0, (0.0, 100.0))
    fit_raster([[]], [[]], labels=[0], span=(0.0, 1.0)).draw_without_rendering()


def test_rates_have_a_panel_each_window_and_errors_above():
    amplitudes = np.array([100.0, 0.0, 50.0, 150.0])
    recorded = np.array([[4, 0, 2, 6], [3, 0, 1, np.nan]])
    simulated = jnp.asarray([[4.0, 0.0, 3.0, 9.0], [3.0, 1.0, 1.0, 5.0]])
    held_out = [False, False, True, True]
    baseline = np.full((2, 4), np.nan)
    baseline[:, 2] = 2.0, 1.5
    figure = fit_rates(
        amplitudes,
        recorded,
        simulated,
        held_out=held_out,
        baseline=baseline,
        names=["first", "second"],
        title="Cell",
    )
    figure.draw_without_rendering()
    first, second = figure.axes
    assert legend(figure) == [
        "recorded",
        "simulated, fitted (2)",
        "simulated, held out (2)",
        "average of fitted neighbours",
    ]
    curve, _, fitted, new, neighbours = first.lines
    np.testing.assert_array_equal(curve.get_xydata(), [[0, 0], [50, 2], [100, 4], [150, 6]])
    np.testing.assert_array_equal(fitted.get_xydata(), [[100, 4], [0, 0]])
    np.testing.assert_array_equal(new.get_xydata(), [[50, 3], [150, 9]])
    np.testing.assert_array_equal(neighbours.get_ydata(), baseline[0])
    assert same_color(new.get_color(), VERMILION)
    assert first.get_title(loc="left") == (
        "first\nmean |error|: fitted 0, held out 2, neighbours 0"
    )
    # Where nothing was recorded there is no error.
    assert second.get_title(loc="left") == (
        "second\nmean |error|: fitted 0.5, held out 0, neighbours 0.5"
    )
    assert (first.get_ylabel(), second.get_xlabel()) == ("Spikes", "Amplitude (pA)")


def test_one_window_needs_no_axis_and_each_window_may_have_its_amplitudes():
    figure = fit_rates(
        [0, 50],
        [0.0, 2.5],
        [0.0, 3.0],
        held_out=[False, True],
        baseline=[np.nan, 2.0],
        unit="",
        quantity="Rate (Hz)",
    )
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "mean |error|: fitted 0, held out 0.5, neighbours 0.5"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Amplitude", "Rate (Hz)")
    # The legend fits the narrow figure.
    box, whole = figure.legends[0].get_window_extent(), figure.bbox
    assert whole.x0 <= box.x0
    assert box.x1 <= whole.x1
    # Rates may lie between whole numbers, counts not.
    assert not all(tick % 1 == 0 for tick in axes.get_yticks())
    figure = fit_rates([0, 50], [0.0, 2.0], [0.0, 3.0])
    assert all(tick % 1 == 0 for tick in figure.axes[0].get_yticks())
    figure = fit_rates([0, 50], [np.nan, np.nan], [0.0, 3.0])
    assert figure.axes[0].get_title(loc="left") == "no sweep has both"
    own = np.array([[0.0, 50.0], [10.0, 60.0]])
    figure = fit_rates(own, np.zeros((2, 2)), np.ones((2, 2)))
    for axes, x in zip(figure.axes, own, strict=True):
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), x)


def test_features_lie_on_the_diagonal_where_the_model_is_right():
    nan = np.nan
    recorded = np.array([[1.0, 2.0, 4.0, nan], [nan, 30.0, 12.0, 9.0], [nan] * 4])
    simulated = np.array([[1.5, 2.0, 8.0, nan], [40.0, nan, 13.0, 7.0], [nan] * 4])
    figure = fit_features(
        ["count", "latency", "sag"], ["", "ms", ""], recorded, simulated, held_out=HELD_OUT
    )
    figure.draw_without_rendering()
    count, latency, sag = figure.axes
    fitted, new, diagonal = count.lines
    np.testing.assert_array_equal(fitted.get_xydata(), [[1, 1.5], [4, 8]])
    np.testing.assert_array_equal(new.get_xydata(), [[2, 2]])
    assert same_color(new.get_color(), VERMILION)
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    assert count.get_xlim() == count.get_ylim()
    assert count.get_ylim()[1] > 8.0
    assert [axes.get_title() for axes in figure.axes] == ["count", "latency (ms)", "sag"]
    assert count.get_xlabel() == "median |error| 0.5"
    assert latency.get_xlabel() == "median |error| 1.5, 1 only recorded, 1 only simulated"
    assert sag.get_xlabel() == "no sweep has both"
    assert legend(figure) == ["simulated, fitted (2)", "simulated, held out (2)"]
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("Recorded", "Simulated")


def test_parameters_stand_within_their_bounds():
    figure = fit_parameters(
        ["tau", "w", "b", "c"],
        jnp.asarray([20.0, 0.0, 75.0, -60.0]),
        [10.0, -1.0, 0.0, -80.0],
        [50.0, 1.0, 75.2, -40.0],
        [4.0, np.nan, 15.04, np.inf],
        units=["ms", "", "pA", "mV"],
        others=np.array([[30.0, 1.0, 0.0, -40.0]]),
        truth=[50.0, 1.0, 0.0, -80.0],
        title="Best",
    )
    figure.draw_without_rendering()
    (axes,) = figure.axes
    others, best, at_bound, truth = axes.lines
    np.testing.assert_allclose(others.get_xydata(), [[0.5, 0], [1, 1], [0, 2], [1, 3]])
    np.testing.assert_allclose(best.get_xydata(), [[0.25, 0], [0.5, 1], [0.5, 3]])
    np.testing.assert_allclose(at_bound.get_xydata(), [[75 / 75.2, 2]])
    np.testing.assert_allclose(truth.get_xydata(), [[1, 0], [1, 1], [0, 2], [0, 3]])
    bars = np.array([segment[:, 0] for segment in axes.collections[0].get_segments()])
    # One deviation, and the whole range where there is none; cut at the bound.
    np.testing.assert_allclose(bars, [[0.15, 0.35], [0, 1], [59.96 / 75.2, 1], [0, 1]])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "other candidates",
        "± s.d.",
        "best",
        "best, at its bound",
        "truth",
    ]
    assert labels(axes.yaxis) == ["tau", "w", "b", "c"]
    assert texts(axes)[:6] == ["10", "50", "20 ± 4 ms", "-1", "1", "0 ± ∞"]
    figure = fit_parameters(["tau"], [12.0], [5.0], [50.0])
    assert texts(figure.axes[0]) == ["5", "50", "12"]
    assert not figure.axes[0].collections


def test_a_parameter_on_a_logarithmic_scale_stands_where_its_logarithm_is():
    figure = fit_parameters(
        ["tau", "w"],
        [10.0, 10.0],
        [1.0, 1.0],
        [100.0, 100.0],
        [20.0, 20.0],
        scales=["log", "linear"],
    )
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.5, 1 / 11])
    (bars,) = axes.collections
    left, right = np.array(bars.get_segments())[:, :, 0].T
    np.testing.assert_allclose(left, [0.0, 0.0])  # 10 - 20 is below the lower bound
    np.testing.assert_allclose(right, [np.log(30) / np.log(100), 29 / 99])
    figure = fit_parameters(["tau"], [1.02], [1.0], [100.0], scales=["log"])
    assert figure.axes[0].lines[0].get_label() == "best, at its bound"
    figure = fit_parameters(["tau"], [1.1], [1.0], [100.0], scales=["log"])
    assert figure.axes[0].lines[0].get_label() == "best"


def test_convergence_has_the_best_of_search_and_gradient():
    losses = np.array([[100.0, 30.0, np.inf], [20.0, 40.0, np.nan], [25.0, 8.0, np.nan]])
    polish = np.array([[9.0, 12.0], [5.0, np.nan], [6.0, 4.0]])
    figure = fit_convergence(
        jnp.asarray([64, 128, 192]), losses, polish=(np.arange(3), polish), title="Cell"
    )
    figure.draw_without_rendering()
    search, gradient = figure.axes
    *starts, best = search.lines
    for line, wanted in zip(starts, np.where(np.isfinite(losses), losses, np.nan).T, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [64, 128, 192])
        np.testing.assert_array_equal(line.get_ydata(), wanted)
    np.testing.assert_array_equal(best.get_ydata(), [30.0, 20.0, 8.0])
    assert best.get_linewidth() > 2 * starts[0].get_linewidth()
    # Gradient starts from the best of the search, here below its own first losses.
    np.testing.assert_array_equal(gradient.lines[-1].get_ydata(), [8.0, 5.0, 4.0])
    assert not same_color(gradient.lines[-1].get_color(), best.get_color())
    told = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    assert told == [["each start (3)", "best so far (8)"], ["each start (2)", "best so far (4)"]]
    assert [axes.get_xlabel() for axes in figure.axes] == ["Evaluations", "Gradient steps"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Search", "Gradient"]
    assert (search.get_yscale(), gradient.get_yscale()) == ("log", "log")


@pytest.mark.parametrize(
    ("losses", "scale"),
    [([[2.0], [1.0]], "linear"), ([[20.0], [1.0]], "log"), ([[20.0], [-1.0]], "linear")],
)
def test_losses_are_on_a_logarithm_where_it_fits(losses, scale):
    figure = fit_convergence(np.arange(2), np.array(losses))
    figure.draw_without_rendering()
    assert [axes.get_yscale() for axes in figure.axes] == [scale]


def test_a_fit_without_a_finite_loss_says_so():
    figure = fit_convergence(np.arange(2), np.full((2, 3), np.nan))
    figure.draw_without_rendering()
    assert texts(figure.axes[0]) == ["no finite loss"]


def test_identifiability_goes_from_best_to_least_determined():
    angle = np.pi / 6
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.zeros((4, 4))
    matrix[:2, :2] = rotation @ np.diag([100.0, 1e-3]) @ rotation.T
    matrix[2, 2], matrix[3, 3] = -2.0, 5.0
    values, vectors = np.linalg.eigh(matrix)
    figure = identifiability(["tau", "w", "b", "c"], jnp.asarray(values), -vectors, floor=0.1)
    figure.draw_without_rendering()
    above, below, bar = figure.axes
    sound, weak, negative = above.lines[:3]
    np.testing.assert_allclose(sound.get_xydata(), [[0, 100], [1, 5]], rtol=1e-6)
    np.testing.assert_allclose(weak.get_xydata(), [[2, 1e-3]], rtol=1e-4)
    (place, height) = negative.get_xydata()[0]
    assert place == 3
    assert above.get_ylim()[0] < height < 1e-3
    assert above.get_yscale() == "log"
    told = [text.get_text() for text in above.get_legend().get_texts()]
    assert told == ["below the floor (1)", "not positive (1)"]
    wanted = np.zeros((4, 4))
    wanted[:2, 0] = np.cos(angle), np.sin(angle)
    wanted[3, 1] = wanted[2, 3] = 1.0
    wanted[:2, 2] = -np.sin(angle), np.cos(angle)
    np.testing.assert_allclose(below.images[0].get_array(), wanted, atol=1e-6)
    assert sorted(texts(below)) == sorted(["0.87", "0.50", "-0.50", "0.87", "1.00", "1.00"])
    assert labels(below.yaxis) == ["tau", "w", "b", "c"]
    colours = [text.get_color() for text in below.get_xticklabels()]
    assert [same_color(colour, VERMILION) for colour in colours] == [False, False, True, True]
    assert bar.get_ylabel() == "Part of the parameter"


def test_identifiability_of_one_of_many_and_of_none_positive():
    for count in (1, 30):
        names = [f"parameter {k}" for k in range(count)]
        identifiability(names, np.arange(count) + 1.0, np.eye(count)).draw_without_rendering()
    figure = identifiability(["a", "b"], np.array([0.0, -1.0]), np.eye(2))
    figure.draw_without_rendering()
    assert figure.axes[0].lines[0].get_xdata().tolist() == [0, 1]


def test_misuse_is_named():
    v, one = np.zeros((100, 4)), [np.array([1.0])]
    with pytest.raises(ValueError, match=r"recorded has shape \(4, 100\), but 100 times and 4"):
        fit_sweeps(T, v.T, v, labels=LABELS)
    with pytest.raises(ValueError, match=r"simulated has shape \(99, 4\)"):
        fit_sweeps(T, v, v[1:], labels=LABELS)
    with pytest.raises(ValueError, match="with at least one sweep"):
        fit_sweeps(T, v[:, :0], v[:, :0], labels=[])
    with pytest.raises(ValueError, match="spikes of 1 sweeps, but 4 labels"):
        fit_sweeps(T, v, v, labels=LABELS, spikes=one)
    with pytest.raises(ValueError, match=r"held_out is bool of shape \(2,\), but there are 4"):
        fit_sweeps(T, v, v, labels=LABELS, held_out=[False, True])
    with pytest.raises(ValueError, match=r"fit_sweeps: held_out is int64 of shape \(4,\)"):
        fit_sweeps(T, v, v, labels=LABELS, held_out=np.array([1, 3, 5, 7]))  # numbers of sweeps
    with pytest.raises(ValueError, match="1 sweeps, simulated ones of 1, and 2 labels"):
        fit_raster(one, one, labels=[0, 1], span=(0.0, 1.0))
    with pytest.raises(ValueError, match=r"span is \(5\.0, 1\.0\)"):
        fit_raster(one, one, labels=[0], span=(5.0, 1.0))
    with pytest.raises(ValueError, match=r"simulated has shape \(3,\), but .* 1 windows and 2"):
        fit_rates([0, 1], [0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match=r"simulated has shape \(2,\), but .* 3 windows and 2"):
        fit_rates([0, 1], np.zeros((3, 2)), [0, 1])
    with pytest.raises(ValueError, match=r"recorded has shape \(1, 1, 2\)"):
        fit_rates([0, 1], np.zeros((1, 1, 2)), [0, 1])
    with pytest.raises(ValueError, match="there are 2 names of windows"):
        fit_rates([0, 1], [0, 1], [0, 1], names=["a", "b"])
    with pytest.raises(ValueError, match="amplitudes has values that are not finite"):
        fit_rates([0, np.nan], [0, 1], [0, 1])
    with pytest.raises(ValueError, match=r"recorded has shape \(1, 3\), simulated \(1, 2\)"):
        fit_features(["a"], [""], np.zeros((1, 3)), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="there are 2 units, but 1 names"):
        fit_features(["a"], ["ms", ""], np.zeros((1, 3)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="the bounds of 'b' are 2 and 1"):
        fit_parameters(["a", "b"], [0, 1], [0, 2], [1, 1])
    with pytest.raises(ValueError, match=r"upper has shape \(1,\), but there are 2 names"):
        fit_parameters(["a", "b"], [0, 1], [0, 2], [1])
    with pytest.raises(ValueError, match=r"others has shape \(2,\)"):
        fit_parameters(["a", "b"], [0, 1], [0, 0], [1, 1], others=np.zeros(2))
    with pytest.raises(ValueError, match=r"scales are \['log'\], but there are 2 names"):
        fit_parameters(["a", "b"], [0, 1], [0, 0], [1, 1], scales=["log"])
    with pytest.raises(ValueError, match="the lower bound of 'b' is 0; on a log"):
        fit_parameters(["a", "b"], [0, 1], [0, 0], [1, 2], scales=["linear", "log"])
    with pytest.raises(ValueError, match=r"losses have shape \(2,\), but their evaluations \(2,\)"):
        fit_convergence(np.arange(2), np.zeros(2))
    with pytest.raises(ValueError, match="losses of polish have shape"):
        fit_convergence(np.arange(2), np.zeros((2, 1)), polish=(np.arange(3), np.zeros((2, 1))))
    with pytest.raises(ValueError, match=r"eigenvectors \(2, 2\), but there are 3 names"):
        identifiability(["a", "b", "c"], np.ones(3), np.eye(2))
    with pytest.raises(ValueError, match="are not finite"):
        identifiability(["a"], np.array([np.nan]), np.eye(1))
    with pytest.raises(ValueError, match="floor is 0"):
        identifiability(["a"], np.ones(1), np.eye(1), floor=0.0)
