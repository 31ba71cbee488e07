import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import Dense, ExponentialCurrent, Projection, Sparse
from jaxneuro.inputs import Constant
from jaxneuro.network import dense_by_delay
from jaxneuro.neurons import LIF

KEY = jax.random.key(2)


def recurrent(pre, post, weight, delays, n=12):
    receptor = ExponentialCurrent(5.0)
    edge = Projection("x", "x", weight, Sparse(pre, post, n), receptor, delays=delays)
    return Network({"x": Population(LIF(tau=10.0), n)}, {"xx": edge})


def test_matrices_do_what_the_list_of_synapses_does(x64):
    rng = np.random.default_rng(0)
    pre, post = np.nonzero(rng.random((12, 12)) < 0.4)
    weight, delays = rng.normal(0.5, 2.0, len(pre)), rng.uniform(0.1, 1.4, len(pre))
    listed = recurrent(pre, post, jnp.asarray(weight), delays)
    matrices = dense_by_delay(listed, 0.5)
    assert sorted(matrices.edges) == ["xx_1", "xx_2", "xx_3"]
    inputs = {"x": Constant(jnp.linspace(0.5, 4.0, 12))}
    one, other = (
        simulate(net, inputs, dt=0.5, steps=100, key=KEY, record=("x.v", "x.spikes"))
        for net in (listed, matrices)
    )
    np.testing.assert_allclose(other["x.v"], one["x.v"], atol=1e-9)
    assert one["x.spikes"].sum() > 50


def test_there_is_one_matrix_for_each_number_of_steps():
    net = recurrent([0, 0, 2, 2], [1, 1, 0, 1], [1.0, 2.0, 3.0, 4.0], [0.1, 0.1, 1.04, 0.5], n=3)
    parts = dense_by_delay(net, 0.5).edges
    assert {name: part.delay for name, part in parts.items()} == {"xx_1": 0.5, "xx_2": 1.0}
    np.testing.assert_array_equal(parts["xx_1"].weight, [[0, 3, 0], [0, 0, 0], [0, 4, 0]])
    np.testing.assert_array_equal(parts["xx_2"].weight, [[0, 0, 0], [0, 0, 0], [3, 0, 0]])
    assert parts["xx_1"].connectivity == Dense(3)
    assert eqx.tree_equal(parts["xx_1"].receptor, net.edges["xx"].receptor)


def test_weights_may_be_traced_and_other_edges_stay():
    net = recurrent([0, 1], [1, 0], [1.0, 2.0], [1.0, 2.0], n=2)
    plain = Projection("x", "x", jnp.ones((2, 2)))
    net = Network(net.nodes, net.edges | {"plain": plain})
    assert eqx.tree_equal(dense_by_delay(net, 1.0).edges["plain"], plain)

    def total(weight):
        parts = dense_by_delay(eqx.tree_at(lambda n: n.edges["xx"].weight, net, weight), 1.0).edges
        return jnp.sum(parts["xx_1"].weight ** 2) + 10.0 * jnp.sum(parts["xx_2"].weight ** 2)

    np.testing.assert_allclose(jax.jit(jax.grad(total))(jnp.asarray([3.0, 4.0])), [6.0, 80.0])


def test_traced_synapses_are_refused():
    net = recurrent([0, 1], [1, 0], [1.0, 2.0], [1.0, 2.0], n=2)
    with pytest.raises(ValueError, match="edge 'xx' has traced delays or synapses"):
        eqx.filter_jit(lambda net: dense_by_delay(net, 1.0).edges["xx_1"].weight)(net)
