"""Every connectivity through one contract; a new one joins by an example."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxneuro.edges
from jaxneuro.core import fits
from jaxneuro.edges import (
    AbstractConnectivity,
    AveragePool,
    Chain,
    Conv,
    Dale,
    Dense,
    MaxPool,
    OneToOne,
    Sparse,
)

# Connectivity, shape of its source, shape of its target, shape of its bias.
CONNECTIVITIES = {
    "Dense": [
        (Dense(5), (3,), (5,), (5,)),
        (Dense((2, 4)), (3, 2), (2, 4), (2, 4)),
    ],
    "OneToOne": [
        (OneToOne(), (3, 2), (3, 2), (3, 2)),
        (OneToOne(shared=True), (4,), (4,), (4,)),
    ],
    "Sparse": [(Sparse([0, 5, 2, 2, 2], [1, 1, 0, 3, 3], (2, 2)), (2, 3), (2, 2), (2, 2))],
    "Conv": [
        (Conv(4, (3, 2)), (6, 5, 2), (4, 4, 4), (1, 1, 4)),
        (Conv(3, (3, 3), stride=2, padding="SAME"), (5, 6), (3, 3, 3), (1, 1, 3)),
        (Conv(2, 3), (7,), (5, 2), (1, 2)),
    ],
    "Dale": [
        (Dale(Dense(5), [1, -1, 1]), (3,), (5,), (5,)),
        (Dale(OneToOne(), [-1, 1, 1, -1, 1, 1]), (3, 2), (3, 2), (3, 2)),
        (
            Dale(Sparse([0, 0, 2, 5], [1, 0, 3, 3], 4), [[1, 1, 1], [-1, -1, -1]]),
            (2, 3),
            (4,),
            (4,),
        ),
    ],
    "AveragePool": [(AveragePool((2, 3)), (5, 6, 2), (2, 2, 2), (2, 2, 2))],
    "MaxPool": [(MaxPool((2, 2)), (4, 5), (2, 2), (2, 2)), (MaxPool(2), (4, 3), (2, 3), (2, 3))],
    "Chain": [
        (Chain((AveragePool((2, 2)), Conv(3, (2, 2)))), (6, 6, 2), (2, 2, 3), (1, 1, 3)),
        (Chain([Conv(3, (2, 2)), MaxPool((2, 2))]), (5, 5), (2, 2, 3), (1, 1, 3)),
        (Chain((Dense((4, 4)), AveragePool((2, 2)))), (3,), (2, 2), (2, 2)),
        (Chain((MaxPool((2, 2)),)), (4, 4), (2, 2), (2, 2)),
    ],
}


def names_of(base):
    return [
        name
        for name, cls in vars(jaxneuro.edges).items()
        if isinstance(cls, type) and issubclass(cls, base) and not inspect.isabstract(cls)
    ]


def examples():
    for name in names_of(AbstractConnectivity):
        for number, example in enumerate(CONNECTIVITIES.get(name, [])):
            yield pytest.param(*example, id=f"{name}{number}")


def test_every_connectivity_has_an_example():
    assert set(names_of(AbstractConnectivity)) == set(CONNECTIVITIES)


def signals_and_weight(connectivity, source, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    shape = connectivity.weight_shape(source)
    weight = None if shape is None else jnp.asarray(rng.normal(size=shape), dtype)
    return jnp.asarray(rng.normal(size=(4, *source)), dtype), weight


connectivities = pytest.mark.parametrize(
    ("connectivity", "source", "target", "bias"), list(examples())
)


@connectivities
def test_shapes_are_those_announced(connectivity, source, target, bias):
    signals, weight = signals_and_weight(connectivity, source)
    assert connectivity.output_shape(source) == target
    assert connectivity.propagate(weight, signals).shape == (4, *target)
    assert connectivity.bias_shape(source) == bias
    assert fits(bias, target)


@connectivities
def test_precision_is_that_of_the_signals(connectivity, source, target, bias, x64):
    for dtype in (jnp.float32, jnp.float64):
        signals, weight = signals_and_weight(connectivity, source, dtype=dtype)
        propagate = connectivity.propagate
        assert jax.eval_shape(lambda w, s, p=propagate: p(w, s), weight, signals).dtype == dtype


@connectivities
def test_a_series_is_treated_step_by_step_alike(connectivity, source, target, bias):
    signals, weight = signals_and_weight(connectivity, source)

    def propagate(signals):
        return connectivity.propagate(weight, signals)

    whole = propagate(signals)
    steps = jnp.concatenate([propagate(step[None]) for step in signals])
    np.testing.assert_allclose(whole, steps, rtol=1e-5, atol=1e-6)
    batched = jax.vmap(propagate)(jnp.stack([signals, -signals]))
    np.testing.assert_allclose(batched[0], whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batched[1], propagate(-signals), rtol=1e-5, atol=1e-6)


@connectivities
def test_it_is_linear_in_the_weight(connectivity, source, target, bias, x64):
    signals, one = signals_and_weight(connectivity, source)
    _, two = signals_and_weight(connectivity, source, seed=1)

    @jax.jit
    @jax.value_and_grad
    def value(weight):
        events = connectivity.propagate(weight, signals)
        return (events * jnp.cos(jnp.arange(events.size, dtype=float)).reshape(events.shape)).sum()

    if one is None:
        assert float(jnp.abs(connectivity.propagate(None, signals)).sum()) > 0
        return
    np.testing.assert_allclose(value(2.5 * one)[0], 2.5 * value(one)[0], rtol=1e-10)
    if isinstance(getattr(connectivity, "links", [connectivity])[-1], MaxPool | Dale):
        return  # a maximum after the weight, or its magnitude, is homogeneous, not additive
    sum_of = 2.0 * value(one)[0] - 3.0 * value(two)[0]
    np.testing.assert_allclose(value(2.0 * one - 3.0 * two)[0], sum_of, rtol=1e-10)
    # A linear function is its own slope, everywhere.
    slope = value(two)[1]
    np.testing.assert_allclose((slope * one).sum(), value(one)[0], rtol=1e-10)


@connectivities
def test_gradient_with_respect_to_the_signals(connectivity, source, target, bias, x64):
    signals, weight = signals_and_weight(connectivity, source)
    way = jnp.sin(1.7 * jnp.arange(signals.size, dtype=float)).reshape(signals.shape)

    @jax.jit
    @jax.value_and_grad
    def value(amount):
        return jnp.cos(connectivity.propagate(weight, signals + amount * way)).sum()

    numeric = (value(1e-6)[0] - value(-1e-6)[0]) / 2e-6
    np.testing.assert_allclose(value(0.0)[1], numeric, rtol=1e-5)


@connectivities
def test_fan_in_counts_the_sources_of_a_target(connectivity, source, target, bias):
    shape = connectivity.weight_shape(source)
    weight = None if shape is None else jnp.ones(shape)
    signals = jnp.ones((1, *source))
    if isinstance(connectivity, Dale):  # inhibitory sources are counted too
        signals = signals * connectivity.sign.astype(float).reshape(1, *source)
    events = np.asarray(connectivity.propagate(weight, signals))
    if getattr(connectivity, "padding", "VALID") == "SAME":
        assert events.max() == connectivity.fan_in(source)  # fewer at the border
    else:
        np.testing.assert_allclose(events.mean(), connectivity.fan_in(source), atol=0.5)
