import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.inputs import Poisson
from jaxneuro.neurons import LIF, Refractory
from jaxneuro.simulation import (
    AbstractReducer,
    Count,
    Events,
    Histogram,
    Max,
    Mean,
    simulate,
)

POISSON = {"input": Poisson(jnp.asarray(300.0))}


def _run(network, record, **options):
    options = {"dt": 1.0, "steps": 50, "key": jax.random.key(1)} | options
    return simulate(network, POISSON, record=record, **options)


def test_paths_look_through_wrappers(network):
    queries = (
        "exc.v",
        "exc.inner.v",
        "exc.state.remaining",
        "exc.state.inner.v",
        "ie.i",
        "late.mask",
    )
    run = _run(network, (*queries, "input.spikes", "inh.rise"), steps=20)
    np.testing.assert_array_equal(run["exc.v"], run["exc.state.inner.v"])
    np.testing.assert_array_equal(run["exc.v"], run["exc.inner.v"])
    assert run["exc.v"].shape == (20, 5)
    assert run["exc.state.remaining"].dtype == jnp.int32
    # The edge is a Dropout around a Projection, whose current is at the end of the last step.
    np.testing.assert_array_equal(run["ie.i"][-1], run.state.edges["ie"].inner.i)
    np.testing.assert_array_equal(run["late.mask"][7], run.state.edges["late"].mask)
    np.testing.assert_array_equal(run["exc.v"][-1], run.state.nodes["exc"].v)
    np.testing.assert_array_equal(run["inh.rise"][-1], run.state.nodes["inh"].rise)
    np.testing.assert_array_equal(run["input.spikes"][-1], run.state.spikes("input"))


def test_one_path_needs_no_tuple(small):
    np.testing.assert_array_equal(_run(small, "exc.v")["exc.v"], _run(small, ("exc.v",))["exc.v"])


def test_records_have_the_names_given(small):
    run = _run(small, {"voltage": "exc.v", "total": Count("exc.spikes"), "again": "exc.v"})
    assert set(run.records) == {"voltage", "total", "again"}
    np.testing.assert_array_equal(run["voltage"], run["again"])
    with pytest.raises(KeyError, match=r"'volt' was not recorded. Did you mean voltage"):
        run["volt"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (("exc.w",), "No path 'exc.w'.*Did you mean.*exc.spikes"),
        (("ecx.spikes",), "No path 'ecx.spikes'. Did you mean exc.spikes"),
        ({"mean": Mean("exc.voltage")}, "No path 'exc.voltage'"),
        ({"both": Mean(("exc.spikes", "exc.voltage"))}, "No path 'exc.voltage'"),
        (("input.v",), "No path 'input.v'"),
    ],
)
def test_unknown_paths_are_answered_with_known_ones(small, record, message):
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        _run(small, record)


def test_an_ambiguous_path_lists_its_meanings(small):
    twice = Refractory(Refractory(LIF(), period=2.0), period=1.0)
    network = eqx.tree_at(lambda n: n.nodes["exc"].neuron, small, twice)
    message = r"ambiguous: it could be exc.state.inner.remaining, exc.state.remaining"
    with pytest.raises(ValueError, match=message):
        _run(network, ("exc.remaining",))


@pytest.mark.parametrize(("every", "block"), [(5, 10), (5, 8), (60, 10), (3, "auto"), (2, 1)])
def test_every_keeps_each_nth_step(small, every, block):
    whole = _run(small, ("exc.spikes", "out.v"), block=block)
    run = _run(
        small, {"s": "exc.spikes", "v": "out.v", "n": Count("exc.spikes")}, every=every, block=block
    )
    np.testing.assert_array_equal(run["s"], whole["exc.spikes"][every - 1 :: every])
    np.testing.assert_array_equal(run["v"], whole["out.v"][every - 1 :: every])
    # Reducers see every step.
    np.testing.assert_array_equal(run["n"], whole["exc.spikes"].sum(0))


def test_every_counts_from_the_start_of_a_continued_run(small):
    state = _run(small, (), steps=7, block=10).state
    whole = _run(small, ("out.v",), state=state, block=10)["out.v"]
    run = _run(small, ("out.v",), state=state, block=10, every=5)["out.v"]
    np.testing.assert_array_equal(run, whole[4::5])


class FirstSpike(AbstractReducer):
    """A user's own reducer: the absolute step of each neuron's first spike, -1 for none."""

    path: str = eqx.field(static=True)

    def init(self, first):
        return jnp.full(first.shape, -1, jnp.int32)

    def update(self, summary, series, step):
        fired = series > 0
        here = jnp.where(fired.any(0), step + jnp.argmax(fired, 0).astype(jnp.int32), -1)
        return jnp.where(summary >= 0, summary, here)

    def final(self, summary, steps):
        return summary


class Both(AbstractReducer):
    """Of two paths: the count of one, the maximum of the other, and the sum of their products."""

    path: tuple[str, str] = eqx.field(static=True)

    def init(self, first):
        spikes, v = first
        return jnp.zeros_like(spikes), jnp.full_like(v, -jnp.inf), jnp.zeros(())

    def update(self, summary, series, step):
        (count, most, product), (spikes, v) = summary, series
        product = product + jnp.sum(spikes.sum(1) * v.sum(1))
        return count + spikes.sum(0), jnp.maximum(most, v.max(0)), product

    def final(self, summary, steps):
        return summary


REDUCERS = {
    "mean": Mean("out.v"),
    "count": Count("exc.spikes"),
    "max": Max("out.v"),
    "held": Max("exc.remaining"),
    "histogram": Histogram("out.v", lower=0.05, upper=0.4, bins=7),
    "events": Events("exc.spikes", capacity=200),
    "few": Events("exc.spikes", capacity=9),
    "first": FirstSpike("exc.spikes"),
    "both": Both(("exc.spikes", "out.v")),
}


def _check_reducers(run, spikes, v, offset=0):
    np.testing.assert_allclose(run["mean"], v.mean(0), rtol=1e-5)
    np.testing.assert_array_equal(run["count"], spikes.sum(0))
    np.testing.assert_array_equal(run["max"], v.max(0))
    # Values outside the range count in the bins at its ends.
    inside = np.clip(v, 0.0500001, 0.3999999)
    wanted = np.histogram(inside, np.linspace(0.05, 0.4, 8))[0]
    np.testing.assert_array_equal(run["histogram"], wanted)
    assert wanted.sum() == v.size
    step, neuron = np.nonzero(spikes)
    for name, capacity in (("events", 200), ("few", 9)):
        listed = run[name]
        assert int(listed.count) == len(step)
        held = min(capacity, len(step))
        np.testing.assert_array_equal(listed.step[:held], step[:held] + offset)
        np.testing.assert_array_equal(listed.neuron[:held], neuron[:held])
        assert np.all(listed.step[held:] == -1)
        assert np.all(listed.neuron[held:] == -1)
    assert 9 < len(step) < 200
    first = np.where(spikes.any(0), spikes.argmax(0) + offset, -1)
    np.testing.assert_array_equal(run["first"], first)
    count, most, product = run["both"]
    np.testing.assert_array_equal(count, run["count"])
    np.testing.assert_array_equal(most, run["max"])
    np.testing.assert_allclose(product, np.sum(spikes.sum(1) * v.sum(1)), rtol=1e-5)


@pytest.mark.parametrize("block", [1, 7, 50, 64])
def test_reducers_equal_what_the_series_give(small, block):
    run = _run(
        small, REDUCERS | {"s": "exc.spikes", "v": "out.v", "r": "exc.remaining"}, block=block
    )
    _check_reducers(run, np.asarray(run["s"]), np.asarray(run["v"]))
    assert run["v"].min() < 0.05
    assert run["v"].max() > 0.4
    np.testing.assert_array_equal(run["held"], run["r"].max(0))


def test_reducers_of_a_continued_run_see_its_own_steps(small):
    state = _run(small, (), steps=13, block=8).state
    run = _run(small, REDUCERS | {"s": "exc.spikes", "v": "out.v"}, block=8, state=state)
    _check_reducers(run, np.asarray(run["s"]), np.asarray(run["v"]), offset=13)


def test_reducers_under_vmap(small):
    keys = jax.random.split(jax.random.key(3), 2)
    record = REDUCERS | {"s": "exc.spikes", "v": "out.v"}
    batch = jax.vmap(lambda key: _run(small, record, key=key).records)(keys)
    for i in range(2):
        one = jax.tree.map(lambda x, i=i: x[i], batch)
        _check_reducers(one, np.asarray(one["s"]), np.asarray(one["v"]))


def test_gradients_of_reducers_are_those_of_the_series(small):
    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(edges, block, reduced):
        network = eqx.tree_at(lambda n: n.edges, small, edges)
        if reduced:
            run = _run(network, {"m": Mean("out.v"), "c": Count("exc.spikes")}, block=block)
            return jnp.sum(run["m"] ** 2) + jnp.sum(run["c"])
        run = _run(network, ("out.v", "exc.spikes"), block=block)
        return jnp.sum(run["out.v"].mean(0) ** 2) + jnp.sum(run["exc.spikes"])

    wanted = gradient(small.edges, 50, False)
    assert float(jnp.abs(wanted["drive"].weight).max()) > 0.1
    for block in (7, 50):
        got = gradient(small.edges, block, True)
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_a_function_of_the_state_is_recorded_step_by_step(small):
    record = {
        "sum": lambda state: state.nodes["exc"].v.sum() + state.nodes["out"].v.sum(),
        "both": lambda state: {"step": state.step, "spikes": state.spikes("exc")},
        "v": "exc.v",
        "out": "out.v",
        "s": "exc.spikes",
    }
    run = _run(small, record, steps=20)
    np.testing.assert_allclose(run["sum"], run["v"].sum(1) + run["out"].sum(1), rtol=1e-5)
    # It sees the state after the step, whose index is that of the next one.
    np.testing.assert_array_equal(run["both"]["step"], np.arange(1, 21))
    np.testing.assert_array_equal(run["both"]["spikes"], run["s"])
    with pytest.raises(ValueError, match=r"block=4, but 'sum', 'both' must see the whole network"):
        _run(small, record, steps=20, block=4)
