import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.plotting import tuning_curves

X = [0.0, 1.0, 2.0]
MEAN = np.array([[1.0, 4.0], [5.0, 2.0], [3.0, np.nan]])
ERROR = np.array([[0.5, 0.1], [0.2, np.nan], [0.3, 0.3]])


def test_curves_have_their_points_bars_and_names():
    figure = tuning_curves(X, jnp.asarray(MEAN), ERROR, names=["a", "b"], quantity="Size (deg)")
    figure.canvas.draw()
    (axes,) = figure.axes
    for index, container in enumerate(axes.containers):
        np.testing.assert_array_equal(container.lines[0].get_ydata(), MEAN[:, index])
        (bars,) = container.lines[2]
        heights = [np.ptp(segment[:, 1]) / 2 for segment in bars.get_segments() if len(segment)]
        known = np.isfinite(MEAN[:, index]) & np.isfinite(ERROR[:, index])
        heights = [height for height in heights if np.isfinite(height)]
        np.testing.assert_allclose(heights, ERROR[known, index])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    assert axes.get_xlabel() == "Size (deg)"
    # The legend is off the data.
    assert axes.get_legend().get_window_extent().x0 > axes.get_window_extent().x1


def test_a_fit_takes_the_place_of_the_line():
    x = np.linspace(0.0, 2.0, 9)
    figure = tuning_curves(X, MEAN[:, 0], fit=(x, x**2), title="one")
    (axes,) = figure.axes
    points, fit = axes.lines
    assert points.get_linestyle() == "None"
    np.testing.assert_array_equal(fit.get_ydata(), x**2)
    assert axes.get_legend() is None
    assert axes.get_title() == "one"


def test_many_neurons_have_a_colour_scale():
    figure = tuning_curves(X, np.ones((3, 40)), np.ones((3, 40)), is_angle=True)
    figure.canvas.draw()
    axes, bar = figure.axes
    assert len(axes.containers) == 40
    assert axes.get_legend() is None
    assert bar.get_ylabel() == "Neuron"
    assert [tick.get_text() for tick in axes.get_xticklabels()][-1] == "2π"


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"mean has shape \(2,\), but there are 3 stimuli"):
        tuning_curves(X, np.zeros(2))
    with pytest.raises(ValueError, match=r"error has shape \(3, 2\), but mean \(3,\)"):
        tuning_curves(X, np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="1 names for 2 curves"):
        tuning_curves(X, MEAN, names=["a"])
    with pytest.raises(ValueError, match=r"the fit has 4 points and heights of shape \(4, 1\)"):
        tuning_curves(X, MEAN, fit=(np.zeros(4), np.zeros(4)))
