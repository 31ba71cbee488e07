import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, minimize_scalar

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, ExponentialEuler
from jaxneuro.neurons import MorrisLecar, rest
from jaxneuro.neurons._morris_lecar import MorrisLecarState
from jaxneuro.simulation import SpikeTimes

KEY = jax.random.key(0)
CLASS_1 = {"g_Ca": 4.0, "V_3": 12.0, "V_4": 17.4, "phi": 1 / 15}


def simulated(neuron, currents, dt, steps, count=8, **options):
    return simulate(
        Population(neuron, len(currents), **options),
        {"neuron": Constant(jnp.asarray(currents))},
        dt=dt,
        steps=steps,
        key=KEY,
        record={
            "v": "neuron.v",
            "w": "neuron.w",
            "I_Ca": "neuron.I_Ca",
            "times": SpikeTimes("neuron", count),
        },
        spike_times="interpolated",
    )


def paper_slopes(t, y, current, g_ca, v_3, v_4, phi):
    v, w = y
    m = (1 + np.tanh((v + 1.2) / 18)) / 2
    target = (1 + np.tanh((v - v_3) / v_4)) / 2
    ionic = g_ca * m * (v - 120) + 8 * w * (v + 84) + 2 * (v + 60)
    return [(current - ionic) / 20, phi * np.cosh((v - v_3) / (2 * v_4)) * (target - w)]


SETS = [({}, 100.0, (4.4, 2.0, 30.0, 0.04)), (CLASS_1, 50.0, (4.0, 12.0, 17.4, 1 / 15))]


@pytest.mark.parametrize(("parameters", "current", "numbers"), SETS)
def test_the_trace_is_that_of_an_independent_integrator(parameters, current, numbers, x64):
    start = MorrisLecar(**parameters).init((), KEY)
    y = [float(start.v), float(start.w)]
    times = np.arange(1, 3001) * 0.1
    reference = solve_ivp(
        paper_slopes,
        (0, 301),
        y,
        "LSODA",
        t_eval=times,
        args=(current, *numbers),
        rtol=1e-11,
        atol=1e-11,
    )
    run = simulated(MorrisLecar(**parameters), [current], 0.1, 3000, integrator=RK4())
    v, w = reference.y
    # Of a spike that rises by 10 mV/ms.
    np.testing.assert_allclose(run["v"][:, 0], v, atol=1e-3)
    np.testing.assert_allclose(run["w"][:, 0], w, atol=1e-5)
    calcium = numbers[0] * (1 + np.tanh((v + 1.2) / 18)) / 2 * (v - 120)
    np.testing.assert_allclose(run["I_Ca"][:, 0], calcium, atol=1e-2)
    assert np.isfinite(run["times"][:3]).all()


def fixed_point(neuron, v):
    """The state that stands still at v, and the current that holds it there."""
    v = jnp.asarray(v)
    state = MorrisLecarState(v, neuron.gates(v)["w"][0])
    return state, -neuron.C * neuron.derivative(state, Drive()).v


def slopes_at(neuron, current):
    """The slopes of (v, w) as a function of them."""

    def slopes(y):
        new = neuron.derivative(MorrisLecarState(*y), Drive(current=current))
        return jnp.stack(jax.tree.leaves(new))

    return slopes


def jacobian(neuron, v):
    state, current = fixed_point(neuron, v)
    return jax.jacfwd(slopes_at(neuron, current))(jnp.stack([state.v, state.w]))


def test_class_2_fires_between_its_hopf_points(x64):
    # Rinzel & Ermentrout's first set: 93.86 and 212.02 uA/cm^2.
    neuron = MorrisLecar()
    trace = jax.jit(lambda v: jnp.trace(jacobian(neuron, v)))
    for (low, high), wanted in (((-40.0, -15.0), 93.86), ((0.0, 15.0), 212.02)):
        v = brentq(lambda v: float(trace(v)), low, high, xtol=1e-10)
        assert np.linalg.det(jacobian(neuron, v)) > 0
        np.testing.assert_allclose(fixed_point(neuron, v)[1], wanted, atol=5e-3)
    # It starts at a frequency above 0.
    run = simulated(neuron, [80.0, 95.0], 0.2, 10_000, count=5, integrator=RK4())
    assert np.isinf(run["times"][1, 0])
    period = np.diff(run["times"][:, 1])[-1]
    assert 50.0 < period < 200.0


def test_class_1_starts_to_fire_at_frequency_0(x64):
    # Rinzel & Ermentrout's second set: a saddle-node at 39.96 uA/cm^2.
    neuron = MorrisLecar(**CLASS_1)
    level = jax.jit(lambda v: fixed_point(neuron, v)[1])
    highest = minimize_scalar(
        lambda v: -float(level(v)), bounds=(-50.0, -20.0), options={"xatol": 1e-9}
    )
    onset = -highest.fun
    np.testing.assert_allclose(onset, 39.96, atol=5e-3)
    # Along the null vector, with `dual` that of the transpose: dx/dt = alpha (I - onset) + beta x².
    state, current = fixed_point(neuron, highest.x)
    y, slopes = jnp.stack([state.v, state.w]), slopes_at(neuron, current)
    left, _, right = np.linalg.svd(jax.jacfwd(slopes)(y))
    dual, null = left[:, -1], right[-1]
    curvature = jnp.einsum("i,ijk,j,k", dual, jax.jacfwd(jax.jacfwd(slopes))(y), null, null) / 2
    alpha, beta = dual[0] / 20.0 / (dual @ null), curvature / (dual @ null)
    above = np.asarray([0.01, 0.04])
    currents = [onset - 0.05, *(onset + above)]
    run = simulated(neuron, currents, 0.5, 16_000, count=3, integrator=RK4())
    times = run["times"]
    assert np.isinf(times[0, 0])
    # The passage takes pi / sqrt(alpha beta (I - onset)); the spike itself the same at both.
    slow, fast = np.diff(times[:, 1:], axis=0)[-1]
    passage = np.pi / np.sqrt(alpha * beta * above)
    np.testing.assert_allclose(slow - fast, passage[0] - passage[1], rtol=0.01)


def test_rest(x64):
    # v_start is the rest of the default set.
    state = rest(MorrisLecar())
    np.testing.assert_allclose(state.v, -60.855, atol=1e-3)
    np.testing.assert_allclose(fixed_point(MorrisLecar(), state.v)[1], 0.0, atol=1e-8)


def test_strong_currents_stay_finite_forward_and_backward():
    population = Population(MorrisLecar(), 3, integrator=ExponentialEuler())

    @jax.jit
    @jax.grad
    def slopes(currents):
        def step(state, _):
            new, spikes = population.step(state, Drive(current=currents), 0.5)
            return new, (new.v, spikes)

        v, spikes = jax.lax.scan(step, population.init(KEY), length=200)[1]
        return jnp.mean(v) + jnp.sum(spikes)

    assert jnp.isfinite(slopes(jnp.asarray([100.0, 1e6, -1e6]))).all()


def test_gradients_match_finite_differences(x64):
    def last(neuron, current):
        def step(state, _):
            return neuron.advance(state, Drive(current=current), 0.2, RK4()), None

        state = jax.lax.scan(step, neuron.init((), KEY), length=200)[0]
        return state.v + 10.0 * state.w

    leaves, structure = jax.tree.flatten((MorrisLecar(), jnp.asarray(120.0)))
    function = jax.jit(lambda *x: last(*structure.unflatten(x)))
    slopes = jax.jit(jax.grad(function, tuple(range(len(leaves)))))(*leaves)
    for index, slope in enumerate(slopes):
        up, down = (
            function(*leaves[:index], leaves[index] + h, *leaves[index + 1 :])
            for h in (1e-6, -1e-6)
        )
        np.testing.assert_allclose(slope, (up - down) / 2e-6, rtol=1e-3, atol=1e-6)
    assert sum(float(slope) == 0.0 for slope in slopes) == 1  # v_threshold


def test_spikes_have_a_gradient_where_start_and_threshold_meet():
    population = Population(MorrisLecar(v_threshold=-60.0), 1)

    def spikes(current):
        state, _ = population.step(population.init(KEY), Drive(current=current), 0.1)
        return population.step(state, Drive(current=current), 0.1)[1].sum()

    assert jnp.isfinite(jax.grad(spikes)(jnp.full(1, 100.0))).all()


def test_parameters_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"MorrisLecar: g_Ca has shape \(4,\)"):
        MorrisLecar(g_Ca=[4.4] * 4).init((3,), KEY)
