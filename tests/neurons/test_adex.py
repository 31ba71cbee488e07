import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun
from jaxneuro.neurons import AdEx
from jaxneuro.neurons._adex import AdExState
from jaxneuro.simulation import SpikeTimes

INTEGRATORS = (Euler(), Heun(), RK4(), ExponentialEuler())
every_integrator = pytest.mark.parametrize(
    "integrator", INTEGRATORS, ids=lambda i: type(i).__name__
)


def spike_times(neuron, current, dt, steps, count):
    population = Population(neuron, 1, integrator=RK4(), reset_gradient="event")
    run = simulate(
        population,
        {"neuron": Constant(current)},
        dt=dt,
        steps=steps,
        key=jax.random.key(0),
        record={"times": SpikeTimes("neuron", count)},
        spike_times="interpolated",
    )
    return run["times"][:, 0]


def reference_times(current, count):
    """LSODA from spike to spike, with the parameters of a bursting cell written out again."""

    def slopes(t, y):
        v, w = y
        upstroke = 30.0 * 2.0 * np.exp((v + 50.4) / 2.0)
        return [
            (-30.0 * (v + 70.6) + upstroke - w + current) / 281.0,
            (4.0 * (v + 70.6) - w) / 20.0,
        ]

    def spike(t, y):
        return y[0] + 35.0

    spike.terminal, spike.direction = True, 1.0
    t, y, times = 0.0, [-70.6, 0.0], []
    while len(times) < count:
        run = solve_ivp(slopes, (t, 1e3), y, "LSODA", events=spike, rtol=1e-10, atol=1e-10)
        t, y = run.t[-1], [-45.4, run.y[1, -1] + 500.0]
        times.append(t)
    return times


def test_bursts_are_those_of_an_independent_integrator(x64):
    bursting = AdEx(tau_w=20.0, b=500.0, v_reset=-45.4, v_peak=-35.0)
    times = spike_times(bursting, 800.0, 0.01, 20_000, 8)
    wanted = reference_times(800.0, 8)
    intervals = np.diff(wanted)
    assert intervals.max() > 3 * intervals.min()
    np.testing.assert_allclose(times, wanted, atol=1e-3)


def test_rest_turns_into_an_oscillation_at_the_published_current(x64):
    # Touboul & Brette (2008), Biol. Cybern. 99:319: where a / g_L > tau_m / tau_w, an
    # Andronov-Hopf bifurcation at exp((v - v_t) / Delta_T) = 1 + tau_m / tau_w.
    ratio = 281.0 / 30.0 / 144.0
    v = -50.4 + 2.0 * np.log(1.0 + ratio)
    current = 34.0 * (v - 2.0 + 70.6) + 2.0 * 30.0 * (4.0 / 30.0 - ratio)

    def slopes(y):
        new = AdEx().derivative(AdExState(y[0], y[1]), Drive(current=jnp.asarray(current)))
        return jnp.stack([new.v, new.w])

    y = jnp.asarray([v, 4.0 * (v + 70.6)])
    np.testing.assert_allclose(slopes(y), 0.0, atol=1e-12)
    values = np.linalg.eigvals(jax.jacfwd(slopes)(y))
    np.testing.assert_allclose(values.real, 0.0, atol=1e-12)
    assert abs(values.imag).min() > 1e-3


@every_integrator
def test_spikes_stay_finite_forward_and_backward(integrator):
    def summed(neuron, current, reset_gradient):
        population = Population(neuron, 3, integrator=integrator, reset_gradient=reset_gradient)
        run = simulate(
            population,
            {"neuron": Constant(current)},
            dt=0.1,
            steps=1500,
            key=jax.random.key(0),
            record=("neuron.v", "neuron.w", "neuron.spikes"),
        )
        v, w, spikes = run["neuron.v"], run["neuron.w"], run["neuron.spikes"]
        return jnp.mean(v) + jnp.mean(w) + jnp.sum(spikes), (v, w, spikes.sum(0))

    current = jnp.asarray([300.0, 700.0, 800.0])
    slopes = jax.jit(jax.grad(summed, (0, 1), has_aux=True), static_argnums=2)
    for reset_gradient in ("detached", "surrogate"):
        slope, (v, w, counts) = slopes(AdEx(), current, reset_gradient)
        assert all(jnp.isfinite(x).all() for x in jax.tree.leaves((slope, v, w)))
        assert counts[0] == 0
        assert (counts[1:] > 1).all()
        assert v.max() <= -40.0


def test_gradients_match_finite_differences(x64):
    def last(neuron, current):
        def step(state, _):
            return neuron.advance(state, Drive(current=current), 1.0, RK4()), None

        state = jax.lax.scan(step, neuron.init((), jax.random.key(0)), length=20)[0]
        return state.v + 0.1 * state.w

    leaves, structure = jax.tree.flatten((AdEx(v_t=-55.0), jnp.asarray(450.0)))
    function = jax.jit(lambda *x: last(*structure.unflatten(x)))
    slopes = jax.jit(jax.grad(function, tuple(range(len(leaves)))))(*leaves)
    for index, slope in enumerate(slopes):
        up, down = (
            function(*leaves[:index], leaves[index] + h, *leaves[index + 1 :])
            for h in (1e-4, -1e-4)
        )
        np.testing.assert_allclose(slope, (up - down) / 2e-4, rtol=1e-3, atol=1e-7)
    assert sum(float(abs(slope)) > 1e-3 for slope in slopes) >= 7


def test_a_reset_above_the_peak_is_refused():
    with pytest.raises(ValueError, match=r"AdEx.* v_reset is -30.0 and threshold -40"):
        AdEx(v_reset=-30.0)
