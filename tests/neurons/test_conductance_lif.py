import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Drive
from jaxneuro.integrators import RK4, Euler, ExponentialEuler
from jaxneuro.neurons import ConductanceLIF, Population


@pytest.mark.parametrize("integrator", [Euler(), ExponentialEuler(), RK4()])
def test_adaptation_grows_by_a_step_and_decays_exactly(integrator, x64):
    neuron = ConductanceLIF(delta_w=0.4, tau_w=50.0)
    state = neuron.reset(neuron.init((2,), jax.random.key(0)), jnp.asarray([1.0, 0.0]))
    np.testing.assert_array_equal(state.v, [-75.0, -65.0])
    for _ in range(7):
        state = neuron.advance(state, Drive(), 3.0, integrator)
    np.testing.assert_allclose(state.w, [0.4 * np.exp(-21.0 / 50.0), 0.0], rtol=1e-12)


def test_one_euler_step_by_hand(x64):
    """The order of the original: v sees conductances and adaptation of the start of the step."""
    v, w = -60.0, 0.3
    drive = Drive(current=jnp.asarray(0.2 * 0.0 + 0.1 * -70.0), conductance=jnp.asarray(0.3))
    for adaptation, outward in (("current", w), ("conductance", w * (v + 90.0))):
        neuron = ConductanceLIF(adaptation=adaptation)
        start = type(neuron.init((), jax.random.key(0)))(jnp.asarray(v), jnp.asarray(w))
        state = neuron.advance(start, drive, 0.1, Euler())
        slope = -(v + 65.0) / 10.0 + 0.2 * (0.0 - v) + 0.1 * (-70.0 - v) - outward
        np.testing.assert_allclose(state.v, v + 0.1 * slope, rtol=1e-13)
        np.testing.assert_allclose(neuron.observe(start, drive)["I_w"], outward, rtol=1e-13)


def test_v_relaxes_under_decaying_adaptation_as_in_the_closed_form(x64):
    """dv/dt = (v_rest - v) / tau - w exp(-t / tau_w): a difference of two exponentials."""
    tau, tau_w, w = 10.0, 40.0, 0.5
    neuron = ConductanceLIF(tau=tau, tau_w=tau_w)
    state = neuron.init((), jax.random.key(0))
    state = type(state)(state.v, jnp.asarray(w))
    v = []
    for _ in range(60):
        state = neuron.advance(state, Drive(), 0.5, RK4())
        v.append(float(state.v))
    t = 0.5 * np.arange(1, 61)
    scale = w / (1.0 / tau - 1.0 / tau_w)
    np.testing.assert_allclose(
        v, -65.0 - scale * (np.exp(-t / tau_w) - np.exp(-t / tau)), atol=1e-7
    )


@pytest.mark.parametrize(("adaptation", "delta_w"), [("current", 0.5), ("conductance", 0.02)])
def test_rates_settle_where_adaptation_balances_its_growth(adaptation, delta_w, x64):
    """At a steady rate r the mean of w is delta_w tau_w r."""
    neuron = ConductanceLIF(adaptation=adaptation, delta_w=delta_w, tau_w=100.0)
    population = Population(neuron, 1)

    def step(state, _):
        new, spikes = population.step(state, Drive(current=jnp.asarray([4.0])), 0.05)
        return new, (new.w[0], spikes[0])

    w, spikes = jax.lax.scan(step, population.init(jax.random.key(0)), length=40_000)[1]
    times = np.flatnonzero(spikes)
    intervals = np.diff(times) * 0.05
    assert intervals[-1] > 1.5 * intervals[0]
    # Over whole intervals, of which the last ones do not change any more.
    late = np.asarray(w)[times[-11] : times[-1]]
    rate = 10 / ((times[-1] - times[-11]) * 0.05)
    np.testing.assert_allclose(late.mean(), delta_w * 100.0 * rate, rtol=2e-3)


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"ConductanceLIF: adaptation is 'none'.*conductance"):
        ConductanceLIF(adaptation="none")
    with pytest.raises(ValueError, match=r"ConductanceLIF: v_reset is -50.0 and threshold -55.0"):
        ConductanceLIF(v_reset=-50.0)
