import math
import re
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import jaxneuro.surrogates as surrogates
from jaxneuro.core import param
from jaxneuro.surrogates import (
    AbstractSurrogate,
    Arctan,
    Box,
    MultiGaussian,
    Sigmoid,
    StraightThrough,
    SuperSpike,
    Triangular,
)


def _normal(x, mean, sigma):
    return np.exp(-((x - mean) ** 2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)


def _normal_integral(x, mean, sigma):
    return 0.5 * np.vectorize(math.erf)((x - mean) / (np.sqrt(2) * sigma))


def _logistic(x):
    return 1 / (1 + np.exp(-x))


# surrogate, its derivative as published, and the smooth function it is the derivative of.
CASES = {
    "superspike": (
        lambda: SuperSpike(slope=10.0),
        lambda x: 1 / (1 + 10 * np.abs(x)) ** 2,
        lambda x: x / (1 + 10 * np.abs(x)),
    ),
    "sigmoid": (
        lambda: Sigmoid(slope=3.0),
        lambda x: 3 * _logistic(3 * x) * (1 - _logistic(3 * x)),
        lambda x: _logistic(3 * x),
    ),
    "arctan": (
        lambda: Arctan(alpha=1.5),
        lambda x: 0.75 / (1 + (np.pi / 2 * 1.5 * x) ** 2),
        lambda x: np.arctan(np.pi / 2 * 1.5 * x) / np.pi,
    ),
    "triangular": (
        lambda: Triangular(height=0.3, width=0.8),
        lambda x: 0.3 * np.maximum(0, 1 - np.abs(x) / 0.8),
        lambda x: (
            0.3 * np.sign(x) * (np.clip(np.abs(x), 0, 0.8) * (1 - np.clip(np.abs(x), 0, 0.8) / 1.6))
        ),
    ),
    "box": (
        lambda: Box(width=0.25),
        lambda x: 2.0 * (np.abs(x) < 0.25),
        lambda x: np.clip(2.0 * x + 0.5, 0, 1),
    ),
    "multi_gaussian": (
        MultiGaussian,
        lambda x: 1.15 * _normal(x, 0, 0.5) - 0.15 * (_normal(x, 0.5, 3) + _normal(x, -0.5, 3)),
        lambda x: (
            1.15 * _normal_integral(x, 0, 0.5)
            - 0.15 * (_normal_integral(x, 0.5, 3) + _normal_integral(x, -0.5, 3))
        ),
    ),
    "straight_through": (StraightThrough, np.ones_like, lambda x: x),
}
# No point falls on a kink of Triangular (0.8) or Box (0.25).
MARGINS = np.array([-3.0, -1.1, -0.5, -0.2, -0.03, 0.01, 0.1, 0.3, 0.7, 2.0, 40.0])

every_case = pytest.mark.parametrize(
    ("make", "derivative", "primitive"), CASES.values(), ids=CASES.keys()
)
every_surrogate = pytest.mark.parametrize("make", [c[0] for c in CASES.values()], ids=CASES.keys())


def _slopes(surrogate, margin):
    return jax.grad(lambda m: surrogate(m).sum())(margin)


@every_case
def test_gradient_is_the_published_formula(make, derivative, primitive, x64):
    margin = np.append(MARGINS, 0.0)
    np.testing.assert_allclose(
        _slopes(make(), jnp.asarray(margin)), derivative(margin), rtol=1e-12, atol=1e-15
    )


@every_case
def test_gradient_in_float32(make, derivative, primitive):
    slopes = _slopes(make(), jnp.asarray(MARGINS, jnp.float32))
    assert slopes.dtype == jnp.float32
    np.testing.assert_allclose(slopes, derivative(MARGINS), rtol=1e-5, atol=1e-7)


@every_case
def test_gradient_is_the_slope_of_the_primitive(make, derivative, primitive, x64):
    h = 1e-5
    slopes = (primitive(MARGINS + h) - primitive(MARGINS - h)) / (2 * h)
    # Truncation and cancellation of the central difference are both near 1e-8.
    np.testing.assert_allclose(
        make().derivative(jnp.asarray(MARGINS)), slopes, rtol=1e-6, atol=1e-9
    )


@every_surrogate
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_spikes_are_the_exact_step(make, dtype, x64):
    tiny = np.finfo(dtype).tiny
    margin = jnp.array([-np.inf, -1.0, -tiny, -0.0, 0.0, tiny, 1.0, np.inf], dtype)
    spikes = make()(margin)
    assert spikes.dtype == margin.dtype
    np.testing.assert_array_equal(spikes, [0, 0, 0, 0, 0, 1, 1, 1])


@every_surrogate
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_vanishes_at_infinity(make, dtype, x64):
    slopes = _slopes(make(), jnp.array([-np.inf, np.inf], dtype))
    np.testing.assert_array_equal(slopes, [0.0, 0.0])


@every_surrogate
def test_parameters_get_no_gradient(make):
    surrogate = make()
    gradient = jax.grad(lambda s: s(jnp.array([-0.1, 0.05])).sum())(surrogate)
    assert jax.tree.structure(gradient) == jax.tree.structure(surrogate)
    assert all(not leaf.any() for leaf in jax.tree.leaves(gradient))


@every_surrogate
def test_jit_vmap_and_jvp_agree(make, x64):
    surrogate, margin = make(), jnp.asarray(MARGINS)
    tangent = jnp.linspace(-1.0, 2.0, margin.size)
    expected = _slopes(surrogate, margin)
    np.testing.assert_allclose(jax.jit(_slopes)(surrogate, margin), expected, rtol=1e-14)
    np.testing.assert_allclose(jax.vmap(jax.grad(surrogate))(margin), expected, rtol=1e-14)
    spikes, moved = jax.jvp(surrogate, (margin,), (tangent,))
    np.testing.assert_array_equal(spikes, MARGINS > 0)
    np.testing.assert_allclose(moved, expected * tangent, rtol=1e-14)


def test_parameters_can_be_batched_and_traced(x64):
    slopes = jnp.array([1.0, 5.0, 25.0])
    swept = jax.jit(jax.vmap(lambda slope: jax.grad(SuperSpike(slope))(0.1)))(slopes)
    np.testing.assert_allclose(swept, 1 / (1 + np.array(slopes) * 0.1) ** 2, rtol=1e-14)
    per_neuron = _slopes(SuperSpike(slopes), jnp.full(3, 0.1))
    np.testing.assert_allclose(per_neuron, swept, rtol=1e-14)


def test_new_parameters_do_not_recompile():
    traces = []

    @eqx.filter_jit
    def slopes(surrogate, margin):
        traces.append(None)
        return _slopes(surrogate, margin)

    margin = jnp.array([0.1])
    assert slopes(SuperSpike(10.0), margin) != slopes(SuperSpike(20.0), margin)
    assert len(traces) == 1


@every_surrogate
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_take_the_precision_of_the_margin(make, dtype, x64):
    other = {"float32": jnp.float64, "float64": jnp.float32}[dtype]
    surrogate = jax.tree.map(lambda leaf: leaf.astype(other), make())
    margin = jnp.array([0.1], dtype)
    slopes = _slopes(surrogate, margin)
    assert slopes.dtype == margin.dtype
    np.testing.assert_allclose(slopes, _slopes(make(), margin), rtol=1e-6)


def test_gradient_through_a_scan_is_the_chain_rule_by_hand(x64):
    surrogate = SuperSpike(slope=4.0)
    inputs, decay = np.array([0.6, 0.9, 0.2, 0.8, 0.1]), 0.8

    def count(drive):
        def step(v, x):
            v = decay * v + x
            spikes = surrogate(v - 1.0)
            return v - spikes, spikes

        return jax.lax.scan(step, jnp.zeros(()), drive)[1].sum()

    v, dv, expected = 0.0, np.zeros(5), np.zeros(5)
    for i, x in enumerate(inputs):
        v, dv = decay * v + x, decay * dv + np.eye(5)[i]
        ds = dv / (1 + 4 * abs(v - 1)) ** 2
        expected += ds
        v, dv = v - (v > 1), dv - ds
    np.testing.assert_allclose(jax.grad(count)(jnp.asarray(inputs)), expected, rtol=1e-12)


def test_a_margin_of_integers_is_refused():
    with pytest.raises(TypeError, match=r"SuperSpike: margin has dtype int32.*floating-point"):
        SuperSpike()(jnp.array([1, -1]))


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_a_parameter_outside_its_range_is_refused(bad):
    with pytest.raises(ValueError, match=r"Box: width is .*; it must be above 0"):
        Box(width=bad)


def test_ranges_are_not_checked_on_tracers():
    assert jax.jit(lambda width: Box(width).derivative(jnp.array(0.1)))(0.25) == 2.0


def test_a_surrogate_of_ones_own(x64):
    class Exponential(AbstractSurrogate):
        decay: Array = param(5.0, lower=0.0)

        def derivative(self, margin):
            return jnp.exp(-self.decay * jnp.abs(margin))

    np.testing.assert_allclose(jax.grad(Exponential())(0.2), np.exp(-1.0), rtol=1e-14)


@pytest.mark.parametrize("name", [name for name in vars(surrogates) if name[0].isupper()])
def test_examples_run(name):
    code = re.search(r"```python\n(.*?)```", getattr(surrogates, name).__doc__, re.DOTALL)
    assert code is not None
    exec(textwrap.dedent(code[1]), {})
