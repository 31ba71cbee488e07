import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun
from jaxneuro.neurons import FitzHughNagumo, rest
from jaxneuro.neurons._fitzhugh_nagumo import FitzHughNagumoState
from jaxneuro.simulation import SpikeTimes

KEY = jax.random.key(0)


def simulated(neuron, current, dt, steps, count=6, **options):
    return simulate(
        Population(neuron, 1, **options),
        {"neuron": Constant(current)},
        dt=dt,
        steps=steps,
        key=KEY,
        record={"v": "neuron.v", "w": "neuron.w", "times": SpikeTimes("neuron", count)},
        spike_times="interpolated",
    )


def test_the_period_is_the_published_one_of_van_der_pol(x64):
    # Andersen & Geer (1982), SIAM J. Appl. Math. 42:678: 19.07837 for mu = 10. Here time is
    # measured in units of mu, and tau = mu².
    oscillator = FitzHughNagumo(a=0.0, b=0.0, tau=100.0, v_threshold=0.0)
    run = simulated(oscillator, 0.0, 0.02, 40_000, integrator=RK4())
    intervals = np.diff(run["times"][:, 0])
    np.testing.assert_allclose(intervals[1:3], 190.7837, atol=2e-3)


def test_the_trace_is_that_of_an_independent_integrator(x64):
    a, b, tau, current = 0.6, 0.7, 10.0, 0.6

    def slopes(t, y):
        v, w = y
        return [v - v**3 / 3 - w + current, (v + a - b * w) / tau]

    times = np.arange(1, 2001) * 0.05
    y = [-1.1, -1.1 + 1.1**3 / 3]
    reference = solve_ivp(slopes, (0, 101), y, "LSODA", t_eval=times, rtol=1e-11, atol=1e-11)
    run = simulated(
        FitzHughNagumo(a=a, b=b, tau=tau, v_start=-1.1), current, 0.05, 2000, integrator=RK4()
    )
    np.testing.assert_allclose(run["v"][:, 0], reference.y[0], atol=2e-5)
    np.testing.assert_allclose(run["w"][:, 0], reference.y[1], atol=2e-5)
    assert np.isfinite(run["times"][:2]).all()


def test_it_rests_where_it_starts(x64):
    start, end = FitzHughNagumo().init((), KEY), rest(FitzHughNagumo())
    np.testing.assert_allclose([end.v, end.w], [start.v, start.w], atol=1e-12)
    np.testing.assert_allclose(end.w, (end.v + 0.7) / 0.8, atol=1e-12)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_it_oscillates_between_the_two_hopf_points(sign, x64):
    # The trace of the Jacobian, 1 - v² - b / tau, is 0 there: currents 0.3313 and 1.4187.
    v = sign * np.sqrt(1 - 0.8 / 12.5)
    w = (v + 0.7) / 0.8
    current = w - v + v**3 / 3
    np.testing.assert_allclose(current, 0.3313 if sign < 0 else 1.4187, atol=5e-5)

    def slopes(y):
        new = FitzHughNagumo().derivative(
            FitzHughNagumoState(y[0], y[1]), Drive(current=jnp.asarray(current))
        )
        return jnp.stack([new.v, new.w])

    y = jnp.asarray([v, w])
    np.testing.assert_allclose(slopes(y), 0.0, atol=1e-12)
    values = np.linalg.eigvals(jax.jacfwd(slopes)(y))
    np.testing.assert_allclose(values.real, 0.0, atol=1e-12)
    np.testing.assert_allclose(abs(values.imag), np.sqrt(1 / 12.5 - (0.8 / 12.5) ** 2), atol=1e-12)
    run = simulated(FitzHughNagumo(), current - sign * 0.05, 0.1, 4000, integrator=RK4())
    assert np.isfinite(run["times"][:3]).all()
    # A little beyond, the cycle is stable too.
    run = simulated(FitzHughNagumo(), current + sign * 0.2, 0.1, 4000, integrator=RK4())
    assert not np.isfinite(run["times"][2])


@pytest.mark.parametrize("integrator", [Euler(), Heun(), RK4(), ExponentialEuler()])
def test_any_current_stays_finite_forward_and_backward(integrator):
    population = Population(FitzHughNagumo(), 3, integrator=integrator)

    @jax.jit
    @jax.grad
    def slopes(currents):
        def step(state, _):
            new, spikes = population.step(state, Drive(current=currents), 0.5)
            return new, (new.v, spikes)

        v, spikes = jax.lax.scan(step, population.init(KEY), length=200)[1]
        return jnp.mean(v) + jnp.sum(spikes)

    assert jnp.isfinite(slopes(jnp.asarray([0.5, 1e4, -1e4]))).all()


def test_gradients_match_finite_differences(x64):
    def last(neuron, current):
        def step(state, _):
            return neuron.advance(state, Drive(current=current), 0.1, RK4()), None

        state = jax.lax.scan(step, neuron.init((), KEY), length=100)[0]
        return state.v + 0.3 * state.w

    leaves, structure = jax.tree.flatten((FitzHughNagumo(), jnp.asarray(0.5)))
    function = jax.jit(lambda *x: last(*structure.unflatten(x)))
    slopes = jax.grad(function, tuple(range(len(leaves))))(*leaves)
    for index, slope in enumerate(slopes):
        up, down = (
            function(*leaves[:index], leaves[index] + h, *leaves[index + 1 :])
            for h in (1e-5, -1e-5)
        )
        np.testing.assert_allclose(slope, (up - down) / 2e-5, rtol=1e-3, atol=1e-8)
    assert sum(float(slope) == 0.0 for slope in slopes) == 1  # v_threshold


def test_spikes_have_a_gradient_where_start_and_threshold_meet():
    population = Population(FitzHughNagumo(v_start=1.0), 1)

    def spikes(current):
        state, _ = population.step(population.init(KEY), Drive(current=current), 0.1)
        return population.step(state, Drive(current=current), 0.1)[1].sum()

    assert jnp.isfinite(jax.grad(spikes)(jnp.full(1, 0.5))).all()


def test_parameters_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"FitzHughNagumo: tau has shape \(4,\)"):
        FitzHughNagumo(tau=[12.5] * 4).init((3,), KEY)
