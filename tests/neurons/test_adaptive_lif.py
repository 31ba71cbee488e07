import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.core import Drive
from jaxneuro.integrators import ExponentialEuler
from jaxneuro.neurons import AdaptiveLIF, Population


def test_threshold_rises_by_a_step_and_decays(x64):
    neuron = AdaptiveLIF(tau_threshold=50.0, step=0.4)
    state = neuron.init((2,), jax.random.key(0))
    state = neuron.reset(state, jnp.asarray([1.0, 0.0]))
    np.testing.assert_array_equal(state.rise, [0.4, 0.0])
    for _ in range(7):
        state = neuron.advance(state, Drive(), 3.0, ExponentialEuler())
    np.testing.assert_allclose(state.rise, [0.4 * np.exp(-21.0 / 50.0), 0.0], rtol=1e-12)
    state = neuron.reset(state, jnp.asarray([1.0, 1.0]))
    np.testing.assert_allclose(state.rise, [0.4 * (1 + np.exp(-21.0 / 50.0)), 0.4], rtol=1e-12)


def test_a_spike_needs_v_above_the_risen_threshold():
    neuron = AdaptiveLIF(threshold=1.0, step=0.5, reset_by="value")
    state = neuron.init((3,), jax.random.key(0))
    v, rise = jnp.asarray([1.25, 1.25, 1.75]), jnp.asarray([0.0, 0.5, 0.5])
    state = type(state)(v, rise)
    np.testing.assert_array_equal(neuron.margin(state, state) > 0, [True, False, True])


def test_subtraction_lowers_v_by_the_risen_threshold():
    neuron = AdaptiveLIF(threshold=1.0, v_reset=-0.25, step=0.5)
    state = type(neuron.init((1,), jax.random.key(0)))(jnp.asarray([2.0]), jnp.asarray([0.5]))
    state = neuron.reset(state, jnp.asarray([1.0]))
    assert state.v[0] == 2.0 - (1.0 + 0.5 + 0.25)
    assert state.rise[0] == 1.0


def test_intervals_lengthen_under_constant_current(x64):
    neuron = AdaptiveLIF(tau=10.0, tau_threshold=500.0, step=0.05, reset_by="value")
    population = Population(neuron, 1)
    step = lambda s, _: population.step(s, Drive(current=jnp.asarray([3.0])), 0.1)  # noqa: E731
    spikes = jax.lax.scan(step, population.init(jax.random.key(0)), length=1500)[1]
    times = np.flatnonzero(spikes[:, 0])
    # v crosses threshold + rise at t with 3 (1 - exp(-t / 10)) = 1 + rise(t); the first without.
    assert times[0] + 1 == np.ceil(-100.0 * np.log(1 - 1 / 3.0))
    intervals = np.diff(times)
    assert len(intervals) >= 5
    assert (np.diff(intervals) > 0).all()
