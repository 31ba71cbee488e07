import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Drive
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun
from jaxneuro.neurons import IF, LI, Population


@pytest.mark.parametrize("integrator", [Euler(), ExponentialEuler(), Heun(), RK4()])
def test_perfect_integrator_sums_charge(integrator, x64):
    neuron = IF(threshold=1e9, v_reset=-2.0, capacitance=4.0)
    state = neuron.init((2,), jax.random.key(0))
    for _ in range(10):
        state = neuron.advance(state, Drive(current=jnp.asarray([1.0, -3.0])), 0.5, integrator)
    np.testing.assert_allclose(state.v, [-2.0 + 5.0 / 4.0, -2.0 - 15.0 / 4.0], rtol=1e-13)


def test_perfect_integrator_loses_no_charge_by_subtraction(x64):
    population = Population(IF(), 1)
    step = lambda s, _: population.step(s, Drive(current=jnp.asarray([0.3])), 1.0)  # noqa: E731
    state, spikes = jax.lax.scan(step, population.init(jax.random.key(0)), length=101)
    assert spikes.sum() == 30
    np.testing.assert_allclose(state.v, 101 * 0.3 - 30, atol=1e-12)


def test_unit_input_ignores_dt_and_capacitance():
    neuron = IF(threshold=9.0, capacitance=4.0, input_scale="unit")
    state = neuron.init((1,), jax.random.key(0))
    drive = Drive(current=jnp.asarray([0.5]), jump=jnp.asarray([0.25]))
    assert neuron.advance(state, drive, 0.1, ExponentialEuler()).v[0] == 0.75


def test_leaky_integrator_settles_and_never_spikes(x64):
    population = Population(LI(tau=5.0, v_rest=0.5, resistance=2.0), 2)
    current = jnp.asarray([1.0, 50.0])
    step = lambda s, _: population.step(s, Drive(current=current), 1.0)  # noqa: E731
    state, spikes = jax.lax.scan(step, population.init(jax.random.key(0)), length=15)
    exact = 0.5 + 2.0 * np.asarray(current) * (1 - np.exp(-3.0))
    np.testing.assert_allclose(state.v, exact, rtol=1e-12)
    assert spikes.sum() == 0
    assert population.neuron.margin(state, state) is None
    np.testing.assert_array_equal(population.neuron.reset(state, jnp.ones(2)).v, state.v)
