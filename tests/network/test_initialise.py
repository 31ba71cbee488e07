import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import (
    AveragePool,
    Conv,
    Dale,
    Delta,
    Dense,
    Direct,
    Dropout,
    ExponentialCurrent,
    OneToOne,
    Projection,
)
from jaxneuro.inputs import Poisson
from jaxneuro.network import (
    AbstractInitialiser,
    Kaiming,
    Network,
    Uniform,
    fluctuation_driven,
    initialise,
)
from jaxneuro.neurons import IF, LI, LIF, Input, Population, Refractory
from jaxneuro.simulation import simulate

KEY = jax.random.key(0)


def test_kaiming_has_the_variance_of_its_fan_in():
    weight = Kaiming(gain=2.0)(KEY, (400, 500), 400)
    # 200,000 numbers: the standard error of their std is 0.16 %.
    np.testing.assert_allclose(weight.std(), 2.0 / 20.0, rtol=0.01)
    assert abs(float(weight.mean())) < 5 * 0.1 / np.sqrt(weight.size)
    # The fourth moment tells normal (3) from uniform (1.8).
    np.testing.assert_allclose(((weight / weight.std()) ** 4).mean(), 3.0, rtol=0.05)


def test_uniform_fills_its_interval():
    weight = Uniform(gain=3.0)(KEY, (400, 500), 400)
    assert float(jnp.abs(weight).max()) <= 0.15
    np.testing.assert_allclose(weight.std(), 0.15 / np.sqrt(3), rtol=0.01)
    np.testing.assert_allclose(((weight / weight.std()) ** 4).mean(), 1.8, rtol=0.05)


def _nodes(neuron=None):
    return {
        "input": Input((8, 8)),
        "conv": Population(LIF(), (6, 6, 16)),
        "pool": Population(LIF(), (3, 3, 16)),
        "out": Population(LI() if neuron is None else neuron, 64),
    }


def _edges():
    return {
        "convolve": Projection("input", "conv", connectivity=Conv(16, (3, 3))),
        "shrink": Projection("conv", "pool", connectivity=AveragePool((2, 2))),
        "dense": Dropout(Projection("pool", "out", connectivity=Dense(64)), 0.1),
        "self": Projection("out", "out", connectivity=OneToOne()),
        "given": Projection("out", "out", jnp.eye(64)),
    }


def test_initialise_draws_what_is_missing_by_fan_in():
    network = initialise(Network(_nodes(), _edges()), KEY)
    assert network.edges["convolve"].weight.shape == (3, 3, 1, 16)
    assert network.edges["shrink"].weight is None
    assert network.edges["dense"].edge.weight.shape == (144, 64)
    assert network.edges["self"].weight.shape == (64,)
    np.testing.assert_allclose(network.edges["dense"].edge.weight.std(), 2 / 12, rtol=0.05)
    # 144 numbers: their std is known to 6 %.
    np.testing.assert_allclose(network.edges["convolve"].weight.std(), 2 / 3, rtol=0.25)
    np.testing.assert_array_equal(network.edges["given"].weight, np.eye(64))


def test_redraw_draws_all():
    network = initialise(Network(_nodes(), _edges()), KEY)
    again = initialise(network, KEY)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(network), strict=True):
        np.testing.assert_array_equal(a, b)
    other = initialise(network, jax.random.key(1), redraw=True)
    assert not np.array_equal(other.edges["given"].weight, np.eye(64))
    assert not np.array_equal(other.edges["dense"].edge.weight, network.edges["dense"].edge.weight)


def test_another_edge_leaves_the_draw_of_the_others_alone():
    edges = _edges()
    fewer = {name: edges[name] for name in ("convolve", "dense")}
    small, large = (
        initialise(Network(_nodes(), fewer), KEY),
        initialise(Network(_nodes(), edges), KEY),
    )
    np.testing.assert_array_equal(small.edges["convolve"].weight, large.edges["convolve"].weight)


def test_a_users_initialiser_sees_key_shape_and_fan_in():
    class Marked(AbstractInitialiser):
        def __call__(self, key, shape, fan_in):
            return jnp.full(shape, float(fan_in))

    network = initialise(Network(_nodes(), _edges()), KEY, Marked())
    assert float(network.edges["convolve"].weight[0, 0, 0, 0]) == 9.0
    assert float(network.edges["dense"].edge.weight[0, 0]) == 144.0
    assert float(network.edges["self"].weight[0]) == 1.0


@pytest.mark.parametrize(
    ("receptor", "mean", "std"),
    [(Direct(), 0.0, 1.0), (Delta(), 0.4, 0.7), (ExponentialCurrent(tau=5.0), -0.6, 0.8)],
)
def test_fluctuation_driven_reaches_mean_and_std_of_the_free_membrane(receptor, mean, std):
    dt, rates, size = 0.5, {"a": 10.0, "b": 25.0}, 300
    # A threshold out of reach keeps the membrane free; `v_rest` shows that both count from rest.
    neuron = LIF(tau=15.0, v_rest=-2.0, threshold=1000.0, resistance=3.0)
    network = Network(
        {"a": Input(400), "b": Input(150), "out": Population(Refractory(neuron), size)},
        {
            "ab": Projection("a", "out", connectivity=Dense(size), receptor=receptor),
            "bb": Projection("b", "out", connectivity=Dense(size), receptor=Direct(), delay=0.0),
        },
    )
    network = fluctuation_driven(network, dt=dt, key=KEY, rates=rates, mean=mean, std=std)
    inputs = {name: Poisson(jnp.asarray(rate)) for name, rate in rates.items()}
    run = simulate(network, inputs, dt=dt, steps=6000, key=KEY, record="out.v", every=10)
    v = np.asarray(run["out.v"])[30:]
    # Over time, then neurons: each neuron's mean differs, since its few hundred weights do. 300
    # neurons over 3 s of membranes that forget in 20 ms leave about 2 %.
    np.testing.assert_allclose(np.sqrt(v.var(0).mean()), std, rtol=0.05)
    spread = v.mean(0).std() / np.sqrt(size)
    np.testing.assert_allclose(v.mean(), mean - 2.0, atol=max(0.03, 4 * spread))


def test_fluctuation_driven_reaches_through_wrappers_and_keeps_bias():
    bias = jnp.arange(4.0)
    edge = Projection("input", "out", connectivity=Dense(4), bias=bias)
    nodes = {"input": Input(50), "out": Population(LI(), 4)}
    options = {"dt": 1.0, "key": KEY, "rates": 20.0}
    plain = fluctuation_driven(Network(nodes, {"wire": edge}), **options).edges["wire"]
    wrapped = fluctuation_driven(Network(nodes, {"wire": Dropout(edge, 0.5)}), **options)
    np.testing.assert_array_equal(wrapped.edges["wire"].edge.weight, plain.weight)
    np.testing.assert_array_equal(plain.bias, bias)


def _single(neuron, **options):
    network = Network(
        {"input": Input(20), "out": Population(neuron, 4)},
        {"wire": Projection("input", "out", connectivity=Dense(4))},
    )
    return fluctuation_driven(network, **{"dt": 1.0, "key": KEY, "rates": 10.0} | options)


@pytest.mark.parametrize(
    ("neuron", "options", "message"),
    [
        (LIF(), {"mean": 5.0, "std": 0.1}, "edge 'wire' cannot reach mean 5.0 .* larger std"),
        (IF(), {}, "response of 'out' to one spike has not died out after 1000 steps"),
        (LIF(tau=50.0), {"steps": 20}, "has not died out after 20 steps of 1.0 ms. Pass more"),
        (LIF(), {"rates": {"inptu": 3.0}}, "edge 'wire' needs a rate .* source 'input'"),
        (LIF(), {"rates": 0.0}, "edge 'wire' needs a rate above 0 Hz"),
    ],
)
def test_what_fluctuation_driven_cannot_reach_is_refused(neuron, options, message):
    with pytest.raises(ValueError, match=message):
        _single(neuron, **options)


def test_fluctuation_driven_refuses_weights_whose_signs_are_fixed():
    edge = Projection("input", "out", connectivity=Dale(Dense(1), [1, -1]))
    net = Network({"input": Input(2), "out": Population(LIF(), 1)}, {"wire": edge})
    with pytest.raises(ValueError, match="edge 'wire' keeps the signs of its sources"):
        fluctuation_driven(net, dt=1.0, key=KEY, rates=10.0)


def test_initialise_leaves_everything_else_as_it_was():
    before = Network(_nodes(), _edges())
    after = initialise(before, KEY)
    keep = lambda net: eqx.tree_at(  # noqa: E731
        lambda n: [
            n.edges["convolve"].weight,
            n.edges["dense"].edge.weight,
            n.edges["self"].weight,
        ],
        net,
        [None] * 3,
        is_leaf=lambda x: x is None,
    )
    assert eqx.tree_equal(keep(after), keep(before))
