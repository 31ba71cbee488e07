import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import component_key
from jaxneuro.edges import Dropout, Projection
from jaxneuro.inputs import Constant, Function, Poisson
from jaxneuro.network import Network
from jaxneuro.neurons import LI, AbstractODENeuron, Input, Population
from jaxneuro.simulation import Checkpointed, simulate

RECORD = ("input.spikes", "exc.spikes", "exc.v", "inh.spikes", "inh.v", "out.v", "loop.i", "ie.i")
SMALL = ("exc.spikes", "exc.v", "out.v")
POISSON = {"input": Poisson(jnp.asarray(200.0))}


def _run(network, inputs=None, **options):
    options = {"dt": 1.0, "steps": 100, "key": jax.random.key(5), "record": RECORD} | options
    return simulate(network, POISSON if inputs is None else inputs, **options)


def _plain(leaf):
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf)


def assert_identical(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(_plain(x), _plain(y))


def test_the_shared_network_is_active(network):
    # The other tests would show little if nothing fired.
    run = _run(network)
    assert all(run[path].sum() > 20 for path in RECORD if path.endswith("spikes"))


def test_vmap_equals_a_loop(network):
    keys = jax.random.split(jax.random.key(0), 3)
    rates = jnp.array([100.0, 200.0, 400.0])

    def one(rate, key):
        return _run(network, {"input": Poisson(rate)}, key=key, steps=30).records

    together = jax.vmap(one)(rates, keys)
    for i in range(3):
        alone = one(rates[i], keys[i])
        for path in RECORD:
            if path.endswith("spikes"):
                np.testing.assert_array_equal(together[path][i], alone[path])
            np.testing.assert_allclose(together[path][i], alone[path], rtol=1e-5, atol=1e-5)


def test_vmap_over_networks_equals_a_loop(small):
    scales = jnp.array([0.5, 1.0, 2.0])

    def one(scale):
        where = lambda n: n.edges["drive"].weight  # noqa: E731
        scaled = eqx.tree_at(where, small, small.edges["drive"].weight * scale)
        return _run(scaled, steps=30, record=SMALL)["exc.spikes"]

    alone = jnp.stack([one(scale) for scale in scales])
    np.testing.assert_array_equal(jax.vmap(one)(scales), alone)
    assert len({int(x.sum()) for x in alone}) == 3


def test_jit_changes_nothing(small):
    plain = _run(small, steps=30, record=SMALL)
    jitted = eqx.filter_jit(lambda net, inputs: _run(net, inputs, steps=30, record=SMALL))(
        small, POISSON
    )
    for path in SMALL:
        np.testing.assert_allclose(jitted[path], plain[path], rtol=1e-5, atol=1e-5)
        if path.endswith("spikes"):
            np.testing.assert_array_equal(jitted[path], plain[path])


@pytest.mark.parametrize("block", [1, 16])
def test_a_continued_run_is_bit_identical(network, block):
    whole = _run(network, block=block)
    first = _run(network, block=block, steps=37)
    # The key is part of the state: another one given here must change nothing.
    second = _run(network, block=block, steps=63, state=first.state, key=jax.random.key(99))
    assert_identical(second.state, whole.state)
    for path in RECORD:
        joined = np.concatenate([first[path], second[path]])
        np.testing.assert_array_equal(joined, whole[path], err_msg=path)


def test_a_series_continued_twice_inside_one_block_is_bit_identical(network):
    series = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (40, 4)), jnp.float32)
    options = {"block": 64, "steps": None}
    whole = _run(network, {"input": series}, **options)
    state, parts = None, []
    for start, stop in ((0, 5), (5, 6), (6, 40)):
        run = _run(network, {"input": series[start:stop]}, state=state, **options)
        state = run.state
        parts.append(run["exc.v"])
    np.testing.assert_array_equal(np.concatenate(parts), whole["exc.v"])
    assert_identical(state, whole.state)


def test_a_traced_state_continues_at_a_multiple_of_the_block_only(small):
    @eqx.filter_jit
    def go_on(network, state, block):
        # The network is an argument: constants in it would be folded in another rounding.
        return _run(network, state=state, steps=20, block=block, record=SMALL)

    whole = _run(small, steps=60, block=20, record=SMALL)
    state = _run(small, steps=40, block=20, record=SMALL).state
    np.testing.assert_array_equal(go_on(small, state, 20)["out.v"], whole["out.v"][40:])
    with pytest.raises(Exception, match="inside a block of 30 steps"):
        jax.block_until_ready(go_on(small, state, 30)["out.v"])


def test_a_batch_of_states_continues_under_vmap(small):
    def run(key, state=None):
        return _run(small, key=key, state=state, steps=20, block=20, record=("exc.spikes",))

    keys = jax.random.split(jax.random.key(0), 2)
    continued = jax.vmap(run)(keys, jax.vmap(run)(keys).state)
    alone = jnp.stack([run(key, run(key).state)["exc.spikes"] for key in keys])
    np.testing.assert_array_equal(continued["exc.spikes"], alone)


def test_a_constant_equals_its_series(small):
    value = jnp.array([0.5, 1.0, 0.0, 2.0])
    for block in (1, 8):
        held = _run(small, {"input": Constant(value)}, steps=30, block=block, record=SMALL)
        series = _run(
            small, {"input": jnp.tile(value, (30, 1))}, steps=30, block=block, record=SMALL
        )
        for path in SMALL:
            np.testing.assert_allclose(held[path], series[path], rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(held["exc.spikes"], series["exc.spikes"])
        assert held["exc.spikes"].sum() > 5


def test_a_current_into_a_population_is_what_a_projection_would_bring():
    direct = Network({"out": Population(LI(), 2)}, {})
    through = Network(
        {"input": Input(2), "out": Population(LI(), 2)},
        {"wire": Projection("input", "out", jnp.eye(2), delay=0.0)},
    )
    series = jnp.asarray(np.random.default_rng(0).normal(size=(20, 2)), jnp.float32)
    options = {"dt": 1.0, "key": jax.random.key(0), "record": ("out.v",)}
    a = simulate(direct, {"out": series}, **options)["out.v"]
    b = simulate(through, {"input": series}, **options)["out.v"]
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_function_is_sampled_at_the_start_of_each_step():
    net = Network({"input": Input(2)}, {})
    ramp = Function(lambda t: jnp.stack([t, 2.0 * t]))
    options = {"dt": 0.5, "steps": 6, "key": jax.random.key(0), "record": "input.spikes"}
    run = simulate(net, {"input": ramp}, block=4, **options)
    np.testing.assert_array_equal(run["input.spikes"][:, 0], 0.5 * np.arange(6))
    # Absolute time goes on after a restart.
    more = simulate(net, {"input": ramp}, block=4, state=run.state, **options)
    np.testing.assert_array_equal(more["input.spikes"][:, 1], np.arange(6.0, 12.0))


def test_poisson_depends_on_key_step_and_name_alone(network):
    source = POISSON["input"]
    wanted = np.stack(
        [
            source.sample(component_key(jax.random.key(5), i, "input"), i, (4,), 1.0)
            for i in jnp.arange(100)
        ]
    )
    for block in (1, 16):
        np.testing.assert_array_equal(_run(network, block=block)["input.spikes"], wanted)


def test_another_component_leaves_random_streams_alone(network):
    # Names that sort before and after the others.
    nodes = {"a_input": Input(3), "zz": Population(LI(), 2)}
    edges = {
        "a_edge": Dropout(Projection("a_input", "zz", jnp.ones((3, 2))), 0.5),
        "zz_edge": Dropout(Projection("exc", "zz", jnp.ones((5, 2))), 0.5),
    }
    larger = Network(network.nodes | nodes, network.edges | edges)
    inputs = POISSON | {"a_input": Poisson(jnp.asarray(100.0))}
    small, large = _run(network), _run(larger, inputs)
    for path in RECORD:
        np.testing.assert_array_equal(large[path], small[path])
    masks = [run.state.edges[e].mask for run in (small, large) for e in ("late", "ie")]
    np.testing.assert_array_equal(masks[0], masks[2])
    np.testing.assert_array_equal(masks[1], masks[3])


def test_inference_switches_dropout_off(network):
    plain = {n: e.edge if isinstance(e, Dropout) else e for n, e in network.edges.items()}
    without = _run(Network(network.nodes, plain))
    np.testing.assert_array_equal(_run(network, inference=True)["inh.v"], without["inh.v"])
    assert not np.array_equal(_run(network)["inh.v"], without["inh.v"])


class Counting(AbstractODENeuron):
    """Counts how often it is traced."""

    neuron: LI
    traces: list = eqx.field(static=True)

    def init(self, shape, key):
        return self.neuron.init(shape, key)

    def derivative(self, state, drive):
        self.traces.append(None)
        return self.neuron.derivative(state, drive)

    def margin(self, old, new):
        return None

    def reset(self, state, spikes):
        return state


class Traces(list):
    """A list that may be part of a compiled function's key."""

    def __hash__(self):
        return id(self)

    def __eq__(self, other):
        return self is other


@pytest.mark.parametrize("block", [1, 8])
def test_new_values_compile_nothing(block):
    traces = Traces()

    def run(scale, seed, state=None):
        value = jnp.asarray(scale)
        net = Network(
            {"input": Input(2), "out": Population(Counting(LI(tau=10.0 * value), traces), 3)},
            {"wire": Projection("input", "out", jnp.full((2, 3), value), bias=value)},
        )
        inputs = {"input": Poisson(100.0 * value), "out": Constant(value)}
        return simulate(
            net, inputs, dt=1.0, steps=16, key=jax.random.key(seed), block=block, state=state
        )

    run(1.0, 0)
    first = len(traces)
    run(2.0, 1)
    assert len(traces) == first > 0
    state = run(1.0, 0).state
    run(1.0, 0, state)
    continued = len(traces)
    run(3.0, 0, run(1.0, 1, state).state)
    assert len(traces) == continued


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ({}, {}, "no input was given for input"),
        ({"inptu": jnp.ones((100, 4))}, {}, "no node 'inptu' .* Did you mean input"),
        ({"input": [[1.0] * 4] * 100}, {}, "input for 'input' is a list. Pass an array"),
        ({"input": 1.0}, {}, r"is a float. Pass .* Constant\(value\)"),
        ({"input": jnp.ones((100, 3))}, {}, r"shape \(100, 3\).*want \(100, 4\)"),
        ({"input": jnp.ones((8, 100, 4))}, {}, r"no batch axis \(use jax.vmap\)"),
        ({"input": jnp.ones((50, 4))}, {}, r"shape \(50, 4\).*want \(100, 4\)"),
        ({"input": Constant(jnp.ones(3))}, {}, r"Constant for 'input' has shape \(3,\)"),
        (None, {"steps": None}, "pass steps=.*no series"),
        (
            {"input": jnp.ones((100, 4)), "out": jnp.ones((99, 2))},
            {"steps": None},
            r"different lengths, \[99, 100\]",
        ),
        (None, {"steps": 0}, "steps is 0"),
        (None, {"steps": 2.5}, "steps is 2.5; it must be a whole number"),
        (None, {"every": 0}, "every is 0"),
        (None, {"block": 0}, "block is 0"),
        (None, {"block": "all"}, "block is 'all'"),
        (None, {"dt": 0.3}, "Edge 'late': its delay is 4 ms.* 3.9 ms and 4.2 ms"),
        (None, {"dt": 0.0}, "dt is 0.0 ms"),
        (
            None,
            {"block": 4, "gradient": Checkpointed(10)},
            "block=4 does not divide the gradient's segments of 10 steps",
        ),
    ],
)
def test_what_does_not_fit_is_refused(network, inputs, options, message):
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        _run(network, inputs, **options)


def test_the_length_of_a_series_is_the_default_number_of_steps(network):
    run = _run(network, {"input": jnp.ones((12, 4))}, steps=None)
    assert run["exc.v"].shape == (12, 5)
    assert run.steps == 12
    assert int(run.state.step) == 12


@pytest.mark.parametrize("block", [1, 3, 16])
def test_spikes_may_be_given_as_bits_or_bytes(block):
    # Carried as they came, they met the floats of earlier blocks: an error at some blocks only.
    net = Network(
        {"input": Input(3), "out": Population(LI(), 2)},
        {"wire": Projection("input", "out", jnp.ones((3, 2)), delay=2.0)},
    )
    bits = np.random.default_rng(0).random((16, 3)) < 0.5
    options = {"dt": 1.0, "key": jax.random.key(0), "block": block, "record": ("out.v",)}
    wanted = simulate(net, {"input": jnp.asarray(bits, float)}, **options)["out.v"]
    for series in (bits, jnp.asarray(bits), bits.astype(np.uint8), bits.astype(np.float64)):
        np.testing.assert_array_equal(simulate(net, {"input": series}, **options)["out.v"], wanted)


def test_a_state_of_another_dt_or_network_is_refused(network):
    # A delay of 4 ms is 4 past outputs at 1 ms, but 8 at 0.5 ms; slices would go wrong silently.
    state = network.init(1.0, jax.random.key(0))
    with pytest.raises(ValueError, match=re.compile("past outputs.* dt = 0.5 ms", re.DOTALL)):
        _run(network, dt=0.5, state=state)
    other = Network({"input": Input(4)}, {}).init(1.0, jax.random.key(0))
    with pytest.raises(ValueError, match="network and dt that it comes from"):
        _run(network, state=other)


def test_a_batch_of_states_without_vmap_is_refused(network):
    keys = jax.random.split(jax.random.key(0), 2)
    states = jax.vmap(lambda key: network.init(1.0, key))(keys)
    with pytest.raises(ValueError, match=r"batch of states by jax\.vmap"):
        _run(network, state=states)
