import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.plotting import correlogram

LAGS = np.arange(-2, 3) * 0.5


def test_each_lag_is_a_bar_around_it():
    values = jnp.asarray([1.0, 0.0, 5.0, 3.0, jnp.nan])
    figure = correlogram(LAGS, values, expected=2.0, quantity="Rate (Hz)", title="a, b")
    figure.canvas.draw()
    (axes,) = figure.axes
    np.testing.assert_array_equal([bar.get_height() for bar in axes.patches], values)
    np.testing.assert_allclose([bar.get_x() + 0.25 for bar in axes.patches], LAGS)
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], 0.5)
    assert axes.get_xlim() == (-1.25, 1.25)
    assert axes.get_ylabel() == "Rate (Hz)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["without a relation"]
    assert [2.0, 2.0] in [list(line.get_ydata()) for line in axes.lines]
    # The legend is off the data.
    assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1 - 1


def test_coefficients_below_0_and_nothing_known_are_drawn():
    figure = correlogram(LAGS, np.array([0.1, -0.2, 0.5, 0.0, 0.0]))
    figure.canvas.draw()
    assert figure.axes[0].get_ylim()[0] < -0.2
    assert figure.axes[0].get_legend() is None
    correlogram(LAGS, np.full(5, np.nan)).canvas.draw()


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"lags have shape \(5,\), values \(5, 2\)"):
        correlogram(LAGS, np.zeros((5, 2)))
    with pytest.raises(ValueError, match="at least two lags"):
        correlogram(np.zeros(1), np.zeros(1))
