import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxneuro.analysis import angular_difference, population_vector

DIRECTIONS = np.arange(64) * 2 * np.pi / 64


def test_a_von_mises_bump_has_the_length_of_the_ratio_of_bessel_functions():
    # For rates exp(κ cos(θ - φ)) the mean direction is φ, the length I1(κ)/I0(κ).
    from scipy.special import i0e, i1e

    for kappa, phi in ((0.5, 0.3), (4.0, 3.1), (15.7, 6.2)):
        rates = np.exp(kappa * (np.cos(DIRECTIONS - phi) - 1.0))
        angle, length = population_vector(rates, DIRECTIONS)
        np.testing.assert_allclose(angle, phi, rtol=1e-5)
        np.testing.assert_allclose(length, i1e(kappa) / i0e(kappa), rtol=1e-5)


def test_one_neuron_points_at_its_own_direction():
    angle, length = population_vector(np.eye(64, dtype=int), DIRECTIONS)
    np.testing.assert_allclose(angle, DIRECTIONS, atol=1e-5)
    np.testing.assert_allclose(length, 1.0, rtol=1e-6)
    assert float(angle.min()) >= 0
    assert float(angle.max()) < 2 * np.pi
    assert float(length.max()) <= 1.0


def test_windows_are_taken_one_by_one_also_under_jit():
    counts = np.random.default_rng(0).poisson(2.0, (50, 3, 64)).astype(np.float32)
    angle, length = jax.jit(lambda x: population_vector(x, DIRECTIONS))(counts)
    assert angle.shape == length.shape == (50, 3)
    # Float32 sums of 64 terms in another order.
    np.testing.assert_allclose(angle[7, 2], population_vector(counts[7, 2], DIRECTIONS)[0], 1e-4)
    assert bool(jnp.isfinite(angle).all())


def test_only_silence_has_no_angle():
    counts = np.zeros((3, 4))
    counts[1] = [1, 0, 1, 0]  # opposite: they cancel
    counts[2, 3] = 1e-3
    angle, length = population_vector(counts, np.arange(4) * np.pi / 2)
    assert np.isnan(angle).tolist() == [True, False, False]
    np.testing.assert_allclose(length, [0.0, 0.0, 1.0], atol=1e-6)


def test_a_tiny_negative_angle_is_zero_and_not_a_turn():
    angle, _ = population_vector(np.ones(1, np.float32), np.array([-1e-9], np.float32))
    assert float(angle) == 0.0


def test_gradient(x64):
    counts = jnp.asarray(np.random.default_rng(0).uniform(1.0, 2.0, 6))
    theta = jnp.arange(6.0)
    check_grads(lambda x: tuple(population_vector(x, theta)), (counts,), order=1, rtol=1e-3)
    silent = jax.grad(lambda x: population_vector(x, theta).length)(jnp.zeros(6))
    np.testing.assert_array_equal(silent, 0.0)


def test_differences_go_the_short_way():
    a = jnp.asarray([0.1, 6.2, np.pi, 3 * np.pi, -7.0])
    b = jnp.asarray([6.2, 0.1, 0.0, 0.0, 7.0])
    wanted = [0.1832, -0.1832, -np.pi, -np.pi, -14 + 4 * np.pi]
    np.testing.assert_allclose(angular_difference(a, b), wanted, atol=1e-4)


def test_one_direction_for_each_neuron():
    with pytest.raises(ValueError, match=r"counts have shape \(5, 3\), but there are 4 direc"):
        population_vector(np.zeros((5, 3)), np.zeros(4))
