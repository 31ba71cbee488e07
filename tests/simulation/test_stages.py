"""A user's own stages, and runs that stop by themselves: what goes step by step."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import Projection
from jaxneuro.inputs import Constant, Poisson
from jaxneuro.network import AbstractStage, Advance, Network
from jaxneuro.neurons import LI, LIF, Input, Population
from jaxneuro.simulation import Count, Mean, simulate

BETA = np.exp(-1.0 / 4.0)


class Kick(AbstractStage):
    """Adds `size` to a population's v and counts its own calls."""

    size: float = eqx.field(static=True)
    tag: str = eqx.field(static=True, default="kick")

    def init(self, network, key):
        return jnp.asarray(0, jnp.int32)

    def step(self, network, state, context):
        state = eqx.tree_at(lambda s: s.nodes["out"].v, state, state.nodes["out"].v + self.size)
        return eqx.tree_at(lambda s: s.stages[self.tag], state, state.stages[self.tag] + 1)


def _run(stages, **options):
    network = Network({"out": Population(LI(tau=4.0), 2)}, {}, stages)
    options = {"record": {"v": "out.v", "after": lambda s: s.nodes["out"].v}, "steps": 6} | options
    return simulate(network, dt=1.0, key=jax.random.key(0), **options)


def test_a_stage_before_advance_changes_what_is_advanced():
    run = _run((Kick(1.0), Advance()))
    wanted = np.zeros(6)
    for i in range(6):
        wanted[i] = (wanted[i - 1] + 1.0 if i else 1.0) * BETA
    np.testing.assert_allclose(run["v"][:, 0], wanted, rtol=1e-6)
    np.testing.assert_allclose(run["after"][:, 1], wanted, rtol=1e-6)
    assert int(run.state.stages["kick"]) == 6


def test_a_stage_after_advance_changes_the_next_step():
    run = _run((Advance(), Kick(1.0)))
    after = np.zeros(6)
    for i in range(6):
        after[i] = (after[i - 1] if i else 0.0) * BETA + 1.0
    np.testing.assert_allclose(run["after"][:, 0], after, rtol=1e-6)
    # A path records what the populations' advance left; a function sees the end of the step.
    np.testing.assert_allclose(run["v"][:, 0], after - 1.0, rtol=1e-6, atol=1e-6)


def test_stages_run_in_their_order_and_keep_their_own_state():
    class Double(AbstractStage):
        tag: str = eqx.field(static=True, default="double")

        def init(self, network, key):
            return None

        def step(self, network, state, context):
            v = state.nodes["out"].v
            return eqx.tree_at(lambda s: s.nodes["out"].v, state, 2.0 * v)

    run = _run((Kick(1.0), Double(), Advance(), Kick(0.5, tag="late")), steps=1)
    np.testing.assert_allclose(run["after"][0], 2.0 * BETA + 0.5, rtol=1e-6)
    assert set(run.state.stages) == {"kick", "double", "advance", "late"}
    run = _run((Double(), Kick(1.0), Advance()), steps=1)
    np.testing.assert_allclose(run["after"][0], BETA, rtol=1e-6)


def test_a_stage_is_continued_with_the_state():
    whole = _run((Advance(), Kick(0.5)), steps=8)
    first = _run((Advance(), Kick(0.5)), steps=3)
    second = _run((Advance(), Kick(0.5)), steps=5, state=first.state)
    np.testing.assert_array_equal(np.concatenate([first["v"], second["v"]]), whole["v"])
    assert int(second.state.stages["kick"]) == 8


def test_a_stage_sees_step_time_and_its_own_random_stream():
    class Noise(AbstractStage):
        tag: str = eqx.field(static=True, default="noise")

        def init(self, network, key):
            return (jnp.asarray(-1, jnp.int32), jnp.zeros(2))

        def step(self, network, state, context):
            drawn = jax.random.normal(context.key(self.tag), (2,)) * context.dt
            return eqx.tree_at(lambda s: s.stages[self.tag], state, (context.step, drawn))

    record = {"own": lambda s: s.stages["noise"]}
    for stages in ((Noise(), Advance()), (Advance(), Noise())):
        step, drawn = _run(stages, record=record)["own"]
        np.testing.assert_array_equal(step, np.arange(6))
        assert len(np.unique(drawn)) == 12
    more = (Kick(0.0), *stages)
    np.testing.assert_array_equal(_run(more, record=record)["own"][1], drawn)


def test_a_stage_refuses_longer_blocks():
    with pytest.raises(ValueError, match=r"block=2, but 'kick' must see the whole network"):
        _run((Advance(), Kick(1.0)), record=(), block=2)


def test_gradients_pass_through_a_stage():
    class Scale(AbstractStage):
        factor: Any
        tag: str = eqx.field(static=True, default="scale")

        def init(self, network, key):
            return None

        def step(self, network, state, context):
            v = state.nodes["out"].v
            return eqx.tree_at(lambda s: s.nodes["out"].v, state, self.factor * v)

    def loss(factor):
        network = Network({"out": Population(LI(tau=4.0), 1)}, {}, (Scale(factor), Advance()))
        run = simulate(network, {"out": Constant(1.0)}, dt=1.0, steps=3, key=jax.random.key(0))
        return run.state.nodes["out"].v[0]

    # v3 = (1 - beta) (1 + (f beta) + (f beta)^2)
    f = 1.5
    wanted = (1 - BETA) * (BETA + 2 * f * BETA**2)
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(f)), wanted, rtol=1e-5)


@pytest.fixture
def spiking():
    return Network(
        {"input": Input(3), "exc": Population(LIF(tau=4.0), 3)},
        {"wire": Projection("input", "exc", jnp.eye(3) * 3.0, delay=0.0)},
    )


def _until(network, until, **options):
    record = {"s": "exc.spikes", "v": "exc.v", "n": Count("exc.spikes"), "m": Mean("exc.v")}
    options = {"steps": 40, "record": record, "key": jax.random.key(2)} | options
    return simulate(network, {"input": Poisson(jnp.asarray(150.0))}, dt=1.0, until=until, **options)


def test_until_stops_after_the_first_step_where_it_holds(spiking):
    plain = _until(spiking, None, block=1)
    fired = np.asarray(plain["s"])[:, 1]
    first = int(np.argmax(fired))
    assert 0 < first < 39
    run = _until(spiking, lambda state: state.spikes("exc")[1] > 0)
    assert int(run.steps) == first + 1
    assert int(run.state.step) == first + 1
    np.testing.assert_array_equal(run["s"][: first + 1], plain["s"][: first + 1])
    np.testing.assert_array_equal(run["v"][: first + 1], plain["v"][: first + 1])
    assert run["v"].shape == (40, 3)
    assert not np.any(run["v"][first + 1 :])
    np.testing.assert_array_equal(run["n"], plain["s"][: first + 1].sum(0))
    np.testing.assert_allclose(run["m"], plain["v"][: first + 1].mean(0), rtol=1e-5)
    # What it leaves is a state like any other.
    more = _until(spiking, None, block=1, state=run.state, steps=40 - first - 1)
    np.testing.assert_array_equal(more["v"], plain["v"][first + 1 :])


def test_until_that_never_holds_is_the_plain_run(spiking):
    plain = _until(spiking, None, block=1)
    run = _until(spiking, lambda state: state.step > 1000)
    assert int(run.steps) == 40
    np.testing.assert_array_equal(run["v"], plain["v"])


def test_until_that_holds_at_once_runs_one_step(spiking):
    run = _until(spiking, lambda state: state.step >= 0)
    assert int(run.steps) == 1


def test_until_keeps_every_nth_step(spiking):
    plain = _until(spiking, None, block=1)
    run = _until(spiking, lambda state: state.step >= 10, every=4)
    np.testing.assert_array_equal(run["v"][:2], plain["v"][3:8:4])
    assert run["v"].shape == (10, 3)
    assert not np.any(run["v"][2:])


def test_until_stops_each_lane_of_a_batch_by_itself(spiking):
    def steps(key):
        run = _until(spiking, lambda state: state.spikes("exc").sum() > 0, key=key)
        return run.steps, run["n"]

    keys = jax.random.split(jax.random.key(0), 4)
    together, counts = jax.vmap(steps)(keys)
    alone = [steps(key) for key in keys]
    np.testing.assert_array_equal(together, [int(n) for n, _ in alone])
    np.testing.assert_array_equal(counts, np.stack([c for _, c in alone]))
    assert len(set(together.tolist())) > 1


def test_until_with_a_series_reads_the_right_steps(spiking):
    series = jnp.zeros((40, 3)).at[17].set(2.0)
    run = simulate(
        spiking,
        {"input": series},
        dt=1.0,
        key=jax.random.key(0),
        until=lambda state: state.spikes("exc").sum() > 0,
    )
    assert int(run.steps) == 18


def test_until_refuses_longer_blocks(spiking):
    with pytest.raises(ValueError, match="block=8, but 'until'"):
        _until(spiking, lambda state: state.step > 3, block=8)
