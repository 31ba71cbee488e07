from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float

from jaxneuro.training import Parameters

from ._lanes import losses_of_all
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

        # Each turn judges what the one before proposed, the first the starts themselves: so the
        # program, which is slow to compile, has one backward pass.
        def turn(carry: Any, is_first: Array) -> Any:
            proposed, best, damping = carry
            new = _linearised(problem, paths, proposed)
            is_better = is_first | (new.total < best.total)
            best = jax.vmap(_where)(is_better, new, best)
            damping = damping * jnp.where(is_better, 0.25, 4.0)
            damping = jnp.clip(damping, LEAST_DAMPING, MOST_DAMPING)
            damping = jnp.where(is_first, FIRST_DAMPING, damping)
            return (jax.vmap(_step)(best, damping), best, damping), best.total

        damping = jnp.full(len(matrix), FIRST_DAMPING, matrix.dtype)
        unknown = jax.eval_shape(lambda x: _linearised(problem, paths, x), matrix)
        best = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), unknown)
        is_first = jnp.arange(steps + 1, dtype=jnp.int32) == 0
        (_, best, _), history = jax.lax.scan(turn, (matrix, best, damping), is_first)
        return best.x, best.total, history

    run = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(P(AXIS), P()),
        out_specs=(P(AXIS), P(AXIS), P(None, AXIS)),
        check_vma=False,
    )
    ends, losses, history = run(matrix, arrays)
    return Polished({path: ends[:, i] for i, path in enumerate(paths)}, losses, history)


class _Linearised(NamedTuple):
    """A point of each start, and how the losses change around it.

    **Attributes:**

    - `x`: unbounded parameters.
    - `losses`: of each sweep, the mean over its windows that count, and so `slopes`.
    """

    x: Float[Array, "starts p"]
    total: Float[Array, "starts"]
    losses: Float[Array, "starts sweeps"]
    slopes: Float[Array, "starts p sweeps"]


def _linearised(problem: Problem, paths: Sequence[str], x: Float[Array, "starts p"]) -> _Linearised:
    """The losses there, and their gradients."""
    copies = jnp.broadcast_to(x[:, :, None], (*x.shape, problem.target.sweeps))

    def losses(copies: Array) -> Float[Array, "starts windows sweeps"]:
        each = {path: copies[:, i] for i, path in enumerate(paths)}
        return losses_of_all(problem, each, True)

    value, back = jax.vjp(losses, copies)
    share = jax.vmap(problem.counts)(value).astype(value.dtype) / value.shape[1]
    total = jax.vmap(problem.total)(value)
    return _Linearised(x, total, jnp.sum(share * value, axis=1), back(share)[0])


def _where(condition: Array, yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def _step(start: _Linearised, damping: Array) -> Float[Array, "p"]:
    """Where a damped Gauss–Newton step leads; sweeps that are not finite have no say."""
    x, losses, slopes = start.x, start.losses, start.slopes
    is_sound = jnp.isfinite(losses) & jnp.isfinite(slopes).all(0)
    residuals = jnp.sqrt(jnp.where(is_sound, jnp.maximum(losses, 1e-12), 1.0))
    jacobian = jnp.where(is_sound[None], slopes, 0.0) / (2.0 * residuals)[None]
    residuals = jnp.where(is_sound, residuals, 0.0)
    hessian = jacobian @ jacobian.T + damping * jnp.eye(len(x), dtype=x.dtype)
    step = jnp.linalg.solve(hessian, jacobian @ residuals)
    length = jnp.sqrt(jnp.sum(step**2))
    return x - step * jnp.minimum(1.0, LONGEST_STEP / jnp.maximum(length, 1e-12))
