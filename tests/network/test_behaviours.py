"""Behaviours: their order, what they read and change, and that they run like anything else."""

import ast
import re
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from jaxneuro.core import Context, param
from jaxneuro.edges import ExponentialCurrent, Projection
from jaxneuro.inputs import Constant
from jaxneuro.network import (
    AbstractBehaviour,
    AbstractStage,
    Advance,
    Inert,
    Network,
    Owned,
    load,
    save,
    switch,
)
from jaxneuro.neurons import LI, LIF, Input, Population
from jaxneuro.simulation import Count, simulate

KEY = jax.random.key(0)


class Note(AbstractBehaviour):
    """Writes down when in the step it runs, by counting on a clock that the network owns."""

    def init(self, owner, key):
        return {"turn": -1}

    def step(self, owner):
        clock = owner.moment.state.stages["Clock"]["time"]
        part = owner.set(turn=clock)
        state = part.moment.state
        state = eqx.tree_at(lambda s: s.stages["Clock"]["time"], state, clock + 1)
        return eqx.tree_at(lambda p: p.moment, part, part.moment._replace(state=state))


class Clock(AbstractBehaviour):
    def init(self, whole, key):
        return {"time": 0}

    def step(self, whole):
        return whole.set(time=0)


class Leak(AbstractBehaviour):
    factor: Array = param(0.5)

    def init(self, cells, key):
        return {}

    def step(self, cells):
        return cells.set(v=self.factor * cells["v"])


class Kick(AbstractBehaviour):
    size: Array = param(1.0)

    def init(self, cells, key):
        return {"kicks": jnp.zeros(cells.shape, jnp.int32)}

    def step(self, cells):
        return cells.set(v=cells["v"] + self.size, kicks=cells["kicks"] + 1)


class Noise(AbstractBehaviour):
    def init(self, cells, key):
        return {"drawn": jnp.zeros(cells.shape), "first": jax.random.normal(key, cells.shape)}

    def step(self, cells):
        return cells.set(drawn=jax.random.normal(cells.key, cells.shape))


class Grow(AbstractBehaviour):
    rate: Array = param(1.0)

    def init(self, synapses, key):
        return {"weight": synapses["weight"]}

    def step(self, synapses):
        return synapses.set(weight=synapses["weight"] * self.rate)


def _inert(behaviours, stages=None, **options):
    return Network(
        {"g1": Population(Inert(), 2), "g2": Population(Inert(), 3)},
        {"S": Projection("g1", "g2", jnp.ones((2, 3)), **options)},
        stages,
        behaviours=behaviours,
    )


def _run(network, steps=4, **options):
    return simulate(network, dt=1.0, steps=steps, key=KEY, **options)


def test_the_order_of_execution_is_that_of_pymonnto():
    # Keys and answer of the program itself: network 5, g1 {3, 1}, g2 {1, 2}, synapses {1, 4}.
    names = {"a3": "g1", "a1": "g1", "b1": "g2", "b2": "g2", "s1": "S", "s4": "S", "net5": ""}
    network = _inert(
        {
            "g1": {3: Note(), 1: Note()},
            "g2": {1: Note(), 2: Note()},
            "S": {1: Note(), 4: Note()},
        },
        {0: Clock(), 5: Note()},
    )
    run = _run(network, 1)
    turns = {
        tag: int(own["turn"]) for tag, own in run.state.stages.items() if own and "turn" in own
    }
    tags = sorted(turns, key=lambda tag: turns[tag])
    assert sorted(turns.values()) == list(range(7))
    assert [tag.rpartition("/")[0] for tag in tags] == ["g1", "g2", "S", "g2", "g1", "S", ""]
    # The first of two of a class is the earlier one.
    assert tags == ["g1/Note", "g2/Note", "S/Note", "g2/Note_2", "g1/Note_2", "S/Note_2", "Note"]
    original = Path(__file__).parent.parent / "data" / "pymonnto_order.txt"
    order = ast.literal_eval(original.read_text().splitlines()[0])
    assert [names[name] for name, _ in order] == [tag.rpartition("/")[0] for tag in tags]


def test_advance_has_a_place_among_the_keys():
    cells = {"out": Population(LI(tau=4.0), 1)}
    kick = {"out": {1: Kick(1.0)}}
    beta = np.exp(-0.25)
    last = Network(cells, behaviours=kick)
    assert [stage.tag for stage in last.stages] == ["out/Kick", "advance"]
    np.testing.assert_allclose(_run(last, 1, record="out.v")["out.v"], [[beta]], rtol=1e-6)
    first = Network(cells, stages={0.5: Advance()}, behaviours=kick)
    assert [stage.tag for stage in first.stages] == ["advance", "out/Kick"]
    run = _run(first, 1, record="out.v")
    np.testing.assert_array_equal(run["out.v"], [[0.0]])
    np.testing.assert_array_equal(run.state.nodes["out"].v, [1.0])


def test_behaviours_of_an_owner_share_their_variables():
    class Read(AbstractBehaviour):
        def init(self, cells, key):
            return {"seen": jnp.zeros(cells.shape)}

        def step(self, cells):
            return cells.set(seen=cells["kicks"])

    network = _inert({"g1": {1: Kick(2.0), 2: Read()}})
    run = _run(network, record=("g1/Kick.kicks", "g1.seen", "g1.v"))
    np.testing.assert_array_equal(run["g1/Kick.kicks"][:, 0], [1, 2, 3, 4])
    np.testing.assert_array_equal(run["g1.seen"][:, 1], [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(run["g1.v"][:, 1], [2.0, 4.0, 6.0, 8.0])
    assert run["g1/Kick.kicks"].dtype == jnp.int32


def test_a_part_knows_its_edges_and_its_ends():
    seen = {}

    class Look(AbstractBehaviour):
        def init(self, cells, key):
            return {}

        def step(self, cells):
            (synapses,) = cells.efferents("strong")
            seen["ends"] = (synapses.source.name, synapses.target.name, synapses.target.size)
            seen["none"] = (cells.efferents("weak"), cells.afferents())
            seen["into"] = [edge.name for edge in synapses.target.afferents()]
            seen["threshold"] = synapses.target["tau"].shape
            return synapses.target.set(v=synapses.propagate(cells["v"] + 1.0))

    network = Network(
        {"g1": Population(Inert(), 2), "g2": Population(LI(tau=4.0), 3)},
        {"S": Projection("g1", "g2", jnp.arange(6.0).reshape(2, 3))},
        {2: Advance()},
        behaviours={"g1": {3: Look()}},
        tags={"S": "strong"},
    )
    run = _run(network, 1)
    assert seen["ends"] == ("g1", "g2", 3)
    assert seen["none"] == ([], [])
    assert seen["into"] == ["S"]
    assert seen["threshold"] == ()
    np.testing.assert_array_equal(run.state.nodes["g2"].v, [3.0, 5.0, 7.0])


def test_what_spikes_by_behaviour_is_heard_by_neurons():
    class Beat(AbstractBehaviour):
        def init(self, cells, key):
            return {}

        def step(self, cells):
            return cells.set(spike=cells.context.step % 3 == 0)

    network = Network(
        {"pace": Population(Inert(), 2), "out": Population(LI(tau=4.0), 1)},
        {"wire": Projection("pace", "out", jnp.ones((2, 1)), delay=1.0)},
        behaviours={"pace": {1: Beat()}},
    )
    run = _run(network, 6, record={"s": "pace.spikes", "v": "out.v", "n": Count("pace.spikes")})
    np.testing.assert_array_equal(run["s"][:, 0], [1, 0, 0, 1, 0, 0])
    np.testing.assert_array_equal(run["n"], [2, 2])
    beta = np.exp(-0.25)
    v = [0.0]
    for heard in (2, 0, 0, 2, 0):
        v.append(beta * v[-1] + (1 - beta) * heard)
    np.testing.assert_allclose(run["v"][:, 0], v, rtol=1e-5)


def test_a_variable_takes_the_place_of_the_parameter_that_it_is_called_like():
    def network(behaviours):
        return Network(
            {"input": Input(1), "out": Population(LI(tau=4.0, input_scale="unit"), 1)},
            {"wire": Projection("input", "out", jnp.ones((1, 1)), delay=0.0)},
            {2: Advance()},
            behaviours=behaviours,
        )

    beta = np.exp(-0.25)
    for inputs in ({"input": jnp.ones((4, 1))}, {"input": Constant(jnp.ones(1))}):
        run = _run(
            network({"wire": {1: Grow(2.0)}}), inputs=inputs, record=("out.v", "wire.weight")
        )
        v = [0.0]
        for weight in (2.0, 4.0, 8.0, 16.0):
            v.append(beta * v[-1] + weight)
        np.testing.assert_allclose(run["out.v"][:, 0], v[1:], rtol=1e-6)
        np.testing.assert_array_equal(run["wire.weight"][:, 0, 0], [2.0, 4.0, 8.0, 16.0])

    class Tire(AbstractBehaviour):
        def init(self, cells, key):
            return {"threshold": jnp.full(cells.shape, 0.5)}

        def step(self, cells):
            return cells.set(threshold=cells["threshold"] + cells.spikes)

    cells = Network({"exc": Population(LIF(tau=4.0), 2)}, behaviours={"exc": {1: Tire()}})
    inputs = {"exc": Constant(jnp.asarray([2.0, 4.0]))}
    run = _run(cells, 60, inputs=inputs, record=("exc.spikes", "exc.threshold"))
    counts = np.asarray(run["exc.spikes"]).sum(0)
    # It can only rise to what the current reaches (v < 2 and v < 4).
    np.testing.assert_array_equal(counts, [2, 4])
    np.testing.assert_allclose(run["exc.threshold"][-1], [2.5, 4.5])


@pytest.fixture
def mixed():
    """Spiking cells, a growing edge, noise and a leak, before and after the populations."""
    return Network(
        {"exc": Population(LIF(tau=4.0), 3), "out": Population(LI(tau=4.0), 2)},
        {"read": Projection("exc", "out", jnp.ones((3, 2)), receptor=ExponentialCurrent(tau=3.0))},
        {3: Advance()},
        behaviours={
            "exc": {1: Noise(), 4: Leak(0.9)},
            "read": {2: Grow(1.01)},
            "out": {5: Kick(0.25)},
        },
    )


RECORD = ("exc.spikes", "out.v", "exc/Noise.drawn", "read.weight")
DRIVE = {"exc": Constant(jnp.asarray([1.5, 2.0, 3.0]))}


def test_a_continued_run_is_bit_equal_to_one(mixed):
    whole = _run(mixed, 12, inputs=DRIVE, record=RECORD)
    first = _run(mixed, 5, inputs=DRIVE, record=RECORD)
    second = _run(mixed, 7, inputs=DRIVE, record=RECORD, state=first.state)
    for path in RECORD:
        np.testing.assert_array_equal(np.concatenate([first[path], second[path]]), whole[path])
    assert whole["exc.spikes"].sum() > 0
    after = zip(
        jax.tree.leaves(second.state.stages), jax.tree.leaves(whole.state.stages), strict=True
    )
    assert all(np.array_equal(one, other) for one, other in after)


def test_jit_and_vmap_give_the_same(mixed):
    def outcome(rate, key):
        net = eqx.tree_at(lambda n: n["read/Grow"][0].behaviour.rate, mixed, rate)
        run = simulate(net, DRIVE, dt=1.0, steps=6, key=key, record=RECORD)
        return run.records

    rates, keys = jnp.asarray([1.0, 1.5]), jax.random.split(KEY, 2)
    together = jax.jit(jax.vmap(outcome))(rates, keys)
    for lane in range(2):
        alone = outcome(rates[lane], keys[lane])
        for path in RECORD:
            np.testing.assert_allclose(together[path][lane], alone[path], rtol=1e-6, atol=1e-7)
    drawn = together["exc/Noise.drawn"]
    assert len(np.unique(drawn)) == drawn.size


def test_gradients_reach_the_fields_of_behaviours_and_the_first_weight(x64):
    def loss(parameters):
        factor, rate, weight = parameters
        net = Network(
            {"input": Input(1), "out": Population(LI(tau=4.0), 1)},
            {"wire": Projection("input", "out", weight, delay=0.0)},
            behaviours={"out": {1: Leak(factor)}, "wire": {2: Grow(rate)}},
        )
        run = simulate(net, {"input": jnp.ones((3, 1))}, dt=1.0, key=KEY, record="out.v")
        return jnp.sum(run["out.v"] ** 2)

    at = jnp.asarray(0.7), jnp.asarray(1.3), jnp.asarray([[2.0]])
    gradient = jax.grad(loss)(at)
    for i in range(3):
        step = [x + 1e-5 * (j == i) for j, x in enumerate(at)]
        back = [x - 1e-5 * (j == i) for j, x in enumerate(at)]
        slope = (loss(step) - loss(back)) / 2e-5
        assert abs(slope) > 0.1
        np.testing.assert_allclose(gradient[i].sum(), slope, rtol=1e-3)


def test_each_has_its_own_random_stream_that_others_leave_alone():
    both = _inert({"g1": {1: Noise()}, "g2": {1: Noise()}})
    alone = _inert({"g2": {7: Noise(), 0: Leak()}})
    run, other = _run(both, record=("g1.drawn", "g2.drawn")), _run(alone, record="g2.drawn")
    np.testing.assert_array_equal(run["g2.drawn"], other["g2.drawn"])
    assert not np.array_equal(run["g1.drawn"][:, :2], run["g2.drawn"][:, :2])
    first = run.state.stages["g2/Noise"]["first"]
    np.testing.assert_array_equal(first, other.state.stages["g2/Noise"]["first"])
    assert not np.array_equal(run.state.stages["g1/Noise"]["first"], first[:2])


def test_switching_off_compiles_nothing_anew():
    network = _inert({"g1": {1: Kick(1.0), 2: Noise()}, "g2": {1: Kick(1.0)}})
    traced = []

    @eqx.filter_jit
    def run(net):
        traced.append(1)
        return _run(net, record=("g1.v", "g2.v", "g1.drawn")).records

    on = run(network)
    off = run(switch(network, "g1/Kick", on=False))
    both = run(switch(network, "Kick", on=False))
    assert len(traced) == 1
    np.testing.assert_array_equal(on["g1.v"][:, 0], [1, 2, 3, 4])
    assert not np.any(off["g1.v"])
    np.testing.assert_array_equal(off["g2.v"], on["g2.v"])
    np.testing.assert_array_equal(off["g1.drawn"], on["g1.drawn"])
    assert not np.any(both["g2.v"])
    again = run(switch(switch(network, "Kick", on=False), "Kick", on=True))
    np.testing.assert_array_equal(again["g1.v"], on["g1.v"])
    with pytest.raises(KeyError, match=r"switch: no behaviour has the tag 'Kck'. Did you mean"):
        switch(network, "Kck", on=False)


def test_a_network_with_behaviours_is_saved_and_loaded(tmp_path):
    network = _inert({"g1": {1: Kick(1.5)}})
    save(switch(network, "Kick", on=False), tmp_path / "net.npz")
    loaded = load(tmp_path / "net.npz")
    (stage,) = loaded["Kick"]
    assert isinstance(stage, Owned)
    assert stage.owner == "g1"
    assert not bool(stage.enabled)
    assert float(stage.behaviour.size) == 1.5
    on = _run(switch(loaded, "Kick", on=True), record="g1.v")
    np.testing.assert_array_equal(on["g1.v"], _run(network, record="g1.v")["g1.v"])


def test_print_shows_the_order():
    text = str(_inert({"g1": {3: Kick(), 1: Leak()}}))
    assert "stages of a step: g1/Leak, g1/Kick, advance" in text


@pytest.mark.parametrize(
    ("owner", "behaviour"),
    [("g1", Leak()), ("g1", Kick()), ("g2", Noise()), ("S", Grow(2.0)), ("", Clock())],
)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_step_keeps_structure_and_types_and_compiles_once(owner, behaviour, dtype):
    with jax.enable_x64(dtype == jnp.float64):
        behaviour = jax.tree.map(lambda x: x.astype(dtype), behaviour)
        network = _inert({owner: {1: behaviour}}) if owner else _inert({}, {1: behaviour})
        stage = network.stages[0]
        traced = []

        @eqx.filter_jit
        def step(state):
            traced.append(1)
            return stage.step(network, state, Context(state.step, state.key, 1.0))

        start = network.init(1.0, KEY)
        state = step(step(start))
        assert len(traced) == 1
        assert jax.tree.structure(state) == jax.tree.structure(start)
        for one, other in zip(jax.tree.leaves(start), jax.tree.leaves(state), strict=True):
            assert one.aval == other.aval
            assert one.dtype == dtype or not jnp.issubdtype(one.dtype, jnp.floating)


class Wrong(AbstractBehaviour):
    what: str = eqx.field(static=True)

    def init(self, cells, key):
        return {"a.b": 0.0} if self.what == "name" else {"own": jnp.zeros(cells.shape)}

    def step(self, cells):
        match self.what:
            case "nothing":
                return None
            case "read":
                return cells.set(own=cells["vv"])
            case "set":
                return cells.set(owm=1.0)
            case "shape":
                return cells.set(v=jnp.zeros(5))
            case "parameter":
                return cells.set(tau=1.0)
        return cells


class Stage(AbstractStage):
    tag: str = eqx.field(static=True, default="mine")

    def init(self, network, key):
        return None

    def step(self, network, state, context):
        return state


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("nothing", TypeError, r"'g1/Wrong': its step returned a NoneType. Return the part"),
        ("read", KeyError, r"'g1' has no variable or parameter 'vv'. Did you mean v\?"),
        ("set", KeyError, r"'g1' has no variable 'owm'. Did you mean own\?"),
        ("shape", ValueError, r"'v' has shape \(2,\), but a value of shape \(5,\) came"),
        ("parameter", KeyError, r"'g1' has no variable 'tau'"),
        ("name", ValueError, r"variable 'a.b': a name is made of letters"),
    ],
)
def test_a_wrong_step_is_answered(what, error, message):
    with pytest.raises(error, match=message):
        _run(_inert({"g1": {1: Wrong(what)}}), 1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: _inert({"g3": {1: Leak()}}), "behaviours of 'g3', but there is no such.*g1"),
        (lambda: _inert({"g1": {"1": Leak()}}), "'g1' has a behaviour under the key '1'"),
        (lambda: _inert({"g1": {float("nan"): Leak()}}), "under the key nan; it is a number"),
        (lambda: _inert({"g1": {1: Stage()}}), "'g1' has a Stage under the key 1; it must be"),
        (lambda: _inert({"g1": {1: Leak}}), "'g1' has a .* under the key 1"),
        (
            lambda: _inert({"g1": {1: Leak()}}, (Advance(), Stage())),
            r"stage 'mine' has no key, but .* Pass stages=\{key: stage\}",
        ),
        (lambda: _inert({}, {1: Stage(), 2: Stage()}), "each state needs its own tag"),
    ],
)
def test_what_does_not_fit_is_refused_when_built(build, message):
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        build()


def test_behaviours_of_one_class_have_their_own_variables():
    network = _inert({"g1": {1: Kick(1.0), 2: Kick(10.0)}})
    run = _run(network, record=("g1/Kick.kicks", "g1/Kick_2.kicks", "g1.v"))
    np.testing.assert_array_equal(run["g1/Kick_2.kicks"], run["g1/Kick.kicks"])
    np.testing.assert_array_equal(run["g1.v"][:, 0], [11.0, 22.0, 33.0, 44.0])
    with pytest.raises(ValueError, match=r"'g1.kicks' could be g1/Kick.kicks or g1/Kick_2.kicks"):
        _run(network, record="g1.kicks")

    class Read(AbstractBehaviour):
        def init(self, cells, key):
            return {}

        def step(self, cells):
            return cells.set(v=cells["kicks"])

    network = _inert({"g1": {1: Kick(1.0), 2: Kick(10.0), 3: Read()}})
    with pytest.raises(ValueError, match=r"'kicks' could be g1/Kick.kicks or g1/Kick_2.kicks"):
        _run(network, 1)
