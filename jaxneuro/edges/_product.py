"""The product of a dense projection, as a primitive, so that its gradient can choose its form.

XLA:CPU computes the weight gradient of a narrow layer (many rows, few outputs) two to six times
faster as a batch of small products that are then summed than as one product
(`benchmarks/engine.py`, 784-1024-10). A `custom_vjp` could say so too, but under `vmap` it would
make one weight gradient per example before summing them; a primitive sees the whole batch.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

NARROW = 32
ROWS = 128


def dense_product(
    signals: Float[Array, "*rows pre"], weight: Float[Array, "pre post"]
) -> Float[Array, "*rows post"]:
    """`signals @ weight`."""
    return product_p.bind(signals, weight)


def _product(signals: Array, weight: Array) -> Array:
    return jax.lax.dot_general(signals, weight, (((signals.ndim - 1,), (0,)), ((), ())))


def _signal_gradient(cotangent: Array, signals: Any, weight: Array) -> Array:
    return jax.lax.dot_general(cotangent, weight, (((cotangent.ndim - 1,), (1,)), ((), ())))


def _weight_gradient(cotangent: Array, signals: Array, weight: Any) -> Array:
    rows = math.prod(signals.shape[:-1])
    if cotangent.shape[-1] > NARROW or rows % ROWS or rows == ROWS:
        return _one_product(cotangent, signals)
    return jax.lax.platform_dependent(
        cotangent, signals, cpu=_summed_products, default=_one_product
    )


def _one_product(cotangent: Array, signals: Array) -> Array:
    rows = tuple(range(signals.ndim - 1))
    return jax.lax.dot_general(signals, cotangent, ((rows, rows), ((), ())))


def _summed_products(cotangent: Array, signals: Array) -> Array:
    post, pre = (x.reshape(-1, ROWS, x.shape[-1]) for x in (cotangent, signals))
    products = jax.lax.dot_general(post, pre, (((1,), (1,)), ((0,), (0,))))
    ones = jnp.ones(products.shape[0], products.dtype)
    return jax.lax.dot_general(ones, products, (((0,), (0,)), ((), ()))).T


def _batched(operands: tuple[Array, Array], axes: tuple[int | None, int | None]):
    signals, weight = operands
    signals_axis, weight_axis = axes
    if weight_axis is not None:
        return jax.vmap(_product, in_axes=axes)(signals, weight), 0
    if signals_axis == signals.ndim - 1:
        signals, signals_axis = jnp.moveaxis(signals, -1, 0), 0
    return product_p.bind(signals, weight), signals_axis


product_p = Primitive("jaxneuro_dense_product")
product_p.def_impl(jax.jit(_product))
product_p.def_abstract_eval(
    lambda signals, weight: signals.update(shape=(*signals.shape[:-1], weight.shape[1]))
)
ad.defbilinear(product_p, _signal_gradient, _weight_gradient)
batching.primitive_batchers[product_p] = _batched
mlir.register_lowering(product_p, mlir.lower_fun(_product, multiple_results=False))
