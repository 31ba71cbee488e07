"""LIF in the units of a cell against the period tau ln((v_inf - v_reset) / (v_inf - threshold))."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Population, simulate
from jaxneuro.inputs import Constant
from jaxneuro.neurons import LIF, Refractory
from jaxneuro.simulation import SpikeTimes

TAU, REST, THRESHOLD, RESET = 20.0, -70.0, -50.0, -65.0
COUNT = 12


def simulated(neuron, resistance_current, dt):
    run = simulate(
        Population(neuron, 1, reset_gradient="event"),
        {"neuron": Constant(resistance_current)},
        dt=dt,
        steps=round(700.0 / dt),
        key=jax.random.key(0),
        record={"times": SpikeTimes("neuron", COUNT)},
        spike_times="interpolated",
    )
    return run["times"][:, 0]


def cell(tau):
    return LIF(tau=tau, v_rest=REST, threshold=THRESHOLD, v_reset=RESET, reset_by="value")


def exact(tau, current, period=0.0):
    v_inf = REST + current
    first = tau * jnp.log((v_inf - REST) / (v_inf - THRESHOLD))
    interval = period + tau * jnp.log((v_inf - RESET) / (v_inf - THRESHOLD))
    return first + jnp.arange(float(COUNT)) * interval


# Exponential Euler is exact between spikes, so that only the search for the crossing is left: of
# third order in dt.
@pytest.mark.parametrize(("dt", "tolerance"), [(0.1, 2e-6), (1.0, 2e-3)])
@pytest.mark.parametrize("current", [21.0, 25.0, 60.0])
def test_spike_times_are_the_closed_form(current, dt, tolerance, x64):
    times = simulated(cell(TAU), current, dt)
    np.testing.assert_allclose(times, exact(TAU, current), atol=tolerance)


def test_with_a_refractory_period_that_is_no_multiple_of_the_step(x64):
    neuron = Refractory(cell(TAU), period=1.87, whole_steps=False)
    times = simulated(neuron, 25.0, 0.1)
    np.testing.assert_allclose(times, exact(TAU, 25.0, 1.87), atol=1e-5)


def test_the_last_spike_s_gradient_is_the_closed_form_s(x64):
    point = jnp.asarray(TAU), jnp.asarray(25.0)
    slopes = jax.jit(jax.grad(lambda t, i: simulated(cell(t), i, 0.1)[-1], (0, 1)))(*point)
    wanted = jax.grad(lambda t, i: exact(t, i)[-1], (0, 1))(*point)
    np.testing.assert_allclose(slopes, wanted, rtol=1e-4)


def test_in_single_precision_on_the_grid_a_spike_is_at_most_a_step_late():
    run = simulate(
        Population(cell(TAU), 1),
        {"neuron": Constant(25.0)},
        dt=0.1,
        steps=500,
        key=jax.random.key(0),
        record={"times": SpikeTimes("neuron", 1)},
    )
    late = float(run["times"][0, 0] - exact(TAU, 25.0)[0])
    assert 0.0 <= late <= 0.1 + 1e-4
