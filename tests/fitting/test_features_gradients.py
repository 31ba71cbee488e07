"""Gradients of features against finite differences, through models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Population, simulate
from jaxneuro.fitting import FEATURES, Trace, extract
from jaxneuro.integrators import Heun
from jaxneuro.neurons import AdEx, HodgkinHuxley
from jaxneuro.simulation import SpikeTimes

DT = 0.1
WINDOWS = ((100.0, 250.0), (120.0, 250.0))


def step(current, steps):
    time = DT * np.arange(steps)
    return jnp.asarray((time >= 100) & (time < 250), float)[:, None] * jnp.asarray([current])


def check(features, at, names, least, rtol=1e-3, change=1e-5):
    """`features(parameters)` gives an array of each name; their gradients, one by one."""
    both = jax.jit(lambda at: (features(at), jax.jacfwd(features)(at)))
    jacobian = both(at)[1]
    reverse = jax.jit(jax.grad(lambda at: sum(jnp.nansum(x) for x in features(at).values())))(at)
    assert np.isfinite(np.asarray(reverse)).all()
    total = sum(jnp.nansum(jacobian[name], axis=(0, 1)) for name in names)
    np.testing.assert_allclose(reverse, total, rtol=1e-6)
    for index in range(at.size):
        delta = change * jnp.abs(at[index])
        shift = jnp.zeros_like(at).at[index].set(delta)
        above, below = both(at + shift)[0], both(at - shift)[0]
        for name in names:
            numeric = (above[name] - below[name]) / (2 * delta)
            defined = np.isfinite(np.asarray(numeric))
            exact = jacobian[name][..., index]
            assert defined.sum() >= least
            assert np.isfinite(np.asarray(exact)).all()  # also where a feature is NaN
            scale = np.abs(np.asarray(numeric)[defined]).max()
            np.testing.assert_allclose(
                exact[defined], numeric[defined], rtol=rtol, atol=rtol * scale, err_msg=name
            )
            assert scale > 0, name


@pytest.mark.slow
def test_spike_times_of_an_integrate_and_fire_neuron(x64):
    names = ("latency", "first_isi", "mean_isi", "isi_cv", "adaptation_index")
    current = step([0.0, 1200.0, 1800.0], 2600)

    def features(parameters):
        capacitance, b, tau_w = parameters
        neuron = AdEx(C=capacitance, b=b, tau_w=tau_w)
        cell = Population(neuron, 3, integrator=Heun(), reset_gradient="event")
        run = simulate(
            cell,
            {"neuron": current},
            dt=DT,
            key=jax.random.key(0),
            record={"v": "neuron.v", "times": SpikeTimes("neuron", 32)},
            spike_times="interpolated",
        )
        return extract(
            run["v"], current, DT, WINDOWS, spike_times=run["times"], names=names, first=DT
        )

    check(features, jnp.asarray([281.0, 80.5, 144.0]), names, least=4)


def test_passive_properties_of_an_integrate_and_fire_neuron(x64):
    # a > 0 makes a sag.
    names = (
        "resting_potential",
        "voltage_base",
        "steady_state_voltage",
        "input_resistance",
        "time_constant",
        "sag_amplitude",
        "sag_ratio",
    )
    current = step([-100.0, -300.0, 0.0], 2600)

    def features(parameters):
        leak, rest, a = parameters
        cell = Population(AdEx(g_L=leak, E_L=rest, a=a, tau_w=50.0), 3, integrator=Heun())
        run = simulate(cell, {"neuron": current}, dt=DT, key=jax.random.key(0), record="neuron.v")
        times = jnp.full((1, 3), jnp.inf)
        return extract(
            run["neuron.v"], current, DT, WINDOWS, spike_times=times, names=names, first=DT
        )

    check(features, jnp.asarray([10.0, -70.0, 15.0]), names, least=2)


@pytest.mark.slow
def test_spike_shape_of_an_axon(x64):
    names = tuple(name for name, feature in FEATURES.items() if feature.needs_spike_shape)
    names = (*names, "ahp_voltage", "ahp_depth")
    dt = 0.02
    current = jnp.where(jnp.arange(3000) >= 500, 1.0, 0.0)[:, None] * jnp.asarray([[8.0, 15.0]])

    def features(parameters):
        sodium, potassium = parameters
        axon = Population(HodgkinHuxley(g_Na=sodium, g_K=potassium), 2)
        run = simulate(
            axon,
            {"neuron": current},
            dt=dt,
            key=jax.random.key(0),
            record={"v": "neuron.v", "times": SpikeTimes("neuron", 8)},
            spike_times="interpolated",
        )
        return extract(
            run["v"], current, dt, [(10.0, 55.0)], spike_times=run["times"], names=names, first=dt
        )

    # So small a change keeps between the same samples what is interpolated between samples.
    check(features, jnp.asarray([120.0, 36.0]), names, least=2, change=1e-7)


def test_gradients_are_finite_where_nothing_is_defined():
    # No spikes, too few or regular ones; no step; a flat voltage; a window before everything.
    nothing = jnp.inf
    voltage = jnp.full(2000, -70.0)
    trains = jnp.asarray(
        [[nothing] * 5, [70.0] + [nothing] * 4, [70.0, 80.0] + [nothing] * 3, [60, 70, 80, 90, 100]]
    )

    def total(voltage, times, start):
        trace = Trace(voltage, 0 * voltage, times, start, jnp.asarray(150.0), DT)
        return jnp.nansum(jnp.stack([f.function(trace) for f in FEATURES.values()]))

    gradient = jax.jit(jax.grad(total, argnums=(0, 1, 2)))
    for times in trains:
        for start in (0.0, 50.0):
            for leaf in gradient(voltage, times, start):
                assert jnp.isfinite(leaf).all(), (times, start)
