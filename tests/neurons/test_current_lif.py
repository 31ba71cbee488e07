import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.core import Drive
from jaxneuro.integrators import RK4, ExponentialEuler
from jaxneuro.neurons import CurrentLIF


def response(neuron, i, dt, steps, integrator):
    """v after each step, from v_rest with a synaptic current of i."""
    state = type(neuron.init((1,), jax.random.key(0)))(neuron.v_rest[None], jnp.asarray([i]))

    def step(state, _):
        state = neuron.advance(state, Drive(), dt, integrator)
        return state, state

    return jax.lax.scan(step, state, length=steps)[1]


def test_postsynaptic_potential(x64):
    # v(t) = R i tau_syn / (tau_syn - tau) (exp(-t / tau_syn) - exp(-t / tau))
    neuron = CurrentLIF(tau=10.0, tau_syn=4.0, threshold=9.0, v_rest=0.3, resistance=1.5)
    t = 0.1 * np.arange(1, 301)[:, None]
    wave = np.exp(-t / 4.0) - np.exp(-t / 10.0)
    exact = 0.3 + 1.5 * 2.0 * 4.0 / (4.0 - 10.0) * wave
    states = response(neuron, 2.0, 0.1, 300, RK4())
    np.testing.assert_allclose(states.v, exact, atol=1e-8)
    np.testing.assert_allclose(states.i, 2.0 * np.exp(-t / 4.0), atol=1e-8)


def test_default_integrator_decays_exactly_and_converges_at_first_order(x64):
    neuron = CurrentLIF(tau=10.0, tau_syn=4.0, threshold=9.0)
    exact = 4.0 / 6.0 * (np.exp(-0.6) - np.exp(-1.5))
    errors = []
    for n in (20, 40):
        states = response(neuron, 1.0, 6.0 / n, n, ExponentialEuler())
        np.testing.assert_allclose(states.i[-1], np.exp(-1.5), rtol=1e-12)
        errors.append(abs(float(states.v[-1, 0]) - exact))
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), 1.0, atol=0.1)


def test_unit_input_is_the_recurrence_of_the_machine_learning_libraries(x64):
    neuron = CurrentLIF(tau=10.0, tau_syn=4.0, threshold=9.0, v_rest=0.5, input_scale="unit")
    state = neuron.init((2,), jax.random.key(0))
    alpha, beta = np.exp(-1.0 / 4.0), np.exp(-1.0 / 10.0)
    i, v = np.zeros(2), np.zeros(2)
    for current in np.cos(np.arange(20.0)).reshape(10, 2):
        state = neuron.advance(state, Drive(current=jnp.asarray(current)), 1.0, ExponentialEuler())
        i = alpha * i + current
        v = beta * v + i
        np.testing.assert_allclose(state.i, i, rtol=1e-12)
        np.testing.assert_allclose(state.v, 0.5 + v, rtol=1e-12)


def test_a_jump_moves_v_and_not_the_current():
    for scale in ("physical", "unit"):
        neuron = CurrentLIF(threshold=9.0, input_scale=scale)
        state = neuron.init((1,), jax.random.key(0))
        state = neuron.advance(state, Drive(jump=jnp.asarray([0.5])), 1.0, ExponentialEuler())
        assert state.v[0] == 0.5
        assert state.i[0] == 0.0
