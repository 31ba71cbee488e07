import numpy as np
import pytest

from jaxneuro.analysis import LogisticFit, fit_logistic, fit_step

X = np.linspace(-2.0, 5.0, 15)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e4])
@pytest.mark.parametrize(
    ("midpoint", "slope", "lower", "upper"),
    [(0.5, 2.0, 0.0, 1.0), (3.0, -1.5, 0.0, 1.0), (1.0, 3.0, 4.0, 40.0), (1.0, 2.0, 0.9, 0.1)],
)
def test_a_known_curve_is_found(midpoint, slope, lower, upper, scale):
    known = LogisticFit(midpoint * scale, slope / scale, lower, upper, 0.0)
    limits = (lower, upper) if (lower, upper) == (0.0, 1.0) else (None, None)
    fit = fit_logistic(X * scale, known(X * scale), lower=limits[0], upper=limits[1])
    assert fit[:4] == pytest.approx(known[:4], rel=1e-4)
    assert fit.error < 1e-5


def test_one_limit_may_be_known():
    y = LogisticFit(1.0, 2.0, 0.0, 0.8, 0.0)(X)
    fit = fit_logistic(X, y, upper=None)
    assert fit[:4] == pytest.approx((1.0, 2.0, 0.0, 0.8), rel=1e-4)


def test_choices_drawn_from_a_curve_give_it_back():
    rng = np.random.default_rng(0)
    x = np.repeat(X, 200)
    y = rng.random(x.size) < LogisticFit(1.2, 1.7, 0.0, 1.0, 0.0)(x)
    fit = fit_logistic(x, y)
    # The standard errors of 3000 draws are about 0.03 and 0.06.
    assert fit.midpoint == pytest.approx(1.2, abs=0.12)
    assert fit.slope == pytest.approx(1.7, abs=0.25)


def test_a_step_gets_a_steep_curve_and_finite_numbers():
    fit = fit_logistic(X, X >= 1.5)
    assert 1.0 <= fit.midpoint <= 1.5
    assert 10.0 < fit.slope <= 100.0
    assert fit.error < 1e-3
    flat = fit_logistic(X, np.full(15, 0.5), lower=None, upper=None)
    assert np.isfinite(flat[:4]).all()
    np.testing.assert_allclose(flat(X), 0.5, atol=1e-6)
    np.testing.assert_allclose(fit(np.array([-1e300, 1e300])), [0.0, 1.0])


def test_the_step_of_least_squares_is_the_best_of_all():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 12, 40).astype(float), rng.random(40)
    fit = fit_step(x, y)

    def loss(edge):
        parts = (y[x < edge], y[x >= edge])
        return sum(np.sum((part - part.mean()) ** 2) for part in parts)

    edges = np.unique(x)[:-1] + np.diff(np.unique(x)) / 2
    assert fit.edge == edges[np.argmin([loss(edge) for edge in edges])]
    assert fit.error == pytest.approx(np.sqrt(loss(fit.edge) / 40))
    assert fit.before == pytest.approx(y[x < fit.edge].mean())
    assert fit(np.array([-1.0, fit.edge, 20.0])).tolist() == [fit.before, fit.after, fit.after]


def test_equally_good_edges_give_the_first():
    assert fit_step(np.arange(4.0), np.zeros(4)).edge == 0.5


def test_what_is_not_finite_is_left_out():
    y = X >= 1.5
    holes = np.where(np.arange(15) % 4 == 0, np.nan, y)
    assert fit_step(X, holes)[1:] == (0.0, 1.0, 0.0)
    assert fit_logistic(X, holes).error < 1e-3


def test_misuse_is_named():
    for fit, least in ((fit_logistic, 3), (fit_step, 2)):
        with pytest.raises(ValueError, match=rf"at 1 different x. Pass at least {least}"):
            fit(np.ones(6), np.arange(6.0))
        with pytest.raises(ValueError, match="one y for each x"):
            fit(np.ones(6), np.ones(5))
