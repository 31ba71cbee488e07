"""Every receptor and edge through one contract; a new one joins by an example."""

import inspect
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxneuro.edges
from jaxneuro.core import Context
from jaxneuro.edges import (
    AbstractEdge,
    AbstractGate,
    AbstractKinetics,
    AbstractReceptor,
    AbstractSourcelessEdge,
    Alpha,
    BaselineNoise,
    Bounded,
    ConductanceReceptor,
    CurrentReceptor,
    Delta,
    Direct,
    DirectConductance,
    Dropout,
    DualExponential,
    ExponentialConductance,
    ExponentialCurrent,
    FirstOrder,
    GapJunction,
    GaussianEvents,
    GaussianNoise,
    GProtein,
    GradedConductance,
    GradedCurrent,
    MagnesiumBlock,
    NonNegative,
    OrnsteinUhlenbeck,
    Oscillation,
    PoissonEvents,
    PoissonNoise,
    Projection,
    SecondOrder,
    SharedReceptor,
    ShortTermPlasticity,
    TunedCurrent,
    TunedPoisson,
    UniformDraw,
)

RECEPTORS = {
    "Direct": lambda: Direct(),
    "Delta": lambda: Delta(),
    "ExponentialCurrent": lambda: ExponentialCurrent(tau=3.0),
    "ExponentialConductance": lambda: ExponentialConductance(
        tau=3.0, e_rev=-1.0, rectify="hyperpolarising"
    ),
    "ConductanceReceptor": lambda: ConductanceReceptor(Alpha(tau=3.0), g_max=0.7, e_rev=-1.0),
    "DirectConductance": lambda: DirectConductance(e_rev=-1.0),
    "NonNegative": lambda: NonNegative(ExponentialConductance(tau=3.0, e_rev=-1.0)),
    "CurrentReceptor": lambda: CurrentReceptor(DualExponential(1.0, 4.0), scale=-2.0),
}
KINETICS = {
    "FirstOrder": lambda: FirstOrder(tau=3.0),
    "Bounded": lambda: Bounded(tau=3.0, alpha=0.5),
    "SecondOrder": lambda: SecondOrder(tau_decay=20.0),
    "Alpha": lambda: Alpha(tau=3.0),
    "DualExponential": lambda: DualExponential(tau_rise=1.0, tau_decay=4.0),
    "GProtein": lambda: GProtein(),
}
SATURATING = ("Bounded", "SecondOrder", "GProtein")
GATES = {"MagnesiumBlock": lambda: MagnesiumBlock(mg=0.5)}
EDGES = {
    "Projection": lambda: Projection(
        "a", "b", jnp.arange(6.0).reshape(3, 2), receptor=ExponentialCurrent(), bias=0.5
    ),
    "Dropout": lambda: Dropout(EDGES["Projection"](), rate=0.4),
    "GradedCurrent": lambda: GradedCurrent("a", "b", matrix(), sign=-1, k=3.0, v_off=0.2),
    "GradedConductance": lambda: GradedConductance("a", "b", matrix(), e_rev=-2.0, k=3.0),
    "GapJunction": lambda: GapJunction("a", "b", matrix()),
    "ShortTermPlasticity": lambda: ShortTermPlasticity(
        EDGES["Projection"](), U=0.3, tau_rec=3.0, tau_facil=4.0
    ),
    "TunedCurrent": lambda: TunedCurrent("a", "b", directions=2, kappa=1.5),
    "TunedPoisson": lambda: TunedPoisson(
        "a", "b", directions=2, weight=0.5, receptor=ExponentialCurrent()
    ),
}
STIMULUS = ("TunedCurrent", "TunedPoisson")  # their source is an amplitude and a direction
SOURCELESS = {
    "BaselineNoise": lambda: BaselineNoise("b", mean=3.0, noise=2.0, rate=800.0),
    "GaussianEvents": lambda: GaussianEvents("b", sd=2.0, rectified=True),
    "GaussianNoise": lambda: GaussianNoise("b", mean=3.0, sd=2.0),
    "OrnsteinUhlenbeck": lambda: OrnsteinUhlenbeck("b", mean=3.0, sd=2.0, tau=4.0),
    "Oscillation": lambda: Oscillation("b", amplitude=2.0, frequency=30.0, shift=4.0),
    "PoissonEvents": lambda: PoissonEvents("b", rate=800.0, weight=1.5),
    "PoissonNoise": lambda: PoissonNoise("b", rate=9000.0, weight=1.5),
    "SharedReceptor": lambda: SharedReceptor("b", ExponentialConductance(tau=4.0, e_rev=2.0)),
    "UniformDraw": lambda: UniformDraw("b"),
}
RANDOM = (
    "BaselineNoise",
    "GaussianEvents",
    "GaussianNoise",
    "OrnsteinUhlenbeck",
    "PoissonEvents",
    "PoissonNoise",
    "UniformDraw",
)


def matrix():
    return jnp.arange(6.0).reshape(3, 2) / 7.0


def names_of(base):
    return [
        name
        for name, cls in vars(jaxneuro.edges).items()
        if isinstance(cls, type) and issubclass(cls, base) and not inspect.isabstract(cls)
    ]


def test_every_class_has_an_example():
    assert set(names_of(AbstractReceptor)) == set(RECEPTORS)
    assert set(names_of(AbstractKinetics)) == set(KINETICS)
    assert set(names_of(AbstractGate)) == set(GATES)
    assert set(names_of(AbstractSourcelessEdge)) == set(SOURCELESS)
    assert set(names_of(AbstractEdge)) == set(EDGES) | set(SOURCELESS)


@pytest.mark.parametrize("name", sorted(RECEPTORS))
@pytest.mark.parametrize("is_double", [False, True])
def test_receptor_keeps_its_state_and_drives_linearly(name, is_double):
    with jax.enable_x64(is_double):
        receptor = RECEPTORS[name]()
        state = jax.eval_shape(lambda: receptor.init((2, 3)))
        events = jnp.arange(6.0).reshape(2, 3)
        v = jnp.full((2, 3), 0.5)
        new = jax.eval_shape(lambda: receptor.step(receptor.init((2, 3)), events, v, 0.5)[0])
        assert eqx.tree_equal(new, state)

        def drives(events):
            state, first = receptor.step(receptor.init((2, 3)), events, v, 0.5)
            return first, receptor.step(state, 0.0 * events, v, 0.5)[1]

        for one, two in zip(drives(events), drives(2.0 * events), strict=True):
            parts = jax.tree.leaves(one)
            assert parts
            for part, twice in zip(parts, jax.tree.leaves(two), strict=True):
                assert part.shape == (2, 3)
                assert part.dtype == events.dtype
                np.testing.assert_allclose(2.0 * part, twice, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(KINETICS))
@pytest.mark.parametrize("is_double", [False, True])
def test_kinetics_keep_their_state_and_open_with_their_events(name, is_double):
    with jax.enable_x64(is_double):
        kinetics = KINETICS[name]()
        state = kinetics.init((2, 3))
        events = 0.3 * jnp.arange(6.0).reshape(2, 3)
        new = jax.eval_shape(lambda: kinetics.step(state, events, 0.5)[0])
        assert eqx.tree_equal(new, jax.eval_shape(lambda: state))

        @jax.jit
        def openings(events):
            state, first, before = kinetics.step(kinetics.init((2, 3)), events, 0.5)
            state, after, end = kinetics.step(state, 0.0 * events, 0.5)
            assert first.dtype == end.dtype == events.dtype
            # Continuous between events; the state has what a record would show.
            return first, before, after, end, state.s

        first, before, after, end, s = openings(events)
        np.testing.assert_array_equal(before, after)
        np.testing.assert_array_equal(end, s)
        assert np.all(np.diff(np.ravel(end)) > 0)  # as the events
        assert float(end[0, 0]) == 0.0
        if name in SATURATING:
            assert float(openings(1e6 * events)[3].max()) <= 1.0
        else:
            for part, twice in zip((first, end), openings(2.0 * events)[::3], strict=False):
                np.testing.assert_allclose(2.0 * part, twice, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(GATES))
@pytest.mark.parametrize("is_double", [False, True])
def test_a_gate_is_a_fraction_with_a_slope(name, is_double):
    with jax.enable_x64(is_double):
        gate = GATES[name]()
        v = jnp.linspace(-90.0, 40.0, 14)
        fraction = gate(v)
        assert (fraction.shape, fraction.dtype) == (v.shape, v.dtype)
        assert np.all((fraction >= 0) & (fraction <= 1))
        slope = jax.vmap(jax.grad(lambda v: gate(v)))(v)
        step = 1e-4 if is_double else 0.5  # second order, and the rounding of float32
        numeric = (gate(v + step) - gate(v - step)) / (2 * step)
        np.testing.assert_allclose(slope, numeric, rtol=1e-6 if is_double else 1e-3)


@pytest.mark.parametrize("name", sorted(EDGES))
def test_an_edge_treats_a_series_as_its_steps(name):
    edge = EDGES[name]()
    assert (edge.source, edge.target, edge.delay) == ("a", "b", None)
    assert edge.releases_evenly == (name != "ShortTermPlasticity")
    source = (2,) if name in STIMULUS else (3,)
    assert edge.output_shape(source) == (2,)
    start = edge.init(source, (2,), jax.random.key(2), False)
    signals = jnp.asarray(np.random.default_rng(0).normal(size=(5, *source)), float)
    if name == "TunedPoisson":
        signals = jnp.abs(signals) * jnp.asarray([[1000.0, 1.0]])  # Hz
    context = Context(jnp.asarray(8, jnp.int32), jax.random.key(1), 0.5)
    v = jnp.zeros(2)

    @jax.jit
    def step(state, events, context):
        return edge.step(state, events, v, context)

    state, released = edge.release(start, signals, context)
    events = edge.propagate(released)
    whole = []
    contexts = [Context(context.step + index, context.base_key, context.dt) for index in range(5)]
    for index, later in enumerate(contexts):
        state, drive = step(state, events[index], later)
        whole.append(drive)
    state_of_steps = start
    for index, later in enumerate(contexts):
        state_of_steps, one = edge.release(state_of_steps, signals[index : index + 1], later)
        state_of_steps, drive = step(state_of_steps, edge.propagate(one)[0], later)
        for a, b in zip(jax.tree.leaves(drive), jax.tree.leaves(whole[index]), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert jax.tree.structure(state) == jax.tree.structure(start)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(state_of_steps), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert math.prod(whole[-1].current.shape) == 2
    np.testing.assert_allclose(edge.propagate(2.0 * released), 2.0 * events, rtol=1e-6)


def drives_of(edge, key, first, steps, state=None, shape=(50,)):
    """States and drives of some steps from the absolute step `first` on, without events."""
    state = edge.init((), shape, key, False) if state is None else state
    v = jnp.full(shape, 0.3)

    @jax.jit
    def step(state, context):
        return edge.step(state, None, v, context)

    drives = []
    for index in range(first, first + steps):
        context = Context(jnp.asarray(index, jnp.int32), jax.random.key(9), 0.5)
        state, drive = step(state, context)
        drives.append(drive)
    return state, drives


def assert_same(one, two):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", sorted(SOURCELESS))
@pytest.mark.parametrize("is_double", [False, True])
def test_a_sourceless_edge_keeps_its_state_and_precision(name, is_double):
    with jax.enable_x64(is_double):
        wanted = jnp.float64 if is_double else jnp.float32
        edge = SOURCELESS[name]()
        assert (edge.source, edge.target, edge.delay) == (None, "b", None)
        start = edge.init((), (2, 3), jax.random.key(2), False)
        v = jnp.full((2, 3), 0.3)
        context = Context(jnp.asarray(3, jnp.int32), jax.random.key(9), 0.5)
        state, drive = jax.eval_shape(lambda: edge.step(start, None, v, context))
        assert eqx.tree_equal(state, jax.eval_shape(lambda: start))
        parts = jax.tree.leaves(drive)
        assert parts
        assert {(part.shape, part.dtype) for part in parts} == {((2, 3), jnp.dtype(wanted))}


@pytest.mark.parametrize("name", sorted(SOURCELESS))
def test_a_sourceless_edge_depends_on_its_key_and_the_absolute_step(name):
    edge = SOURCELESS[name]()
    key = jax.random.key(2)
    end, whole = drives_of(edge, key, 0, 6)
    again, repeated = drives_of(edge, key, 0, 6)
    assert_same((end, whole), (again, repeated))
    # Restart from the state in between.
    middle, first = drives_of(edge, key, 0, 2)
    late, second = drives_of(edge, key, 2, 4, state=middle)
    assert_same((end, whole), (late, first + second))
    other = drives_of(edge, jax.random.key(3), 0, 6)[1]
    differs = any(
        not np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(other), jax.tree.leaves(whole), strict=True)
    )
    assert differs == (name in RANDOM)
    if name in RANDOM:
        # Neurons and steps are drawn apart (events of half of them leave some alike).
        series = np.stack([drive.current for drive in whole])
        assert all(len(np.unique(step)) > 1 for step in series)
        assert not any(np.array_equal(a, b) for a, b in zip(series[1:], series[:-1], strict=True))


@pytest.mark.parametrize("name", sorted(SOURCELESS))
def test_a_batch_of_sourceless_edges_equals_its_lanes(name):
    edge = SOURCELESS[name]()
    keys = jax.random.split(jax.random.key(4), 2)
    v = jnp.full(5, 0.3)
    context = Context(jnp.asarray(3, jnp.int32), jax.random.key(9), 0.5)

    def drive(key):
        return edge.step(edge.init((), (5,), key, False), None, v, context)[1].current

    lanes = jnp.stack([drive(key) for key in keys])
    np.testing.assert_allclose(jax.vmap(drive)(keys), lanes, rtol=1e-6)


def test_a_sourceless_edge_refuses_bad_parameters():
    with pytest.raises(ValueError, match=r"ExponentialConductance: tau is -1.0.*above 0"):
        ExponentialConductance(tau=-1.0)
    with pytest.raises(ValueError, match=r"rectify is 'up'.*depolarising"):
        ExponentialConductance(rectify="up")
