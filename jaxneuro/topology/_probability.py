import numpy as np
from jaxtyping import Array, Key

from jaxneuro.edges import Sparse

from ._pairs import Size, as_sparse, size_of
from ._random import check_one_population, check_probability, generator, successes


def fixed_probability(
    key: Key[Array, ""],
    pre: Size,
    post: Size,
    probability: float,
    *,
    self_connections: bool = True,
) -> Sparse:
    """Join each ordered pair of neurons with the same probability, independently.

    No pair occurs twice. Time and memory are those of the synapses, not of the pairs: ten million
    synapses between two populations of 100,000 are built in seconds.

    **Arguments:**

    - `key`: decides which pairs; the same key gives the same ones.
    - `pre`, `post`: number of neurons or shape of the source and of the target population.
    - `probability`: of each pair, in [0, 1].
    - `self_connections`: as in `all_to_all`.

    **Returns:** synapses sorted by source, then by target.

    **Raises:** `ValueError` for a probability outside [0, 1], a traced key, and as `all_to_all`.

    Reference: Batagelj & Brandes (2005), Phys. Rev. E 71:036113 (geometric gaps).

    !!! example

        ```python
        topology.fixed_probability(jax.random.key(0), 320, 400, 0.02)
        ```
    """
    n_pre, n_post = size_of(pre), size_of(post)
    probability = check_probability(probability, "fixed_probability: probability")
    if not self_connections:
        check_one_population(n_pre, n_post, "fixed_probability")
    rng = generator(key, "fixed_probability")
    source, target = bernoulli_pairs(rng, n_pre, n_post, probability, self_connections)
    return as_sparse(source, target, post)


def bernoulli_pairs(
    rng: np.random.Generator, pre: int, post: int, probability: float, self_connections: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets of the pairs that are joined, sorted by source, then by target."""
    choices = post if self_connections else post - 1
    source, target = np.divmod(successes(rng, pre * choices, probability), max(1, choices))
    return source, target if self_connections else step_over(target, source)


def step_over(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Numbers of the other neurons, made numbers of all neurons of a population."""
    return target + (target >= source)
