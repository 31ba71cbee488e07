import numpy as np
import pytest

from jaxneuro.plotting import (
    avalanche_distributions,
    crackling_relation,
    multistep_regression,
    shape_collapse,
    spatial_correlation,
)


def test_densities_sum_to_one_and_the_line_follows_them():
    sizes = np.random.default_rng(0).zipf(2.0, 20_000)
    figure = avalanche_distributions(sizes, sizes, size_fit=(2.0, 0.01, 3.0), title="all")
    figure.canvas.draw()
    left, right = figure.axes
    points, line = left.lines
    x, density = points.get_data()
    wanted = x**-2.0 / (np.pi**2 / 6)
    inside = (x > 3) & (x < 100)
    np.testing.assert_allclose(density[inside], wanted[inside], rtol=0.25)
    assert density[0] == np.mean(sizes == 1)
    np.testing.assert_allclose(
        line.get_ydata(), line.get_xdata() ** -2.0 / (np.pi**2 / 6), rtol=0.03
    )
    assert line.get_xdata()[0] == pytest.approx(3.0)
    assert left.get_legend().get_texts()[1].get_text() == "exponent 2.000 ± 0.01 from 3 on"
    assert len(right.lines) == 1
    assert left.get_xscale() == left.get_yscale() == "log"


@pytest.mark.parametrize("sizes", [np.ones(5, int), np.array([7]), np.array([1, 100_000])])
def test_few_avalanches_are_drawn(sizes):
    figure = avalanche_distributions(sizes, sizes, size_fit=(np.nan, np.nan, np.nan))
    figure.canvas.draw()
    (points,) = figure.axes[0].lines
    assert len(points.get_xdata()) == len(np.unique(sizes))


def test_crackling_lines_have_their_slopes():
    durations = np.arange(1, 50)
    figure = crackling_relation(
        durations,
        3.0 * durations**1.7,
        60 - durations,
        slope=1.7,
        predicted=2.0,
        limits=(4, 30),
    )
    figure.canvas.draw()
    (axes,) = figure.axes
    for line, slope in zip(axes.lines, (1.7, 2.0), strict=True):
        x, y = line.get_data()
        assert np.diff(np.log(y)) / np.diff(np.log(x)) == pytest.approx(slope)
        assert x.tolist() == [4, 30]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 3.0 * np.array([4, 30]) ** 1.7)
    lonely = crackling_relation([3], [5], [1], slope=np.nan, predicted=np.nan)
    assert not lonely.axes[0].lines


def test_slopes_and_their_fit():
    lags = np.arange(1, 30)
    figure = multistep_regression(
        lags,
        0.4 * 0.9**lags,
        np.full(29, 0.01),
        fit=(0.9, 0.4, 0.0),
        interval=(0.88, 0.92),
        bin=2.0,
    )
    figure.canvas.draw()
    (axes,) = figure.axes
    points, curve, _ = axes.lines
    np.testing.assert_allclose(curve.get_ydata(), points.get_ydata())
    assert points.get_xdata()[-1] == 58.0
    text = axes.get_legend().get_texts()[1].get_text()
    assert text == r"m = 0.9 (0.88 to 0.92), $\tau$ = 19 ms"
    band = axes.collections[0].get_paths()[0].vertices
    assert np.ptp(band[np.isclose(band[:, 0], 2.0), 1]) == pytest.approx(0.04)
    assert len(multistep_regression(lags, 0.0 * lags, fit=(np.nan,) * 3).axes[0].lines) == 2


def test_profiles_and_their_collapse():
    rows = np.array([[1.0, 1.0, np.nan], [1.0, 2.0, 1.0]])
    times, curves = np.array([0.3, 0.7]), np.array([[1.0, 2.0], [3.0, 4.0]])
    figure = shape_collapse(np.array([2, 3]), rows, times, curves, gamma=1.5)
    figure.canvas.draw()
    left, right, bar = figure.axes
    np.testing.assert_array_equal(left.lines[1].get_ydata(), rows[1])
    np.testing.assert_array_equal(right.lines[-1].get_ydata(), [2.0, 3.0])
    assert bar.get_ylabel() == "Duration T (bins)"
    assert right.get_title("left") == r"$\gamma$ = 1.50"


def test_correlations_and_their_fit():
    r = np.linspace(0.1, 5.0, 12)
    figure = spatial_correlation(
        r, np.exp(-r / 2) + 0.1, np.full(12, 0.02), fit=(2.0, 1.0, 0.1), unit="mm"
    )
    figure.canvas.draw()
    (axes,) = figure.axes
    curve = next(line for line in axes.lines if len(line.get_xdata()) == 200)
    np.testing.assert_allclose(curve.get_ydata(), np.exp(-curve.get_xdata() / 2) + 0.1)
    assert axes.get_legend().get_texts()[0].get_text() == r"$\xi$ = 2 mm"
    bare = spatial_correlation(r, np.exp(-r), fit=(np.nan,) * 3).axes[0]
    assert bare.get_legend() is None


def test_misuse_is_named():
    one, two = np.ones(1), np.ones(2)
    with pytest.raises(ValueError, match=r"sizes have shape \(1,\), durations \(2,\)"):
        avalanche_distributions(one, two)
    with pytest.raises(ValueError, match=r"mean sizes \(2,\)"):
        crackling_relation(one, two, one, slope=1.0, predicted=1.0)
    with pytest.raises(ValueError, match=r"lags have shape \(1,\), slopes \(2,\)"):
        multistep_regression(one, two)
    with pytest.raises(ValueError, match=r"curves \(2, 1\)"):
        shape_collapse(one, np.ones((1, 2)), one, np.ones((2, 1)), 1.0)
    with pytest.raises(ValueError, match=r"correlations \(2,\)"):
        spatial_correlation(one, two)
