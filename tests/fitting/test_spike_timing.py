import numpy as np
import pytest
from objective_examples import hand_made, score

from jaxneuro.fitting import SpikeTiming


def integral(ours, theirs, windows):
    """The definition, on a fine grid."""
    total = 0.0
    for start, stop in windows:
        t = start + (np.arange(200_000) + 0.5) * (stop - start) / 200_000
        count = [np.searchsorted([x for x in train if x > start], t) for train in (ours, theirs)]
        total += np.abs(count[0] - count[1]).mean()
    return total / len(windows)


def test_of_equally_many_spikes_it_is_the_sum_of_their_differences(x64):
    ours, theirs = [12.3, 31.0, 47.1, 70.0], [14.0, 30.2, 47.35, 65.1]
    found = score(SpikeTiming(), hand_made([theirs]), [ours])
    np.testing.assert_allclose(found, np.abs(np.subtract(ours, theirs)).sum() / 80.0, rtol=1e-12)


def test_a_spike_too_many_or_too_few_costs_the_rest_of_the_window(x64):
    target = hand_made([[], [40.0, 60.0]])
    found = score(SpikeTiming(), target, [[30.25], [40.0]])
    np.testing.assert_allclose(found, [59.75 / 80.0, 30.0 / 80.0], rtol=1e-12)


@pytest.mark.parametrize("block", [None, 1, 7])
def test_random_trains_have_the_integral(block, x64):
    random = np.random.default_rng(0)
    windows = ((10.0, 35.0), (40.5, 90.0))
    # At most one in each step of 0.5 ms; in several steps one of both trains, in either order.
    trains = [
        [
            np.sort(random.choice(200, 40, replace=False) + random.uniform(0, 1, 40)) * 0.5
            for _ in range(6)
        ]
        for _ in range(2)
    ]
    found = score(SpikeTiming(), hand_made(trains[1], windows), trains[0], block)
    wanted = [integral(ours, theirs, windows) for ours, theirs in zip(*trains, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-3)  # that of the grid


def test_it_is_continuous_where_a_spike_passes_the_end(x64):
    target = hand_made([[20.0]])
    around = [score(SpikeTiming(), target, [[20.0, time]])[0] for time in (89.999, 90.001)]
    np.testing.assert_allclose(around, 0.0, atol=2e-5)


def test_spikes_before_a_window_do_not_count(x64):
    found = score(SpikeTiming(), hand_made([[20.0]]), [[3.0, 9.9, 20.0, 95.0]])
    np.testing.assert_array_equal(found, 0.0)
