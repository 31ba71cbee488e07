import numpy as np
import pytest

from jaxneuro.analysis.criticality import (
    crackling_relation,
    find_avalanches,
    fit_power_law,
    galton_watson,
    mean_profiles,
    shape_collapse,
)


def measured(series):
    found = find_avalanches(series, 1.0, 1.0)
    size = fit_power_law(found.sizes, is_discrete=True)
    duration = fit_power_law(found.durations, is_discrete=True)
    relation = crackling_relation(
        found.sizes, found.durations, size.exponent, duration.exponent, shortest=duration.xmin
    )
    return found, size, duration, relation


def test_a_critical_branching_process_crackles(getkey):
    series = galton_watson(getkey(), 40_000, 1.0, longest=1000)
    found, size, duration, relation = measured(series)
    # The exponents hold for large avalanches: small ones have corrections of order 1 / T.
    assert size.exponent == pytest.approx(1.5, abs=0.03)
    assert duration.exponent == pytest.approx(2.0, abs=0.1)
    assert relation.slope == pytest.approx(2.0, abs=0.12)
    assert relation.deviation < 0.15
    profiles = mean_profiles(found, shortest=10, longest=60)
    collapse = shape_collapse(profiles.durations, profiles.values)
    assert collapse.gamma == pytest.approx(2.0, abs=0.2)
    same = crackling_relation(found.sizes, found.durations, 1.5, 2.0, shortest=10, longest=60)
    assert collapse.gamma == pytest.approx(same.slope, abs=0.06)
    assert collapse.error < 0.02


def test_a_subcritical_one_does_not(getkey):
    *_, relation = measured(galton_watson(getkey(), 20_000, 0.8))
    assert relation.deviation > 0.4


def test_the_line_is_that_of_weighted_least_squares():
    rng = np.random.default_rng(0)
    durations = rng.geometric(0.2, 2000)
    sizes = np.round(durations**1.6 * rng.lognormal(0.0, 0.3, 2000)) + 1
    found = crackling_relation(sizes, durations, 1.5, 1.8, shortest=2, longest=15)
    here = [t for t in np.unique(durations) if 2 <= t <= 15]
    means = [sizes[durations == t].mean() for t in here]
    counts = np.array([(durations == t).sum() for t in here])
    (slope, _), cov = np.polyfit(np.log(here), np.log(means), 1, w=np.sqrt(counts), cov=True)
    assert found.slope == pytest.approx(slope, rel=1e-10)
    assert found.error == pytest.approx(np.sqrt(cov[0, 0]), rel=1e-10)
    assert found.predicted == pytest.approx(1.6)
    assert found.deviation == pytest.approx(abs(1.6 - slope))
    assert found.limits == (2, 15)


def test_without_avalanches_all_is_nan():
    found = crackling_relation(np.zeros(0), np.zeros(0, int), np.nan, np.nan)
    assert np.isnan([found.slope, found.error, found.predicted, found.deviation]).all()
    with pytest.raises(ValueError, match=r"sizes have shape \(3,\), durations \(2,\)"):
        crackling_relation(np.ones(3), np.ones(2), 1.5, 2.0)


@pytest.mark.parametrize("gamma", [1.3, 1.5, 2.0])
def test_parabolas_collapse_with_the_gamma_they_were_made_with(gamma):
    durations = np.arange(6, 40, 3)
    rows = np.full((len(durations), 39), np.nan)
    for row, length in zip(rows, durations, strict=True):
        time = (np.arange(length) + 0.5) / length
        row[:length] = length ** (gamma - 1) * time * (1 - time)
    found = shape_collapse(durations, rows)
    # Between two bins the parabola is interpolated by a line, which cuts 0.25 / 5² off its top.
    assert found.gamma == pytest.approx(gamma, abs=0.01)
    assert found.error < 1e-4
    np.testing.assert_allclose(
        found.curves, np.tile(found.times * (1 - found.times), (len(durations), 1)), atol=0.012
    )
    noisy = rows * np.random.default_rng(0).normal(1.0, 0.05, rows.shape)
    assert shape_collapse(durations, noisy).gamma == pytest.approx(gamma, abs=0.05)


def test_profiles_are_means_of_equal_durations():
    counts = np.array([0, 1, 3, 0, 3, 5, 0, 2, 0, 1, 1, 1, 0, 9])
    profiles = mean_profiles(find_avalanches(counts, 1.0, 1.0), shortest=1, least=1)
    assert profiles.durations.tolist() == [1, 2, 3]
    assert profiles.counts.tolist() == [1, 2, 1]  # the 9 at the end may go on
    np.testing.assert_array_equal(profiles.values, [[2, np.nan, np.nan], [2, 4, np.nan], [1, 1, 1]])
    none = mean_profiles(find_avalanches(np.zeros(5), 1.0))
    assert np.isnan(shape_collapse(none.durations, none.values).gamma)
    with pytest.raises(ValueError, match=r"durations have shape \(2,\), profiles \(3, 4\)"):
        shape_collapse(np.ones(2), np.ones((3, 4)))
