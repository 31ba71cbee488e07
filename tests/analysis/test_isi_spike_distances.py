import numpy as np
import pytest

from jaxneuro.analysis import distance_matrix, isi_distance, pad_spike_times, spike_distance

MEASURES = [isi_distance, spike_distance]


def random_trains(seed, spikes=9):
    rng = np.random.default_rng(seed)
    return [np.sort(rng.uniform(0.0, 100.0, rng.integers(0, spikes))) for _ in range(2)]


@pytest.mark.parametrize("period", [5.0, 8.0, 10.0])
def test_regular_trains_differ_in_their_intervals(period):
    a, b = np.arange(0.0, 201.0, 10.0), np.arange(0.0, 201.0, period)
    assert isi_distance(a, b, 0.0, 200.0) == pytest.approx(1 - period / 10.0, abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0, 5.0])
def test_a_shift_of_regular_trains_is_relative_to_the_period(shift):
    a = np.arange(10.0, 100.0, 10.0)
    assert spike_distance(a, a + shift, 5.0, 99.0) == pytest.approx(shift / 10, abs=1e-12)


def test_two_single_spikes_by_hand():
    # Before 4 both intervals reach to the start: 4 and 6 long, and each spike is 2 from the other.
    # Between, 6 (to the stop, at 10) and 6; after, 6 and 4.
    ends = (2 * 6 + 2 * 4) / (2 * 5.0**2)
    middle = (2 * 6 + 2 * 6) / (2 * 6.0**2)
    wanted = (4 * ends + 2 * middle + 4 * ends) / 10
    assert spike_distance([4.0], [6.0], 0.0, 10.0) == pytest.approx(wanted, abs=1e-12)
    assert isi_distance([4.0], [6.0], 0.0, 10.0) == pytest.approx((4 + 4) / 3 / 10, abs=1e-12)


def sampled(a, b, start, stop, points=200_000):
    """S(t) of eqs. 12 to 19 of Kreuz et al. (2013), on a grid, from their definitions."""
    t = start + (np.arange(points) + 0.5) * (stop - start) / points

    def ended(train):
        first, last = 2 * train[0] - train[1], 2 * train[-1] - train[-2]
        return np.concatenate([[min(start, first)], train, [max(stop, last)]])

    def local(train, other):
        whole, others = ended(train), ended(other)
        nearest = np.abs(train[:, None] - others).min(axis=1)
        nearest = np.concatenate([nearest[:1], nearest, nearest[-1:]])
        after = np.searchsorted(train, t, side="right") + 1
        interval = whole[after] - whole[after - 1]
        weighted = nearest[after - 1] * (whole[after] - t) + nearest[after] * (t - whole[after - 1])
        return weighted / interval, interval

    (s_a, i_a), (s_b, i_b) = local(a, b), local(b, a)
    isi = np.mean(np.abs(i_a - i_b) / np.maximum(i_a, i_b))
    return isi, np.mean((s_a * i_b + s_b * i_a) / (2 * ((i_a + i_b) / 2) ** 2))


@pytest.mark.parametrize("seed", range(5))
def test_the_integral_is_that_of_samples(seed):
    rng = np.random.default_rng(seed)
    a, b = np.sort(rng.uniform(0, 100, 8)), np.sort(rng.uniform(0, 100, 5))
    isi, spike = sampled(a, b, 0.0, 100.0)
    assert isi_distance(a, b, 0.0, 100.0) == pytest.approx(isi, abs=1e-5)
    assert spike_distance(a, b, 0.0, 100.0) == pytest.approx(spike, abs=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("seed", range(40))
def test_it_is_symmetric_in_trains_and_time_and_has_no_unit(measure, seed):
    a, b = random_trains(seed)
    value = measure(a, b, 0.0, 100.0)
    assert 0 <= value <= 1
    assert measure(b, a, 0.0, 100.0) == pytest.approx(value, abs=1e-12)
    assert measure(100 - a, 100 - b, 0.0, 100.0) == pytest.approx(value, abs=1e-12)
    assert measure(3 * a + 7, 3 * b + 7, 7.0, 307.0) == pytest.approx(value, abs=1e-12)
    assert measure(a, a[::-1], 0.0, 100.0) == 0.0


@pytest.mark.parametrize("measure", MEASURES)
def test_silence_and_spikes_on_the_edges(measure):
    assert measure([], [], 0.0, 10.0) == 0.0
    assert measure([], [0.0, 10.0], 0.0, 10.0) == 0.0
    for a in ([], [0.0], [10.0], [5.0, 5.0], [0.0, 10.0]):
        for b in ([], [0.0], [10.0], [3.0]):
            assert 0 <= measure(a, b, 0.0, 10.0) <= 1
    # An interval of 10 against two of 5.
    assert isi_distance([], [5.0], 0.0, 10.0) == 0.5


def test_a_matrix_holds_every_pair():
    trains = [*random_trains(1), np.array([]), *random_trains(2)]
    matrix = distance_matrix(trains, spike_distance, start=0.0, stop=100.0)
    assert matrix.shape == (5, 5)
    np.testing.assert_array_equal(matrix, matrix.T)
    for i in range(5):
        for j in range(5):
            wanted = spike_distance(trains[i], trains[j], 0.0, 100.0)
            assert matrix[i, j] == pytest.approx(wanted, abs=1e-12)
    padded = pad_spike_times(trains)
    again = distance_matrix(padded, spike_distance, start=0.0, stop=100.0)
    np.testing.assert_array_equal(again, matrix)
    assert distance_matrix([], spike_distance).shape == (0, 0)


@pytest.mark.parametrize("measure", MEASURES)
def test_misuse_is_named(measure):
    with pytest.raises(
        ValueError, match=r"spikes of b are from 3\.0 to 12\.0 ms.*0\.0 to 10\.0 ms"
    ):
        measure([1.0], [12.0, 3.0], 0.0, 10.0)
    with pytest.raises(ValueError, match="Pass a stop after start"):
        measure([1.0], [2.0], 3.0, 3.0)
    with pytest.raises(ValueError, match=r"a must be a vector of finite times.*np\.isfinite"):
        measure([1.0, np.inf], [2.0], 0.0, 10.0)
