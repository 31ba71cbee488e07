import itertools

import numpy as np
import pytest

from jaxneuro.analysis import gamma_factor, van_rossum, victor_purpura

# Two trains, 8 of the spikes near each other, and their distances by Elephant 1.2.1
# (victor_purpura_distance, van_rossum_distance).
A = [14.2, 34.7, 46.0, 63.9, 68.1, 135.7, 135.9, 192.1, 203.6, 209.6, 220.5, 226.7]
B = [14.4, 32.8, 40.1, 45.9, 53.8, 65.3, 65.4, 132.1, 134.8, 153.1, 189.5]
VICTOR_PURPURA = {0.0: 1.0, 0.02: 6.282, 0.1: 8.36, 0.5: 13.8, 2.0: 19.4}
VAN_ROSSUM = {
    1.0: 4.465960752506895,
    5.0: 3.6790176719066,
    20.0: 3.9574441767453905,
    100.0: 3.746117414190125,
}


@pytest.mark.parametrize(("cost", "distance"), VICTOR_PURPURA.items())
def test_victor_purpura_is_that_of_elephant(cost, distance):
    assert victor_purpura(A, B, cost) == pytest.approx(distance, rel=1e-12)
    assert victor_purpura(B[::-1], A, cost) == pytest.approx(distance, rel=1e-12)


@pytest.mark.parametrize(("tau", "distance"), VAN_ROSSUM.items())
def test_van_rossum_is_that_of_elephant(tau, distance):
    assert van_rossum(A, B, tau) == pytest.approx(distance, rel=1e-12)
    assert van_rossum(B, A, tau) == pytest.approx(distance, rel=1e-12)


def test_victor_purpura_by_hand():
    assert victor_purpura([], [], 1.0) == 0.0
    assert victor_purpura([1.0, 2.0, 3.0], [], 1.0) == 3.0
    assert victor_purpura([10.0], [13.0], 0.5) == 1.5
    assert victor_purpura([10.0], [15.0], 0.5) == 2.0  # out and in again is cheaper than 2.5
    # To move 10 to 12 and take 14 away costs as much as the other way round.
    assert victor_purpura([10.0, 14.0], [12.0], 0.1) == pytest.approx(1.2)


def test_victor_purpura_is_the_least_over_all_ways():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = np.sort(rng.uniform(0, 20, 4)), np.sort(rng.uniform(0, 20, 3))
        ways = [7.0]
        for pairs in range(1, 4):
            for left in itertools.combinations(a, pairs):
                for right in itertools.combinations(b, pairs):
                    moved = 0.3 * np.abs(np.subtract(left, right)).sum()
                    ways.append(moved + 7 - 2 * pairs)
        assert victor_purpura(a, b, 0.3) == pytest.approx(min(ways), rel=1e-12)


def test_van_rossum_is_the_integral():
    tau, dt = 8.0, 0.01
    time = np.arange(0.0, 500.0, dt)[:, None] + dt / 2

    def filtered(train):
        after = time - np.asarray(train)
        return np.where(after > 0, np.exp(-np.maximum(after, 0) / tau), 0.0).sum(axis=1)

    integral = 2 / tau * dt * np.sum((filtered(A) - filtered(B)) ** 2)
    assert van_rossum(A, B, tau) == pytest.approx(np.sqrt(integral), rel=1e-3)


def test_van_rossum_by_hand():
    assert van_rossum([], [], 5.0) == 0.0
    assert van_rossum([3.0], [], 5.0) == 1.0
    assert van_rossum([3.0, 3.0], [], 5.0) == 2.0  # as one of twice the height
    assert van_rossum([0.0], [5.0], 5.0) == pytest.approx(np.sqrt(2 - 2 / np.e), rel=1e-12)
    assert van_rossum([0.0], [1e4], 5.0) == pytest.approx(np.sqrt(2), rel=1e-12)


def test_gamma_factor_by_hand():
    assert gamma_factor([10.0, 60.0], [12.0, 58.0], 2.0, 200.0) == 1.0
    assert gamma_factor([10.0, 60.0], [], 2.0, 200.0) == 0.0
    assert gamma_factor([], [10.0, 60.0], 2.0, 200.0) == 0.0
    assert np.isnan(gamma_factor([], [], 2.0, 200.0))
    # None of 2 coincide; chance would have 2 * 4 ms / 200 ms * 2 = 0.16 of them.
    missed = gamma_factor([10.0, 60.0], [30.0, 90.0, 120.0, 150.0], 2.0, 200.0)
    assert missed == pytest.approx(2 / 0.92 * (0 - 0.16) / 6, rel=1e-12)
    # The rate is that of the model: the other way round, the correction differs.
    other = gamma_factor([10.0], [10.0, 60.0, 90.0], 2.0, 100.0)
    assert other == pytest.approx(2 / 0.88 * (1 - 0.12) / 4, rel=1e-12)


def test_each_spike_coincides_with_one_other_at_most():
    burst = gamma_factor([10.0, 100.0], [9.0, 10.0, 11.0], 2.0, 300.0)
    assert burst == pytest.approx(2 / 0.96 * (1 - 2 * 0.04) / 5, rel=1e-12)
    # 12 is nearest to 11.5, but that would leave 10 and 13.5 alone.
    pairs = gamma_factor([10.0, 14.5], [12.0, 12.4], 2.2, 100.0)
    assert pairs == pytest.approx(2 / 0.912 * (2 - 0.176) / 4, rel=1e-12)


def test_gamma_factor_of_poisson_trains_is_zero_on_average():
    rng = np.random.default_rng(0)
    data = np.arange(50.0, 1e4, 100.0)
    values = [
        gamma_factor(data, rng.uniform(0, 1e4, rng.poisson(100)), 5.0, 1e4) for _ in range(400)
    ]
    # The mean of these has a standard error of 0.0015. Where two spikes of the model meet one of
    # the data, only one counts: 1 - exp(-0.1) of them and not 0.1 coincide, which is 0.005 less.
    assert np.mean(values) == pytest.approx(-0.005, abs=0.004)


def test_misuse_is_refused():
    with pytest.raises(ValueError, match=r"window is 5.0 ms.*shortest interval.*10.0 ms"):
        gamma_factor([10.0, 20.0], [10.0], 5.0, 100.0)
    with pytest.raises(ValueError, match=r"50 spikes of the model.*fill the duration"):
        gamma_factor([10.0], np.arange(50.0), 1.0, 100.0)
    with pytest.raises(ValueError, match=r"duration is 30.0 ms.*span 40.0 ms"):
        gamma_factor([10.0, 50.0], [], 1.0, 30.0)
    with pytest.raises(ValueError, match=r"window is 0 ms"):
        gamma_factor([10.0], [10.0], 0, 100.0)
    with pytest.raises(ValueError, match=r"cost is -1.0 per ms"):
        victor_purpura(A, B, -1.0)
    with pytest.raises(ValueError, match=r"tau is 0.0 ms"):
        van_rossum(A, B, 0.0)
    with pytest.raises(ValueError, match=r"b must be.*shape \(2,\) and 1 values.*np.isfinite"):
        van_rossum(A, [1.0, np.inf], 5.0)
