"""What the leaky integrate-and-fire neurons have in common: `reset_by`, `input_scale`, units."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from neuron_examples import LIF_FAMILY

import jaxneuro.neurons
from jaxneuro.core import Drive
from jaxneuro.integrators import ExponentialEuler
from jaxneuro.neurons import Population, Refractory

VOLTAGES = ("threshold", "v_rest", "v_reset", "step")
NAMES = list(LIF_FAMILY)
every_neuron = pytest.mark.parametrize("name", NAMES)
SCALES = ("physical", "unit")
DT = 0.5


def example(name, **options):
    return LIF_FAMILY[name].make(**options)


@eqx.filter_jit
def run(neuron, currents):
    """States after each of the steps of three neurons, and their spikes."""
    population = Population(neuron, 3)

    def step(state, current):
        new, spikes = population.step(state, Drive(current=current), DT)
        return new, (new, spikes)

    return jax.lax.scan(step, neuron.init((3,), jax.random.key(0)), currents)[1]


def currents(steps, low, high):
    grid = jnp.linspace(low, high, steps * 3).reshape(steps, 3)
    return grid[::-1] + 0.1 * jnp.sin(7.0 * grid)


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
    margin = neuron.margin(states, states)
    scaled_margin = scaled.margin(scaled_states, scaled_states)
    if margin is None:
        assert scaled_margin is None
        assert spikes.sum() == 0
    else:
        assert spikes.sum() > 0
        np.testing.assert_array_equal(margin, scaled_margin)


@every_neuron
def test_gradients_on_the_unit_scale_match_finite_differences(name, x64):
    # The contract has the physical scale.
    neuron = example(name, input_scale="unit")
    drives = currents(4, 0.02, 0.09)

    @jax.jit
    @functools.partial(jax.value_and_grad, argnums=(0, 1), has_aux=True)
    def final_v(neuron, drives):
        states, spikes = run(neuron, drives)
        return jnp.sum(jnp.asarray([1.0, -0.7, 0.3]) * states.v[-1]), spikes.sum()

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


@every_neuron
def test_every_time_constant_and_resistance_has_a_gradient(name, x64):
    neuron = example(name)
    drives = currents(4, 0.02, 0.09)
    gradient = jax.jit(jax.grad(lambda neuron: jnp.sum(run(neuron, drives)[0].v[-1])))(neuron)
    slopes = jax.tree_util.tree_flatten_with_path(gradient)[0]
    named = {path[-1].name: slope for path, slope in slopes}
    chosen = {"tau", "tau_syn", "resistance", "capacitance"} & set(named)
    assert chosen
    for parameter in chosen:
        assert named[parameter] != 0


@pytest.mark.parametrize("name", [n for n in NAMES if n != "LI"])
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
def test_no_drive_leaves_it_at_rest(name, scale):
    neuron = example(name, input_scale=scale)
    state = neuron.init((3,), jax.random.key(0))
    still, spikes = Population(neuron, 3).step(state, Drive(), DT)
    np.testing.assert_allclose(still.v, state.v, atol=1e-7)
    assert spikes.sum() == 0
    drives = jnp.broadcast_to(jnp.asarray([0.0, 1e6, -1e6]), (30, 3))
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(run(neuron, drives)))


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("LI", "Refractory")])
def test_a_reset_above_threshold_is_refused(name):
    # The likeliest misuse: voltages in mV, v_reset left at its default of 0.
    neuron = vars(jaxneuro.neurons)[name]
    with pytest.raises(ValueError, match=f"{name}: v_reset is 0.0 and threshold -50"):
        neuron(threshold=-50.0)
    neuron(threshold=-50.0, reset_by="none")


@pytest.mark.parametrize("name", [n for n in NAMES if n != "Refractory"])
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
