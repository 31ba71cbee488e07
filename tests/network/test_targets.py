"""Edges that aim at ports and shared receptors, and fragments that bring their own edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, Population, simulate
from jaxneuro.edges import (
    Dropout,
    ExponentialCurrent,
    PoissonEvents,
    Projection,
    SharedReceptor,
)
from jaxneuro.network import load, save
from jaxneuro.neurons import LIF, Fragment, Izhikevich2003, Refractory

KEY = jax.random.key(0)
SERIES = jnp.asarray(np.random.default_rng(0).random((20, 3)) < 0.4, float)


def two_sources(shared):
    nodes = {"a": Input(3), "b": Input(3), "exc": Population(LIF(tau=9.0), 4)}
    one, two = 0.2 * jnp.arange(12.0).reshape(3, 4), 0.1 * jnp.ones((3, 4))
    receptor = ExponentialCurrent(tau=4.0)
    if shared:
        edges = {
            "exc/syn": SharedReceptor("exc", receptor),
            "zz": Projection("a", "exc/syn", one, delay=1.0),
            "aa": Dropout(Projection("b", "exc/syn", two), rate=0.0),
        }
    else:
        edges = {
            "zz": Projection("a", "exc", one, receptor=receptor, delay=1.0),
            "aa": Projection("b", "exc", two, receptor=receptor),
        }
    return Network(nodes, edges)


@pytest.mark.parametrize("block", [1, 6, 20])
def test_a_shared_receptor_is_the_sum_of_separate_ones(block):
    runs = [
        simulate(
            two_sources(shared),
            {"a": SERIES, "b": SERIES[::-1]},
            dt=0.5,
            key=KEY,
            record=("exc.v", "exc.spikes"),
            block=block,
        )
        for shared in (True, False)
    ]
    assert runs[0]["exc.spikes"].sum() > 0
    np.testing.assert_array_equal(runs[0]["exc.spikes"], runs[1]["exc.spikes"])
    np.testing.assert_allclose(runs[0]["exc.v"], runs[1]["exc.v"], rtol=1e-5, atol=1e-6)


def test_recurrent_feeders_reach_a_shared_receptor():
    weight = 0.5 * jnp.ones((4, 4))
    receptor = ExponentialCurrent(tau=4.0)
    common = {"drive": Projection("in", "exc", jnp.ones((3, 4)))}
    nodes = {"in": Input(3), "exc": Population(LIF(tau=5.0), 4)}
    shared = Network(
        nodes,
        common
        | {"exc/r": SharedReceptor("exc", receptor), "rec": Projection("exc", "exc/r", weight)},
    )
    own = Network(nodes, common | {"rec": Projection("exc", "exc", weight, receptor=receptor)})
    runs = [
        simulate(net, {"in": SERIES}, dt=0.5, key=KEY, record=("exc.v",)) for net in (shared, own)
    ]
    np.testing.assert_allclose(runs[0]["exc.v"], runs[1]["exc.v"], rtol=1e-5, atol=1e-6)
    assert "recurrent" in str(shared)


def test_a_port_is_apart_from_the_ordinary_input():
    # f(I) = sqrt(I) holds for the input of the neuron, not for that of its port.
    cell = Izhikevich2003(nonlin=2.0)
    ends = {}
    for target in ("exc", "exc.base"):
        network = Network(
            {"in": Input(1), "exc": Population(cell, 1)},
            {"drive": Projection("in", target, jnp.full((1, 1), 4.0), delay=0.0)},
        )
        run = simulate(network, {"in": jnp.ones((1, 1))}, dt=0.01, key=KEY, record=("exc.v",))
        ends[target] = float(run["exc.v"][0, 0]) + 65.0
    rest = Network({"exc": Population(cell, 1)})
    still = (
        float(simulate(rest, dt=0.01, steps=1, key=KEY, record=("exc.v",))["exc.v"][0, 0]) + 65.0
    )
    np.testing.assert_allclose(ends["exc"] - still, 0.02, rtol=1e-2)
    np.testing.assert_allclose(ends["exc.base"] - still, 0.04, rtol=1e-2)


def fragment():
    edges = {
        "syn": SharedReceptor("", ExponentialCurrent(tau=3.0)),
        "noise": PoissonEvents("/syn", rate=300.0, weight=0.4),
        "more": Dropout(Projection("in", "/syn", 0.1 * jnp.ones((3, 4))), rate=0.0),
    }
    return Fragment(LIF(), edges, {"i_syn": "syn.i"})


def test_a_fragment_brings_its_edges():
    nodes = {"in": Input(3), "exc": Population(fragment(), 4)}
    net = Network(nodes, {"drive": Projection("in", "exc/syn", jnp.ones((3, 4)))})
    assert set(net.edges) == {"drive", "exc/syn", "exc/noise", "exc/more"}
    assert net.target("exc/noise") == ("exc", None, "exc/syn")
    assert isinstance(net.nodes["exc"].neuron, LIF)
    path = fragment().path_of("exc", "i_syn")
    run = simulate(net, {"in": SERIES}, dt=0.5, key=KEY, record=(path, "exc.v"))
    assert run[path].shape == (20, 4)
    assert fragment().path_of("exc", "v") == "exc.v"
    # Another population's noise does not depend on this one's.
    two = Network(nodes | {"other": Population(LIF(), 2)}, {"drive": net.edges["drive"]})
    again = simulate(two, {"in": SERIES}, dt=0.5, key=KEY, record=(path,))
    np.testing.assert_array_equal(run[path], again[path])


def test_a_lone_population_of_a_fragment_runs_and_is_saved(tmp_path):
    part = Fragment(LIF(), {"noise": PoissonEvents("", rate=500.0, weight=3.0)}, {"x": "noise.key"})
    population = Population(part, 3)
    run = simulate(population, dt=0.5, steps=50, key=KEY, record=("neuron.v",))
    assert float(jnp.std(run["neuron.v"])) > 0
    save(population, tmp_path / "population.npz")
    back = load(tmp_path / "population.npz")
    again = simulate(back, dt=0.5, steps=50, key=KEY, record=("neuron.v",))
    np.testing.assert_array_equal(run["neuron.v"], again["neuron.v"])


def test_a_gradient_reaches_the_parts_of_a_fragment(x64):
    def total(weight, tau):
        edges = {
            "syn": SharedReceptor("", ExponentialCurrent(tau=tau)),
            "in": Projection("in", "/syn", weight * jnp.ones((3, 2))),
        }
        nodes = {"in": Input(3), "exc": Population(Fragment(LIF(), edges), 2)}
        run = simulate(Network(nodes), {"in": SERIES}, dt=0.5, key=KEY, record=("exc.v",))
        return run["exc.v"].sum()

    point = jnp.asarray(0.01), jnp.asarray(3.0)
    slopes = jax.grad(total, (0, 1))(*point)
    for index in range(2):
        size = 1e-6
        moved = [
            total(*(p + sign * size * (i == index) for i, p in enumerate(point)))
            for sign in (1, -1)
        ]
        np.testing.assert_allclose(slopes[index], (moved[0] - moved[1]) / (2 * size), rtol=1e-5)


def test_mistaken_targets_are_refused():
    nodes = {"in": Input(3), "exc": Population(Refractory(LIF()), 4)}
    weight = jnp.ones((3, 4))
    shared = {"exc/syn": SharedReceptor("exc", ExponentialCurrent())}

    def network(edges):
        return Network(nodes, edges)

    with pytest.raises(ValueError, match=r"no target 'exc/sym'.*exc/syn"):
        network(shared | {"drive": Projection("in", "exc/sym", weight)})
    with pytest.raises(ValueError, match=r"Refractory of 'exc' has no port 'base'. It has none"):
        network({"drive": Projection("in", "exc.base", weight)})
    with pytest.raises(ValueError, match=r"has no port 'bass'. It has base"):
        Network(
            {"in": Input(3), "exc": Population(Izhikevich2003(), 4)},
            {"drive": Projection("in", "exc.bass", weight)},
        )
    with pytest.raises(ValueError, match="its target 'other' is no SharedReceptor"):
        network(
            {"other": Projection("in", "exc", weight), "drive": Projection("in", "other", weight)}
        )
    with pytest.raises(ValueError, match="two edges are named 'exc/syn'"):
        Network({"in": Input(3), "exc": Population(fragment(), 4)}, shared)
    with pytest.raises(ValueError, match="wants plain events"):
        simulate(
            network(
                shared | {"d": Projection("in", "exc/syn", weight, receptor=ExponentialCurrent())}
            ),
            {"in": SERIES},
            dt=0.5,
            key=KEY,
        )


def test_start_values_of_a_population():
    cell = Refractory(Izhikevich2003())
    state = Population(cell, 2, initial={"v": [-50.0, -40.0], "u": 1.0}).init(KEY)
    np.testing.assert_array_equal(state.v, [-50.0, -40.0])
    np.testing.assert_array_equal(state.inner.u, [1.0, 1.0])
    with pytest.raises(ValueError, match=r"No path 'x.w'"):
        Population(cell, 2, initial={"w": 0.0}).init(KEY)
    with pytest.raises(ValueError, match=r"initial 'v' has shape \(3,\).*\(2,\)"):
        Population(cell, 2, initial={"v": [0.0, 0.0, 0.0]}).init(KEY)
    with pytest.raises(ValueError, match="start is 'zero'"):
        Population(cell, 2, start="zero")
