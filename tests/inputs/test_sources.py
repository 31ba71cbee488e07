import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import component_key
from jaxneuro.inputs import Constant, Function, Poisson, sample_block

KEY = jax.random.key(4)


compiled = eqx.filter_jit(sample_block)


def sampled(source, steps=10, shape=(3,), *, name="input", start=0, dt=1.0, key=KEY):
    clock = jnp.arange(start, start + steps, dtype=jnp.int32)
    return np.asarray(compiled(source, name, key, clock, shape, dt))


def test_poisson_rates_and_independence():
    rates = jnp.asarray([0.0, 5.0, 200.0, 1000.0, 5000.0])
    dt, steps = 0.5, 40_000
    spikes = sampled(Poisson(rates), steps, (5,), dt=dt)
    assert set(np.unique(spikes)) == {0.0, 1.0}
    p = np.minimum(np.asarray(rates) * dt / 1000.0, 1.0)
    bound = 4 * np.sqrt(p * (1 - p) / steps)
    assert (np.abs(spikes.mean(0) - p) <= bound).all()
    # The last two: 0.5 by chance, and the cap, a spike in every step.
    assert spikes[:, 4].all()
    assert not spikes[:, 0].any()
    pair = sampled(Poisson(1000.0), steps, (2,), dt=dt) - 0.5
    of_channels = (pair[:, 0] * pair[:, 1]).mean()
    of_steps = (pair[1:, 0] * pair[:-1, 0]).mean()
    assert max(abs(of_channels), abs(of_steps)) < 4 * 0.25 / np.sqrt(steps)


def test_a_rate_below_the_resolution_is_not_rounded_away():
    # 0.05 Hz at 0.1 ms is a third of 2^-16 per step.
    count = sampled(Poisson(0.05), 2000, (10_000,), dt=0.1).sum()
    assert abs(count - 100) < 4 * np.sqrt(100)


def test_streams_depend_on_name_and_absolute_step_alone():
    source = Poisson(300.0)
    whole = sampled(source, 60, (20,))
    parts = [sampled(source, 30, (20,)), sampled(source, 30, (20,), start=30)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    alone = source.sample(component_key(KEY, 7, "input"), jnp.asarray(7), (20,), 1.0)
    np.testing.assert_array_equal(whole[7], alone)
    others = [
        sampled(source, 60, (20,), name="other"),
        sampled(source, 60, (20,), key=jax.random.key(5)),
        sampled(source, 60, (20,), start=1),
    ]
    for other in others:
        agreement = (other == whole).mean()
        assert abs(agreement - (0.3**2 + 0.7**2)) < 4 * 0.5 / np.sqrt(1200)


def test_poisson_misuse():
    with pytest.raises(ValueError, match=r"rate has shape \(2,\), but its node \(3,\)"):
        sampled(Poisson([1.0, 2.0]))
    with pytest.raises(ValueError, match="rate must be 0 Hz or more"):
        Poisson([1.0, -1.0])
    jax.eval_shape(Poisson, jnp.ones(2))  # a traced rate is not checked


def test_function_of_time():
    source = Function(lambda t: jnp.stack([t, 2.0 * t]))
    series = sampled(source, 4, (2,), start=10, dt=0.5)
    np.testing.assert_array_equal(series[:, 0], [5.0, 5.5, 6.0, 6.5])
    np.testing.assert_array_equal(series[:, 1], 2 * series[:, 0])


@pytest.mark.parametrize(
    "function", [lambda t: 2, lambda t: 2.0, lambda t: jnp.asarray(2), lambda t: t * 0 + 2.0]
)
def test_function_may_return_one_number_of_any_kind(function):
    series = sampled(Function(function), 2, (2, 2))
    assert series.dtype == np.float32
    np.testing.assert_array_equal(series, np.full((2, 2, 2), 2.0))


def test_function_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"Function: it returned shape \(2,\).* has \(3,\)"):
        sampled(Function(lambda t: jnp.ones(2)))


def test_double_precision(x64):
    assert sampled(Poisson(10.0)).dtype == np.float64
    assert sampled(Function(jnp.sin), dt=0.1)[3, 0] == np.sin(3 * 0.1)


def test_constant_is_one_trainable_array():
    assert Constant([1, 2]).value.dtype == jnp.float32
    assert jax.grad(lambda c: c.value.sum() * 3.0)(Constant(2.0)).value == 3.0
    with pytest.raises(TypeError, match="value"):
        Constant()
