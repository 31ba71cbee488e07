import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.fitting import pad_spike_times, spike_times


def test_crossings_of_a_sine_are_where_it_crosses():
    # -20 + 30 sin(2 pi (t - 3) / 10) crosses upwards at 3, 13, 23 ... ms.
    dt = 0.05
    time = np.arange(0.0, 50.0, dt)
    sine = -20.0 + 30.0 * np.sin(2 * np.pi * (time - 3.0) / 10.0)
    later = -20.0 + 30.0 * np.sin(2 * np.pi * (time - 3.52) / 10.0)
    first, second = spike_times(np.stack([sine, later], axis=1), dt)
    np.testing.assert_allclose(first, [3.0, 13.0, 23.0, 33.0, 43.0], atol=1e-5)
    np.testing.assert_allclose(second, first + 0.52, atol=1e-5)


def test_only_upward_crossings_count_and_a_sample_at_the_threshold_is_below():
    voltage = np.array([10.0, -30.0, -20.0, -20.0, 0.0, -20.0, -10.0, -60.0])[:, None]
    (times,) = spike_times(voltage, 2.0)
    np.testing.assert_array_equal(times, [6.0, 10.0])
    (times,) = spike_times(voltage, 2.0, threshold=-5.0)
    np.testing.assert_array_equal(times, [2.0 * 3.75])


def test_what_is_not_a_number_is_no_spike():
    voltage = np.array([-60.0, np.nan, 10.0, -60.0, 10.0])[:, None]
    assert spike_times(voltage, 1.0)[0].tolist() == [3.0 + 40 / 70]


def test_single_precision_and_jax_arrays_give_the_same():
    voltage = np.array([-60.0, -40.0, 0.0, -60.0])[:, None]
    for series in (voltage.astype(np.float32), jnp.asarray(voltage, jnp.float32)):
        assert spike_times(series, 0.5)[0].tolist() == [0.75]


def test_misuse_is_refused():
    with pytest.raises(ValueError, match=r"shape \(4,\).*voltage\[:, None\]"):
        spike_times(np.zeros(4), 0.1)
    with pytest.raises(ValueError, match=r"dt is 0.0 ms"):
        spike_times(np.zeros((4, 1)), 0.0)


def test_padding_holds_all_spikes_or_refuses():
    times = [np.array([1.0, 2.0, 5.0]), np.array([]), np.array([4.0])]
    padded = pad_spike_times(times, capacity=4)
    assert padded.shape == (4, 3)
    assert [column[np.isfinite(column)].tolist() for column in padded.T] == [[1, 2, 5], [], [4]]
    assert pad_spike_times(times).shape == (3, 3)
    assert pad_spike_times([np.array([])]).shape == (1, 1)
    with pytest.raises(ValueError, match=r"3 spikes, but the capacity is 2"):
        pad_spike_times(times, capacity=2)
