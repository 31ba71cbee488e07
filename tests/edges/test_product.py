import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges._patches import patch_convolution
from jaxneuro.edges._product import dense_product

SHAPES = [(5, 3, 4), (128, 7, 10), (256, 7, 10), (256, 7, 40), (300, 7, 10)]


@pytest.mark.parametrize(("rows", "pre", "post"), SHAPES)
def test_gradients_equal_those_of_the_plain_product(getkey, rows, pre, post):
    x = jax.random.normal(getkey(), (rows, pre))
    w = jax.random.normal(getkey(), (pre, post))
    c = jax.random.normal(getkey(), (rows, post))
    ours = jax.grad(lambda x, w: (dense_product(x, w) * c).sum(), (0, 1))(x, w)
    plain = jax.grad(lambda x, w: ((x @ w) * c).sum(), (0, 1))(x, w)
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_vmap_over_signals_equals_a_loop(getkey, axis):
    x = jnp.moveaxis(jax.random.normal(getkey(), (4, 64, 7)), 0, axis)
    w = jax.random.normal(getkey(), (7, 10))

    def loss(w):
        return (jax.vmap(dense_product, in_axes=(axis, None))(x, w) ** 2).sum()

    def looped(w):
        return sum((x.take(i, axis) @ w).__pow__(2).sum() for i in range(4))

    np.testing.assert_allclose(loss(w), looped(w), rtol=1e-5)
    np.testing.assert_allclose(jax.grad(loss)(w), jax.grad(looped)(w), rtol=1e-5, atol=1e-4)


def test_vmap_over_weights_equals_a_loop(getkey):
    x = jax.random.normal(getkey(), (3, 16, 7))
    w = jax.random.normal(getkey(), (3, 7, 10))
    both = jax.vmap(dense_product)(x, w)
    weights = jax.vmap(dense_product, in_axes=(None, 0))(x[0], w)
    for i in range(3):
        np.testing.assert_allclose(both[i], x[i] @ w[i], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(weights[i], x[0] @ w[i], rtol=1e-5, atol=1e-6)


def test_second_derivative(getkey):
    x = jax.random.normal(getkey(), (256, 3))
    w = jax.random.normal(getkey(), (3, 2))
    ours = jax.hessian(lambda w: (dense_product(x, w) ** 4).sum())(w)
    plain = jax.hessian(lambda w: ((x @ w) ** 4).sum())(w)
    np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize(("spatial", "kernel"), [((9,), (4,)), ((7, 8), (3, 2))])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_patches_compute_the_convolution(getkey, spatial, kernel, stride, padding):
    x = jax.random.normal(getkey(), (5, *spatial, 3))
    w = jax.random.normal(getkey(), (*kernel, 3, 4))
    letters = "HW"[-len(kernel) :]
    numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")

    def plain(x, w):
        strides = (stride,) * len(kernel)
        return jax.lax.conv_general_dilated(x, w, strides, padding, dimension_numbers=numbers)

    ours = patch_convolution(x, w, stride, padding)
    np.testing.assert_allclose(ours, plain(x, w), rtol=1e-5, atol=1e-5)
    gradients = [
        jax.grad(lambda x, w, f=f: (f(x, w) ** 2).sum(), (0, 1))(x, w)
        for f in (lambda x, w: patch_convolution(x, w, stride, padding), plain)
    ]
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
