import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis import instantaneous_rate, pad_spike_times, rate_map, spike_times

TIMES = [np.array([20.0, 50.0, 52.0]), np.array([]), np.array([33.3])]


def test_each_spike_is_a_gaussian_of_area_one():
    at = np.arange(-100.0, 200.0, 0.5)
    rates = np.asarray(instantaneous_rate(TIMES, at, 10.0))
    np.testing.assert_allclose(rates.sum(axis=0) * 0.0005, [3, 0, 1], rtol=1e-5)
    assert (rates[:, 1] == 0).all()
    wanted = 1000.0 / np.sqrt(2 * np.pi) / 10.0 * np.exp(-(((at - 33.3) / 10.0) ** 2) / 2)
    np.testing.assert_allclose(rates[:, 2], wanted, atol=1e-4)


def test_a_span_keeps_a_constant_rate_constant():
    regular = np.arange(0.5, 100.0, 1.0)
    at = np.linspace(0.0, 100.0, 41)
    plain = np.asarray(instantaneous_rate(regular, at, 5.0))
    assert plain[0] == pytest.approx(500.0, rel=1e-3)
    kept = instantaneous_rate(regular, at, 5.0, span=(0.0, 100.0))
    np.testing.assert_allclose(kept, 1000.0, rtol=1e-3)


def test_fine_bins_of_the_rate_map_come_close():
    spikes = np.random.default_rng(0).random((4000, 3)) < [0.0, 0.002, 0.02]
    binned = rate_map(spikes, 0.5, 1.0, smoothing=30.0)[300:-300]
    at = np.arange(300, 1700) + 0.5
    rates = instantaneous_rate(spike_times(spikes, 0.5), at + 0.25, 30.0)
    np.testing.assert_allclose(rates, binned, rtol=0.02, atol=0.1)


def test_padded_arrays_under_jit_and_their_gradient(x64, getkey):
    padded = jnp.asarray(pad_spike_times(TIMES))
    at = jnp.linspace(0.0, 80.0, 17)
    plain = instantaneous_rate(TIMES, at, 10.0, span=(0.0, 80.0))

    @jax.jit
    def of(times):
        return instantaneous_rate(times, at, 10.0, span=(0.0, 80.0))

    np.testing.assert_allclose(of(padded), plain, rtol=1e-12)
    assert jax.vmap(of, in_axes=1)(padded).shape == (3, 17)
    known = jnp.isfinite(padded)
    slope = jax.jit(jax.grad(lambda times: jnp.sum(of(times) ** 2)))(padded)
    step = jnp.where(known, 1e-4 * jax.random.normal(getkey(), padded.shape), 0.0)
    difference = (jnp.sum(of(padded + step) ** 2) - jnp.sum(of(padded - step) ** 2)) / 2
    assert float(jnp.vdot(slope, step)) == pytest.approx(float(difference), rel=1e-3)


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"smoothing is 0\.0 ms"):
        instantaneous_rate(TIMES, np.zeros(1), 0.0)
    with pytest.raises(ValueError, match=r"span is from 5\.0 to 5\.0 ms"):
        instantaneous_rate(TIMES, np.zeros(1), 1.0, span=(5.0, 5.0))
