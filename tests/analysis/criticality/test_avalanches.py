import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis.criticality import find_avalanches, population_interval


def by_hand(counts):
    """Sizes and durations, one bin after another."""
    found, size, duration = [], 0, 0
    for count in [*counts, 0]:
        if count:
            size, duration = size + count, duration + 1
        elif duration:
            found.append((size, duration))
            size, duration = 0, 0
    return found


@pytest.mark.parametrize("bin", [0.5, 1.5, 5.0])
def test_runs_of_bins_that_are_not_empty(bin):
    spikes = np.random.default_rng(0).random((1000, 30)) < 0.01
    found = find_avalanches(spikes, 0.5, bin)
    steps = round(bin / 0.5)
    counts = [spikes[i : i + steps].sum() for i in range(0, 1000 - steps + 1, steps)]
    np.testing.assert_array_equal(found.counts, counts)
    wanted = by_hand(counts)
    assert list(zip(found.sizes, found.durations, strict=True)) == wanted
    assert len(wanted) > 5
    assert found.bin == bin
    for start, size, duration in zip(found.starts, found.sizes, found.durations, strict=True):
        assert found.counts[start : start + duration].sum() == size
    same = find_avalanches(jnp.asarray(spikes.sum(axis=1)), 0.5, bin)
    np.testing.assert_array_equal(same.sizes, found.sizes)


def test_the_bin_is_the_mean_interval_of_the_population():
    spikes = np.zeros((1001, 2))
    spikes[::20, 0], spikes[10::40, 1] = 1, 1  # 51 and 25 spikes in 1000 steps
    assert population_interval(spikes, 0.1) == pytest.approx(100.0 / 75)
    assert find_avalanches(spikes, 0.1).bin == pytest.approx(1.3)  # whole steps
    dense = np.random.default_rng(0).poisson(5.0, 1000)
    assert find_avalanches(dense, 0.1).bin == 0.1


def test_a_bin_of_one_step_cuts_what_travels_slowly():
    # Defect Q B(1) of the original: spikes 1 ms after one another, in bins of 0.1 ms.
    spikes = np.zeros(2000, int)
    for start in (100, 700, 1500):
        spikes[start : start + 50 : 10] = 1
    cut = find_avalanches(spikes, 0.1, 0.1)
    assert cut.sizes.tolist() == [1] * 15
    assert find_avalanches(spikes, 0.1, 1.0).sizes.tolist() == [5, 5, 5]


def test_avalanches_at_the_ends_may_have_been_cut():
    found = find_avalanches(np.array([2, 0, 1, 1, 0, 3]), 1.0, 1.0)
    assert found.sizes.tolist() == [2, 2, 3]
    assert found.is_complete.tolist() == [False, True, False]


def test_a_threshold_separates_activity_that_never_ends():
    counts = np.array([1, 5, 6, 1, 1, 7, 1])
    assert find_avalanches(counts, 1.0, 1.0).durations.tolist() == [7]
    found = find_avalanches(counts, 1.0, 1.0, threshold=1)
    assert found.sizes.tolist() == [11, 7]


@pytest.mark.parametrize("shape", [(0,), (100,), (100, 5), (100, 0), (0, 5)])
def test_a_quiet_network_has_none(shape):
    found = find_avalanches(np.zeros(shape), 0.1)
    assert found.sizes.size == found.durations.size == 0
    assert np.isnan(population_interval(np.zeros(shape), 0.1))


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"bin is 0.25 ms, which is no multiple of dt = 0.1 ms"):
        find_avalanches(np.ones(10), 0.1, 0.25)
    with pytest.raises(ValueError, match="whole numbers of spikes"):
        find_avalanches(np.array([0.5, 0.2]), 0.1)
    with pytest.raises(ValueError, match="dt is 0"):
        find_avalanches(np.ones(10), 0.0)
