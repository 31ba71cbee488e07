import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis import (
    bin_spike_times,
    counts_between,
    first_spike_times,
    pad_spike_times,
    spike_times,
    unpad_spike_times,
    windowed_counts,
)


def spikes_of(shape=(400, 2, 3), seed=0):
    spikes = np.random.default_rng(seed).random(shape) < 0.1
    spikes[:, 0, 1] = False
    return spikes


def test_times_are_the_ends_of_the_steps():
    spikes = np.random.default_rng(1).random((300, 7)) < 0.1
    spikes[:, 3] = False
    times = spike_times(jnp.asarray(spikes), 0.5)
    assert len(times) == 7
    for neuron in range(7):
        np.testing.assert_array_equal(times[neuron], (np.flatnonzero(spikes[:, neuron]) + 1) * 0.5)
    assert spike_times(np.zeros((5, 0)), 1.0) == []
    assert [len(x) for x in spike_times(np.zeros((0, 2)), 1.0)] == [0, 0]
    assert [x.tolist() for x in spike_times(np.array([0, 1]), 2.0)] == [[4.0]]


def test_counts_hold_the_start_and_not_the_stop():
    times = [np.array([3.0, 1.0, 2.0]), np.array([]), np.array([5.0])]
    assert counts_between(times, 1.0, 3.0).tolist() == [2, 0, 0]
    assert counts_between(times, 0.0, 9.0).tolist() == [3, 0, 1]
    assert counts_between([], 0.0, 1.0).tolist() == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dt", [0.1, 0.3, 1.0])
def test_there_and_back_again(dt, dtype):
    # At 60,000 steps of 0.1 ms, times in float32 are off by up to 0.004 steps.
    spikes = spikes_of((60_000, 1, 3))
    times = [train.astype(dtype) for train in spike_times(spikes, dt)]
    counts = bin_spike_times(times, dt, 60_000 * dt)
    np.testing.assert_array_equal(counts, spikes[:, 0])
    padded = pad_spike_times(times)
    np.testing.assert_array_equal(bin_spike_times(padded, dt, 60_000 * dt), counts)
    for train, wanted in zip(unpad_spike_times(padded), times, strict=True):
        np.testing.assert_array_equal(train, wanted)


def test_binning_times_is_counting_in_windows():
    spikes = spikes_of()
    times = spike_times(spikes, 0.1)
    counts = bin_spike_times(times, 2.5, 40.0)
    np.testing.assert_array_equal(counts, windowed_counts(spikes, 0.1, 2.5).reshape(16, 6))
    later = bin_spike_times(times, 2.5, 10.0, start=20.0)
    np.testing.assert_array_equal(later, counts[8:12])


def test_one_padded_train_and_many_spikes_in_a_step():
    assert bin_spike_times(np.array([0.4, 0.6, 1.0, 9.0, np.inf]), 0.5, 1.5).tolist() == [1, 2, 0]
    assert bin_spike_times(np.array([1, 2, 2]), 1.0, 3.0).tolist() == [1, 2, 0]
    assert bin_spike_times([], 1.0, 3.0).shape == (3, 0)
    assert bin_spike_times([np.array([])], 1.0, 3.0).tolist() == [[0], [0], [0]]


def test_first_times_are_those_of_the_list():
    spikes = spikes_of()
    times = spike_times(spikes, 0.5)
    padded = jax.jit(lambda spikes: first_spike_times(spikes, 0.5, 10))(jnp.asarray(spikes))
    assert padded.shape == (10, 2, 3)
    wanted = pad_spike_times([train[:10] for train in times], capacity=10)
    np.testing.assert_array_equal(np.asarray(padded).reshape(10, 6), wanted)
    everything = jax.jit(first_spike_times, static_argnums=(1, 2))(spikes, 0.5, 400)
    for train, wanted in zip(unpad_spike_times(everything), times, strict=True):
        np.testing.assert_array_equal(train, wanted)
    assert first_spike_times(np.array([0, 2, 0, 1]), 1.0, 3).tolist() == [2.0, 4.0, np.inf]


def test_misuse_is_named():
    with pytest.raises(ValueError, match="Pass a stop after start"):
        counts_between([np.zeros(1)], 2.0, 2.0)
    with pytest.raises(ValueError, match="train has 3 spikes, but the capacity is 2"):
        pad_spike_times([np.zeros(3)], capacity=2)
    with pytest.raises(
        ValueError, match=r"duration is 1\.25 ms, which is no multiple of dt = 0\.5"
    ):
        bin_spike_times([np.zeros(1)], 0.5, 1.25)
    with pytest.raises(ValueError, match=r"dt is 0\.0 ms"):
        bin_spike_times([np.zeros(1)], 0.0, 1.0)
    with pytest.raises(ValueError, match="capacity is 0"):
        first_spike_times(np.zeros((3, 1)), 0.5, 0)
