import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Drive
from jaxneuro.integrators import Heun
from jaxneuro.neurons import (
    LIF,
    Input,
    NormalStart,
    Population,
    Refractory,
    UniformStart,
    as_shape,
)
from jaxneuro.simulation import simulate
from jaxneuro.surrogates import SuperSpike


def cell(**options):
    return LIF(tau=10.0, threshold=2.0, v_rest=0.0, v_reset=-0.5, input_scale="unit", **options)


def made(reset_by="subtraction", **options):
    return Population(cell(reset_by=reset_by), 4, surrogate=SuperSpike(slope=3.0), **options)


def slopes(population, jump, of):
    """d of(state, spikes) / d jump for one step from v = 0."""

    def value(jump):
        state = population.init(jax.random.key(0))
        return of(*population.step(state, Drive(jump=jump), 1.0)).sum()

    return jax.grad(value)(jump)


JUMPS = (0.5, 1.9, 2.1, 4.0)


def surrogate_slope(v):
    # The margin is (v - 2) / 2.5, the larger distance, that to reset.
    return 1.0 / (1.0 + 3.0 * abs((v - 2.0) / 2.5)) ** 2 / 2.5


def test_spikes_and_their_surrogate_gradient(x64):
    v = jnp.asarray(JUMPS)
    population = made()
    state = population.init(jax.random.key(0))
    _, spikes = population.step(state, Drive(jump=v), 1.0)
    np.testing.assert_array_equal(spikes, [0, 0, 1, 1])
    slope = slopes(population, v, lambda state, spikes: spikes)
    np.testing.assert_allclose(slope, surrogate_slope(v), rtol=1e-12)


@pytest.mark.parametrize("reset_by", ["value", "subtraction", "none"])
@pytest.mark.parametrize("reset_gradient", ["detached", "surrogate"])
def test_gradient_through_the_reset(reset_by, reset_gradient, x64):
    v = jnp.asarray(JUMPS)
    population = made(reset_by, reset_gradient=reset_gradient)
    z = jnp.asarray([0.0, 0.0, 1.0, 1.0])
    through = 0.0 if reset_gradient == "detached" else surrogate_slope(v)
    wanted = {
        "value": 1.0 - z + through * (-0.5 - v),
        "subtraction": 1.0 - through * 2.5,
        "none": jnp.ones(4),
    }[reset_by]
    slope = slopes(population, v, lambda state, spikes: state.v)
    np.testing.assert_allclose(slope, wanted, rtol=1e-12)


def test_the_integrator_is_used(x64):
    population = Population(LIF(tau=10.0), 1, integrator=Heun())
    state = population.init(jax.random.key(0))
    state, _ = population.step(state, Drive(current=jnp.asarray([0.5])), 1.0)
    np.testing.assert_allclose(state.v, 0.5 * (0.1 - 0.1**2 / 2), rtol=1e-12)


def test_shapes():
    assert as_shape(3) == (3,)
    assert as_shape((2, 3)) == as_shape([2, 3]) == as_shape(np.array([2, 3])) == (2, 3)
    assert as_shape(np.prod((4, 5))) == (20,)
    assert type(as_shape(np.int64(4))[0]) is int
    assert Population(LIF(), (2, 3)).size == 6
    assert Input((28, 28, 1)).size == 784
    for wrong in (0, -1, (2, 0), 2.0, "ab"):
        with pytest.raises(ValueError, match="whole numbers >= 1"):
            as_shape(wrong)


def test_unknown_reset_gradient():
    with pytest.raises(ValueError, match=r"reset_gradient is 'none'.*detached"):
        Population(LIF(), 1, reset_gradient="none")


def test_start_values_drawn_anew_in_each_run_and_lane(x64):
    cells = Population(
        Refractory(LIF(), period=1.0),
        (40, 50),
        initial={"v": UniformStart(-3.0, jnp.full((40, 50), 0.5))},
    )
    one, two = (cells.init(jax.random.key(seed)).v for seed in (0, 1))
    assert one.min() >= -3.0
    assert one.max() < 0.5
    np.testing.assert_allclose(one.mean(), -1.25, atol=5 * 3.5 / np.sqrt(12 * 2000))
    assert np.mean(np.asarray(one) == np.asarray(two)) < 0.01
    np.testing.assert_array_equal(cells.init(jax.random.key(0)).v, one)
    lanes = jax.vmap(lambda key: cells.init(key).v)(jax.random.split(jax.random.key(2), 3))
    assert len(np.unique(lanes)) > 5990
    normal = Population(LIF(), 4000, initial={"v": NormalStart(-2.0, 0.3)}).init(jax.random.key(0))
    np.testing.assert_allclose(normal.v.mean(), -2.0, atol=5 * 0.3 / np.sqrt(4000))
    np.testing.assert_allclose(normal.v.std(), 0.3, rtol=0.06)


def test_a_step_is_checked_inside_a_compiled_function_that_closes_over_the_network():
    cells = Population(LIF(tau=10.0), 2, integrator=Heun())
    run = jax.jit(
        lambda key: simulate(cells, dt=0.1, steps=3, key=key, record="neuron.v")["neuron.v"]
    )
    np.testing.assert_array_equal(run(jax.random.key(0)), jnp.zeros((3, 2)))
    with pytest.raises(ValueError, match="unstable at dt = 30 ms"):
        jax.jit(lambda key: simulate(cells, dt=30.0, steps=3, key=key).state)(jax.random.key(0))
