import cmath
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4
from jaxneuro.neurons import ResonateAndFire, rest
from jaxneuro.simulation import SpikeTimes

KEY = jax.random.key(0)


def test_below_threshold_it_is_the_closed_form_at_any_step(x64):
    rate, current, dt = -0.2 + 0.9j, 0.3, 0.7
    run = simulate(
        Population(ResonateAndFire(b=-0.2, omega=0.9), 1, initial={"v": 0.4, "x": -0.1}),
        {"neuron": Constant(current)},
        dt=dt,
        steps=30,
        key=KEY,
        record=("neuron.v", "neuron.x", "neuron.spikes"),
    )
    still = -current / rate
    z = still + np.exp(rate * dt * np.arange(1, 31)) * (-0.1 + 0.4j - still)
    np.testing.assert_allclose(run["neuron.v"][:, 0], z.imag, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(run["neuron.x"][:, 0], z.real, rtol=1e-12, atol=1e-14)
    assert run["neuron.spikes"].sum() == 0


def closed_form_times(rate, current, threshold, reset, count):
    """From spike to spike: roots of im z(t) = threshold, bracketed on a fine grid."""
    still = -current / rate
    z, t, times = 0j, 0.0, []
    while len(times) < count:

        def level(late, z=z):
            return (still + cmath.exp(rate * late) * (z - still)).imag - threshold

        grid = np.linspace(1e-6, 20.0, 20001)
        high = next(i for i, late in enumerate(grid) if level(late) > 0)
        t += brentq(level, grid[high - 1], grid[high], xtol=1e-14)
        times.append(t)
        z = reset
    return times


@pytest.mark.parametrize("reset", [1j, -0.3 + 0.5j])
def test_spikes_under_a_constant_current_are_those_of_the_closed_form(reset, x64):
    neuron = ResonateAndFire(b=-0.2, omega=0.9, x_reset=reset.real, v_reset=reset.imag)
    run = simulate(
        Population(neuron, 1, reset_gradient="event"),
        {"neuron": Constant(1.5)},
        dt=0.01,
        steps=3000,
        key=KEY,
        record={"times": SpikeTimes("neuron", 5)},
        spike_times="interpolated",
    )
    wanted = closed_form_times(-0.2 + 0.9j, 1.5, 1.0, reset, 5)
    np.testing.assert_allclose(run["times"][:, 0], wanted, atol=1e-6)


def test_two_pulses_fire_it_if_they_are_a_period_apart():
    # The property that names the model: a doublet adds up at the resonant interval only.
    dt = 2 * math.pi / 100
    population = Population(ResonateAndFire(b=-0.05, omega=1.0), 1)
    jumps = {gap: jnp.zeros((300, 1)).at[jnp.asarray([10, 10 + gap])].set(0.7) for gap in (50, 100)}

    @jax.jit
    def count(jumps):
        def step(state, jump):
            return population.step(state, Drive(jump=jump), dt)

        return jax.lax.scan(step, population.init(KEY), jumps)[1].sum()

    assert count(jumps[100]) == 1
    assert count(jumps[50]) == 0
    # Inhibition fires it too, half a period before the excitation.
    assert count(jumps[50].at[10].set(-0.7)) == 1


def test_reset_is_to_i():
    neuron = ResonateAndFire()
    state = neuron.init((3,), KEY)
    state = type(state)(v=jnp.asarray([1.2, 0.4, 1.01]), x=jnp.asarray([0.3, -0.6, 7.0]))
    new = neuron.reset(state, jnp.asarray([1.0, 0.0, 1.0]))
    np.testing.assert_array_equal(new.v, jnp.asarray([1.0, 0.4, 1.0]))
    np.testing.assert_array_equal(new.x, jnp.asarray([0.0, -0.6, 0.0]))
    assert (neuron.margin(state, new) <= 0).all()


def test_rest_is_0(x64):
    state = rest(ResonateAndFire(), (2,))
    np.testing.assert_allclose([state.v, state.x], 0.0, atol=1e-12)


def test_gradients_match_finite_differences(x64):
    def last(neuron, current, integrator):
        def step(state, _):
            return neuron.advance(state, Drive(current=current), 0.3, integrator), None

        state = jax.lax.scan(step, neuron.init((), KEY), length=15)[0]
        return state.v + 0.3 * state.x

    leaves, structure = jax.tree.flatten((ResonateAndFire(), jnp.asarray(0.4)))
    for integrator in (RK4(), Population(ResonateAndFire(), 1).integrator):
        function = jax.jit(lambda *x, i=integrator: last(*structure.unflatten(x), i))
        slopes = jax.grad(function, tuple(range(len(leaves))))(*leaves)
        for index, slope in enumerate(slopes):
            up, down = (
                function(*leaves[:index], leaves[index] + h, *leaves[index + 1 :])
                for h in (1e-5, -1e-5)
            )
            np.testing.assert_allclose(slope, (up - down) / 2e-5, rtol=1e-6, atol=1e-8)
        assert sum(float(slope) != 0 for slope in slopes) == 3


def test_a_threshold_of_0_and_parameters_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"ResonateAndFire: threshold is .*above 0"):
        ResonateAndFire(threshold=0.0)
    with pytest.raises(ValueError, match=r"ResonateAndFire: omega has shape \(4,\)"):
        ResonateAndFire(omega=[1.0] * 4).init((3,), KEY)
