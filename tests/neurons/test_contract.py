"""Every neuron of `jaxneuro.neurons` through one contract; a new one joins by an example."""

import dataclasses
import functools
import inspect
import operator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxneuro.neurons
from jaxneuro.core import Drive
from jaxneuro.integrators import ExponentialEuler
from jaxneuro.neurons import (
    IF,
    LI,
    LIF,
    AbstractNeuron,
    AdaptiveLIF,
    CurrentLIF,
    Population,
    Refractory,
)

# Made in the test, so that parameters have its precision. No parameter is at its default, and
# all differ, so that one in the place of another is noticed.
EXAMPLES = {
    "LIF": lambda **kw: LIF(
        tau=8.0, threshold=1.3, v_rest=0.2, v_reset=-0.25, resistance=1.5, **kw
    ),
    "AdaptiveLIF": lambda **kw: AdaptiveLIF(
        tau=7.0,
        tau_threshold=30.0,
        step=0.3,
        threshold=1.2,
        v_rest=-0.1,
        v_reset=0.15,
        resistance=1.4,
        **kw,
    ),
    "CurrentLIF": lambda **kw: CurrentLIF(
        tau=9.0, tau_syn=4.0, threshold=1.1, v_rest=0.1, v_reset=-0.2, resistance=1.7, **kw
    ),
    "IF": lambda **kw: IF(threshold=1.2, v_reset=-0.1, capacitance=6.0, **kw),
    "LI": lambda **kw: LI(tau=6.0, v_rest=0.3, resistance=1.6, **kw),
    "Refractory": lambda **kw: Refractory(EXAMPLES["LIF"](**kw), period=2.0),
}
VOLTAGES = ("threshold", "v_rest", "v_reset", "step")
CLASSES = [
    name
    for name, cls in vars(jaxneuro.neurons).items()
    if isinstance(cls, type) and issubclass(cls, AbstractNeuron) and not inspect.isabstract(cls)
]
every_neuron = pytest.mark.parametrize("name", CLASSES)
SCALES = ("physical", "unit")
DT = 0.5


def example(name, **options):
    assert name in EXAMPLES, f"add an example of {name} to EXAMPLES"
    return EXAMPLES[name](**options)


def step_of(neuron, dt=DT):
    """A step of three neurons as a function of state and current."""
    population = Population(neuron, 3)
    return lambda state, current: population.step(state, Drive(current=current), dt)


@eqx.filter_jit
def run(neuron, currents):
    """States after each of the steps of three neurons, and their spikes."""
    step = step_of(neuron)

    def scanned(state, current):
        new, spikes = step(state, current)
        return new, (new, spikes)

    return jax.lax.scan(scanned, neuron.init((3,), jax.random.key(0)), currents)[1]


def currents(steps, low, high):
    grid = jnp.linspace(low, high, steps * 3).reshape(steps, 3)
    return grid[::-1] + 0.1 * jnp.sin(7.0 * grid)


@every_neuron
@pytest.mark.parametrize("shape", [(3,), (2, 2)])
def test_state_keeps_structure_shape_and_dtype(name, shape):
    neuron = example(name)
    state = jax.eval_shape(lambda: neuron.init(shape, jax.random.key(0)))
    assert state.v.shape == shape

    def advance(state):
        return neuron.advance(state, Drive(current=jnp.ones(shape)), DT, ExponentialEuler())

    new = jax.eval_shape(advance, state)
    # Equality of these also holds the weak type: another one would compile the next run anew.
    assert eqx.tree_equal(new, state)
    assert eqx.tree_equal(jax.eval_shape(neuron.reset, new, state.v), state)


@every_neuron
@pytest.mark.parametrize("is_double", [False, True])
def test_precision_is_that_of_the_parameters(name, is_double):
    with jax.enable_x64(is_double):
        wanted = jnp.float64 if is_double else jnp.float32
        states, spikes = run(example(name), currents(3, 0.0, 5.0))
        assert spikes.dtype == wanted
        assert states.v.dtype == wanted
        floats = [x for x in jax.tree.leaves(states) if jnp.issubdtype(x.dtype, jnp.floating)]
        assert {x.dtype for x in floats} == {jnp.dtype(wanted)}


@every_neuron
def test_vmap_equals_loop_and_jit_equals_eager(name):
    neuron = example(name)
    step = step_of(neuron)
    state = neuron.init((3,), jax.random.key(0))
    traces = []

    @jax.jit
    def compiled(state, current):
        traces.append(1)
        return step(state, current)

    drives = jnp.asarray([[0.0, 9.0, 200.0], [-3.0, 30.0, 1.0]])
    alone = [compiled(compiled(state, i)[0], i) for i in drives]
    assert len(traces) == 1
    if neuron.margin(state, state) is not None:
        assert 0 < sum(spikes.sum() for _, spikes in alone) < 6
    batched = jax.jit(jax.vmap(step, (0, 0)))
    many = jax.tree.map(lambda x: jnp.stack([x, x]), state)
    batch = batched(batched(many, drives)[0], drives)
    for lane, one in enumerate(alone):
        of_batch = jax.tree.map(lambda x, n=lane: x[n], batch)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(of_batch), strict=True):
            np.testing.assert_array_equal(a, b)
    eager = step(step(state, drives[0])[0], drives[0])
    for a, b in zip(jax.tree.leaves(alone[0]), jax.tree.leaves(eager), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@every_neuron
def test_margin_has_no_unit(name):
    # A factor that is a power of two changes no digit, so equality is exact.
    factor = 64.0
    neuron = example(name)
    scaled = jax.tree_util.tree_map_with_path(
        lambda path, x: x * factor if path[-1].name in VOLTAGES else x, neuron
    )
    drives = currents(40, 0.0, 6.0)
    (states, spikes), (scaled_states, scaled_spikes) = run(neuron, drives), run(scaled, drives * 64)
    np.testing.assert_array_equal(states.v * factor, scaled_states.v)
    np.testing.assert_array_equal(spikes, scaled_spikes)
    margin, scaled_margin = (
        neuron.margin(states, states),
        scaled.margin(scaled_states, scaled_states),
    )
    if margin is None:
        assert scaled_margin is None
        assert spikes.sum() == 0
    else:
        assert spikes.sum() > 0
        np.testing.assert_array_equal(margin, scaled_margin)


@every_neuron
@pytest.mark.parametrize("scale", SCALES)
def test_gradients_match_finite_differences(name, scale, x64):
    neuron = example(name, input_scale=scale)
    weights = jnp.asarray([1.0, -0.7, 0.3])
    drives = currents(4, 0.02, 0.09)

    @jax.jit
    @functools.partial(jax.value_and_grad, argnums=(0, 1), has_aux=True)
    def final_v(neuron, drives):
        states, spikes = run(neuron, drives)
        return jnp.sum(weights * states.v[-1]), spikes.sum()

    (_, count), gradient = final_v(neuron, drives)
    assert count == 0
    leaves, structure = jax.tree.flatten((neuron, drives))
    for index, (leaf, slope) in enumerate(zip(leaves, jax.tree.leaves(gradient), strict=True)):
        size = 1e-5

        def shifted(amount, index=index, leaf=leaf):
            moved = [*leaves[:index], leaf + amount, *leaves[index + 1 :]]
            return final_v(*structure.unflatten(moved))[0][0]

        numeric = (shifted(size) - shifted(-size)) / (2 * size)
        np.testing.assert_allclose(slope.sum(), numeric, rtol=1e-3, atol=1e-8)
    if scale == "physical":
        slopes = jax.tree_util.tree_flatten_with_path(gradient[0])[0]
        named = {path[-1].name: slope for path, slope in slopes}
        for parameter in {"tau", "tau_syn", "resistance", "capacitance"} & set(named):
            assert named[parameter] != 0


@every_neuron
def test_each_current_has_its_own_gradient(name, x64):
    neuron = example(name)
    state = neuron.init((3,), jax.random.key(0))
    step = step_of(neuron)
    slope = jax.jit(jax.jacfwd(lambda i: step(step(state, i)[0], i)[0].v))
    jacobian = slope(jnp.asarray([0.1, 0.2, 0.3]))
    np.testing.assert_array_equal(jacobian, jnp.diag(jnp.diagonal(jacobian)))
    assert (jnp.diagonal(jacobian) > 0).all()


@pytest.mark.parametrize("name", [n for n in CLASSES if n != "LI"])
@pytest.mark.parametrize("reset_by", ["value", "subtraction", "none"])
def test_reset(name, reset_by):
    neuron = example(name, reset_by=reset_by)
    state = neuron.init((3,), jax.random.key(0))
    v = jnp.asarray([1.7, -0.3, 2.9])
    state = eqx.tree_at(lambda s: s.v, state, v)
    cell = neuron.neuron if isinstance(neuron, Refractory) else neuron
    fired = jnp.asarray([1.0, 0.0, 1.0])
    wanted = {
        "value": jnp.where(fired > 0, cell.v_reset, v),
        "subtraction": v - fired * (cell.threshold - cell.v_reset),
        "none": v,
    }[reset_by]
    np.testing.assert_array_equal(neuron.reset(state, fired).v, wanted)


@every_neuron
@pytest.mark.parametrize("scale", SCALES)
def test_no_drive_and_any_drive_stay_finite(name, scale):
    neuron = example(name, input_scale=scale)
    state = neuron.init((3,), jax.random.key(0))
    still, spikes = Population(neuron, 3).step(state, Drive(), DT)
    np.testing.assert_allclose(still.v, state.v, atol=1e-7)
    assert spikes.sum() == 0
    drives = jnp.broadcast_to(jnp.asarray([0.0, 1e6, -1e6]), (30, 3))

    states, spikes = run(neuron, drives)
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves((states, spikes)))
    if scale == "unit":
        return

    @jax.jit
    @functools.partial(jax.grad, argnums=(0, 1))
    def slopes(neuron, drives):
        states, spikes = run(neuron, drives)
        return states.v.sum() + spikes.sum()

    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(slopes(neuron, drives)))


@every_neuron
def test_parameters_by_neuron(name):
    neuron = example(name)
    names = [field.name for field in dataclasses.fields(neuron) if "unit" in field.metadata]
    assert names
    each = neuron
    for parameter in names:
        where = operator.attrgetter(parameter)
        each = eqx.tree_at(where, each, jnp.full(3, where(neuron)))
        wrong = eqx.tree_at(where, neuron, jnp.full(4, where(neuron)))
        message = rf"{name}: {parameter} has shape \(4,\).* population of shape \(3,\)"
        with pytest.raises(ValueError, match=message):
            wrong.init((3,), jax.random.key(0))
    drives = currents(40, 0.0, 6.0)
    (states, spikes), (other, other_spikes) = run(neuron, drives), run(each, drives)
    np.testing.assert_allclose(states.v, other.v, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(spikes, other_spikes)


@every_neuron
def test_a_time_constant_that_is_not_positive_is_refused(name):
    neuron = example(name)
    for field in dataclasses.fields(neuron):
        if field.metadata.get("lower") == 0.0:
            for value in (0.0, -1.0, [1.0, float("nan")]):
                with pytest.raises(ValueError, match=f"{name}: {field.name} is .*above 0"):
                    dataclasses.replace(neuron, **{field.name: value})


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in ("LI", "Refractory")])
def test_a_reset_above_threshold_is_refused(name):
    # The likeliest misuse: voltages in mV, v_reset left at its default of 0.
    neuron = vars(jaxneuro.neurons)[name]
    with pytest.raises(ValueError, match=f"{name}: v_reset is 0.0 and threshold -50"):
        neuron(threshold=-50.0)
    neuron(threshold=-50.0, reset_by="none")


@pytest.mark.parametrize("name", [n for n in CLASSES if n != "Refractory"])
def test_unknown_options_and_conductance_with_unit_scale(name):
    with pytest.raises(ValueError, match=f"{name}: input_scale is 'volts'.*physical"):
        example(name, input_scale="volts")
    if name != "LI":
        with pytest.raises(ValueError, match=f"{name}: reset_by is 'zero'.*subtraction"):
            example(name, reset_by="zero")
    neuron = example(name, input_scale="unit")
    state = neuron.init((3,), jax.random.key(0))
    with pytest.raises(ValueError, match="takes currents only"):
        neuron.advance(state, Drive(conductance=jnp.ones(3)), DT, ExponentialEuler())
