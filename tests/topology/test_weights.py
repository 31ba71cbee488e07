import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import topology

KEY = jax.random.key(0)
N = 40_000
DRAWS = {
    "uniform": (lambda key, n: topology.uniform(key, n, -1.0, 3.0), 1.0, 4 / math.sqrt(12)),
    "normal": (lambda key, n: topology.normal(key, n, -2.0, 0.5), -2.0, 0.5),
    "lognormal": (lambda key, n: topology.lognormal(key, n, 0.5, 0.4), 0.5, 0.4),
    "lognormal, negative": (lambda key, n: topology.lognormal(key, n, -2.0, 1.0), -2.0, 1.0),
    # The half-normal and a normal cut at one sd: closed forms of the truncated distribution.
    "cut": (
        lambda key, n: topology.normal(key, n, -1.0, 1.0, keeps_sign=True),
        -(1.0 + 0.28759997),
        0.79412,
    ),
}


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_mean_and_spread_are_those_asked_for(name):
    draw, mean, sd = DRAWS[name]
    values = np.asarray(draw(KEY, N), np.float64)
    assert abs(values.mean() - mean) < 5.0 * sd / math.sqrt(N)
    assert abs(values.std() / sd - 1.0) < 0.05
    np.testing.assert_array_equal(draw(KEY, N), draw(KEY, N))
    assert not np.array_equal(draw(KEY, 9), draw(jax.random.key(1), 9))
    assert draw(KEY, (3, 4)).shape == (3, 4)
    assert draw(KEY, 0).shape == (0,)
    np.testing.assert_allclose(jax.jit(draw, static_argnums=1)(KEY, 9), draw(KEY, 9), rtol=1e-5)
    with jax.enable_x64(True):
        assert draw(KEY, 3).dtype == jnp.float64


def test_truncated_moments():
    # For a standard normal above -1: mean phi(1) / Phi(1), variance 1 - mean - mean^2.
    phi = math.exp(-0.5) / math.sqrt(2 * math.pi)
    mean = phi / (0.5 * (1 + math.erf(math.sqrt(0.5))))
    np.testing.assert_allclose(mean, 0.28759997, rtol=1e-6)
    np.testing.assert_allclose(math.sqrt(1 - mean - mean**2), 0.79412, rtol=1e-2)


def test_signs_are_kept():
    assert (topology.normal(KEY, N, 0.1, 2.0, keeps_sign=True) >= 0).all()
    assert (topology.normal(KEY, N, -0.1, 2.0, keeps_sign=True) <= 0).all()
    np.testing.assert_allclose(topology.normal(KEY, 3, -2.0, 0.0, keeps_sign=True), -2.0)
    assert (topology.lognormal(KEY, N, -0.1, 2.0) < 0).all()
    np.testing.assert_allclose(topology.lognormal(KEY, 3, 2.0, 0.0), 2.0, rtol=1e-6)
    # The mean and the sd may be trained.
    slope = jax.grad(lambda mean: topology.normal(KEY, 9, mean, 0.5, keeps_sign=True).sum())(1.0)
    assert np.isfinite(slope)
    assert slope != 0


def test_constant():
    values = topology.constant((2, 3), 0.5)
    np.testing.assert_array_equal(values, np.full((2, 3), 0.5, np.float32))
    assert topology.constant(2, 3).dtype == jnp.float32


def test_signs():
    for n, fraction, count in ((100, 0.2, 20), (7, 0.45, 3), (7, 0.0, 0), (7, 1.0, 7)):
        sign = topology.signs(KEY, n, fraction)
        assert (sign == -1).sum() == count
        assert (sign == 1).sum() == n - count
    keys = jax.random.split(KEY, 200)
    inhibitory = np.asarray(jax.vmap(lambda key: topology.signs(key, 10, 0.3))(keys)) < 0
    assert np.abs(inhibitory.sum(axis=0) - 60).max() < 5 * math.sqrt(200 * 0.3 * 0.7)
    assert (inhibitory.sum(axis=1) == 3).all()
    drawn = topology.signs(KEY, (100, 100), 0.3, independent=True)
    assert drawn.shape == (100, 100)
    count = int((drawn < 0).sum())
    assert count != 3000
    assert abs(count - 3000) < 5 * math.sqrt(1e4 * 0.21)


def test_ring_weights_are_those_of_the_reference(x64):
    path = Path(__file__).parents[1] / "data" / "calvin_ring_weights.npz"
    with np.load(path) as data:
        reference = data["pyr_to_pyr"]
    np.testing.assert_allclose(topology.ring_weights(256, 256), reference, rtol=1e-10)


def test_ring_weights_between_rings_of_unequal_size(x64):
    for pre, post in ((64, 16), (16, 64)):
        weight = topology.ring_weights(pre, post, p=0.6, sigma=0.5)
        assert weight.shape == (pre, post)
        np.testing.assert_allclose(weight.sum(axis=0), np.ones(post), rtol=1e-12)
        # Weights onto one target are in the ratio of the profile.
        here = 0.4 + 0.6 * np.exp(
            2 * np.pi / 0.5 * (np.cos(2 * np.pi * (np.arange(pre) / pre - 3 / post)) - 1)
        )
        np.testing.assert_allclose(weight[:, 3], here / here.sum(), rtol=1e-12)
    np.testing.assert_allclose(topology.ring_weights(4, 3, p=0.0), 0.25, rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: topology.uniform(KEY, 3, 2.0, 1.0), r"uniform: low is 2\.0 and high is 1\.0"),
        (lambda: topology.normal(KEY, 3, 1.0, -1.0), r"normal: sd is -1\.0"),
        (lambda: topology.normal(KEY, 3, 0.0, 1.0, keeps_sign=True), r"the mean is 0 and has no"),
        (lambda: topology.lognormal(KEY, 3, 0.0, 1.0), r"lognormal: mean is 0\.0 and sd is 1\.0"),
        (lambda: topology.constant(1.5, 1.0), r"size of the weights is 1\.5; .*sparse\.pre\.size"),
        (lambda: topology.signs(KEY, 3, 1.2), r"inhibitory_fraction is 1\.2; .* in \[0, 1\]"),
        (lambda: topology.ring_weights(3, 3, p=1.1), r"ring_weights: p is 1\.1"),
        (lambda: topology.ring_weights(3, 3, sigma=0.0), r"ring_weights: sigma is 0\.0"),
        (lambda: topology.ring_weights(3, 0), r"ring_weights: post is 0"),
    ],
)
def test_what_makes_no_sense_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
