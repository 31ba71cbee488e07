import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import AveragePool, Chain, Conv, Dense, MaxPool, OneToOne, Sparse


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_dense_is_a_matrix_product_of_flattened_populations(rng, x64):
    signals, weight = rng.normal(size=(7, 2, 3)), rng.normal(size=(6, 8))
    events = Dense((4, 2)).propagate(jnp.asarray(weight), jnp.asarray(signals))
    wanted = (signals.reshape(7, 6) @ weight).reshape(7, 4, 2)
    np.testing.assert_allclose(events, wanted, rtol=1e-12)


def test_one_to_one(rng, x64):
    signals, weight = rng.normal(size=(4, 2, 3)), rng.normal(size=(2, 3))
    own = OneToOne().propagate(jnp.asarray(weight), jnp.asarray(signals))
    np.testing.assert_array_equal(own, signals * weight)
    shared = OneToOne(shared=True).propagate(jnp.asarray(2.5), jnp.asarray(signals))
    np.testing.assert_array_equal(shared, signals * 2.5)


def test_sparse_is_its_dense_matrix(rng, x64):
    pre, post = rng.integers(0, 12, 40), rng.integers(0, 6, 40)  # some pairs occur twice
    assert len(set(zip(pre, post, strict=True))) < 40
    weight, signals = rng.normal(size=40), rng.normal(size=(5, 3, 4))
    matrix = np.zeros((12, 6))
    np.add.at(matrix, (pre, post), weight)
    sparse = Sparse(pre, post, (2, 3))
    events = sparse.propagate(jnp.asarray(weight), jnp.asarray(signals))
    wanted = (signals.reshape(5, 12) @ matrix).reshape(5, 2, 3)
    np.testing.assert_allclose(events, wanted, rtol=1e-12, atol=1e-13)
    assert sparse.weight_shape((3, 4)) == (40,)
    assert sparse.fan_in((3, 4)) == 7  # 40 / 6


@pytest.mark.parametrize(
    ("pre", "post", "message"),
    [
        ([0, 1], [0], "pre lists 2 neurons and post 1"),
        ([0, 1], [0, 2], r"post has indices from 0 to 2, but those of the target are 0 to 1\."),
        ([0, 1], [0, -1], r"post has indices from -1 to 0"),
        ([0, -1], [0, 1], r"pre has indices from -1 to 0, but those of the source are 0 or more"),
        ([0.0, 1.0], [0, 1], r"pre has shape \(2,\) and dtype float32; .* integers"),
        ([[0, 1]], [[0, 1]], r"pre has shape \(1, 2\)"),
    ],
)
def test_sparse_lists_that_make_no_sense(pre, post, message):
    with pytest.raises(ValueError, match=f"Sparse: {message}"):
        Sparse(pre, post, 2)


def test_sparse_checks_the_source_when_it_is_known():
    sparse = Sparse([0, 4], [0, 1], 2)
    assert sparse.output_shape((5,)) == (2,)
    with pytest.raises(ValueError, match=r"pre has indices from 0 to 4, .* source are 0 to 3\."):
        sparse.output_shape((2, 2))


def test_sparse_takes_traced_indices_and_none_at_all():
    events = jax.jit(lambda pre: Sparse(pre, [1], 2).propagate(jnp.ones(1), jnp.ones((1, 3))))
    np.testing.assert_array_equal(events(jnp.asarray([2])), [[0.0, 1.0]])
    none = Sparse(np.zeros(0, int), np.zeros(0, int), 2)
    np.testing.assert_array_equal(none.propagate(jnp.ones(0), jnp.ones((1, 3))), [[0.0, 0.0]])


def test_chain_is_one_after_another(rng):
    signals, weight = jnp.asarray(rng.normal(size=(2, 6, 6, 2)), float), jnp.ones((2, 2, 2, 3))
    pool, conv = AveragePool((2, 2)), Conv(3, (2, 2))
    events = Chain((pool, conv)).propagate(weight, signals)
    wanted = conv.propagate(weight, pool.propagate(None, signals))
    np.testing.assert_array_equal(events, wanted)
    swapped = Chain((conv, pool)).propagate(weight, signals)
    np.testing.assert_array_equal(swapped, pool.propagate(None, conv.propagate(weight, signals)))


def test_chain_has_at_most_one_weight_and_at_least_one_link():
    assert Chain((MaxPool((2, 2)),)).weight_shape((4, 4)) is None
    with pytest.raises(ValueError, match=r"2 of its links have weights, .*put a population"):
        Chain((Dense(3), Dense(2))).weight_shape((4,))
    with pytest.raises(ValueError, match="Chain: it needs at least one link"):
        Chain(())
