import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis.criticality import (
    branching_process,
    multistep_regression,
    naive_branching,
    smooth_branching,
    subsample,
)


@pytest.mark.parametrize("branching", [0.8, 0.95])
def test_right_for_a_branching_process(getkey, x64, branching):
    series = branching_process(getkey(), 60_000, branching, 200 * (1 - branching))
    value = smooth_branching(jnp.asarray(series, float))
    assert float(value) == pytest.approx(naive_branching(series).slope, abs=1e-8)
    seen = subsample(getkey(), series, 0.1)
    assert float(smooth_branching(jnp.asarray(seen, float))) < branching - 0.2
    many = smooth_branching(jnp.asarray(seen, float), lags=10)
    assert float(many) == pytest.approx(branching, abs=0.03)
    assert float(many) == pytest.approx(multistep_regression(seen).branching, abs=0.03)


@pytest.mark.parametrize("options", [{"steps": 3}, {"steps": 2, "lags": 3}])
def test_gradient_against_finite_differences(x64, options):
    rng = np.random.default_rng(0)
    spikes = jnp.asarray(rng.random((61, 4)))
    way = jnp.asarray(rng.normal(size=(61, 4)))

    @jax.jit
    def along(step):
        return smooth_branching(spikes + step * way, **options)

    slope = (along(1e-6) - along(-1e-6)) / 2e-6
    np.testing.assert_allclose(jax.grad(along)(0.0), slope, rtol=1e-6)
    assert abs(float(slope)) > 1e-3
    gradient = jax.jit(jax.grad(lambda x: smooth_branching(x, **options)))(spikes)
    np.testing.assert_allclose(gradient[:, 0], gradient[:, 3], rtol=1e-12)  # one population


@pytest.mark.parametrize("lags", [1, 4])
def test_a_silent_network_has_a_gradient(lags):
    measure = jax.jit(jax.value_and_grad(lambda x: smooth_branching(x, lags=lags)))
    value, gradient = measure(jnp.zeros((50, 3)))
    assert float(value) == 0.0
    assert not gradient.any()
    assert np.isfinite(measure(jnp.ones((50, 3)))[1]).all()


def test_jit_and_vmap_give_the_same():
    spikes = jnp.asarray(np.random.default_rng(0).random((5, 80, 3)), jnp.float32)

    def measure(x):
        return smooth_branching(x, steps=2, lags=3)

    each = [measure(x) for x in spikes]
    np.testing.assert_allclose(jax.jit(jax.vmap(measure))(spikes), each, rtol=1e-5)


def test_a_step_down_the_gradient_approaches_the_goal(x64):
    # An AR(1) series whose coefficient is trained towards 0.9 by its measured branching.
    noise = jnp.asarray(np.random.default_rng(0).normal(size=4000))

    def loss(weight):
        def step(a, e):
            a = weight * a + e
            return a, a

        return (smooth_branching(jax.lax.scan(step, 0.0, noise)[1]) - 0.9) ** 2

    weight, slope = 0.5, jax.jit(jax.grad(loss))
    for _ in range(60):
        weight = weight - 0.3 * slope(weight)
    assert float(weight) == pytest.approx(0.9, abs=0.02)


def test_misuse_is_named():
    with pytest.raises(ValueError, match="lags is 5, and 12 steps make 6 bins"):
        smooth_branching(jnp.zeros(12), steps=2, lags=5)
