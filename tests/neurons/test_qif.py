import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun
from jaxneuro.neurons import QIF, Izhikevich2007, rest
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


def closed_form(neuron, current, count):
    """v moves as a tangent: the time between two voltages is a difference of arctangents."""
    middle = (neuron.v_rest + neuron.v_t) / 2
    excess = current - neuron.k * (neuron.v_t - neuron.v_rest) ** 2 / 4
    rate = jnp.sqrt(neuron.k * excess)

    def phase(v):
        return neuron.C / rate * jnp.arctan(neuron.k * (v - middle) / rate)

    period = phase(neuron.v_peak) - phase(neuron.v_reset)
    return phase(neuron.v_peak) - phase(neuron.v_rest) + jnp.arange(float(count)) * period


def test_spike_times_and_gradients_are_the_closed_form(x64):
    neuron = QIF(C=80.0, k=0.6, v_rest=-62.0, v_t=-41.0, v_reset=-55.0, v_peak=20.0)
    arguments = neuron, jnp.asarray(150.0)

    def simulated(neuron, current):
        return spike_times(neuron, current, 4, 0.02, 5000)

    np.testing.assert_allclose(simulated(*arguments), closed_form(*arguments, 4), atol=1e-4)
    slopes = jax.jit(jax.grad(lambda *x: simulated(*x)[-1], (0, 1)))(*arguments)
    wanted = jax.grad(lambda *x: closed_form(*x, 4)[-1], (0, 1))(*arguments)
    for slope, want in zip(jax.tree.leaves(slopes), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(slope, want, rtol=1e-3)


def test_rest_is_lost_at_the_closed_form(x64):
    # k (v_t - v_rest)² / 4 = 70 pA; just below, rest is where 0.7 (v + 50)² = 0.01 pA.
    below = rest(QIF(), (), Drive(current=jnp.asarray(69.99))).v
    np.testing.assert_allclose(below, -50.0 - np.sqrt(0.01 / 0.7), atol=1e-6)
    with pytest.raises(Exception, match="QIF settles in no stable state"):
        rest(QIF(), (), Drive(current=jnp.asarray(70.01)))


def test_it_is_izhikevich_s_neuron_without_recovery():
    full = Izhikevich2007(a=0.0, b=0.0, d=0.0, c=-60.0, v_peak=30.0)
    traces = [
        simulate(
            Population(neuron, 1, initial={"v": -60.0}),
            {"neuron": Constant(150.0)},
            dt=0.1,
            steps=500,
            key=jax.random.key(0),
            record=("neuron.v",),
        )["neuron.v"]
        for neuron in (QIF(), full)
    ]
    np.testing.assert_allclose(*traces, rtol=1e-5, atol=1e-4)


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

    slopes = jax.jit(jax.grad(summed, (0, 1), has_aux=True))
    slope, (v, counts) = slopes(QIF(), jnp.asarray([60.0, 200.0, 20_000.0]))
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves((slope, v)))
    assert counts[0] == 0
    assert 1 < counts[1] < counts[2]
    assert v.max() <= 30.0


def test_a_reset_above_the_peak_is_refused():
    with pytest.raises(ValueError, match=r"QIF.* v_reset is 40.0 and threshold 30"):
        QIF(v_reset=40.0)
