"""What no simulation can make sense of is refused, with what to do instead."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Population, simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, Euler, ExponentialEuler, Heun
from jaxneuro.neurons import LIF, HHneuronBischop, Refractory, largest_stable_dt

KEY = jax.random.key(0)


@pytest.mark.parametrize(("integrator", "reach"), [(Euler(), 2.0), (Heun(), 2.0), (RK4(), 2.7853)])
def test_a_step_beyond_the_stability_bound(integrator, reach):
    population = Population(LIF(tau=1.5), 2, integrator=integrator)
    limit = 1.5 * reach
    np.testing.assert_allclose(largest_stable_dt(LIF(tau=1.5), integrator), limit, rtol=1e-4)
    message = rf"LIF 'neuron' with {type(integrator).__name__} is unstable at dt = {1.01 * limit:g}"
    with pytest.raises(ValueError, match=message) as caught:
        simulate(population, {"neuron": Constant(0.5)}, dt=1.01 * limit, steps=3, key=KEY)
    named = float(str(caught.value).split("safe step is ")[1].split(" ms")[0])
    assert 0.99 * limit < named <= limit * (1 + 1e-9)
    run = simulate(
        population, {"neuron": Constant(0.5)}, dt=0.99 * limit, steps=900, key=KEY,
        record=("neuron.v",),
    )  # fmt: skip
    np.testing.assert_allclose(run["neuron.v"][-1], 0.5, atol=1e-3)


def test_the_step_named_in_the_message_is_safe():
    population = Population(HHneuronBischop(), 2, integrator=Euler())
    with pytest.raises(ValueError, match="safe step") as caught:
        simulate(population, dt=0.5, steps=3, key=KEY)
    named = float(str(caught.value).split("safe step is ")[1].split(" ms")[0])
    simulate(population, dt=named, steps=3, key=KEY)


def test_the_bound_is_the_one_where_euler_starts_to_grow():
    # Not the formula, but what happens: deviations from rest grow just above it.
    neuron, sizes = Refractory(LIF(tau=4.0)), []
    limit = largest_stable_dt(neuron, Euler())
    for dt in (0.98 * limit, 1.02 * limit):
        state = neuron.init((), KEY)
        state = eqx.tree_at(lambda s: s.v, state, state.v + 1.0)
        for _ in range(200):
            state = neuron.advance(state, Drive(), dt, Euler())
        sizes.append(abs(float(state.v)))
    assert sizes[0] < 0.1 < 10.0 < sizes[1]


def test_exponential_euler_has_no_bound():
    assert largest_stable_dt(HHneuronBischop(), ExponentialEuler()) == float("inf")


def test_traced_parameters_are_not_checked():
    def last(tau):
        population = Population(LIF(tau=tau), 1, integrator=Euler())
        return simulate(
            population, {"neuron": Constant(0.1)}, dt=3.0, steps=2, key=KEY, record=("neuron.v",)
        )["neuron.v"].sum()

    assert np.isfinite(jax.jit(last)(1.0))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_stimulus_that_is_not_finite(bad):
    series = np.zeros((5, 2), np.float32)
    series[3, 1] = bad
    with pytest.raises(ValueError, match=rf"input for 'neuron' has {bad} at index \(3, 1\)"):
        simulate(Population(LIF(), 2), {"neuron": series}, dt=1.0, key=KEY)
    with pytest.raises(ValueError, match="input for 'neuron'"):
        simulate(Population(LIF(), 2), {"neuron": Constant([0.0, bad])}, dt=1.0, steps=2, key=KEY)
    assert simulate(Population(LIF(), 2), {"neuron": jnp.zeros((2, 2))}, dt=1.0, key=KEY)


def test_a_constant_is_checked_inside_a_compiled_function_that_closes_over_it():
    cells = Population(LIF(), 2)
    value = jnp.asarray([1.0, jnp.nan])

    def run(value):
        inputs = {"neuron": Constant(value)}
        return simulate(cells, inputs, dt=0.1, steps=3, key=KEY, record="neuron.v")["neuron.v"]

    assert jax.jit(lambda: run(jnp.ones(2)))().shape == (3, 2)
    with pytest.raises(ValueError, match=r"'neuron' has nan at index \(1,\)"):
        jax.jit(lambda: run(value))()
