from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float

from jaxneuro.training import Parameters

from ._problem import Problem
from ._search import AXIS


class Polished(NamedTuple):
    """What the gradient made of each start.

    **Attributes:**

    - `parameters`: the best of each start on its way, unbounded, `(starts,)` each.
    - `loss`: theirs; infinity for a start whose loss was never finite.
    - `history`: loss of each start before each step and at the end, `(steps + 1, starts)`.
    """

    parameters: Parameters
    loss: Float[Array, "starts"]
    history: Float[Array, "steps starts"]


def descend(
    problem: Problem,
    starts: Parameters,
    *,
    steps: int,
    optimizer: optax.GradientTransformation,
    devices: Sequence[Any],
) -> Polished:
    """Goes down the gradient from every start at once, and keeps the best point of each.

    A start whose gradient is not finite goes on with those of its components that are.
    """
    mesh = Mesh(np.asarray(list(devices)), (AXIS,))
    return _descend(problem, starts, steps, optimizer, mesh)


@eqx.filter_jit
def _descend(
    problem: Problem,
    starts: Parameters,
    steps: int,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
) -> Polished:
    arrays, rest = eqx.partition(problem, eqx.is_array)

    def local(starts: Parameters, arrays: Any) -> Polished:
        problem = eqx.combine(arrays, rest)
        value_and_gradient = jax.value_and_grad(lambda p: problem.loss(p, True))

        def one(start: Parameters) -> Polished:
            def step(carry: Any, _: None) -> Any:
                parameters, state, best, least = carry
                loss, gradient = value_and_gradient(parameters)
                best, least = _better(parameters, loss, best, least)
                gradient = jax.tree.map(
                    lambda g: jnp.where(jnp.isfinite(g), g, jnp.zeros_like(g)), gradient
                )
                updates, state = optimizer.update(gradient, state, parameters)
                return (optax.apply_updates(parameters, updates), state, best, least), loss

            carry = start, optimizer.init(start), start, jnp.asarray(jnp.inf, _dtype(start))
            (parameters, _, best, least), history = jax.lax.scan(step, carry, None, steps)
            last = problem.loss(parameters, True)
            best, least = _better(parameters, last, best, least)
            return Polished(best, least, jnp.concatenate([history, last[None]]))

        return jax.vmap(one, out_axes=Polished(0, 0, 1))(starts)  # pyright: ignore[reportArgumentType]

    run = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(P(AXIS), P()),
        out_specs=Polished(P(AXIS), P(AXIS), P(None, AXIS)),  # pyright: ignore[reportArgumentType]
        check_vma=False,
    )
    return run(starts, arrays)


def _better(new: Parameters, loss: Array, best: Parameters, least: Array) -> Any:
    is_better = loss < least
    best = jax.tree.map(lambda a, b: jnp.where(is_better, a, b), new, best)
    return best, jnp.minimum(jnp.where(jnp.isnan(loss), jnp.inf, loss), least)


def _dtype(parameters: Parameters) -> Any:
    return next(iter(parameters.values())).dtype
