from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array

from jaxneuro.training import Parameters

from ._lanes import losses_of_all
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

        def losses(parameters: Parameters) -> tuple[Array, Array]:
            found = jax.vmap(problem.total)(losses_of_all(problem, parameters, True))
            return jnp.sum(found), found  # of which each start has its own gradient

        def step(carry: Any, _: None) -> Any:
            parameters, state, best, least = carry
            gradient, found = jax.grad(losses, has_aux=True)(parameters)
            best = jax.tree.map(lambda a, b: jnp.where(found < least, a, b), parameters, best)
            gradient = jax.tree.map(
                lambda g: jnp.where(jnp.isfinite(g), g, jnp.zeros_like(g)), gradient
            )
            with jax.numpy_dtype_promotion("standard"):  # optax mixes floats and integers
                updates, state = jax.vmap(optimizer.update)(gradient, state, parameters)
                parameters = optax.apply_updates(parameters, updates)
            return (parameters, state, best, jnp.minimum(found, least)), found

        never = jnp.full_like(next(iter(starts.values())), jnp.inf)
        carry = starts, jax.vmap(optimizer.init)(starts), starts, never
        (_, _, best, least), history = jax.lax.scan(step, carry, None, steps + 1)
        return Polished(best, least, history)

    run = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(P(AXIS), P()),
        out_specs=Polished(P(AXIS), P(AXIS), P(None, AXIS)),  # pyright: ignore[reportArgumentType]
        check_vma=False,
    )
    return run(starts, arrays)
