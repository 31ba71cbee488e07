import numpy as np
from jaxtyping import Array, Key

from jaxneuro.core import plural
from jaxneuro.edges import Sparse

from ._pairs import Size, as_sparse, size_of, sorted_sparse
from ._probability import step_over
from ._random import check_count, check_one_population, distinct, generator


def fixed_indegree(
    key: Key[Array, ""],
    pre: Size,
    post: Size,
    k: int,
    *,
    multapses: bool = False,
    self_connections: bool = True,
) -> Sparse:
    """Give each target neuron `k` sources, drawn at random.

    **Arguments:**

    - `key`, `pre`, `post`, `self_connections`: as in `fixed_probability`.
    - `k`: synapses onto each target neuron.
    - `multapses`: whether a pair may be joined more than once; the sources are then drawn
      with replacement.

    **Returns:** synapses sorted by source, then by target.

    **Raises:** `ValueError` for more synapses than there are sources (without multapses), and as
    `fixed_probability`.

    !!! example

        ```python
        topology.fixed_indegree(jax.random.key(0), 400, 400, 80, self_connections=False)
        ```
    """
    n_pre, n_post = size_of(pre), size_of(post)
    rng = generator(key, "fixed_indegree")
    k = _check_degree("fixed_indegree", k, n_pre, n_post, multapses, self_connections, "source")
    sources = _partners(rng, n_post, n_pre, k, multapses, self_connections)
    return sorted_sparse(sources.ravel(), np.repeat(np.arange(n_post), k), post)


def fixed_outdegree(
    key: Key[Array, ""],
    pre: Size,
    post: Size,
    k: int,
    *,
    multapses: bool = False,
    self_connections: bool = True,
) -> Sparse:
    """Give each source neuron `k` targets, drawn at random.

    **Arguments:**

    - `key`, `pre`, `post`, `multapses`, `self_connections`: as in `fixed_indegree`.
    - `k`: synapses of each source neuron.

    **Returns:** synapses sorted by source, then by target.

    **Raises:** `ValueError` for more synapses than there are targets (without multapses), and as
    `fixed_probability`.

    !!! example

        ```python
        topology.fixed_outdegree(jax.random.key(0), (20, 20), 100, 10)
        ```
    """
    n_pre, n_post = size_of(pre), size_of(post)
    rng = generator(key, "fixed_outdegree")
    k = _check_degree("fixed_outdegree", k, n_pre, n_post, multapses, self_connections, "target")
    targets = _partners(rng, n_pre, n_post, k, multapses, self_connections)
    return as_sparse(np.repeat(np.arange(n_pre), k), targets.ravel(), post)


def _partners(
    rng: np.random.Generator,
    rows: int,
    population: int,
    k: int,
    multapses: bool,
    self_connections: bool,
) -> np.ndarray:
    """For each of the neurons `rows`, `k` of the other population, ascending."""
    choices = population if self_connections else population - 1
    if multapses:
        drawn = np.sort(rng.integers(0, max(1, choices), (rows, k)), axis=1)
    else:
        drawn = distinct(rng, rows, choices, k)
    return drawn if self_connections else step_over(drawn, np.arange(rows)[:, None])


def _check_degree(
    name: str, k: int, pre: int, post: int, multapses: bool, self_connections: bool, role: str
) -> int:
    k = check_count(k, f"{name}: k")
    if not self_connections:
        check_one_population(pre, post, name)
    choices = (pre if role == "source" else post) - (not self_connections)
    if k > choices and (not multapses or choices == 0):
        others = "" if self_connections else "other "
        raise ValueError(
            f"{name}: k is {k}, but there {'is' if choices == 1 else 'are'} only "
            f"{plural(choices, f'{others}{role} neuron')} to draw from. Pass a smaller k"
            + (", or multapses=True to join a pair more than once." if choices else ".")
        )
    return k
