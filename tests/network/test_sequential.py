import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import AveragePool, Chain, Conv, Dense, Dropout, ExponentialCurrent
from jaxneuro.integrators import Euler
from jaxneuro.network import Kaiming, Layer, Network, Uniform, sequential
from jaxneuro.neurons import LI, LIF, AdaptiveLIF
from jaxneuro.simulation import simulate
from jaxneuro.surrogates import Arctan, SuperSpike

KEY = jax.random.key(0)


def test_names_shapes_and_delays():
    network = sequential(
        6,
        Layer(Dense(5), LIF(), recurrent=True),
        Layer(Dense(4), AdaptiveLIF(), dropout=0.2),
        Layer(Dense(3), LI(), bias=False),
        key=KEY,
    )
    assert isinstance(network, Network)
    assert {name: node.shape for name, node in network.nodes.items()} == {
        "input": (6,),
        "hidden1": (5,),
        "hidden2": (4,),
        "readout": (3,),
    }
    assert set(network.edges) == {
        "input_to_hidden1",
        "hidden1_to_hidden1",
        "hidden1_to_hidden2",
        "hidden2_to_readout",
    }
    # Within a step from layer to layer, a step later onto itself.
    assert network.prepare(1.0).lags == {
        "input_to_hidden1": 0,
        "hidden1_to_hidden1": 1,
        "hidden1_to_hidden2": 0,
        "hidden2_to_readout": 0,
    }
    assert isinstance(network.edges["hidden1_to_hidden2"], Dropout)
    assert network.edges["hidden1_to_hidden2"].rate == 0.2
    assert network.edges["input_to_hidden1"].weight.shape == (6, 5)
    assert network.edges["hidden1_to_hidden1"].weight.shape == (5, 5)
    np.testing.assert_array_equal(network.edges["input_to_hidden1"].bias, np.zeros(5))
    assert network.edges["hidden2_to_readout"].bias is None
    assert network.edges["hidden1_to_hidden1"].bias is None


def test_it_is_the_network_of_the_machine_learning_libraries():
    # v <- beta v + W x + b, s = v > 1, v <- v - s, each layer within the step, in plain numpy.
    network = sequential(
        4,
        Layer(Dense(5), LIF(tau=5.0, input_scale="unit"), recurrent=True),
        Layer(Dense(2), LI(tau=10.0, input_scale="unit")),
        key=jax.random.key(3),
    )
    x = np.random.default_rng(0).uniform(0, 1, (12, 4))
    run = simulate(
        network,
        {"input": jnp.asarray(x, jnp.float32)},
        dt=1.0,
        key=KEY,
        record=("hidden1.spikes", "readout.v"),
    )
    weights = {name: np.asarray(edge.weight, float) for name, edge in network.edges.items()}
    v, out, s = np.zeros(5), np.zeros(2), np.zeros(5)
    spikes, read = [], []
    for i in range(12):
        current = x[i] @ weights["input_to_hidden1"] + s @ weights["hidden1_to_hidden1"]
        v = np.exp(-1 / 5) * v + current
        s = (v > 1).astype(float)
        v = v - s
        out = np.exp(-1 / 10) * out + s @ weights["hidden1_to_readout"]
        spikes.append(s)
        read.append(out)
    assert 5 < np.sum(spikes) < 55
    np.testing.assert_array_equal(run["hidden1.spikes"], spikes)
    np.testing.assert_allclose(run["readout.v"], read, rtol=1e-4, atol=1e-5)


def test_a_convolutional_network_fits_itself_together():
    network = sequential(
        (8, 8),
        Layer(Conv(3, (3, 3)), LIF()),
        Layer(Chain((AveragePool((2, 2)), Conv(4, (2, 2)))), LIF()),
        Layer(Dense(10), LI()),
        key=KEY,
    )
    shapes = [node.shape for node in network.populations.values()]
    assert shapes == [(6, 6, 3), (2, 2, 4), (10,)]
    assert network.edges["hidden2_to_readout"].weight.shape == (16, 10)
    run = simulate(network, {"input": jnp.ones((3, 8, 8))}, dt=1.0, key=KEY, record="readout.v")
    assert run["readout.v"].shape == (3, 10)


def test_options_are_of_every_layer_unless_it_has_its_own():
    network = sequential(
        2,
        Layer(Dense(3), LIF(), options={"surrogate": Arctan()}),
        Layer(Dense(2), LI(), receptor=ExponentialCurrent(tau=3.0)),
        key=KEY,
        integrator=Euler(),
        surrogate=SuperSpike(slope=5.0),
    )
    hidden, readout = network.nodes["hidden1"], network.nodes["readout"]
    assert isinstance(hidden.surrogate, Arctan)
    assert isinstance(readout.surrogate, SuperSpike)
    assert isinstance(hidden.integrator, Euler)
    assert isinstance(readout.integrator, Euler)
    assert isinstance(network.edges["hidden1_to_readout"].receptor, ExponentialCurrent)


def test_weights_hang_on_the_key_and_the_initialiser():
    layers = (Layer(Dense(50), LIF()), Layer(Dense(10), LI()))
    first = sequential(40, *layers, key=KEY).edges["input_to_hidden1"].weight
    again = sequential(40, *layers, key=KEY).edges["input_to_hidden1"].weight
    other = sequential(40, *layers, key=jax.random.key(1)).edges["input_to_hidden1"].weight
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    scaled = sequential(40, *layers, key=KEY, initialiser=Kaiming(gain=4.0))
    np.testing.assert_allclose(scaled.edges["input_to_hidden1"].weight, 2.0 * first, rtol=1e-6)
    bounded = sequential(40, *layers, key=KEY, initialiser=Uniform())
    assert float(jnp.abs(bounded.edges["input_to_hidden1"].weight).max()) <= 40**-0.5


def test_it_needs_a_layer():
    with pytest.raises(ValueError, match="at least one Layer"):
        sequential(4, key=KEY)
