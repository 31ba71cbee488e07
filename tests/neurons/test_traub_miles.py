import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, ExponentialEuler
from jaxneuro.neurons import TraubMiles, rest
from jaxneuro.simulation import SpikeTimes


def slopes(t, y, current):
    """The equations of Brette et al. (2007), appendix 2, per cm² (mV, mS, µF)."""
    v, m, h, n = y
    u, exp = v + 63.0, np.exp
    alpha_m = 0.32 * (13 - u) / (exp((13 - u) / 4) - 1)
    beta_m = 0.28 * (u - 40) / (exp((u - 40) / 5) - 1)
    alpha_h, beta_h = 0.128 * exp((17 - u) / 18), 4 / (1 + exp((40 - u) / 5))
    alpha_n, beta_n = 0.032 * (15 - u) / (exp((15 - u) / 5) - 1), 0.5 * exp((10 - u) / 40)
    ionic = 0.05 * (v + 60) + 100 * m**3 * h * (v - 50) + 30 * n**4 * (v + 90)
    return [
        current - ionic,
        alpha_m * (1 - m) - beta_m * m,
        alpha_h * (1 - h) - beta_h * h,
        alpha_n * (1 - n) - beta_n * n,
    ]


def simulated(integrator, current, dt, steps):
    return simulate(
        Population(TraubMiles(), 1, integrator=integrator),
        {"neuron": Constant(current)},
        dt=dt,
        steps=steps,
        key=jax.random.key(0),
        record={"v": "neuron.v", "I_K": "neuron.I_K", "times": SpikeTimes("neuron", 5)},
        spike_times="interpolated",
    )


def test_the_trace_is_that_of_an_independent_integrator(x64):
    start = TraubMiles().init((), jax.random.key(0))
    y = [float(x) for x in (start.v, start.m, start.h, start.n)]
    times = np.arange(1, 5001) * 0.01
    # 300 pA on 20 000 µm² is 1.5 µA/cm².
    options = {"t_eval": times, "args": (1.5,), "rtol": 1e-10, "atol": 1e-10}
    reference = solve_ivp(slopes, (0, 50), y, "LSODA", **options)
    run = simulated(RK4(), 300.0, 0.01, 5000)
    # RK4's error in the upstroke, where v moves by 400 mV/ms.
    np.testing.assert_allclose(run["v"][:, 0], reference.y[0], atol=2e-2)
    current = 6000.0 * reference.y[3] ** 4 * (reference.y[0] + 90.0)
    np.testing.assert_allclose(run["I_K"][:, 0], current, atol=10.0)
    v = reference.y[0]
    index = np.flatnonzero((v[:-1] < -20) & (v[1:] >= -20))
    crossings = times[index] + 0.01 * (-20 - v[index]) / (v[index + 1] - v[index])
    assert len(crossings) >= 3
    np.testing.assert_allclose(run["times"][: len(crossings), 0], crossings, atol=1e-3)


def test_the_default_method_at_the_benchmark_s_step():
    fine, coarse = (
        np.diff(simulated(ExponentialEuler(), 300.0, dt, round(100.0 / dt))["times"][:, 0])
        for dt in (0.01, 0.1)
    )
    assert np.isfinite(fine).all()
    np.testing.assert_allclose(coarse, fine, rtol=0.03)


@pytest.mark.slow
def test_the_benchmark_s_cell_has_no_rest_without_input(x64):
    # Where the current at steady state has its maximum, rest and threshold meet: at -31.8 pA.
    def outward(v):
        start = [float(x) for x, _ in TraubMiles().gates(jnp.asarray(v)).values()]
        return -200.0 * slopes(0.0, [v, *start], 0.0)[0]

    critical = -minimize_scalar(lambda v: -outward(v), bounds=(-64, -58), method="bounded").fun
    assert critical == pytest.approx(-31.81, abs=0.01)
    cell = TraubMiles(v_start=-65.0)
    # Closer than 2 pA to the saddle-node `rest` needs more steps than it takes.
    state = rest(cell, (), Drive(current=jnp.asarray(critical - 4.0)))
    np.testing.assert_allclose(outward(float(state.v)), critical - 4.0, atol=1e-6)
    with pytest.raises(Exception, match="TraubMiles settles in no stable state"):
        rest(cell, (), Drive(current=jnp.asarray(critical + 0.5)))
    assert -65.0 < rest(TraubMiles(E_L=-65.0, v_start=-65.0)).v < -63.0


def test_gates_are_smooth_where_the_rates_are_0_over_0(x64):
    cell = TraubMiles()
    for v, name in ((-50.0, "m"), (-23.0, "m"), (-48.0, "n")):

        def target(v, name=name):
            steady, tau = cell.gates(v)[name]
            return steady * tau

        at, slope = jax.value_and_grad(target)(jnp.asarray(v))
        low, high = target(jnp.asarray(v - 0.01)), target(jnp.asarray(v + 0.01))
        np.testing.assert_allclose(at, (low + high) / 2, rtol=1e-5)
        np.testing.assert_allclose(slope, (high - low) / 0.02, rtol=1e-4)


def test_gradients_match_finite_differences(x64):
    def last(cell, current):
        def step(state, _):
            return cell.advance(state, Drive(current=current), 0.02, RK4()), None

        return jax.lax.scan(step, cell.init((), jax.random.key(0)), length=200)[0].v

    leaves, structure = jax.tree.flatten((TraubMiles(), jnp.asarray(500.0)))
    function = jax.jit(lambda *x: last(*structure.unflatten(x)))
    gradient = jax.jit(jax.grad(function, tuple(range(len(leaves)))))(*leaves)
    for index, (leaf, slope) in enumerate(zip(leaves, gradient, strict=True)):
        size = 1e-6 * max(1.0, abs(float(leaf)))
        up, down = (
            function(*leaves[:index], leaf + h, *leaves[index + 1 :]) for h in (size, -size)
        )
        np.testing.assert_allclose(slope, (up - down) / (2 * size), rtol=1e-3, atol=1e-7)
    assert sum(float(slope) == 0.0 for slope in gradient) == 1  # v_threshold


def test_a_capacitance_of_0_is_refused():
    with pytest.raises(ValueError, match=r"TraubMiles: C is .*above 0"):
        TraubMiles(C=0.0)
