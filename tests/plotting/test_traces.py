import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import same_color

from jaxneuro.plotting import traces

T = np.arange(1.0, 101.0)
V = np.sin(T / 5.0)[:, None] * np.arange(1.0, 4.0)
LABELS = [50.0, 100.0, 73.25]


def panels(figure):
    """Axes by row and column."""
    figure.canvas.draw()
    rows, columns = figure.axes[0].get_subplotspec().get_gridspec().get_geometry()
    return np.array(figure.axes).reshape(rows, columns)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_a_row_each_neuron_and_a_column_each_variable():
    series = {"v": jnp.asarray(V), "u": 2.0 * V}
    drawn = panels(traces(T, series, LABELS, unit="pA", units={"v": "mV"}, title="Cell"))
    assert drawn.shape == (3, 2)
    for column, scale in enumerate((1.0, 2.0)):
        for row in range(3):
            (line,) = drawn[row, column].lines
            np.testing.assert_array_equal(line.get_xdata(), T)
            np.testing.assert_allclose(line.get_ydata(), scale * V[:, row], rtol=1e-6)
            assert drawn[row, column].get_ylim() == drawn[0, column].get_ylim()
            assert drawn[row, column].get_xlim() == (0.0, 100.0)
    assert [axes.get_title() for axes in drawn[0]] == ["v (mV)", "u"]
    assert [texts(axes) for axes in drawn[:, 1]] == [["50 pA"], ["100 pA"], ["73.25 pA"]]
    assert [axes.get_xlabel() for axes in drawn[-1]] == ["Time (ms)"] * 2
    assert drawn[0, 0].figure.get_suptitle() == "Cell"


def test_a_neuron_has_one_colour():
    drawn = panels(traces(T, {"v": V, "u": V}, LABELS, stimulus=V))
    colours = [axes.lines[0].get_color() for axes in drawn[:3, 0]]
    assert len(set(colours)) == 3
    for row, colour in enumerate(colours):
        assert same_color(drawn[row, 1].lines[0].get_color(), colour)
        assert same_color(drawn[3, 0].lines[row].get_color(), colour)
        assert same_color(drawn[row, 1].texts[0].get_color(), colour)


def test_spikes_are_ticks_above_the_trace():
    times = [np.array([10.0, 20.5]), np.array([]), np.array([99.0])]
    drawn = panels(traces(T, {"v": V, "u": V}, LABELS, spikes=times))
    for row in range(3):
        (ticks,) = drawn[row, 0].collections
        assert [float(x[0, 0]) for x in ticks.get_segments()] == list(times[row])
        trace = drawn[row, 0].transData.transform([(0.0, V.max())])[0, 1]
        for segment in ticks.get_segments():
            ends = drawn[row, 0].get_xaxis_transform().transform(segment)[:, 1]
            assert trace < ends.min()
            assert ends.max() < drawn[row, 0].bbox.y1
        assert not drawn[row, 1].collections


def test_stimulus_and_its_window():
    drive = np.where((T > 20) & (T <= 60), 1.0, 0.0)[:, None] * np.array(LABELS)
    drawn = panels(traces(T, {"v": V}, LABELS, unit="pA", stimulus=drive, window=(20.0, 60.0)))
    assert drawn.shape == (4, 1)
    for line, series in zip(drawn[3, 0].lines, drive.T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), series)
    assert drawn[3, 0].get_ylabel() == "stimulus\n(pA)"
    for axes in drawn[:, 0]:
        (window,) = axes.patches
        assert (window.get_x(), window.get_x() + window.get_width()) == (20.0, 60.0)


def test_a_lone_neuron_has_its_variables_below_one_another():
    figure = traces(
        T, {"v": V[:, :1], "u": V[:, :1]}, ["soft"], spikes=[T[:2]], stimulus=V[:, :1], title="Cell"
    )
    drawn = panels(figure)
    assert [axes.get_ylabel() for axes in drawn[:, 0]] == ["v", "u", "stimulus"]
    assert figure.get_suptitle() == "Cell, soft"
    assert not any(texts(axes) for axes in drawn.flat)


def test_of_many_neurons_ten_are_drawn():
    labels = [float(x) for x in range(37)]
    figure = traces(T, {"v": np.tile(T[:, None], (1, 37)) * labels}, labels, title="Cell")
    drawn = panels(figure)
    assert len(drawn) == 10
    assert texts(drawn[0, 0]) == ["0"]
    assert texts(drawn[-1, 0]) == ["36"]
    assert drawn[-1, 0].lines[0].get_ydata()[-1] == 3600.0
    assert figure.get_suptitle() == "Cell, 10 of 37 neurons"


def test_no_spike_is_lost_in_a_long_series():
    t = np.arange(200_000) * 0.05
    v = np.full((len(t), 1), -60.0)
    v[123_457] = 30.0
    v[50_003] = -90.0
    (line,) = panels(traces(t, {"v": v}, [1.0]))[0, 0].lines
    assert len(line.get_xdata()) <= 4000
    assert (line.get_ydata().min(), line.get_ydata().max()) == (-90.0, 30.0)
    assert abs(line.get_xdata()[np.argmax(line.get_ydata())] - t[123_457]) < 10.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_left_out(bad):
    v = V.copy()
    v[50:, 1] = bad
    v[:, 2] = bad
    drawn = panels(traces(T, {"v": v}, LABELS, stimulus=v))
    assert np.isfinite(drawn[0, 0].get_ylim()).all()
    np.testing.assert_array_equal(drawn[1, 0].lines[0].get_ydata()[:50], V[:50, 1])
    long = np.full((20_000, 1), bad)
    panels(traces(np.arange(20_000.0), {"v": long}, [1.0]))


@pytest.mark.parametrize("value", [0.0, -65.0, 1e12])
def test_a_constant_and_a_single_time_are_seen(value):
    drawn = panels(traces(T[:1], {"v": np.full((1, 2), value)}, [1.0, 2.0]))
    low, high = drawn[0, 0].get_ylim()
    assert low < value < high
    assert drawn[0, 0].lines[0].get_marker() == "o"


def test_long_names_leave_the_panels_their_width():
    short, long = (
        panels(traces(T, {"v": V}, [f"{n} {name}" for n in range(3)]))[0, 0].bbox.width
        for name in ("a", "rather long name of a column")
    )
    assert long > 0.9 * short


def test_refuses_what_does_not_belong_together():
    with pytest.raises(ValueError, match="there is nothing to draw"):
        traces(T, {}, LABELS)
    with pytest.raises(ValueError, match=r"'v' has shape \(100, 3\), but 100 times and 2 labels"):
        traces(T, {"v": V}, LABELS[:2])
    with pytest.raises(ValueError, match="'stimulus' has shape"):
        traces(T, {"v": V}, LABELS, stimulus=V[:, :2])
    with pytest.raises(ValueError, match="spikes of 1 neurons, but 3 labels"):
        traces(T, {"v": V}, LABELS, spikes=[T])
