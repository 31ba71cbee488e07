from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float

from jaxneuro.training import Parameters

from ._polished import Polished
from ._problem import Problem
from ._search import AXIS

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-7, 1e6
LONGEST_STEP = 0.5  # in unbounded numbers


def polish(problem: Problem, starts: Parameters, *, steps: int, devices: Sequence[Any]) -> Polished:
    """Damped Gauss–Newton steps from every start at once, taken only where the loss falls.

    The root of each sweep's loss is one residual. Parameters that differ by orders of magnitude in
    what they change are thus no hindrance, and a sweep whose loss is about to jump, where a spike
    comes or goes, forbids its own direction alone. One backward pass gives the gradients of all
    sweeps, each of which has its own copy of the parameters.

    Reference: Marquardt (1963), SIAM J. Appl. Math. 11:431 (the damping).
    """
    mesh = Mesh(np.asarray(list(devices)), (AXIS,))
    return _polish(problem, starts, steps, mesh)


@eqx.filter_jit
def _polish(problem: Problem, starts: Parameters, steps: int, mesh: Mesh) -> Polished:
    arrays, rest = eqx.partition(problem, eqx.is_array)
    paths = sorted(starts)
    matrix = jnp.stack([starts[path] for path in paths], axis=1)

    def local(matrix: Array, arrays: Any) -> tuple[Array, Array, Array]:
        problem = eqx.combine(arrays, rest)

        def one(start: Float[Array, "p"]) -> tuple[Array, Array, Array]:
            # Each turn judges what the one before proposed, the first the start itself: so the
            # program, which is slow to compile, has one backward pass.
            def turn(carry: Any, is_first: Array) -> Any:
                proposed, best, damping = carry
                new = proposed, *_linearised(problem, paths, proposed)
                is_better = is_first | (problem.total(new[1]) < problem.total(best[1]))
                best = jax.tree.map(lambda a, b: jnp.where(is_better, a, b), new, best)
                damping = damping * jnp.where(is_better, 0.25, 4.0)
                damping = jnp.clip(damping, LEAST_DAMPING, MOST_DAMPING)
                damping = jnp.where(is_first, FIRST_DAMPING, damping)
                x, losses, slopes = best
                proposed = _step(x, losses, slopes, problem.counts(losses), damping)
                return (proposed, best, damping), problem.total(losses)

            unknown = jnp.full(problem.target.sweeps, jnp.inf, start.dtype)
            best = start, unknown, jnp.zeros((len(start), len(unknown)), start.dtype)
            carry = start, best, jnp.asarray(FIRST_DAMPING, start.dtype)
            is_first = jnp.arange(steps + 1, dtype=jnp.int32) == 0
            (_, (x, losses, _), _), history = jax.lax.scan(turn, carry, is_first)
            return x, problem.total(losses), history

        return jax.vmap(one, out_axes=(0, 0, 1))(matrix)

    run = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(P(AXIS), P()),
        out_specs=(P(AXIS), P(AXIS), P(None, AXIS)),
        check_vma=False,
    )
    ends, losses, history = run(matrix, arrays)
    return Polished({path: ends[:, i] for i, path in enumerate(paths)}, losses, history)


def _linearised(
    problem: Problem, paths: Sequence[str], x: Float[Array, "p"]
) -> tuple[Float[Array, "sweeps"], Float[Array, "p sweeps"]]:
    """The loss of each sweep, and its gradient."""
    copies = jnp.broadcast_to(x[:, None], (len(x), problem.target.sweeps))

    def losses(copies: Array) -> Array:
        return problem.losses({path: copies[i] for i, path in enumerate(paths)}, True)

    value, back = jax.vjp(losses, copies)
    return value, back(jnp.ones_like(value))[0]


def _step(x: Array, losses: Array, slopes: Array, counts: Array, damping: Array) -> Array:
    """Where a damped Gauss–Newton step leads; sweeps that are not finite have no say."""
    is_sound = counts & jnp.isfinite(losses) & jnp.isfinite(slopes).all(0)
    residuals = jnp.sqrt(jnp.where(is_sound, jnp.maximum(losses, 1e-12), 1.0))
    jacobian = jnp.where(is_sound[None], slopes, 0.0) / (2.0 * residuals)[None]
    residuals = jnp.where(is_sound, residuals, 0.0)
    hessian = jacobian @ jacobian.T + damping * jnp.eye(len(x), dtype=x.dtype)
    step = jnp.linalg.solve(hessian, jacobian @ residuals)
    length = jnp.sqrt(jnp.sum(step**2))
    return x - step * jnp.minimum(1.0, LONGEST_STEP / jnp.maximum(length, 1e-12))
