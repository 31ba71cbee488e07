import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis import autocorrelogram, cross_correlogram

RNG = np.random.default_rng(0)
A = RNG.poisson(0.3, (500, 2))
B = RNG.poisson(0.2, (500, 2))


def by_hand(a, b, reach):
    pairs = np.subtract.outer(np.repeat(np.arange(len(b)), b), np.repeat(np.arange(len(a)), a))
    return [np.sum(pairs == lag) for lag in range(-reach, reach + 1)]


def test_all_pairs_of_spikes_are_counted():
    lags, values = cross_correlogram(A, B, 0.5, 5.0)
    np.testing.assert_allclose(lags, np.arange(-10, 11) * 0.5)
    for neuron in range(2):
        np.testing.assert_array_equal(values[:, neuron], by_hand(A[:, neuron], B[:, neuron], 10))
    turned = cross_correlogram(B, A, 0.5, 5.0).values
    np.testing.assert_array_equal(turned[::-1], values)
    everything = cross_correlogram(A[:, 0], B[:, 0], 0.5, 249.5).values
    assert float(everything.sum()) == A[:, 0].sum() * B[:, 0].sum()


def test_a_later_copy_has_its_peak_at_the_delay():
    a = np.zeros(100)
    a[[10, 37, 71]] = 1
    lags, values = cross_correlogram(a, np.roll(a, 4), 0.1, 1.0, scale="coefficient")
    assert lags[np.argmax(values)] == pytest.approx(0.4)
    # All partners are inside of the series, so that nothing is lost at the ends.
    assert values.max() == pytest.approx(1.0, rel=1e-5)


def test_the_rate_of_an_independent_train_is_its_own():
    counts = np.random.default_rng(1).poisson(0.05, (100_000, 2))
    a, b = counts.T
    values = cross_correlogram(a, b, 2.0, 20.0, scale="rate", is_corrected=True).values
    np.testing.assert_allclose(values, 25.0, atol=3.0)  # 5 standard errors of 11 / sqrt(5000 * ...)
    assert float(values.mean()) == pytest.approx(b.mean() * 500.0, rel=0.03)


def test_correction_makes_a_constant_flat():
    ones = np.ones(50)
    plain = cross_correlogram(ones, ones, 1.0, 40.0).values
    np.testing.assert_array_equal(plain, 50 - np.abs(np.arange(-40, 41)))
    flat = cross_correlogram(ones, ones, 1.0, 40.0, is_corrected=True).values
    np.testing.assert_allclose(flat, 50.0, rtol=1e-6)


def test_no_spike_is_a_pair_with_itself():
    regular = np.zeros(200)
    regular[::10] = 1
    lags, values = autocorrelogram(regular, 1.0, 25.0)
    wanted = np.where(lags % 10 == 0, 20 - np.abs(lags) / 10, 0)
    wanted[25] = 0
    np.testing.assert_array_equal(values, wanted)
    # Two spikes of one bin are two pairs, in either order.
    assert autocorrelogram(np.array([0, 2, 1, 0]), 1.0, 1.0).values.tolist() == [2.0, 2.0, 2.0]
    rate = autocorrelogram(regular, 1.0, 10.0, scale="rate").values
    assert float(rate[-1]) == pytest.approx(1000.0 * 19 / 20)


def test_silence_is_nan_where_there_is_no_rate():
    silent = np.zeros((50, 1))
    ones = np.ones((50, 1))
    assert (cross_correlogram(silent, ones, 1.0, 5.0).values == 0).all()
    assert np.isnan(cross_correlogram(silent, ones, 1.0, 5.0, scale="rate").values).all()
    assert (cross_correlogram(ones, silent, 1.0, 5.0, scale="rate").values == 0).all()
    for a, b in ((ones, A[:50, :1]), (silent, A[:50, :1]), (3 * ones, ones)):
        assert np.isnan(cross_correlogram(a, b, 1.0, 5.0, scale="coefficient").values).all()
    assert np.isnan(autocorrelogram(silent, 1.0, 5.0, scale="rate").values).all()


@pytest.mark.parametrize("scale", ["counts", "rate", "coefficient"])
def test_under_jit_and_for_all_pairs_by_vmap(scale):
    def of(a, b):
        return cross_correlogram(a, b, 0.5, 5.0, scale=scale, is_corrected=True).values

    spikes = jnp.asarray(np.concatenate([A, B], axis=1))
    pairs = jax.vmap(jax.vmap(of, in_axes=(None, 1)), in_axes=(1, None))
    every = jax.jit(pairs)(spikes, spikes)
    assert every.shape == (4, 4, 21)
    np.testing.assert_allclose(every[0, 3], of(A[:, 0], B[:, 1]), rtol=1e-5, atol=1e-6)


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"a has shape \(500, 2\), but b has shape \(500,\)"):
        cross_correlogram(A, B[:, 0], 1.0, 5.0)
    with pytest.raises(ValueError, match=r"max_lag is 5\.2 ms.*bin of 0\.5 ms. Take 5 ms"):
        cross_correlogram(A, B, 0.5, 5.2)
    with pytest.raises(ValueError, match=r"max_lag is 500\.0 ms, but the series only lasts 500 ms"):
        cross_correlogram(A, B, 1.0, 500.0)
    with pytest.raises(ValueError, match=r"bin is 0\.0 ms"):
        cross_correlogram(A, B, 0.0, 5.0)
    with pytest.raises(ValueError, match="scale is 'density'"):
        cross_correlogram(A, B, 1.0, 5.0, scale="density")
    with pytest.raises(ValueError, match=r"pair with itself. Take `cross_correlogram`"):
        autocorrelogram(A, 1.0, 5.0, scale="coefficient")
