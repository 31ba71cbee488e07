import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Layer, sequential
from jaxneuro.core import map_leaves
from jaxneuro.edges import Chain, Dense, LowRank, MaxPool
from jaxneuro.inputs import Constant
from jaxneuro.neurons import LI, LIF
from jaxneuro.simulation import simulate


def weight(pre, post, rank=2, seed=0):
    keys = jax.random.split(jax.random.key(seed), 3)
    shapes = (pre, post), (pre, rank), (post, rank)
    return LowRank(*(jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=True)))


def test_the_product_is_that_of_the_matrix():
    w = weight(7, 5)
    signals = jax.random.normal(jax.random.key(9), (3, 7))
    assert w.shape == (7, 5)
    assert jnp.linalg.matrix_rank(w.dense() - w.base) == 2
    np.testing.assert_allclose(w.product(signals), signals @ w.dense(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", [Dense((2, 3)), Chain((MaxPool((1, 2)), Dense((2, 3))))])
def test_a_projection_takes_it_for_its_weight(kind):
    signals = jax.random.uniform(jax.random.key(9), (4, 2, 8))
    w = weight(*kind.weight_shape((2, 8)))
    expected = kind.propagate(w.dense(), signals)
    np.testing.assert_allclose(kind.propagate(w, signals), expected, rtol=1e-5, atol=1e-5)


def test_a_population_of_networks_shares_the_base():
    net = sequential((6,), Layer(Dense(5), LIF()), Layer(Dense(3), LI()), key=jax.random.key(0))
    path = "edges.input_to_hidden1.weight"
    base = weight(6, 5).base
    factors = jax.vmap(lambda k: (jax.random.normal(k, (6, 1)), jax.random.normal(k, (5, 1))))(
        jax.random.split(jax.random.key(2), 4)
    )

    def run(left, right, dense):
        w = LowRank(base, left, right)
        member = map_leaves(net, [path], lambda *_: w.dense() if dense else w)
        inputs = {"input": Constant(jnp.arange(6.0))}
        return simulate(member, inputs, dt=1.0, steps=5, key=jax.random.key(0), record="readout.v")[
            "readout.v"
        ]

    low, full = (jax.vmap(lambda a, b, d=d: run(a, b, d))(*factors) for d in (False, True))
    assert jnp.abs(full).max() > 0.1
    np.testing.assert_allclose(low, full, rtol=1e-5, atol=1e-5)
    text = str(jax.make_jaxpr(jax.vmap(lambda a, b: run(a, b, False)))(*factors))
    assert "f32[4,6,5]" not in text  # no member's matrix is formed
