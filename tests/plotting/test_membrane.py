import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import same_color

from jaxneuro.plotting import membrane
from jaxneuro.plotting._membrane import _spread

NAMES = tuple("abcd")


def test_traces_are_the_data_in_milliseconds():
    v = np.arange(12.0).reshape(3, 4)
    figure = membrane(jnp.asarray(v), 0.5, NAMES, label=1, prediction=3)
    figure.canvas.draw()
    (axes,) = figure.axes
    drawn = {tuple(line.get_ydata()) for line in axes.lines}
    assert drawn == {tuple(trace) for trace in v.T}
    assert all(line.get_xdata().tolist() == [0.5, 1.0, 1.5] for line in axes.lines)
    assert axes.get_title() == "Readout: true class b, predicted d"
    assert {text.get_text() for text in axes.texts} == {"a", "b (true)", "c", "d (predicted)"}


def test_the_true_class_is_on_top_and_unlike_the_others():
    axes = membrane(np.zeros((3, 4)), 1.0, NAMES, label=2, prediction=2).axes[0]
    assert axes.get_title() == "Readout: true class c, predicted rightly"
    assert not any(same_color(axes.lines[-1].get_color(), x.get_color()) for x in axes.lines[:-1])
    assert {text.get_text() for text in axes.texts} == {"a", "b", "c (true)", "d"}


def test_one_step_has_markers():
    figure = membrane(np.zeros((1, 4)), 1.0, NAMES, label=0, prediction=1)
    figure.canvas.draw()
    assert all(line.get_marker() == "o" for line in figure.axes[0].lines)


@pytest.mark.parametrize(
    "heights", [np.full(10, 0.5), np.zeros(10), np.ones(10), np.linspace(0, 1, 40), np.array([0.3])]
)
def test_names_are_spread_within_the_axes(heights):
    placed = np.sort(_spread(heights))
    gap = min(0.055, 1 / max(1, len(heights) - 1))
    assert (np.diff(placed) >= gap - 1e-9).all()
    assert placed[0] >= -1e-9
    assert placed[-1] <= 1 + 1e-9


def test_names_that_are_apart_stay_and_keep_their_order():
    heights = np.array([0.9, 0.1, 0.5, 0.51])
    placed = _spread(heights)
    np.testing.assert_allclose(placed[:2], heights[:2])
    assert placed[2] < placed[3]
    assert placed[2:].mean() == pytest.approx(0.505)


@pytest.mark.parametrize("shape", [(0, 4), (5, 3)])
def test_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="but there are 4 class names"):
        membrane(np.zeros(shape), 1.0, NAMES, label=0, prediction=0)
