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
from jaxneuro.neurons import WangBuzsaki, rest
from jaxneuro.simulation import SpikeTimes


def slopes(t, y, current):
    """The equations of the paper."""
    v, h, n = y
    exp = np.exp
    alpha_m = -0.1 * (v + 35) / (exp(-0.1 * (v + 35)) - 1)
    m = alpha_m / (alpha_m + 4 * exp(-(v + 60) / 18))
    alpha_h, beta_h = 0.07 * exp(-(v + 58) / 20), 1 / (exp(-0.1 * (v + 28)) + 1)
    alpha_n = -0.01 * (v + 34) / (exp(-0.1 * (v + 34)) - 1)
    beta_n = 0.125 * exp(-(v + 44) / 80)
    ionic = 35 * m**3 * h * (v - 55) + 9 * n**4 * (v + 90) + 0.1 * (v + 65)
    return [
        current - ionic,
        5 * (alpha_h * (1 - h) - beta_h * h),
        5 * (alpha_n * (1 - n) - beta_n * n),
    ]


def simulated(integrator, current, dt, steps, count=5):
    return simulate(
        Population(WangBuzsaki(), 1, integrator=integrator),
        {"neuron": Constant(current)},
        dt=dt,
        steps=steps,
        key=jax.random.key(0),
        record={"v": "neuron.v", "h": "neuron.h", "times": SpikeTimes("neuron", count)},
        spike_times="interpolated",
    )


def test_the_trace_is_that_of_an_independent_integrator(x64):
    start = WangBuzsaki().init((), jax.random.key(0))
    y = [float(x) for x in (start.v, start.h, start.n)]
    times = np.arange(1, 6001) * 0.01
    options = {"t_eval": times, "args": (1.0,), "rtol": 1e-10, "atol": 1e-10}
    v, h, _ = solve_ivp(slopes, (0, 60), y, "LSODA", **options).y
    run = simulated(RK4(), 1.0, 0.01, 6000)
    # RK4's error in the upstroke, where v moves by 200 mV/ms.
    np.testing.assert_allclose(run["v"][:, 0], v, atol=5e-3)
    np.testing.assert_allclose(run["h"][:, 0], h, atol=1e-5)
    index = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))
    crossings = times[index] - 0.01 * v[index] / (v[index + 1] - v[index])
    assert len(crossings) >= 3
    np.testing.assert_allclose(run["times"][: len(crossings), 0], crossings, atol=1e-3)


def test_rest_is_lost_at_the_published_current(x64):
    # A saddle-node at 0.16 µA/cm² (Wang & Buzsáki 1996; Fourcaud-Trocmé et al. 2003, table 1).
    def outward(v):
        start = [float(x) for x, _ in WangBuzsaki().gates(jnp.asarray(v)).values()]
        return -slopes(0.0, [v, *start], 0.0)[0]

    critical = -minimize_scalar(lambda v: -outward(v), bounds=(-64, -55), method="bounded").fun
    assert critical == pytest.approx(0.160, abs=5e-4)
    quiet = rest(WangBuzsaki(), (), Drive(current=jnp.asarray(critical - 1e-3)))
    np.testing.assert_allclose(outward(float(quiet.v)), critical - 1e-3, atol=1e-9)
    with pytest.raises(Exception, match="WangBuzsaki settles in no stable state"):
        rest(WangBuzsaki(), (), Drive(current=jnp.asarray(critical + 1e-3)))


def test_the_default_method_is_close_at_0_05_ms():
    fine, coarse = (
        np.diff(simulated(ExponentialEuler(), 1.0, dt, round(100.0 / dt))["times"][:, 0])
        for dt in (0.01, 0.05)
    )
    assert np.isfinite(fine).all()
    np.testing.assert_allclose(coarse, fine, rtol=0.02)


def test_gates_are_smooth_where_the_rates_are_0_over_0(x64):
    cell = WangBuzsaki()

    def total(v):
        state = cell.init((), jax.random.key(0))
        new = cell.derivative(type(state)(v, state.h, state.n), Drive())
        return new.v + new.n

    for v in (-35.0, -34.0):
        at, slope = jax.value_and_grad(total)(jnp.asarray(v))
        low, high = total(jnp.asarray(v - 0.01)), total(jnp.asarray(v + 0.01))
        np.testing.assert_allclose(at, (low + high) / 2, rtol=1e-5)
        np.testing.assert_allclose(slope, (high - low) / 0.02, rtol=1e-4)


def test_gradients_match_finite_differences(x64):
    def last(cell, current):
        def step(state, _):
            return cell.advance(state, Drive(current=current), 0.02, RK4()), None

        return jax.lax.scan(step, cell.init((), jax.random.key(0)), length=400)[0].v

    leaves, structure = jax.tree.flatten((WangBuzsaki(), jnp.asarray(1.5)))
    function = jax.jit(lambda *x: last(*structure.unflatten(x)))
    gradient = jax.jit(jax.grad(function, tuple(range(len(leaves)))))(*leaves)
    for index, (leaf, slope) in enumerate(zip(leaves, gradient, strict=True)):
        up, down = (
            function(*leaves[:index], leaf + h, *leaves[index + 1 :]) for h in (1e-5, -1e-5)
        )
        np.testing.assert_allclose(slope, (up - down) / 2e-5, rtol=1e-3, atol=1e-7)
    assert sum(float(slope) == 0.0 for slope in gradient) == 1  # v_threshold


def test_gates_that_do_not_move_are_refused():
    with pytest.raises(ValueError, match=r"WangBuzsaki: phi is .*above 0"):
        WangBuzsaki(phi=0.0)
