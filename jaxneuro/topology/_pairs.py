import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from jaxneuro.edges import Sparse
from jaxneuro.neurons import as_shape

from ._random import check_one_population

Size = int | tuple[int, ...]


def all_to_all(pre: Size, post: Size, *, self_connections: bool = True) -> Sparse:
    """Every source to every target, as a list of synapses.

    `edges.Dense` is the same as a matrix, and faster; the list may have a delay for each synapse
    and leave out self connections.

    **Arguments:**

    - `pre`, `post`: number of neurons or shape of the source and of the target population.
    - `self_connections`: False leaves out neuron i to neuron i of a population that projects to
      itself.

    **Returns:** synapses sorted by source, then by target.

    **Raises:** `ValueError` for sizes that are no whole numbers >= 1, and for
    `self_connections=False` between populations of unequal size.

    !!! example

        ```python
        topology.all_to_all(20, 20, self_connections=False)
        ```
    """
    n_pre, n_post = size_of(pre), size_of(post)
    if not self_connections:
        check_one_population(n_pre, n_post, "all_to_all")
    source = np.repeat(np.arange(n_pre), n_post)
    target = np.tile(np.arange(n_post), n_pre)
    is_kept = slice(None) if self_connections else source != target
    return as_sparse(source[is_kept], target[is_kept], post)


def one_to_one(size: Size) -> Sparse:
    """Neuron i to neuron i, as a list of synapses.

    `edges.OneToOne` is the same without the lists; these may have a delay for each synapse.

    **Arguments:**

    - `size`: number of neurons or shape of both populations.

    **Returns:** one synapse a neuron.

    !!! example

        ```python
        topology.one_to_one((8, 8))
        ```
    """
    indices = np.arange(size_of(size))
    return as_sparse(indices, indices, size)


def keep(connectivity: Sparse, is_kept: Bool[Array | np.ndarray, "synapses"]) -> Sparse:
    """Leave out synapses, for instance those with a weak weight.

    **Arguments:**

    - `connectivity`: synapses.
    - `is_kept`: False for those to leave out.

    **Returns:** the others, in the same order. Index their weights and delays likewise.

    **Raises:** `ValueError` for a mask of another shape or type.

    !!! example

        ```python
        sparse = topology.fixed_probability(jax.random.key(0), 80, 20, 0.5)
        weight = topology.uniform(jax.random.key(1), sparse.pre.size, 0.0, 1.0)
        is_strong = weight > 0.01
        sparse, weight = topology.keep(sparse, is_strong), weight[is_strong]
        ```
    """
    mask = np.asarray(is_kept)
    if mask.dtype != bool or mask.shape != connectivity.pre.shape:
        raise ValueError(
            f"keep: the mask has shape {mask.shape} and dtype {mask.dtype}, but there are "
            f"{connectivity.pre.size} synapses. Pass as many booleans."
        )
    pre, post = np.asarray(connectivity.pre), np.asarray(connectivity.post)
    return as_sparse(pre[mask], post[mask], connectivity.shape)


def size_of(population: Size) -> int:
    """The number of neurons of a population."""
    return math.prod(as_shape(population))


def as_sparse(pre: np.ndarray, post: np.ndarray, target: Size) -> Sparse:
    """The lists, already sorted, as connectivity."""
    return Sparse(jnp.asarray(pre, jnp.int32), jnp.asarray(post, jnp.int32), as_shape(target))


def sorted_sparse(pre: np.ndarray, post: np.ndarray, target: Size) -> Sparse:
    """The lists, sorted by source and then by target, as connectivity."""
    codes = np.sort(pre.astype(np.int64) * size_of(target) + post)
    return as_sparse(*np.divmod(codes, size_of(target)), target)
