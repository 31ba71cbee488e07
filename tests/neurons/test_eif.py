import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun
from jaxneuro.neurons import EIF, rest
from jaxneuro.simulation import SpikeTimes

INTEGRATORS = (Euler(), Heun(), RK4(), ExponentialEuler())


def spike_times(neuron, current, count, dt, steps):
    run = simulate(
        Population(neuron, 1, integrator=RK4(), reset_gradient="event"),
        {"neuron": Constant(current)},
        dt=dt,
        steps=steps,
        key=jax.random.key(0),
        record={"times": SpikeTimes("neuron", count)},
        spike_times="interpolated",
    )
    return run["times"][:, 0]


def interval(current, start=-68.0):
    """The time from `start` to the peak: the integral of dt/dv."""

    def slowness(v):
        return 100.0 / (10.0 * (-65.0 - v) + 34.8 * np.exp((v + 59.9) / 3.48) + current)

    return quad(slowness, start, -30.0, epsabs=1e-12, epsrel=1e-12)[0]


@pytest.mark.parametrize("current", [30.0, 100.0, 400.0])
def test_intervals_are_the_integral_of_the_inverse_slope(current, x64):
    times = spike_times(EIF(), current, 3, 0.005, 40_000)
    wanted = interval(current, -65.0) + np.arange(3) * interval(current)
    # At the peak v moves by 1900 mV/ms: what is left is the error of the last step before it.
    np.testing.assert_allclose(times, wanted, atol=1e-3)


def test_rest_is_lost_at_the_closed_form(x64):
    # g_L (v_t - E_L - Delta_T), where the slope of the right-hand side vanishes: at v = v_t.
    critical = 10.0 * (-59.9 + 65.0 - 3.48)
    below = rest(EIF(), (), Drive(current=jnp.asarray(critical - 1e-3))).v
    # A parabola with its top at v_t: g_L (v - v_t)² / (2 Delta_T) = 0.001 pA.
    np.testing.assert_allclose(below, -59.9 - np.sqrt(2e-4 * 3.48), atol=1e-3)
    with pytest.raises(Exception, match="EIF settles in no stable state"):
        rest(EIF(), (), Drive(current=jnp.asarray(critical + 1e-3)))


@pytest.mark.parametrize("integrator", INTEGRATORS, ids=lambda i: type(i).__name__)
def test_spikes_stay_finite_forward_and_backward(integrator):
    def summed(neuron, current):
        population = Population(neuron, 3, integrator=integrator, reset_gradient="surrogate")
        run = simulate(
            population,
            {"neuron": Constant(current)},
            dt=0.1,
            steps=600,
            key=jax.random.key(0),
            record=("neuron.v", "neuron.spikes"),
        )
        return jnp.sum(run["neuron.spikes"]), (run["neuron.v"], run["neuron.spikes"].sum(0))

    # A sharp spike, which overflows if it is not cut: exp((0 + 59.9) / 0.5) is beyond float32.
    neuron = EIF(Delta_T=0.5, v_peak=-30.0)
    slopes = jax.jit(jax.grad(summed, (0, 1), has_aux=True))
    slope, (v, counts) = slopes(neuron, jnp.asarray([30.0, 200.0, 20_000.0]))
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves((slope, v)))
    assert counts[0] == 0
    assert 1 < counts[1] < counts[2]
    assert v.max() <= -30.0


def test_gradients_of_a_spike_time_match_finite_differences(x64):
    def third(neuron, current):
        return spike_times(neuron, current, 3, 0.1, 160)[-1]

    leaves, structure = jax.tree.flatten((EIF(), jnp.asarray(400.0)))
    function = jax.jit(lambda *x: third(*structure.unflatten(x)))
    gradient = jax.jit(jax.grad(function, tuple(range(len(leaves)))))(*leaves)
    for index, (leaf, slope) in enumerate(zip(leaves, gradient, strict=True)):
        up, down = (
            function(*leaves[:index], leaf + h, *leaves[index + 1 :]) for h in (1e-6, -1e-6)
        )
        np.testing.assert_allclose(slope, (up - down) / 2e-6, rtol=1e-3, atol=1e-5)
        assert slope != 0


def test_a_reset_above_the_peak_is_refused():
    with pytest.raises(ValueError, match=r"EIF.* v_reset is -20.0 and threshold -30"):
        EIF(v_reset=-20.0)
