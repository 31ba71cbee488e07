"""Every neuron of `jaxneuro.neurons` through one contract; a new one joins by an example."""

import dataclasses
import functools
import operator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from neuron_examples import EXAMPLES, NAMES, example

from jaxneuro.core import Drive
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun

every_neuron = pytest.mark.parametrize("name", NAMES)
# Its eight variables take a quarter of a minute to compile.
LONG = {"HHneuronBischop": pytest.mark.slow}
KEY = jax.random.key(0)
ORDERS = {Euler: 1, Heun: 2, RK4: 4}


def floats(tree):
    return [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]


@eqx.filter_jit
def run(population, drives, dt):
    """States after each of the steps of a population, and its spikes."""

    def step(state, drive):
        new, spikes = population.step(state, drive, dt)
        return new, (new, spikes)

    return jax.lax.scan(step, population.init(KEY), drives)[1]


def held(one, steps, currents):
    """The drives of `steps` steps at constant currents, one of each neuron."""
    return one.drive(jnp.broadcast_to(jnp.asarray(currents, float), (steps, 3)))


def test_no_example_is_left_over():
    assert set(EXAMPLES) == set(NAMES)


@every_neuron
@pytest.mark.parametrize("shape", [(3,), (2, 2)])
def test_state_keeps_structure_shape_and_dtype(name, shape):
    one = example(name)
    neuron = one.make()
    state = jax.eval_shape(lambda: neuron.init(shape, KEY))
    assert state.v.shape == shape

    def advance(state):
        return neuron.advance(state, one.drive(jnp.ones(shape)), one.dt, ExponentialEuler())

    new = jax.eval_shape(advance, state)
    # Equality of these also holds the weak type: another one would compile the next run anew.
    assert eqx.tree_equal(new, state)
    assert eqx.tree_equal(jax.eval_shape(neuron.reset, new, state.v), state)


@every_neuron
@pytest.mark.parametrize("is_double", [False, True])
def test_it_spikes_when_driven_in_the_precision_of_its_parameters(name, is_double):
    with jax.enable_x64(is_double):
        wanted = jnp.dtype(jnp.float64 if is_double else jnp.float32)
        one = example(name)
        currents = (one.quiet, one.driving, 1.2 * one.driving)
        states, spikes = run(one.population(), held(one, 200, currents), one.dt)
        assert {x.dtype for x in floats((states, spikes))} == {wanted}
        assert set(np.unique(spikes)) <= {0.0, 1.0}
        counts = np.asarray(spikes.sum(0))
        assert counts[0] == 0, "it spikes under its quiet current"
        assert (counts[1:] > 0).all() == one.spikes
        assert all(jnp.isfinite(x).all() for x in floats(states))


@every_neuron
def test_jit_vmap_and_new_parameters(name):
    one = example(name)
    population = one.population()
    traces = []

    @eqx.filter_jit
    def compiled(population, drives):
        traces.append(1)
        return run(population, drives, one.dt)

    lanes = [[one.quiet, one.driving, 0.0], [one.driving, -one.quiet, one.quiet]]
    alone = [compiled(population, held(one, 20, lane)) for lane in lanes]
    moved = jax.tree.map(lambda x: 1.01 * x if eqx.is_inexact_array(x) else x, population)
    compiled(moved, held(one, 20, lanes[0]))
    assert len(traces) == 1, "new parameter values compiled it anew"
    many = jax.tree.map(lambda *x: jnp.stack(x), *(held(one, 20, lane) for lane in lanes))
    batch = jax.jit(jax.vmap(lambda drives: run(population, drives, one.dt)))(many)
    for lane, wanted in enumerate(alone):
        assert_close(jax.tree.map(lambda x, n=lane: x[n], batch), wanted)


def assert_close(one, two):
    for a, b in zip(floats(one), floats(two), strict=True):
        # Vectorised exponentials differ in the last digit.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * float(1 + jnp.abs(b).max()))


@pytest.mark.parametrize("name", [pytest.param(n, marks=LONG.get(n, ())) for n in NAMES])
def test_gradients_match_finite_differences(name, x64):
    # Below threshold, where everything is smooth.
    one = example(name)
    population = one.population()
    parts, static = eqx.partition(
        (population, held(one, 12, [one.quiet, 0.7 * one.quiet, 0.4 * one.quiet])),
        eqx.is_inexact_array,
    )

    @jax.jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def total(parts):
        states, spikes = run(*eqx.combine(parts, static), one.dt)
        weights = jnp.asarray([1.0, -0.7, 0.3])
        return sum((i + 1.0) * jnp.sum(weights * x[-1]) for i, x in enumerate(floats(states))), (
            spikes.sum()
        )

    (_, count), gradient = total(parts)
    assert count == 0
    leaves, structure = jax.tree.flatten(parts)
    slopes = jax.tree.leaves(gradient)
    assert any(float(jnp.abs(x).max()) > 0 for x in slopes)
    for index, (leaf, slope) in enumerate(zip(leaves, slopes, strict=True)):
        size = 1e-5 * max(1.0, float(jnp.abs(leaf).max()))

        def shifted(amount, index=index, leaf=leaf):
            moved = [*leaves[:index], leaf + amount, *leaves[index + 1 :]]
            return total(structure.unflatten(moved))[0][0]

        numeric = (shifted(size) - shifted(-size)) / (2 * size)
        np.testing.assert_allclose(slope.sum(), numeric, rtol=1e-3, atol=1e-7)


@every_neuron
def test_each_neuron_depends_on_its_own_current_alone(name, x64):
    one = example(name)
    population = one.population()

    def last(current):
        drives = one.drive(jnp.broadcast_to(current, (3, 3)))
        return jax.tree.map(lambda x: x[-1], floats(run(population, drives, one.dt)[0]))

    jacobians = jax.jit(jax.jacfwd(last))(one.quiet * jnp.asarray([0.5, 0.8, 1.0]))
    for jacobian in jacobians:
        np.testing.assert_array_equal(jacobian, jnp.diag(jnp.diagonal(jacobian)))
    if name != "VoltageClamp":
        assert any((jnp.diagonal(x) > 0).all() for x in jacobians)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=LONG.get(n, ()))
        for n in NAMES
        if n not in EXAMPLES or EXAMPLES[n].flows
    ],
)
def test_integrators_have_their_order(name, x64):
    one = example(name)

    @eqx.filter_jit
    def end(integrator, steps, length):  # arrays, so that it is compiled once per integrator
        population = one.population(integrator=integrator)
        drive = one.drive(one.quiet * jnp.asarray([0.4, 0.7, 1.0]))

        def step(_, carry):
            state, count = carry
            new, spikes = population.step(state, drive, length)
            return new, count + spikes.sum()

        state, count = jax.lax.fori_loop(0, steps, step, (population.init(KEY), jnp.zeros(())))
        return jnp.stack([*floats(state), jnp.full(3, count)])

    def errors(integrator, exact):
        found = [at(integrator, n) for n in (1, 2, 4)]
        return np.asarray([float(jnp.abs(x - exact).max()) for x in found])

    def at(integrator, n):
        return end(integrator, jnp.asarray(16 * n), jnp.asarray(one.coarse / n))

    exact = at(RK4(), 32)
    assert (exact[-1] == 0).all(), "the example spikes under its quiet current"
    rounding = 1e-11 * max(1.0, float(jnp.abs(exact).max()))
    for integrator in (Euler(), Heun(), RK4(), ExponentialEuler()):
        found = errors(integrator, exact)
        if found[0] < rounding:
            continue  # exact, as exponential Euler is for linear neurons
        slope = np.log2(found[1] / found[2])
        order = ORDERS.get(type(integrator), 1)
        assert slope > order - 0.3, (integrator, found)
        if type(integrator) in ORDERS:
            assert slope < order + 0.6, (integrator, found)


@pytest.mark.parametrize(
    "name",
    # Its gradient over many steps takes long to compile.
    [pytest.param(n, marks=pytest.mark.slow) if n == "HHneuronBischop" else n for n in NAMES],
)
def test_any_drive_stays_finite(name):
    one = example(name)
    population = one.population()

    @jax.jit
    @functools.partial(jax.value_and_grad, argnums=1, has_aux=True)
    def slopes(parts, drives):
        states, spikes = run(eqx.combine(parts, static), drives, one.dt)
        total = sum(x.sum() for x in floats(states)) + spikes.sum()
        return total, (states, spikes)

    parts, static = eqx.partition(population, eqx.is_inexact_array)
    (_, found), gradient = slopes(parts, held(one, 30, [0.0, 1e6, -1e6]))
    assert all(jnp.isfinite(x).all() for x in floats(found))
    assert all(jnp.isfinite(x).all() for x in floats(gradient))


@every_neuron
def test_parameters_by_neuron(name):
    one = example(name)
    population = one.population()
    neuron = population.neuron
    names = [
        field.name
        for field in dataclasses.fields(neuron)
        if "unit" in field.metadata and getattr(neuron, field.name) is not None
    ]
    assert names
    each = population
    for parameter in names:
        where = operator.attrgetter(f"neuron.{parameter}")
        each = eqx.tree_at(where, each, jnp.full(3, where(population)))
        wrong = eqx.tree_at(where, population, jnp.full(4, where(population)))
        message = rf"{name}: {parameter} has shape \(4,\).* population of shape \(3,\)"
        with pytest.raises(ValueError, match=message):
            wrong.init(KEY)
    drives = held(one, 40, [one.quiet, one.driving, 0.0])
    found, wanted = run(each, drives, one.dt), run(population, drives, one.dt)
    np.testing.assert_array_equal(found[1], wanted[1])
    assert_close(found[0], wanted[0])


@every_neuron
def test_a_time_constant_that_is_not_positive_is_refused(name):
    neuron = example(name).make()
    for field in dataclasses.fields(neuron):
        if field.metadata.get("lower") == 0.0 and getattr(neuron, field.name) is not None:
            for value in (0.0, -1.0, [1.0, float("nan")]):
                with pytest.raises(ValueError, match=f"{name}: {field.name} is .*above 0"):
                    dataclasses.replace(neuron, **{field.name: value})


@every_neuron
def test_without_any_drive_it_runs_and_jit_equals_eager(name):
    # Nothing aims at the neuron: `drive.at(v)` is then a plain 0.
    one = example(name)
    population = one.population()
    nothing = Drive(ports=one.drive(jnp.zeros(3)).ports)
    eager = population.step(population.init(KEY), nothing, one.dt)
    jitted = run(population, held(one, 1, [0.0, 0.0, 0.0]), one.dt)
    assert_close(jax.tree.map(lambda x: x[0], jitted), eager)
