from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def normalise_incoming(
    weights: Sequence[Float[Array, "pre post"]], factor: float | Float[Array, "..."] = 1.0
) -> list[Float[Array, "pre post"]]:
    """Scale the weights into each target so that their absolute values sum to `factor`.

    W_k <- W_k factor / sum over all k and sources of |W_k|; a target that hears nothing stays so.

    **Arguments:**

    - `weights`: one matrix for each projection onto the population: their sums are added.
    - `factor`: the sum of each target, `()` or `(post,)`.

    **Returns:** the matrices, scaled.

    **Raises:** `ValueError` for matrices of unequal targets.

    !!! example

        ```python
        one, two = topology.normalise_incoming([jnp.ones((80, 10)), jnp.ones((20, 10))], 5.0)
        ```
    """
    shapes = [weight.shape for weight in weights]
    if not shapes or any(len(s) != 2 or s[1] != shapes[0][1] for s in shapes):
        raise ValueError(
            f"normalise_incoming: the weights have shapes {shapes}; pass at least one matrix "
            "(pre, post), and all with the same targets."
        )
    total = jnp.stack([jnp.abs(weight).sum(0) for weight in weights]).sum(0)
    scale = _inverse(total) * factor
    return [weight * scale[None] for weight in weights]


def balance(
    weight: Float[Array, "pre post"], rounds: int = 10, factor: float | Float[Array, ""] = 1.0
) -> Float[Array, "pre post"]:
    """Scale sources and targets in turn, so that all send alike and all hear alike.

    In each round first the weights of each source are divided by their sum, then those into each
    target by theirs, which are then 1 (times `factor` at the end). For a positive square matrix
    this converges to one whose rows and columns all sum to 1.

    **Arguments:**

    - `weight`: no negative ones.
    - `rounds`: how often.
    - `factor`: of the result.

    **Returns:** the matrix, scaled.

    Reference: Sinkhorn & Knopp (1967), Pacific J. Math. 21:343.

    !!! example

        ```python
        topology.balance(topology.uniform(jax.random.key(0), (50, 50), 0.0, 1.0))
        ```
    """

    def one(_: Array, weight: Array) -> Array:
        weight = weight * _inverse(weight.sum(1))[:, None]
        return weight * _inverse(weight.sum(0))[None]

    return jax.lax.fori_loop(0, rounds, one, weight) * factor


def _inverse(total: Float[Array, "n"]) -> Float[Array, "n"]:
    """1 / total, and 0 where there is nothing to scale."""
    return jnp.where(total == 0, 0.0, 1.0 / jnp.where(total == 0, 1.0, total))
