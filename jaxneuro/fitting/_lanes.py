"""Many candidates in few populations, so that the innermost axis of every array is a good one."""

import itertools
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.training import Parameters

from ._target import repeat_sweeps

if TYPE_CHECKING:
    from ._problem import Problem

# XLA on the CPU makes vectors of the innermost axis only, of 32 numbers at a time and then of 8:
# a step of 11 or 30 sweeps takes two to four times as long for each as one of 88 or 120.
VECTOR, UNROLLED = 8, 32


def side_by_side(sweeps: int, candidates: int) -> int:
    """How many candidates share a population: the fewest whose sweeps fill whole vectors."""
    for count in itertools.count(1):
        lanes = count * sweeps
        if count == candidates or (lanes >= UNROLLED and lanes % VECTOR == 0):
            return count
    raise AssertionError


def losses_of_all(
    problem: "Problem", parameters: Parameters, is_exact: bool
) -> Float[Array, "candidates windows sweeps"]:
    """`Problem.losses` of many candidates, some of them beside each other in one population.

    **Arguments:**

    - `parameters`: each `(candidates,)`, or `(candidates, sweeps)` with a value for each sweep.
    """
    sweeps, count = problem.target.sweeps, len(next(iter(parameters.values())))
    size = side_by_side(sweeps, count)
    groups = -(-count // size)
    beside = problem.with_target(repeat_sweeps(problem.target, size))
    # The last one fills up the last group.
    place = jnp.minimum(jnp.arange(groups * size, dtype=jnp.int32), count - 1)

    def lanes(x: Array) -> Float[Array, "groups lanes"]:
        x = x[place].reshape(groups * size, -1)
        return jnp.broadcast_to(x, (groups * size, sweeps)).reshape(groups, -1)

    spread = {path: lanes(x) for path, x in parameters.items()}
    losses = jax.vmap(lambda group: beside.losses(group, is_exact))(spread)
    losses = losses.reshape(groups, -1, size, sweeps)
    return jnp.moveaxis(losses, 2, 1).reshape(groups * size, -1, sweeps)[:count]
