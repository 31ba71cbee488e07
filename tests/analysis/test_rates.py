import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis import rate_map, windowed_counts


@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32])
def test_windows_follow_one_another_and_the_rest_is_left_out(dtype):
    spikes = (np.random.default_rng(0).random((1003, 2, 3)) < 0.3).astype(dtype)
    counts = windowed_counts(spikes, 0.1, 2.5)
    assert counts.shape == (40, 2, 3)
    for window in (0, 7, 39):
        wanted = spikes[25 * window : 25 * (window + 1)].sum(axis=0)
        np.testing.assert_array_equal(counts[window], wanted)
    fast = jax.jit(lambda x: windowed_counts(x, 0.1, 2.5))(jnp.asarray(spikes))
    np.testing.assert_array_equal(fast, counts)


def test_rates_are_counts_per_second():
    spikes = np.zeros((1000, 4), np.float32)
    spikes[::50, 2] = 1  # every 5 ms
    rates = rate_map(spikes, 0.1, 20.0)
    assert rates.shape == (5, 4)
    np.testing.assert_allclose(rates[:, 2], 200.0)
    assert float(rates.sum()) == 1000.0


def test_smoothing_is_a_gaussian_and_keeps_a_constant_rate():
    spikes = np.zeros((2000, 2))
    spikes[1000, 0] = 1
    spikes[::10, 1] = 1
    rates = np.asarray(rate_map(spikes, 1.0, 10.0, smoothing=50.0))
    middles = (np.arange(200) + 0.5) * 10.0
    gaussian = np.exp(-0.5 * ((middles - 1005.0) / 50.0) ** 2) / (50.0 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(rates[:, 0], 1000.0 * gaussian, atol=1e-5)
    np.testing.assert_allclose(rates[:, 1], 100.0, rtol=1e-6)
    fast = jax.jit(lambda x: rate_map(x, 1.0, 10.0, smoothing=50.0))(jnp.asarray(spikes, float))
    np.testing.assert_allclose(fast, rates, rtol=1e-6, atol=1e-6)


def test_misuse_is_named():
    spikes = np.zeros((10, 2))
    with pytest.raises(ValueError, match=r"window is 0\.25 ms, which is no multiple of dt = 0\.1"):
        windowed_counts(spikes, 0.1, 0.25)
    with pytest.raises(ValueError, match=r"window is 2 ms, but the series only lasts 1 ms"):
        windowed_counts(spikes, 0.1, 2.0)
    with pytest.raises(ValueError, match=r"dt is 0\.0 ms"):
        windowed_counts(spikes, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"smoothing is -1\.0 ms"):
        rate_map(spikes, 0.1, 0.5, smoothing=-1.0)
