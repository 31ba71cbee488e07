import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, ExponentialEuler
from jaxneuro.neurons import HodgkinHuxley, rest
from jaxneuro.neurons._hodgkin_huxley import HodgkinHuxleyState
from jaxneuro.simulation import SpikeTimes


def paper_slopes(t, y, current):
    """Equations (7) and (12)-(24) of the paper, with depolarisation negative and rest at 0."""
    v, m, h, n = y
    exp = np.exp
    alpha_m = 0.1 * (v + 25) / (exp((v + 25) / 10) - 1)
    alpha_n = 0.01 * (v + 10) / (exp((v + 10) / 10) - 1)
    alpha_h, beta_h = 0.07 * exp(v / 20), 1 / (exp((v + 30) / 10) + 1)
    ionic = 120 * m**3 * h * (v + 115) + 36 * n**4 * (v - 12) + 0.3 * (v + 10.7)
    return [
        -current - ionic,
        alpha_m * (1 - m) - 4 * exp(v / 18) * m,
        alpha_h * (1 - h) - beta_h * h,
        alpha_n * (1 - n) - 0.125 * exp(v / 80) * n,
    ]


def simulated(neuron, current, dt, steps, **options):
    return simulate(
        Population(neuron, 1, **options),
        {"neuron": Constant(current)},
        dt=dt,
        steps=steps,
        key=jax.random.key(0),
        record={
            "v": "neuron.v",
            "n": "neuron.n",
            "I_Na": "neuron.I_Na",
            "times": SpikeTimes("neuron", 6),
        },
        spike_times="interpolated",
    )


def test_the_trace_is_that_of_the_paper_s_equations(x64):
    # The leak is at 10.7 above rest here, by which the rest of 1952 is shifted a little from 0.
    axon = HodgkinHuxley()
    start = axon.init((), jax.random.key(0))
    y = [0.0, float(start.m), float(start.h), float(start.n)]
    times = np.arange(1, 3001) * 0.01
    reference = solve_ivp(
        paper_slopes, (0, 30), y, "LSODA", t_eval=times, args=(10.0,), rtol=1e-10, atol=1e-10
    )
    run = simulated(axon, 10.0, 0.01, 3000, integrator=RK4())
    # RK4's error in the upstroke, where v moves by 300 mV/ms.
    np.testing.assert_allclose(run["v"][:, 0], -65.0 - reference.y[0], atol=2e-4)
    np.testing.assert_allclose(run["n"][:, 0], reference.y[3], atol=1e-6)
    m, h = reference.y[1:3]
    current = 120.0 * m**3 * h * (-reference.y[0] - 115.0)
    np.testing.assert_allclose(run["I_Na"][:, 0], current, atol=2e-2)
    assert np.isfinite(run["times"][:2]).all()


def test_rest_and_its_loss_at_the_published_current(x64):
    # Rinzel & Miller (1980), Math. Biosci. 49:27: the rest becomes unstable at 9.78 uA/cm^2
    # (at 6.3 degrees, with the leak at 10.599 mV above rest).
    axon = HodgkinHuxley(E_L=-65.0 + 10.599)
    np.testing.assert_allclose(rest(axon).v, -65.0, atol=5e-3)

    @jax.jit
    def slopes(y, current):
        new = axon.derivative(HodgkinHuxleyState(*y), Drive(current=current))
        return jnp.stack(jax.tree.leaves(new))

    @jax.jit
    def steady(v):
        return jnp.stack([v, *(x for x, _ in axon.gates(v).values())])

    @jax.jit
    def growth(current):
        v = fixed_point(lambda v: slopes(steady(v), current)[0])
        return jax.jacfwd(slopes)(steady(v), current)

    for current, is_unstable in ((9.73, False), (9.83, True)):
        values = np.linalg.eigvals(growth(jnp.asarray(current)))
        assert (values.real.max() > 0) == is_unstable


def fixed_point(slope):
    """Where dv/dt with gates at their steady state, which falls with v, is 0: by bisection."""

    def halve(_, bounds):
        middle = bounds.mean()
        return jnp.where(slope(middle) > 0, bounds.at[0].set(middle), bounds.at[1].set(middle))

    return jax.lax.fori_loop(0, 50, halve, jnp.asarray([-70.0, -50.0])).mean()


def test_gates_are_finite_with_their_gradients_where_the_rates_are_0_over_0(x64):
    for v in (-40.0, -55.0):
        for name, pair in HodgkinHuxley().gates(jnp.asarray(v)).items():
            near = HodgkinHuxley().gates(jnp.asarray(v + 1e-3))[name]
            np.testing.assert_allclose(pair, near, rtol=2e-4)
            for index in range(2):
                slope = jax.grad(lambda v, n=name, i=index: HodgkinHuxley().gates(v)[n][i])(v)
                numeric = (near[index] - pair[index]) / 1e-3
                np.testing.assert_allclose(slope, numeric, rtol=1e-3)


def test_the_default_method_takes_steps_at_which_euler_fails():
    run = simulated(HodgkinHuxley(), 10.0, 0.1, 1000, integrator=ExponentialEuler())
    assert np.isfinite(run["v"]).all()
    # The period of the converged solution is 14.64 ms.
    np.testing.assert_allclose(np.diff(run["times"][1:, 0]), 14.64, rtol=0.02)


def test_gradients_match_finite_differences(x64):
    def last(axon, current):
        def step(state, _):
            return axon.advance(state, Drive(current=current), 0.02, RK4()), None

        state = jax.lax.scan(step, axon.init((), jax.random.key(0)), length=200)[0]
        return state.v

    leaves, structure = jax.tree.flatten((HodgkinHuxley(), jnp.asarray(12.0)))
    function = jax.jit(lambda *x: last(*structure.unflatten(x)))
    slopes = jax.jit(jax.grad(function, tuple(range(len(leaves)))))(*leaves)
    zero = 0
    for index, slope in enumerate(slopes):
        up, down = (
            function(*leaves[:index], leaves[index] + h, *leaves[index + 1 :])
            for h in (1e-5, -1e-5)
        )
        np.testing.assert_allclose(slope, (up - down) / 2e-5, rtol=1e-3, atol=1e-7)
        zero += float(slope) == 0.0
    assert zero == 1  # v_threshold


def test_parameters_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"HodgkinHuxley: g_Na has shape \(4,\)"):
        HodgkinHuxley(g_Na=[120.0] * 4).init((3,), jax.random.key(0))
