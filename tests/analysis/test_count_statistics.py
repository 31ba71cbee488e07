import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis import count_correlation, count_covariance, fano_factor, synchrony_index

COUNTS = np.random.default_rng(0).poisson([2.0, 5.0, 0.5, 0.0], (300, 4))
MEASURES = [fano_factor, count_covariance, count_correlation, synchrony_index]


def test_counts_of_a_poisson_process_vary_as_their_mean():
    counts = np.random.default_rng(1).poisson([0.5, 3.0, 20.0], (100_000, 3))
    np.testing.assert_allclose(fano_factor(counts), 1.0, atol=0.015)  # three standard errors
    np.testing.assert_array_equal(fano_factor(np.full((5, 2), 3)), 0.0)


def test_covariance_and_correlation_are_those_of_numpy():
    covariance, correlation = count_covariance(COUNTS), count_correlation(COUNTS)
    np.testing.assert_allclose(covariance, np.cov(COUNTS.T), atol=1e-12)
    np.testing.assert_allclose(correlation[:3, :3], np.corrcoef(COUNTS[:, :3].T), atol=1e-12)
    # The fourth neuron is silent.
    assert np.isnan(correlation[3]).all()
    assert np.isnan(correlation[:, 3]).all()
    assert np.isnan(fano_factor(COUNTS)[3])
    assert np.isnan(count_covariance(COUNTS[:1])).all()


def test_a_shared_source_correlates_by_its_share():
    rng = np.random.default_rng(2)
    shared, own = rng.poisson(3.0, (50_000, 1)), rng.poisson(1.0, (50_000, 4))
    correlation = count_correlation(shared + own)
    off = correlation[~np.eye(4, dtype=bool)]
    np.testing.assert_allclose(off, 0.75, atol=0.01)


@pytest.mark.parametrize("neurons", [1, 16, 64])
def test_synchrony_falls_with_the_root_of_how_many_are_independent(neurons):
    counts = np.random.default_rng(3).poisson(1.0, (20_000, neurons))
    assert synchrony_index(counts) == pytest.approx(neurons**-0.5, rel=0.03)


def test_synchrony_of_sines_by_hand():
    phase = np.linspace(0, 20 * np.pi, 2000, endpoint=False)[:, None]
    same = -60.0 + 5.0 * np.sin(phase + np.zeros(3))
    assert synchrony_index(same) == pytest.approx(1.0)
    assert synchrony_index(5.0 * np.sin(phase + np.array([0.0, np.pi]))) == pytest.approx(
        0.0, abs=1e-12
    )
    # The mean of two sines a quarter apart has 1/√2 of their amplitude.
    assert synchrony_index(np.sin(phase + np.array([0.0, np.pi / 2]))) == pytest.approx(2**-0.5)


@pytest.mark.parametrize("measure", MEASURES)
def test_arrays_of_jax_under_jit_and_vmap(measure):
    wanted = measure(COUNTS)
    fast = jax.jit(measure)(jnp.asarray(COUNTS, jnp.int32))
    assert fast.dtype == jnp.float32
    np.testing.assert_allclose(fast, wanted, rtol=2e-5, atol=1e-6)
    two = jax.vmap(measure)(jnp.stack([jnp.asarray(COUNTS), jnp.asarray(COUNTS[::-1].copy())]))
    np.testing.assert_allclose(two[0], wanted, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(two[1], wanted, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("samples", [7, 1000, 4093])
def test_what_never_changes_is_nan_in_float32_too(samples):
    silent = jnp.full((samples, 3), -65.3)
    assert jnp.isnan(jax.jit(synchrony_index)(silent))
    assert jnp.isnan(jax.jit(count_correlation)(silent)).all()
    assert jnp.all(count_covariance(silent) == 0)


def test_a_single_sample_has_no_synchrony():
    assert np.isnan(synchrony_index(np.ones((1, 3))))
    assert np.isnan(fano_factor(np.zeros(4)))
    assert fano_factor(np.array([2])) == 0.0


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"count_covariance: .*shape \(3,\).*\(samples, neurons\)"):
        count_covariance(np.zeros(3))
    with pytest.raises(ValueError, match=r"fano_factor: .*shape \(0, 2\)"):
        fano_factor(np.zeros((0, 2)))
    with pytest.raises(ValueError, match=r"synchrony_index: .*shape \(4, 0\)"):
        synchrony_index(np.zeros((4, 0)))
