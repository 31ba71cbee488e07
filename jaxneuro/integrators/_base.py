import abc
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

VectorField = Callable[[Any, float], Any]
"""`f(y, c)`: dy/dt (per ms) in the structure of `y`, drives taken at the fraction c of the step."""


class AbstractIntegrator(eqx.Module):
    """A method that takes the state of an ordinary differential equation over one step.

    dy/dt = f(y, c), with c = 0 at the start of the step and 1 at its end.

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxneuro.integrators import ExponentialEuler

        state = {"v": jnp.array([1.0, 2.0]), "count": jnp.array([0, 1])}

        def f(y, c):
            return {"v": -y["v"] / 10.0, "count": None}

        state = ExponentialEuler().step(f, state, 1.0)  # v decays by exp(-0.1)
        ```
    """

    @abc.abstractmethod
    def step(self, f: VectorField, y: PyTree, dt: float | Float[Array, ""]) -> PyTree:
        """The state after one step.

        **Arguments:**

        - `f`: the vector field `f(y, c)`, dy/dt per ms in the structure of `y`; c (0 to 1) is the
          fraction of the step at which drives are evaluated.
        - `y`: the state, any pytree of arrays. Leaves that are not floating-point (counters, keys)
          stay as they are, and what `f` has in their place is ignored; it may be `None`.
        - `dt`: length of the step, ms.

        **Returns:** the new state: structure, shapes and dtypes of `y`.

        **Raises:** `ValueError` if a derivative does not have the shape of its leaf.
        """


def advance(
    y: PyTree,
    dt: float | Float[Array, ""],
    slopes: Sequence[PyTree],
    weights: Sequence[float] = (1.0,),
) -> PyTree:
    """y + dt Σ weight · slope on the floating-point leaves; the others stay as they are."""

    def move(path, leaf, *rates):
        if not has_slope(leaf):
            return leaf
        for rate in rates:
            check_rate(path, leaf, rate)
        terms = [weight * rate for weight, rate in zip(weights, rates, strict=True)]
        return leaf + step_like(dt, leaf) * functools.reduce(operator.add, terms)

    return jax.tree_util.tree_map_with_path(move, y, *slopes, is_leaf=lambda leaf: leaf is None)


def has_slope(leaf: Any) -> bool:
    """Whether a leaf of the state is integrated: floating-point or complex."""
    # Not `eqx.is_inexact_array_like`: it fails on every tracer (equinox 0.13.8, jax 0.10.2).
    return eqx.is_inexact_array(leaf) or isinstance(leaf, float | complex)


def step_like(dt: float | Float[Array, ""], leaf: Array) -> float | Array:
    """`dt` in a form that leaves the dtype of `leaf` alone: a Python number stays a literal."""
    return float(dt) if isinstance(dt, int | float) else jnp.asarray(dt, jnp.result_type(leaf))


def check_rate(path: tuple[Any, ...], leaf: Array, rate: Array) -> None:
    """Refuses a derivative that would change the shape of its leaf; a scalar is broadcast."""
    if jnp.shape(rate) not in ((), jnp.shape(leaf)):
        raise ValueError(
            f"State y{jax.tree_util.keystr(path)} has shape {jnp.shape(leaf)}, but f returned a "
            f"derivative of shape {jnp.shape(rate)} for it. Return the shape of the state."
        )
