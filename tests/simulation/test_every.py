"""Records at intervals of their own, at any length of block."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.inputs import Poisson
from jaxneuro.network import AbstractBehaviour, Network
from jaxneuro.simulation import Checkpointed, Count, Events, Every, Mean, simulate

STEPS = 60


def mean_v(state):
    return state.nodes["exc"].inner.v.mean()


def both(state):
    return {"step": state.step, "spikes": state.spikes("exc")}


def _run(network, record, **options):
    options = {"steps": STEPS, "key": jax.random.key(1)} | options
    return simulate(network, {"input": Poisson(300.0)}, dt=1.0, record=record, **options)


@pytest.fixture(scope="module")
def whole():
    cache = {}

    def run(network, **options):
        if not cache:
            record = {"v": "exc.v", "s": "exc.spikes", "f": mean_v, "g": both}
            cache["run"] = _run(network, record, **options)
        return cache["run"]

    return run


RECORD = {
    "v": Every(4, "exc.v"),
    "s": "exc.spikes",
    "f": Every(6, mean_v),
    "g": Every(12, both),
    "n": Count("exc.spikes"),
    "late": Every(25, "exc.v"),
}


@pytest.mark.parametrize("block", [2, 6, "auto"])
def test_each_record_has_its_interval_at_any_block(small, whole, block):
    run, all_steps = _run(small, RECORD, block=block), whole(small)
    exact = {"rtol": 1e-6, "atol": 1e-6}  # blocks may round a product differently
    np.testing.assert_allclose(run["v"], all_steps["v"][3::4], **exact)
    np.testing.assert_array_equal(run["s"], all_steps["s"])
    np.testing.assert_allclose(run["f"], all_steps["f"][5::6], **exact)
    np.testing.assert_array_equal(run["g"]["step"], np.arange(12, 61, 12))
    np.testing.assert_array_equal(run["g"]["spikes"], all_steps["s"][11::12])
    np.testing.assert_allclose(run["late"], all_steps["v"][24::25], **exact)
    np.testing.assert_array_equal(run["n"], all_steps["s"].sum(0))
    assert run["s"].sum() > 0


def test_a_run_that_does_not_fill_the_last_interval(small, whole):
    run = _run(small, RECORD, steps=29)
    assert [len(run[name]) for name in ("v", "f", "late")] == [7, 4, 1]
    assert run["g"]["step"].tolist() == [12, 24]
    np.testing.assert_allclose(run["f"], whole(small)["f"][5:29:6], rtol=1e-6, atol=1e-6)


def test_intervals_count_from_the_start_of_a_continued_run(small):
    state = _run(small, (), steps=9).state
    run = _run(small, {"g": Every(6, both), "v": Every(6, "out.v")}, state=state, steps=20)
    assert run["g"]["step"].tolist() == [15, 21, 27]
    plain = _run(small, "out.v", state=state, steps=20)["out.v"]
    np.testing.assert_allclose(run["v"], plain[5::6], rtol=1e-6, atol=1e-6)


def test_the_interval_of_the_run_is_that_of_records_without_one(small, whole):
    run = _run(small, {"v": "exc.v", "f": mean_v, "own": Every(4, "exc.v")}, every=10)
    np.testing.assert_allclose(run["v"], whole(small)["v"][9::10], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(run["f"], whole(small)["f"][9::10], rtol=1e-6, atol=1e-6)
    assert run["own"].shape[0] == 15


def test_intervals_with_stages_and_until(small):
    class Idle(AbstractBehaviour):
        def init(self, cells, key):
            return {"count": 0}

        def step(self, cells):
            return cells.set(count=cells["count"] + 1)

    network = Network(small.nodes, small.edges, behaviours={"exc": {1: Idle()}})
    record = {"g": Every(12, both), "n": Every(5, "exc.count"), "s": "exc.spikes"}
    run = _run(network, record)
    assert run["g"]["step"].tolist() == [12, 24, 36, 48, 60]
    assert run["n"].tolist() == list(range(5, 61, 5))
    run = _run(small, {"g": Every(12, both)}, until=lambda state: state.step >= 30)
    assert int(run.steps) == 30
    assert run["g"]["step"].tolist() == [12, 24, 0, 0, 0]


@pytest.mark.parametrize("gradient", [None, Checkpointed(8)])
def test_gradients_pass_through_records_at_intervals(small, gradient):
    def loss(scale):
        net = eqx.tree_at(lambda n: n.edges["drive"].weight, small, replace_fn=lambda w: scale * w)
        run = _run(net, {"f": Every(6, mean_v), "v": Every(5, "out.v")}, gradient=gradient)
        return run["f"].sum() + run["v"].sum()

    def plain(scale):
        net = eqx.tree_at(lambda n: n.edges["drive"].weight, small, replace_fn=lambda w: scale * w)
        run = _run(net, {"f": mean_v, "v": "out.v"})
        return run["f"][5::6].sum() + run["v"][4::5].sum()

    wanted = jax.grad(plain)(jnp.asarray(1.0))
    assert abs(wanted) > 1e-3
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(1.0)), wanted, rtol=1e-4)


@pytest.mark.parametrize(
    ("record", "options", "message"),
    [
        (
            {"f": Every(6, mean_v)},
            {"block": 4},
            r"block=4, but 'f' sees the whole network at steps that are multiples of 6 apart",
        ),
        ({"v": Every(6, "exc.vv")}, {}, "No path 'exc.vv'"),
        ({"f": Every(6, lambda s: s.nodes["ecx"].v)}, {}, "ecx"),
    ],
)
def test_what_cannot_be_recorded_is_refused(small, record, options, message):
    with pytest.raises((ValueError, KeyError), match=message):
        _run(small, record, **options)


@pytest.mark.parametrize(
    ("interval", "what", "message"),
    [
        (0, "exc.v", "interval is 0; it must be at least 1 step"),
        (1.5, "exc.v", "interval is 1.5; it must be a whole number"),
        (2, Mean("exc.v"), r"what is a Mean; pass a path, .*A reducer sees every step"),
        (2, 3, "what is a int; pass a path"),
    ],
)
def test_a_wrong_interval_is_refused(interval, what, message):
    with pytest.raises(ValueError, match=message):
        Every(interval, what)


def test_events_are_rows_of_step_and_neuron(small, whole):
    spikes = np.asarray(whole(small)["s"])
    wanted = np.argwhere(spikes)
    assert len(wanted) > 10
    run = _run(small, {"all": Events("exc.spikes", 1000), "few": Events("exc.spikes", 10)})
    np.testing.assert_array_equal(run["all"].rows, wanted)
    np.testing.assert_array_equal(run["few"].rows, wanted[:10])
    assert run["all"].missed == 0
    assert run["few"].missed == len(wanted) - 10
    assert run["all"].room == 1000 - len(wanted)
    assert run["few"].room == 0
