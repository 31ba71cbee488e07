import math

import jax
import numpy as np
import pytest

from jaxneuro.analysis.criticality import (
    branching_process,
    find_avalanches,
    galton_watson,
    subsample,
)


def test_mean_variance_and_correlation_are_those_of_theory(getkey):
    series = branching_process(getkey(), 2000, 0.8, 10.0, trials=100)
    assert series.shape == (2000, 100)
    mean, variance = 10.0 / 0.2, 50.0 / (1 - 0.8**2)
    assert series.mean() == pytest.approx(mean, rel=0.01)  # 200,000 bins, tau 4.5
    assert series.var() == pytest.approx(variance, rel=0.03)
    apart = series - series.mean()
    for lag in (1, 3, 10):
        measured = (apart[:-lag] * apart[lag:]).mean() / apart.var()
        assert measured == pytest.approx(0.8**lag, abs=0.02)


@pytest.mark.parametrize("branching", [0.5, 0.9, 1.0])
def test_sizes_follow_borel_and_durations_the_iterated_generating_function(getkey, branching):
    count = 40_000
    series = galton_watson(getkey(), count, branching, longest=500)
    found = find_avalanches(series, 1.0, 1.0)
    assert len(found.sizes) == count
    assert series[-1] == 0
    dead = 0.0
    for duration in range(1, 8):
        dead = math.exp(branching * (dead - 1.0))
        error = 4 * math.sqrt(dead * (1 - dead) / count)
        assert np.mean(found.durations <= duration) == pytest.approx(dead, abs=error)
    for size in range(1, 8):
        mean = branching * size
        wanted = math.exp(-mean) * mean ** (size - 1) / math.factorial(size)
        error = 4 * math.sqrt(wanted / count)
        assert np.mean(found.sizes == size) == pytest.approx(wanted, abs=error)


def test_what_is_not_seen_is_lost_at_random(getkey):
    counts = np.full((4000, 2), 50)
    seen = subsample(getkey(), counts, 0.1)
    assert seen.mean() == pytest.approx(5.0, abs=0.1)
    assert seen.var() == pytest.approx(4.5, rel=0.1)  # binomial
    np.testing.assert_array_equal(subsample(getkey(), counts, 1.0), counts)


def test_a_key_decides():
    first, again, other = (
        branching_process(jax.random.key(seed), 100, 0.9, 5.0) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_misuse_is_named(getkey):
    with pytest.raises(ValueError, match="there is no mean to start from"):
        branching_process(getkey(), 10, 1.0, 1.0)
    with pytest.raises(ValueError, match="grew beyond 10\\^12 at step"):
        branching_process(getkey(), 1000, 2.0, 1.0, start=1)
    with pytest.raises(ValueError, match="grew beyond 10\\^12 events"):
        galton_watson(getkey(), 100, 2.0)
    with pytest.raises(ValueError, match="branching is -1"):
        galton_watson(getkey(), 100, -1.0)
    with pytest.raises(ValueError, match="probability is 2"):
        subsample(getkey(), np.ones(3), 2.0)
    with pytest.raises(ValueError, match="the key is traced"):
        jax.jit(lambda key: galton_watson(key, 10, 0.5))(getkey())
