import sys

import numpy as np
import pytest

from jaxneuro.analysis.criticality import (
    compare_power_law,
    fit_power_law,
    power_law_p_value,
    power_law_sample,
)

RNG = np.random.default_rng(0)
EXPONENTIAL = RNG.geometric(0.05, 1500)
LOGNORMAL = np.round(RNG.lognormal(1.5, 0.7, 1500)).clip(1)


@pytest.mark.parametrize("is_discrete", [True, False])
@pytest.mark.parametrize("exponent", [1.5, 2.0])
def test_a_power_law_is_accepted(getkey, is_discrete, exponent):
    values = power_law_sample(getkey(), 1000, exponent, is_discrete=is_discrete)
    fit = fit_power_law(values, is_discrete=is_discrete)
    assert power_law_p_value(values, fit, count=50) > 0.1


def test_a_cut_power_law_is_accepted_only_with_its_end(getkey):
    values = power_law_sample(getkey(), 3000, 1.5, 1.0, 100.0, is_discrete=True)
    for xmax, is_accepted in ((100, True), (None, False)):
        fit = fit_power_law(values, is_discrete=True, xmin=1, xmax=xmax)
        assert (power_law_p_value(values, fit, count=50) > 0.1) == is_accepted


@pytest.mark.parametrize("values", [EXPONENTIAL, LOGNORMAL, EXPONENTIAL + 0.5 * RNG.random(1500)])
def test_other_distributions_are_rejected(values):
    is_discrete = bool((values == np.round(values)).all())
    fit = fit_power_law(values, is_discrete=is_discrete, xmin=1)
    assert power_law_p_value(values, fit, count=50) == 0.0


def test_p_is_uniform_for_power_laws(getkey):
    ps = []
    for _ in range(40):
        values = power_law_sample(getkey(), 200, 2.0, is_discrete=True)
        fit = fit_power_law(values, is_discrete=True, xmin=1)
        ps.append(power_law_p_value(values, fit, count=25))
    assert 0.32 < np.mean(ps) < 0.68  # 0.5 ± 4 standard errors
    assert 0.2 < np.std(ps) < 0.38


def test_a_seed_decides(getkey):
    values = power_law_sample(getkey(), 300, 2.0, is_discrete=True)
    fit = fit_power_law(values, is_discrete=True)
    first, again = (power_law_p_value(values, fit, count=40, seed=3) for _ in range(2))
    assert first == again


def test_likelihoods_tell_distributions_apart(getkey):
    for values, better in ((EXPONENTIAL, "exponential"), (LOGNORMAL, "lognormal")):
        fit = fit_power_law(values, is_discrete=True, xmin=1)
        found = compare_power_law(values, fit)
        assert found[better].ratio < -100
        assert found[better].p < 1e-3
        assert min(found, key=lambda name: found[name].ratio) == better or (
            found[better].ratio - min(each.ratio for each in found.values()) < 1.0
        )
    heavy = power_law_sample(getkey(), 2000, 1.5, is_discrete=True)
    found = compare_power_law(heavy, fit_power_law(heavy, is_discrete=True, xmin=1))
    assert found["exponential"].ratio > 100
    assert found["lognormal"].ratio > -2.0
    # The truncated one contains the power law: it is as good, and here no better.
    assert -2.0 < found["truncated_power_law"].ratio < 0.05
    assert found["truncated_power_law"].p > 0.05


def test_a_cutoff_is_seen(getkey):
    values = power_law_sample(getkey(), 20_000, 1.5, is_discrete=True)
    keep = np.random.default_rng(0).random(20_000) < np.exp(-values / 100.0)
    values = values[keep]
    fit = fit_power_law(values, is_discrete=True, xmin=1)
    found = compare_power_law(values, fit, ["truncated_power_law"])["truncated_power_law"]
    assert found.p < 1e-6
    assert found.parameters["Lambda"] == pytest.approx(0.01, rel=0.2)
    assert found.parameters["alpha"] == pytest.approx(1.5, abs=0.05)


def test_without_a_fit_all_is_nan():
    fit = fit_power_law(np.ones(10), is_discrete=True)
    assert np.isnan(power_law_p_value(np.ones(10), fit))
    assert np.isnan(compare_power_law(np.ones(10), fit)["lognormal"].ratio)


def test_misuse_is_named(monkeypatch):
    fit = fit_power_law(EXPONENTIAL, is_discrete=True, xmin=1)
    with pytest.raises(ValueError, match=r"there is no \['gamma'\]"):
        compare_power_law(EXPONENTIAL, fit, ["gamma"])  # pyright: ignore
    with pytest.raises(ValueError, match="count is 0"):
        power_law_p_value(EXPONENTIAL, fit, count=0)
    monkeypatch.setitem(sys.modules, "powerlaw", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'jaxneuro\[app\]'"):
        compare_power_law(EXPONENTIAL, fit)
