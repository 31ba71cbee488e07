from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxneuro.training import Parameters

from ._polished import Polished
from ._problem import Problem
from ._search import AXIS


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
                best = jax.tree.map(lambda a, b: jnp.where(loss < least, a, b), parameters, best)
                least = jnp.minimum(loss, least)
                gradient = jax.tree.map(
                    lambda g: jnp.where(jnp.isfinite(g), g, jnp.zeros_like(g)), gradient
                )
                with jax.numpy_dtype_promotion("standard"):  # optax mixes floats and integers
                    updates, state = optimizer.update(gradient, state, parameters)
                    parameters = optax.apply_updates(parameters, updates)
                return (parameters, state, best, least), loss

            never = jnp.full((), jnp.inf, next(iter(start.values())).dtype)
            carry = start, optimizer.init(start), start, never
            (_, _, best, least), history = jax.lax.scan(step, carry, None, steps + 1)
            return Polished(best, least, history)

        return jax.vmap(one, out_axes=Polished(0, 0, 1))(starts)  # pyright: ignore[reportArgumentType]

    run = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(P(AXIS), P()),
        out_specs=Polished(P(AXIS), P(AXIS), P(None, AXIS)),  # pyright: ignore[reportArgumentType]
        check_vma=False,
    )
    return run(starts, arrays)
