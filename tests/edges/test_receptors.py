import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Drive
from jaxneuro.edges import Delta, Direct, ExponentialCurrent
from jaxneuro.integrators import RK4
from jaxneuro.neurons import LIF


@pytest.fixture
def events():
    return jnp.asarray([2.0, 0.0, -1.0])


def test_direct_is_a_current_and_delta_a_jump(events):
    state, drive = Direct().step(Direct().init((3,)), events, 0.0 * events, 0.1)
    assert state is None
    np.testing.assert_array_equal(drive.current, events)
    assert drive.jump is drive.conductance is drive.current_end is None
    state, drive = Delta().step(Delta().init((3,)), events, 0.0 * events, 0.1)
    assert state is None
    np.testing.assert_array_equal(drive.jump, events)
    assert drive.current is drive.conductance is None


def test_exponential_current_jumps_and_decays(x64, events):
    receptor, dt = ExponentialCurrent(tau=4.0), 0.5
    state = receptor.init((3,))
    for step in range(6):
        now = events if step in (0, 3) else 0.0 * events
        state, drive = receptor.step(state, now, 0.0 * events, dt)
        kernel = sum(np.exp(-(step - s) * dt / 4.0) for s in (0, 3) if s <= step)
        np.testing.assert_allclose(drive.current, events * kernel, rtol=1e-12)
        np.testing.assert_allclose(drive.current_end, drive.current * np.exp(-dt / 4.0), rtol=1e-12)
        np.testing.assert_array_equal(state.i, drive.current_end)
        assert drive.jump is drive.conductance is None


def test_postsynaptic_potential(x64):
    # v(t) = R w tau / (tau - tau_m) (exp(-t / tau) - exp(-t / tau_m)); error of the linear ramp
    # inside a step is second order.
    receptor, neuron = ExponentialCurrent(tau=4.0), LIF(tau=10.0, threshold=9.0, resistance=2.0)

    def error(dt):
        synapse, state = receptor.init((1,)), neuron.init((1,), jax.random.key(0))
        v = []
        step = jax.jit(lambda s, e, n: _step(receptor, neuron, s, e, n, dt))
        for index in range(round(12.0 / dt)):
            synapse, state = step(synapse, jnp.asarray([1.5 * (index == 0)]), state)
            v.append(float(state.v[0]))
        t = dt * np.arange(1, len(v) + 1)
        exact = 2.0 * 1.5 * 4.0 / (4.0 - 10.0) * (np.exp(-t / 4.0) - np.exp(-t / 10.0))
        return np.abs(np.asarray(v) - exact).max()

    coarse, fine = error(0.5), error(0.25)
    assert coarse < 2e-3
    np.testing.assert_allclose(np.log2(coarse / fine), 2.0, atol=0.1)


def _step(receptor, neuron, synapse, events, state, dt):
    synapse, drive = receptor.step(synapse, events, state.v, dt)
    return synapse, neuron.advance(state, drive + Drive(), dt, RK4())


def test_gradient_of_the_time_constant(x64, events):
    def total(tau):
        receptor = ExponentialCurrent(tau=tau)
        state, _ = receptor.step(receptor.init((3,)), events, 0.0 * events, 0.5)
        return (state.i * events).sum()

    numeric = (total(4.0 + 1e-6) - total(4.0 - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.grad(total)(4.0), numeric, rtol=1e-6)


@pytest.mark.parametrize("tau", [0.0, -1.0])
def test_time_constant_must_be_positive(tau):
    with pytest.raises(ValueError, match=r"ExponentialCurrent: tau is .*; it must be above 0\."):
        ExponentialCurrent(tau=tau)
