import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import leaf_paths
from jaxneuro.edges import Delta, ExponentialCurrent, Projection
from jaxneuro.inputs import Poisson
from jaxneuro.network import Network
from jaxneuro.neurons import LI, LIF, Input, Population
from jaxneuro.simulation import Backprop, Checkpointed, Count, Mean, Truncated, simulate

KEY = jax.random.key(1)


@pytest.fixture
def small():
    random = np.random.default_rng(0)
    wide = lambda *shape: jnp.asarray(random.uniform(0, 3, shape), jnp.float32)  # noqa: E731
    return Network(
        {"input": Input(4), "exc": Population(LIF(tau=4.0), 3), "out": Population(LI(), 2)},
        {
            "drive": Projection("input", "exc", wide(4, 3), delay=0.0),
            "loop": Projection("exc", "exc", wide(3, 3) - 1.5, delay=2.0),
            "read": Projection("exc", "out", wide(3, 2)),
        },
    )


def _loss(run):
    return jnp.mean(run["out.v"] ** 2) + 0.1 * jnp.mean(run["exc.spikes"])


def _gradient(network, gradient, steps=25, block="auto"):
    @eqx.filter_jit
    @eqx.filter_grad
    def of(edges, network):
        network = eqx.tree_at(lambda n: n.edges, network, edges)
        inputs = {"input": Poisson(jnp.asarray(250.0))}
        record = ("out.v", "exc.spikes")
        options = {"steps": steps, "key": KEY, "record": record}
        return _loss(simulate(network, inputs, dt=1.0, gradient=gradient, block=block, **options))

    return of(network.edges, network)


def _assert_close(got, wanted, tolerance):
    largest = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(wanted))
    assert largest > 1e-3
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * largest)


@pytest.mark.parametrize(("every", "block"), [(1, "auto"), (7, 1), (8, 4), (64, 16)])
def test_checkpointing_changes_no_gradient(small, every, block):
    wanted = _gradient(small, Backprop())
    _assert_close(_gradient(small, Checkpointed(every), block=block), wanted, 1e-6)


def test_checkpointing_keeps_less(small):
    def kept(gradient):
        def loss(weight):
            network = eqx.tree_at(lambda n: n.edges["drive"].weight, small, weight)
            inputs = {"input": Poisson(jnp.asarray(250.0))}
            run = simulate(
                network,
                inputs,
                dt=1.0,
                steps=4096,
                key=KEY,
                record={"m": Mean("out.v")},
                gradient=gradient,
                block=1,
            )
            return jnp.sum(run["m"])

        compiled = jax.jit(jax.grad(loss)).lower(small.edges["drive"].weight).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    # The root of 4096 segments keeps about 128 states in place of 4096.
    assert kept(Checkpointed(64)) < 0.2 * kept(Backprop())


def _by_hand(network, segment, steps):
    """Truncated backpropagation as separate runs, between which the state's gradient is cut."""

    @eqx.filter_jit
    @eqx.filter_grad
    def of(edges):
        net = eqx.tree_at(lambda n: n.edges, network, edges)
        inputs = {"input": Poisson(jnp.asarray(250.0))}
        state, parts = None, []
        for start in range(0, steps, segment):
            run = simulate(
                net,
                inputs,
                dt=1.0,
                steps=min(segment, steps - start),
                key=KEY,
                state=state,
                record=("out.v", "exc.spikes"),
                block=1,
            )
            parts.append(run.records)
            arrays, rest = eqx.partition(run.state, eqx.is_inexact_array)
            state = eqx.combine(jax.lax.stop_gradient(arrays), rest)
        return _loss(jax.tree.map(lambda *x: jnp.concatenate(x), *parts))

    return of(network.edges)


@pytest.mark.parametrize(
    ("segment", "steps", "block"),
    [(8, 24, "auto"), (10, 25, 1), (10, 25, 5), (30, 25, "auto")],
)
def test_truncated_equals_separate_runs(small, segment, steps, block):
    # 25 steps by 10 once cut the last 5 at every block: the gradient hung on `block`.
    got = _gradient(small, Truncated(segment), steps, block)
    _assert_close(got, _by_hand(small, segment, steps), 1e-5)


def test_truncated_differs_from_the_whole_gradient(small):
    whole, cut = _gradient(small, Backprop()), _gradient(small, Truncated(5))
    assert float(jnp.abs(whole["loop"].weight - cut["loop"].weight).max()) > 1e-4


def test_truncated_reaches_reducers_through_every_segment(small):
    # The summary was once cut like the state, which left the last segment's share only.
    def gradient(reduced):
        def loss(weight):
            network = eqx.tree_at(lambda n: n.edges["drive"].weight, small, weight)
            record = {"v": "out.v", "s": "exc.spikes"}
            if reduced:
                record = {"v": Mean("out.v"), "s": Count("exc.spikes")}
            run = simulate(
                network,
                {"input": Poisson(jnp.asarray(250.0))},
                dt=1.0,
                steps=24,
                key=KEY,
                record=record,
                gradient=Truncated(6),
            )
            mean, count = (run["v"], run["s"]) if reduced else (run["v"].mean(0), run["s"].sum(0))
            return jnp.sum(mean**2) + jnp.sum(count)

        return jax.jit(jax.grad(loss))(small.edges["drive"].weight)

    _assert_close(gradient(True), gradient(False), 1e-5)


@pytest.mark.parametrize("mode", [Checkpointed, Truncated])
@pytest.mark.parametrize("steps", [0, -3, 2.5])
def test_segments_are_whole_numbers_of_steps(mode, steps):
    with pytest.raises(ValueError, match=f"{mode.__name__}: .* is {steps}; .*whole number >= 1"):
        mode(steps)


@pytest.mark.parametrize("block", [1, 8])
def test_gradients_of_a_smooth_network_equal_finite_differences(block, x64):
    random = np.random.default_rng(1)
    draw = lambda *shape: jnp.asarray(random.normal(size=shape))  # noqa: E731
    series = draw(20, 3)
    # No Input spikes here: a population of LI has no output, so what couples is the input alone,
    # through receptors with and without state and several delays.
    network = Network(
        {
            "input": Input(3),
            "a": Population(LI(tau=draw(2) ** 2 + 3.0, resistance=2.0), 2),
            "b": Population(LI(tau=6.0, v_rest=0.5), 2),
        },
        {
            "now": Projection("input", "a", draw(3, 2), delay=0.0, bias=draw(2)),
            "slow": Projection(
                "input", "a", draw(3, 2), receptor=ExponentialCurrent(tau=4.0), delay=3.0
            ),
            "jump": Projection("input", "b", draw(3, 2), receptor=Delta()),
        },
    )
    arrays, static = eqx.partition(network, eqx.is_inexact_array)

    @jax.jit
    def loss(arrays, series):
        net = eqx.combine(arrays, static)
        record = {"a": "a.v", "b": "b.v", "m": Mean("b.v")}
        run = simulate(net, {"input": series}, dt=0.5, key=KEY, record=record, block=block)
        ramp = jnp.arange(20.0)[:, None]
        return jnp.sum(jnp.tanh(run["a"]) * ramp) + jnp.sum(run["b"] ** 2) + jnp.prod(run["m"])

    gradient, into_series = jax.jit(jax.grad(loss, argnums=(0, 1)))(arrays, series)
    paths, step = leaf_paths(arrays), 1e-6
    leaves, structure = jax.tree.flatten(arrays)
    checked = set()
    for index, (path, leaf) in enumerate(zip(paths, leaves, strict=True)):
        direction = draw(*leaf.shape)
        ends = [
            loss(
                jax.tree.unflatten(
                    structure, [*leaves[:index], leaf + h * direction, *leaves[index + 1 :]]
                ),
                series,
            )
            for h in (step, -step)
        ]
        slope = float(jnp.sum(jax.tree.leaves(gradient)[index] * direction))
        np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-7)
        checked |= {path} if slope else set()
    assert {"nodes.a.neuron.tau", "nodes.b.neuron.v_rest", "edges.slow.receptor.tau"} <= checked
    assert {f"edges.{name}.weight" for name in ("now", "slow", "jump")} <= checked
    direction = draw(20, 3)
    ends = [loss(arrays, series + h * direction) for h in (step, -step)]
    slope = jnp.sum(into_series * direction)
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-6)


def _second_voltage(weight, reset_by, reset_gradient):
    neuron = LIF(tau=4.0, reset_by=reset_by, input_scale="unit")
    network = Network(
        {"input": Input(1), "exc": Population(neuron, 1, reset_gradient=reset_gradient)},
        {"wire": Projection("input", "exc", weight.reshape(1, 1), delay=0.0)},
    )
    run = simulate(network, {"input": jnp.array([[1.0], [0.5]])}, dt=1.0, key=KEY)
    return run.state.nodes["exc"].v[0]


def _reset(u, slope, reset_by, mode):
    """v after the reset of a neuron at u with threshold 1, and dv/dw from du/dw."""
    spike = float(u > 1.0)
    into_spike = slope / (1.0 + 25.0 * abs(u - 1.0)) ** 2 if mode == "surrogate" else 0.0
    if reset_by == "none":
        return u, slope
    if reset_by == "value":
        return u * (1 - spike), slope * (1 - spike) - u * into_spike
    return u - spike, slope - into_spike


@pytest.mark.parametrize("reset_by", ["subtraction", "value", "none"])
@pytest.mark.parametrize("mode", ["detached", "surrogate"])
def test_the_gradient_through_a_reset_is_as_chosen(reset_by, mode):
    # u1 = w x1 is reset to v1, then u2 = beta v1 + w x2 to v2; SuperSpike stands in for H'.
    beta = np.exp(-0.25)
    for weight in (0.6, 0.9, 1.2):
        v, slope = _reset(weight, 1.0, reset_by, mode)
        v, slope = _reset(beta * v + weight * 0.5, beta * slope + 0.5, reset_by, mode)
        argument = jnp.asarray(weight)
        got = jax.value_and_grad(_second_voltage)(argument, reset_by, mode)
        np.testing.assert_allclose(got, (v, slope), rtol=1e-5, err_msg=f"weight {weight}")
