from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis import equilibrium, equilibrium_cell, iv_curves, negative_regions
from jaxneuro.neurons import burster

DATA = np.load(Path(__file__).parent.parent / "data" / "ribar.npz")
TAUS = (0.0, 50.0, 2500.0)
NEURONS = {"example": {}, "gui": {"delta_slow_negative": -0.9, "delta_ultraslow": -0.9}}


def steady(neuron):
    return lambda v: neuron.static_current(v, v, np.inf)


@pytest.mark.parametrize("name", NEURONS)
def test_curves_are_those_of_the_original(name, x64):
    neuron = burster(**NEURONS[name])
    v = jnp.asarray(DATA["iv_v"])
    curves = jax.jit(lambda v: iv_curves(neuron.static_current, TAUS, -2.0, v))(v)
    np.testing.assert_allclose(curves.currents, DATA[f"iv_{name}"], atol=1e-9)
    np.testing.assert_allclose(curves.v_rest, -2.0, atol=1e-12)
    # The original's equilibrium is the middle of the cell: -2.000000000000014
    cell = equilibrium_cell(steady(neuron), -2.0, v)
    np.testing.assert_allclose(cell.mean(), -2.0, atol=1e-12)
    np.testing.assert_allclose(cell[1] - cell[0], 0.1, atol=1e-12)


def test_slopes_are_the_derivative_and_regions_their_sign(x64):
    neuron = burster()
    v = np.linspace(-3.0, 3.0, 601)
    curves = iv_curves(neuron.static_current, TAUS, -2.0, jnp.asarray(v))
    inner = np.gradient(curves.currents, v, axis=1)[:, 1:-1]
    np.testing.assert_allclose(curves.slopes[:, 1:-1], inner, atol=1e-4)
    fast, slow, ultraslow = np.asarray(curves.regions)
    # 1 - 2 sech² v < 0 for cosh v < sqrt(2)
    wanted = np.abs(v) < np.arccosh(np.sqrt(2.0))
    np.testing.assert_array_equal(fast == 0, wanted)
    # The fast region stays marked although the slow curve rises there.
    np.testing.assert_array_equal(slow == 0, wanted)
    assert (curves.slopes[1][wanted] > 0).any()
    new = v[slow == 1]
    np.testing.assert_allclose([new.min(), new.max()], [-2.14, -0.89], atol=0.02)
    np.testing.assert_array_equal(ultraslow, slow)


def test_a_region_belongs_to_where_it_appears_first():
    slopes = jnp.asarray([[-1.0, 1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, 1.0], [1.0, -1.0, -1.0, 1.0]])
    wanted = [[0, -1, -1, -1], [0, 1, -1, -1], [0, 1, 2, -1]]
    np.testing.assert_array_equal(negative_regions(slopes), wanted)


def test_equilibrium_is_the_root_nearest_to_the_last_one(x64):
    v = jnp.linspace(-2.0, 2.0, 41)

    def cubic(v):
        return v**3 - v

    for near, wanted in ((0.1, 0.0), (0.7, 1.0), (-5.0, -1.0)):
        np.testing.assert_allclose(equilibrium(cubic, 0.0, v, near), wanted, atol=1e-12)
    # The search goes half the range beyond v on both sides.
    np.testing.assert_allclose(equilibrium(lambda v: v, 3.5, v), 3.5, rtol=1e-12)
    with pytest.raises(Exception, match="nowhere on the searched voltages"):
        equilibrium(lambda v: v, 5.0, v)


def test_root_on_a_grid_point_and_with_a_flat_tangent(x64):
    v = jnp.linspace(-2.0, 2.0, 5)
    np.testing.assert_allclose(equilibrium(lambda v: v - 1.0, 0.0, v), 1.0, atol=1e-12)
    root, slope = jax.value_and_grad(lambda i: equilibrium(lambda v: v**3, i, v))(0.0)
    np.testing.assert_allclose(root, 0.0, atol=1e-6)
    assert jnp.isfinite(slope)


def test_gradients_match_finite_differences(x64):
    v = jnp.linspace(-3.0, 3.0, 13)

    @jax.jit
    @jax.value_and_grad
    def feature(free):
        neuron = burster(a_slow_negative=free[0], delta_ultraslow=free[1], a_fast=free[2])
        curves = iv_curves(neuron.static_current, TAUS, free[3], v, near=-2.0)
        weight = jnp.sin(jnp.arange(39.0)).reshape(3, 13)
        return curves.v_rest + jnp.sum(weight * (curves.currents + 0.3 * curves.slopes))

    free = jnp.asarray([-1.4, -1.2, -1.9, -2.0])
    slope = feature(free)[1]
    for index in range(4):
        step = jnp.zeros(4).at[index].set(1e-5)
        numeric = (feature(free + step)[0] - feature(free - step)[0]) / 2e-5
        np.testing.assert_allclose(slope[index], numeric, rtol=1e-5)


def test_single_precision():
    curves = iv_curves(burster().static_current, TAUS, -2.0, jnp.linspace(-3.0, 3.0, 61))
    assert curves.currents.dtype == jnp.float32
    np.testing.assert_allclose(curves.v_rest, -2.0, atol=1e-5)
