from typing import NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, Float

from jaxneuro.training import Parameters

from ._problem import Problem


class Polished(NamedTuple):
    """What became of each start after the search.

    **Attributes:**

    - `parameters`: the best of each start on its way, unbounded, `(starts,)` each.
    - `loss`: theirs, with exact spike times; infinity for a start whose loss was never finite.
    - `history`: loss of each start before each step and at the end, `(steps + 1, starts)`.
    """

    parameters: Parameters
    loss: Float[Array, "starts"]
    history: Float[Array, "steps starts"]


@eqx.filter_jit
def leave(problem: Problem, starts: Parameters) -> Polished:
    """No step at all: what the starts are worth."""
    losses = jax.vmap(lambda parameters: problem.loss(parameters, True))(starts)
    return Polished(starts, losses, losses[None])
