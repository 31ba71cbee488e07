import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Drive
from jaxneuro.integrators import RK4, ExponentialEuler, Heun
from jaxneuro.neurons import LIF, Population


def voltages(neuron, current, dt, integrator, steps):
    state = neuron.init(current.shape, jax.random.key(0))
    drive = Drive(current=current)

    def step(state, _):
        state = neuron.advance(state, drive, dt, integrator)
        return state, state.v

    return np.asarray(jax.lax.scan(step, state, length=steps)[1])


@pytest.mark.parametrize("dt", [0.01, 1.0, 25.0])
def test_a_step_is_exact_at_any_dt(dt, x64):
    neuron = LIF(tau=8.0, threshold=1e9, v_rest=-0.5, resistance=2.0)
    current = jnp.asarray([-1.0, 0.0, 3.0])
    v = voltages(neuron, current, dt, ExponentialEuler(), 20)
    t = dt * np.arange(1, 21)[:, None]
    exact = -0.5 + 2.0 * np.asarray(current) * (1 - np.exp(-t / 8.0))
    np.testing.assert_allclose(v, exact, rtol=1e-12, atol=1e-14)


def test_a_conductance_is_exact_too(x64):
    # C dv/dt = g_leak (v_rest - v) + g (e - v): relaxes to the weighted mean at the summed rate.
    neuron = LIF(tau=10.0, threshold=1e9, v_rest=-70.0, v_reset=-71.0, resistance=0.5)
    g, e = 3.0, 0.0
    drive = Drive(current=jnp.asarray([g * e]), conductance=jnp.asarray([g]))
    state = neuron.init((1,), jax.random.key(0))
    state = neuron.advance(state, drive, 4.0, ExponentialEuler())
    total = 1.0 + 0.5 * g
    exact = -70.0 / total + (-70.0 + 70.0 / total) * np.exp(-4.0 * total / 10.0)
    np.testing.assert_allclose(state.v, exact, rtol=1e-12)


def test_unit_input_is_the_neuron_of_the_machine_learning_libraries(x64):
    # v <- beta v + I, spike where v > 1, v <- v - z: written out in NumPy.
    tau, dt = 5.0, 1.0
    beta = np.exp(-dt / tau)
    inputs = np.abs(np.sin(np.arange(60.0)).reshape(30, 2))
    population = Population(LIF(tau=tau, input_scale="unit"), 2)
    state = population.init(jax.random.key(0))
    v, count = np.zeros(2), 0
    for current in inputs:
        state, spikes = population.step(state, Drive(current=jnp.asarray(current)), dt)
        v = beta * v + current
        z = (v > 1.0).astype(float)
        v = v - z
        count += z.sum()
        np.testing.assert_array_equal(spikes, z)
        np.testing.assert_allclose(state.v, v, rtol=1e-12, atol=1e-14)
    assert 5 < count < 55


def test_unit_input_adds_current_and_jump(x64):
    neuron = LIF(tau=5.0, threshold=9.0, input_scale="unit")
    state = neuron.init((1,), jax.random.key(0))
    drive = Drive(current=jnp.asarray([0.25]), jump=jnp.asarray([0.5]))
    for _ in range(2):
        state = neuron.advance(state, drive, 1.0, ExponentialEuler())
    np.testing.assert_allclose(state.v, 0.75 * (1 + np.exp(-0.2)), rtol=1e-12)


@pytest.mark.parametrize(("integrator", "order"), [(Heun(), 2), (RK4(), 4)])
def test_other_integrators_converge_to_it(integrator, order, x64):
    neuron = LIF(tau=10.0, threshold=1e9, resistance=2.0)
    current = jnp.asarray([1.5])
    exact = 3.0 * (1 - np.exp(-2.0))
    errors = [
        abs(voltages(neuron, current, 20.0 / n, integrator, n)[-1, 0] - exact) for n in (20, 40)
    ]
    assert errors[0] > 1e-10  # not at rounding, where the ratio would mean nothing
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), order, atol=0.15)


def test_rate_under_constant_current(x64):
    # Interspike interval of a reset to v_reset: tau log((RI - v_reset) / (RI - threshold)).
    neuron = LIF(tau=20.0, threshold=-50.0, v_rest=-70.0, v_reset=-65.0, reset_by="value")
    population = Population(neuron, 1)
    dt, drive = 0.01, Drive(current=jnp.asarray([30.0]))
    step = lambda s, _: population.step(s, drive, dt)  # noqa: E731
    spikes = jax.lax.scan(step, population.init(jax.random.key(0)), length=20_000)[1]
    times = np.flatnonzero(spikes[:, 0]) * dt
    interval = 20.0 * np.log((-40.0 + 65.0) / (-40.0 + 50.0))
    assert len(times) > 5
    # A spike waits for the end of its step, and one step's rounding is lost at each reset.
    np.testing.assert_allclose(np.diff(times), interval, atol=1.01 * dt)


def test_a_cell_that_rests_above_threshold_fires_on_its_own():
    # Vogels & Abbott (2005): rest at -49 mV, threshold at -50 mV.
    population = Population(LIF(tau=20.0, threshold=-50.0, v_rest=-49.0, v_reset=-60.0), 1)
    state = population.init(jax.random.key(0))
    state, spikes = population.step(state, Drive(), 0.1)
    assert spikes[0] == 1
    _, spikes = population.step(state, Drive(), 0.1)
    assert spikes[0] == 0
    neuron = LIF(threshold=-50.0, v_rest=-50.0, v_reset=-60.0)
    state = neuron.init((1,), jax.random.key(0))
    assert neuron.margin(state, state) == 0.0
