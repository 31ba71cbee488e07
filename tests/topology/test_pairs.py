import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import topology
from jaxneuro.edges import Dense, OneToOne


def pairs(sparse):
    return list(zip(sparse.pre.tolist(), sparse.post.tolist(), strict=True))


def test_all_to_all_is_dense():
    sparse = topology.all_to_all((2, 3), (2, 2))
    assert pairs(sparse) == [(i, j) for i in range(6) for j in range(4)]
    weight = np.random.default_rng(0).normal(size=(6, 4))
    signals = jnp.asarray(np.random.default_rng(1).normal(size=(5, 2, 3)), float)
    wanted = Dense((2, 2)).propagate(jnp.asarray(weight, float), signals)
    events = sparse.propagate(jnp.asarray(weight.ravel(), float), signals)
    np.testing.assert_allclose(events, wanted, rtol=1e-5, atol=1e-6)


def test_all_to_all_others():
    sparse = topology.all_to_all(4, 4, self_connections=False)
    assert pairs(sparse) == [(i, j) for i in range(4) for j in range(4) if i != j]
    message = r"all_to_all: self_connections=False, .*source has 4 neurons and the target 5"
    with pytest.raises(ValueError, match=message):
        topology.all_to_all(4, 5, self_connections=False)
    with pytest.raises(ValueError, match="shape is 0"):
        topology.all_to_all(0, 5)


def test_one_to_one_is_the_edge():
    sparse = topology.one_to_one((2, 3))
    assert pairs(sparse) == [(i, i) for i in range(6)]
    signals, weight = jnp.arange(12.0).reshape(2, 2, 3), jnp.arange(6.0)
    wanted = OneToOne().propagate(weight.reshape(2, 3), signals)
    np.testing.assert_array_equal(sparse.propagate(weight, signals), wanted)


def test_weak_synapses_are_left_out():
    sparse = topology.all_to_all(2, (3, 1))
    weight = jnp.asarray([0.5, 0.0, -0.2, 0.01, 0.3, -0.4])
    kept = topology.keep(sparse, jnp.abs(weight) > 0.1)
    assert pairs(kept) == [(0, 0), (0, 2), (1, 1), (1, 2)]
    assert kept.shape == (3, 1)
    none = topology.keep(sparse, np.zeros(6, bool))
    assert pairs(none) == []
    for mask in (weight, weight[:3] > 0):
        with pytest.raises(ValueError, match=r"keep: the mask has shape .* 6 synapses"):
            topology.keep(sparse, mask)
