import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import component_key
from jaxneuro.edges import Conv, Dense, Dropout, Projection
from jaxneuro.network import AbstractStage, Advance, Network
from jaxneuro.neurons import LIF, AbstractNeuron, Input, Population
from jaxneuro.simulation import simulate


def _nodes():
    return {"input": Input(2), "exc": Population(LIF(), 3), "inh": Population(LIF(), 2)}


def _network(*edges, **named):
    return Network(_nodes(), {f"e{i}": edge for i, edge in enumerate(edges)} | named)


class Idle(AbstractStage):
    tag: str = eqx.field(static=True)

    def init(self, network, key):
        return None

    def step(self, network, state, context):
        return state


def _wire(source, target, shape, **options):
    return Projection(source, target, jnp.ones(shape), **options)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: _network(_wire("inptu", "exc", (2, 3))),
            "Edge 'e0': no source 'inptu'. Did you mean input",
        ),
        (
            lambda: _network(_wire("input", "ex", (2, 3))),
            "Edge 'e0': no target 'ex'. Did you mean exc",
        ),
        (
            lambda: _network(_wire("exc", "input", (3, 2))),
            "Edge 'e0': 'input' is an Input and cannot be driven",
        ),
        (
            lambda: _network(_wire("input", "exc", (2, 2))),
            r"events of shape \(2,\) from 'input' of shape \(2,\), but 'exc' has shape \(3,\)",
        ),
        (
            lambda: _network(_wire("exc", "inh", (2, 2))),
            r"'e0' \(exc -> inh\): weight has shape \(2, 2\), .* wants \(3, 2\)",
        ),
        (
            lambda: _network(Dropout(_wire("exc", "inh", (2, 2)), 0.5)),
            r"'e0' \(exc -> inh\): weight has shape \(2, 2\), .* wants \(3, 2\)",
        ),
        (
            lambda: _network(Projection("input", "exc", connectivity=Conv(3, (5, 5)))),
            r"Edge 'e0' \(input -> exc\): Conv: .* 2 axes",
        ),
        (
            lambda: _network(exc=_wire("input", "exc", (2, 3))),
            r"\['exc'\] name both a node and an edge",
        ),
        (
            lambda: Network({"exc.1": Population(LIF(), 1)}, {}),
            r"Network 'exc\.1': a name is made of letters",
        ),
        (
            lambda: _network(**{"my edge": _wire("input", "exc", (2, 3))}),
            "Network 'my edge': a name is made of letters",
        ),
        (
            lambda: _network(
                _wire("input", "exc", (2, 3), delay=0.0),
                _wire("exc", "inh", (3, 2), delay=0.0),
                _wire("inh", "exc", (2, 3), delay=0.0),
            ),
            r"exc -> inh -> exc is a cycle of edges with delay=0.*Give one of them a delay",
        ),
        (
            lambda: _network(_wire("exc", "exc", (3, 3), delay=0.0)),
            "exc -> exc is a cycle of edges with delay=0",
        ),
        (
            lambda: _network(Dropout(_wire("exc", "exc", (3, 3), delay=0.0), 0.1)),
            "exc -> exc is a cycle",
        ),
        (
            lambda: _network(_wire("exc", "inh", (3, 2), delay=-1.0)),
            "Edge 'e0': its delay is -1.0 ms; it must be >= 0",
        ),
        (lambda: Network(_nodes(), {}, ()), r"Advance\(\) exactly once"),
        (lambda: Network(_nodes(), {}, (Advance(), Advance())), r"Advance\(\) exactly once"),
        (
            lambda: Network(_nodes(), {}, (Idle("a"), Advance(), Idle("a"))),
            r"tags \['a', 'advance', 'a'\]; each state needs its own",
        ),
    ],
)
def test_what_does_not_fit_is_refused_when_built(build, message):
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        build()


def test_one_delay_opens_a_cycle():
    network = _network(
        _wire("exc", "inh", (3, 2), delay=0.0),
        _wire("inh", "exc", (2, 3)),
        _wire("exc", "exc", (3, 3), delay=1.0),
    )
    assert network.prepare(1.0).lags == {"e0": 0, "e1": 1, "e2": 1}


def test_a_delay_that_is_no_multiple_of_dt_names_the_nearest():
    network = _network(_wire("exc", "inh", (3, 2), delay=1.25))
    message = "Edge 'e0': its delay is 1.25 ms, .* nearest ones are 1 ms and 1.5 ms"
    with pytest.raises(ValueError, match=message):
        network.prepare(0.5)
    assert network.prepare(0.25).lags == {"e0": 5}


def test_init_has_the_shapes_and_streams_that_it_says():
    network = _network(
        _wire("input", "exc", (2, 3), delay=3.0),
        Dropout(_wire("exc", "inh", (3, 2)), 0.5),
        _wire("inh", "exc", (2, 3), delay=0.0),
    )
    state = network.init(0.5, jax.random.key(3))
    assert {name: past.shape for name, past in state.history.items()} == {
        "input": (6, 2),
        "exc": (1, 3),
        "inh": (1, 2),
    }
    assert all(not np.any(past) for past in state.history.values())
    assert set(state.nodes) == {"exc", "inh"}
    assert int(state.step) == 0
    assert state.key == jax.random.key(3)
    # A neuron without noise draws nothing; the mask hangs on the edge's name and the key alone.
    mask = state.edges["e1"].mask
    alone = Network(_nodes(), {"e1": network.edges["e1"]}).init(1.0, jax.random.key(3))
    np.testing.assert_array_equal(alone.edges["e1"].mask, mask)
    assert set(np.unique(mask)) <= {0.0, 2.0}
    assert network.init(0.5, jax.random.key(3), inference=True).edges["e1"].mask is None


def test_the_initial_key_is_that_of_the_name():
    class Drawn(eqx.Module):
        v: jax.Array

    class Random(AbstractNeuron):
        """A neuron that starts at a random v."""

        def init(self, shape, key):
            return Drawn(jax.random.normal(key, shape))

        def advance(self, state, drive, dt, integrator):
            return state

        def margin(self, old, new):
            return None

        def reset(self, state, spikes):
            return state

    network = Network({"a": Population(Random(), 4), "b": Population(Random(), 4)}, {})
    state = network.init(1.0, jax.random.key(1))
    wanted = jax.random.normal(component_key(jax.random.key(1), 2**32 - 1, "a"), (4,))
    np.testing.assert_array_equal(state.nodes["a"].v, wanted)
    assert not np.array_equal(state.nodes["b"].v, state.nodes["a"].v)


def test_a_projection_without_a_weight_is_refused_when_run():
    network = _network(Projection("input", "exc", connectivity=Dense(3), delay=0.0))
    with pytest.raises(ValueError, match=r"has no weight yet\. Call `initialise"):
        simulate(network, {"input": jnp.ones((2, 2))}, dt=1.0, key=jax.random.key(0))


def test_spikes_of_a_state_are_the_latest():
    network = _network(_wire("input", "exc", (2, 3), delay=2.0))
    series = jnp.arange(10.0).reshape(5, 2)
    state = simulate(network, {"input": series}, dt=1.0, key=jax.random.key(0)).state
    np.testing.assert_array_equal(state.spikes("input"), series[-1])
