"""The product that visits senders only, held against the dense product it stands for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import Dale, Sparse, _event_delivery


def random_case(seed, pre=70, post=50, synapses=900, is_sorted=True, density=0.1, dtype=None):
    rng = np.random.default_rng(seed)
    sources = rng.integers(0, pre, synapses)
    sources = np.sort(sources) if is_sorted else sources
    sparse = Sparse(sources, rng.integers(0, post, synapses), post)
    weight = jnp.asarray(rng.normal(size=synapses), dtype or float)
    signals = rng.normal(size=pre) * (rng.random(pre) < density)
    return sparse, weight, jnp.asarray(signals, dtype or float)


def dense(sparse, weight, pre):
    matrix = np.zeros((pre, sparse.shape[0]))
    np.add.at(matrix, (np.asarray(sparse.pre), np.asarray(sparse.post)), np.asarray(weight))
    return matrix


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize("pre", [5, 32, 70, 1024, 2500])
@pytest.mark.parametrize("density", [0.0, 0.02, 1.0])
def test_it_is_the_dense_product(is_sorted, pre, density, x64):
    sparse, weight, signals = random_case(1, pre=pre, is_sorted=is_sorted, density=density)
    got = jax.jit(lambda w, s: sparse.propagate(w, s[None])[0])(weight, signals)
    np.testing.assert_allclose(got, signals @ dense(sparse, weight, pre), rtol=1e-12, atol=1e-12)


def test_signals_beyond_the_last_and_before_the_first_source_reach_nobody():
    sparse = Sparse([40, 41], [0, 1], 2)
    events = sparse.propagate(jnp.asarray([2.0, 3.0]), jnp.ones((1, 100)))
    np.testing.assert_array_equal(events, [[2.0, 3.0]])


def test_no_synapses_and_one_shared_weight():
    np.testing.assert_array_equal(
        Sparse([], [], 3).propagate(jnp.zeros(0), jnp.ones((2, 4))), jnp.zeros((2, 3))
    )
    sparse = Sparse([0, 0, 2], [1, 1, 0], 2, shared=True)
    assert sparse.weight_shape((3,)) == ()
    events = sparse.propagate(jnp.asarray(0.5), jnp.asarray([[1.0, 1.0, 2.0]]))
    np.testing.assert_array_equal(events, [[1.0, 1.0]])


def test_a_source_with_more_synapses_than_a_chunk(monkeypatch, x64):
    monkeypatch.setattr(_event_delivery, "LONGEST_CHUNK", 8)
    rng = np.random.default_rng(0)
    sources = np.sort(rng.choice([0, 3, 3, 3, 9], 200))
    sparse = Sparse(sources, rng.integers(0, 20, 200), 20)
    assert sparse.layout.longest > 8
    weight, signals = jnp.asarray(rng.normal(size=200)), jnp.asarray(rng.normal(size=10))
    got = sparse.propagate(weight, signals[None])[0]
    np.testing.assert_allclose(got, signals @ dense(sparse, weight, 10), rtol=1e-12)


@pytest.mark.parametrize("is_sorted", [True, False])
def test_its_derivatives_are_those_of_all_synapses(is_sorted, x64):
    # Also with respect to neurons that send nothing: their surrogate gradient needs it.
    sparse, weight, signals = random_case(2, is_sorted=is_sorted)
    way = jnp.asarray(np.random.default_rng(5).normal(size=50))

    def fast(signals, weight):
        return (sparse.propagate(weight, signals[None])[0] * way).sum()

    def slow(signals, weight):
        events = jnp.zeros(50).at[sparse.post].add(signals[sparse.pre] * weight)
        return (events * way).sum()

    for got, wanted in zip(
        jax.jit(jax.grad(fast, (0, 1)))(signals, weight),
        jax.grad(slow, (0, 1))(signals, weight),
        strict=True,
    ):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    tangents = (jnp.ones_like(signals), jnp.cos(weight))
    got = jax.jvp(fast, (signals, weight), tangents)
    np.testing.assert_allclose(got, jax.jvp(slow, (signals, weight), tangents), rtol=1e-12)
    hessian = jax.jacfwd(jax.grad(fast, 0), 1)(signals, weight)
    np.testing.assert_allclose(hessian, jax.jacfwd(jax.grad(slow, 0), 1)(signals, weight))


def test_lanes_of_a_batch_are_those_alone(x64):
    sparse, weight, _ = random_case(3)
    batch = jnp.stack([random_case(seed)[2] for seed in range(4)])
    lanes = jnp.stack([sparse.propagate(weight, one[None])[0] for one in batch])
    np.testing.assert_array_equal(
        jax.vmap(lambda s: sparse.propagate(weight, s[None])[0])(batch), lanes
    )
    weights = jnp.stack([weight, 2.0 * weight, -weight, 0.0 * weight])
    got = jax.vmap(lambda w, s: sparse.propagate(w, s[None])[0])(weights, batch)
    scale = jnp.asarray([1.0, 2.0, -1.0, 0.0])[:, None]
    np.testing.assert_allclose(got, scale * lanes, rtol=1e-12)
    gradients = jax.vmap(jax.grad(lambda w, s: sparse.propagate(w, s[None]).sum(), 0))(
        weights, batch
    )
    assert gradients.shape == (4, 900)


def test_traced_indices_go_over_all_synapses(x64):
    sparse, weight, signals = random_case(4)

    @jax.jit
    def propagate(pre):
        traced = Sparse(pre, sparse.post, sparse.shape)
        assert traced.layout is None
        return traced.propagate(weight, signals[None])

    np.testing.assert_allclose(propagate(sparse.pre), sparse.propagate(weight, signals[None]))


def test_dale_goes_the_same_way(x64):
    sparse, weight, signals = random_case(6)
    sign = np.where(np.arange(70) % 5, 1, -1)
    got = Dale(sparse, sign).propagate(weight, signals[None])[0]
    wanted = (np.asarray(signals) * sign) @ dense(sparse, np.abs(weight), 70)
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
