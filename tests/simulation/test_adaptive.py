import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4
from jaxneuro.neurons import (
    LIF,
    ConductanceElement,
    HHneuronCorbit,
    Izhikevich2007,
    Neuromorphic,
    Population,
    Refractory,
    burster,
)
from jaxneuro.simulation import simulate, solve_adaptive

pytest.importorskip("diffrax")


def test_a_membrane_has_its_closed_form(x64):
    # dv/dt = I(t) - g v with I = sin t
    neuron = Neuromorphic([ConductanceElement(jnp.asarray([0.1, 0.5]))], v_start=0.3)
    times = jnp.asarray([0.0, 1.7, 40.0])
    state = solve_adaptive(neuron, jnp.sin, times=times, shape=(2,), rtol=1e-10, atol=1e-12)
    g, t = np.array([0.1, 0.5]), np.asarray(times)[:, None]
    exact = (g * np.sin(t) - np.cos(t) + np.exp(-g * t)) / (1 + g**2) + 0.3 * np.exp(-g * t)
    np.testing.assert_allclose(state.v, exact, atol=1e-9)


@pytest.mark.parametrize(("neuron", "current"), [(burster(), -1.0), (HHneuronCorbit(), 5.0)])
def test_small_fixed_steps_agree(neuron, current, x64):
    neuron = jax.tree.map(lambda x: x.astype(float), neuron)
    times = jnp.arange(1.0, 61.0)
    solved = solve_adaptive(neuron, current, times=times, rtol=1e-9, atol=1e-9)
    population = Population(neuron, 1, integrator=RK4())
    run = simulate(
        population,
        {"neuron": Constant(current)},
        dt=0.005,
        steps=12000,
        key=jax.random.key(0),
        record="neuron.v",
        every=200,
    )
    assert float(solved.v.max()) > 0  # it spiked
    # Where a spike rises by 100 mV per ms, 1e-5 ms are 1e-3 mV.
    np.testing.assert_allclose(solved.v, run["neuron.v"][:, 0], atol=3e-3)


def test_gradient_matches_finite_differences(x64):
    times = jnp.asarray([30.0])

    def final(a):
        neuron = burster(a_fast=a)
        return solve_adaptive(neuron, -1.0, times=times, rtol=1e-9, atol=1e-9, max_steps=4096).v[0]

    slope = jax.jit(jax.grad(final))(-1.9)
    numeric = (final(-1.9 + 1e-4) - final(-1.9 - 1e-4)) / 2e-4
    np.testing.assert_allclose(slope, numeric, rtol=1e-3)


def test_what_a_current_is_made_of_has_a_gradient(x64):
    neuron = Neuromorphic([ConductanceElement(1.0)], v_start=0.0)

    def final(amount):
        return solve_adaptive(
            neuron, lambda t: amount * t, times=jnp.asarray([2.0]), rtol=1e-9, max_steps=512
        ).v[0]

    np.testing.assert_allclose(jax.grad(final)(0.7), 1.0 + np.exp(-2.0), rtol=1e-6)


def test_it_goes_on_from_a_state(x64):
    options = {"rtol": 1e-10, "atol": 1e-10}
    whole = solve_adaptive(burster(), -1.0, times=jnp.asarray([30.0, 60.0]), **options)
    middle = jax.tree.map(lambda x: x[0], whole)
    rest = solve_adaptive(burster(), -1.0, times=jnp.asarray([30.0]), state=middle, **options)
    np.testing.assert_allclose(rest.v[0], whole.v[1], rtol=1e-6)


@pytest.mark.parametrize(
    ("neuron", "message"),
    [
        (LIF(), "LIF is no differential equation"),
        (Refractory(burster()), "Refractory is no differential equation"),
        (Izhikevich2007(), "Izhikevich2007 is reset at its spikes"),
    ],
)
def test_models_that_reset_are_refused(neuron, message):
    with pytest.raises(ValueError, match=f"solve_adaptive: {message}.*simulate"):
        solve_adaptive(neuron, times=jnp.asarray([1.0]))


def test_without_diffrax_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffrax", None)
    with pytest.raises(ImportError, match=r"needs diffrax.*pip install"):
        solve_adaptive(burster(), times=jnp.asarray([1.0]))
