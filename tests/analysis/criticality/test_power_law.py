import warnings

import numpy as np
import powerlaw
import pytest
from scipy import stats
from scipy.special import zeta

from jaxneuro.analysis.criticality import fit_power_law, power_law_sample, power_law_survival

KINDS = [True, False]


@pytest.mark.parametrize("is_discrete", KINDS)
@pytest.mark.parametrize("exponent", [1.2, 1.5, 2.0, 3.5])
@pytest.mark.parametrize("xmax", [np.inf, 300.0])
def test_exponents_are_recovered_within_their_error(getkey, is_discrete, exponent, xmax):
    values = power_law_sample(getkey(), 20_000, exponent, 1.0, xmax, is_discrete=is_discrete)
    end = None if np.isinf(xmax) else xmax
    fit = fit_power_law(values, is_discrete=is_discrete, xmin=1.0, xmax=end)
    assert abs(fit.exponent - exponent) < 3 * fit.error
    assert fit.error < 0.03
    assert fit.distance < 1.6 / np.sqrt(20_000)
    assert fit.tail == 20_000
    assert (fit.xmin, fit.xmax) == (1.0, xmax)
    chosen = fit_power_law(values, is_discrete=is_discrete, xmax=end)
    assert abs(chosen.exponent - exponent) < 4 * chosen.error  # the choice adds to it
    assert chosen.is_xmin_chosen


@pytest.mark.parametrize("is_discrete", KINDS)
def test_the_error_is_the_spread_of_repetitions(getkey, is_discrete):
    fits = [
        fit_power_law(
            power_law_sample(getkey(), 500, 1.8, is_discrete=is_discrete),
            is_discrete=is_discrete,
            xmin=1.0,
        )
        for _ in range(300)
    ]
    spread = np.std([fit.exponent for fit in fits])
    assert spread == pytest.approx(np.mean([fit.error for fit in fits]), rel=0.12)


def test_real_numbers_have_a_closed_form():
    x = 2.0 * np.random.default_rng(0).random(1000) ** -2.0
    fit = fit_power_law(x, is_discrete=False, xmin=2.0)
    assert fit.exponent == pytest.approx(1 + 1000 / np.log(x / 2.0).sum(), rel=1e-8)
    assert fit.error == pytest.approx((fit.exponent - 1) / np.sqrt(1000), rel=1e-4)
    pareto = stats.pareto(fit.exponent - 1, scale=2.0)
    assert fit.distance == pytest.approx(stats.kstest(x, pareto.cdf).statistic, rel=1e-8)


@pytest.mark.parametrize("xmax", [None, 40])
def test_whole_numbers_against_sums_by_hand(xmax):
    values = np.minimum(np.random.default_rng(0).zipf(2.0, 3000), 40)
    fit = fit_power_law(values, is_discrete=True, xmin=2, xmax=xmax)
    inside = values[values >= 2]
    support = np.arange(2.0, 41.0)

    def log_likelihood(a):
        total = zeta(a, 2.0) if xmax is None else (support**-a).sum()
        return -a * np.log(inside).sum() - len(inside) * np.log(total)

    for shift in (-1e-3, 1e-3):
        assert log_likelihood(fit.exponent) > log_likelihood(fit.exponent + shift)
    total = zeta(fit.exponent, 2.0) if xmax is None else (support**-fit.exponent).sum()
    model = np.cumsum(support**-fit.exponent) / total
    data = np.array([(inside <= x).mean() for x in support])
    assert fit.distance == pytest.approx(np.abs(model - data).max(), rel=1e-8)
    survival = power_law_survival(support, fit.exponent, 2.0, xmax or np.inf, is_discrete=True)
    np.testing.assert_allclose(survival[1:], 1 - model[:-1], rtol=1e-8)


@pytest.mark.parametrize("is_discrete", KINDS)
@pytest.mark.parametrize("exponent", [1.5, 2.2])
def test_as_the_package_powerlaw(getkey, is_discrete, exponent):
    values = power_law_sample(getkey(), 1500, exponent, is_discrete=is_discrete)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = powerlaw.Fit(values, discrete=is_discrete, xmin=1, verbose=0).power_law
    ours = fit_power_law(values, is_discrete=is_discrete, xmin=1)
    # Theirs is found by a simplex to 1e-4, and compares the distributions on one side of jumps.
    assert ours.exponent == pytest.approx(theirs.alpha, abs=2e-4)
    assert ours.distance == pytest.approx(theirs.D, abs=1.01 / 1500)


@pytest.mark.parametrize("is_discrete", KINDS)
def test_xmin_is_found_where_the_power_law_begins(getkey, is_discrete):
    rng = np.random.default_rng(0)
    tail = power_law_sample(getkey(), 4000, 2.5, 20.0, is_discrete=is_discrete)
    body = rng.integers(1, 20, 4000) if is_discrete else rng.uniform(1.0, 20.0, 4000)
    fit = fit_power_law(np.concatenate([body, tail]), is_discrete=is_discrete)
    assert 18 <= fit.xmin < 30
    assert abs(fit.exponent - 2.5) < 3 * fit.error


def test_draws_have_their_probabilities(getkey):
    values = power_law_sample(getkey(), 100_000, 1.5, 3.0, is_discrete=True)
    for x in (3, 4, 10, 100, 20_000, 200_000):
        wanted = zeta(1.5, x) / zeta(1.5, 3.0)
        error = 4 * np.sqrt(wanted / 100_000)
        assert np.mean(values >= x) == pytest.approx(wanted, abs=error)
    assert (values == np.round(values)).all()
    cut = power_law_sample(getkey(), 10_000, 1.5, 1.0, 50_000.0, is_discrete=True)
    assert 10_000 < cut.max() <= 50_000


def test_too_little_is_nan():
    for values in (np.zeros(0), np.ones(100), np.zeros(100), np.arange(1, 40)):
        for xmin in (None, 1.0):
            fit = fit_power_law(values, is_discrete=True, xmin=xmin)
            assert np.isnan([fit.exponent, fit.error, fit.distance]).all()
            assert fit.tail == 0


def test_misuse_is_named():
    with pytest.raises(ValueError, match="not all whole numbers"):
        fit_power_law(np.array([1.5, 2.0]), is_discrete=True)
    with pytest.raises(ValueError, match="1 that are not finite"):
        fit_power_law(np.array([1.0, np.nan]), is_discrete=True)
    with pytest.raises(ValueError, match="xmin is 5 and xmax 2"):
        fit_power_law(np.ones(3), is_discrete=True, xmin=5, xmax=2)
    with pytest.raises(ValueError, match=r"xmin is 1.5 .* whole numbers"):
        fit_power_law(np.ones(3), is_discrete=True, xmin=1.5)
    with pytest.raises(ValueError, match="the exponent is 1"):
        power_law_sample(None, 3, 1.0, is_discrete=True)  # pyright: ignore
