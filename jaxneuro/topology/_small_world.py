import numpy as np
from jaxtyping import Array, Key

from jaxneuro.edges import Sparse

from ._pairs import Size, size_of, sorted_sparse
from ._random import check_count, check_probability, generator


def small_world(key: Key[Array, ""], size: Size, k: int, p: float) -> Sparse:
    """Join neighbours on a ring, and rewire some of the edges to anywhere.

    Each neuron is joined to its `k` nearest neighbours. Lap by lap, nearest neighbours first, each
    edge keeps one of its ends and moves the other, with probability `p`, to a neuron to which it
    is not joined yet. Every edge is two synapses, one each way.

    **Arguments:**

    - `key`: decides which edges; the same key gives the same ones.
    - `size`: number of neurons or shape of the population.
    - `k`: neighbours, an even number below the number of neurons.
    - `p`: share of edges that are rewired: 0 leaves the lattice, 1 is a random graph.

    **Returns:** size * k synapses, sorted by source, then by target, without self connections.

    **Raises:** `ValueError` for an odd or too large k and a p outside [0, 1].

    Reference: Watts & Strogatz (1998), Nature 393:440.

    !!! example

        ```python
        topology.small_world(jax.random.key(0), 200, k=10, p=0.1)
        ```
    """
    n = size_of(size)
    k = check_count(k, "small_world: k")
    p = check_probability(p, "small_world: p")
    if k % 2 or k >= n:
        raise ValueError(
            f"small_world: k is {k}; it must be an even number below the {n:,} neurons, half of "
            "the neighbours on each side."
        )
    rng = generator(key, "small_world")
    start = np.tile(np.arange(n), k // 2)
    lap = np.repeat(np.arange(1, k // 2 + 1), n)
    end = (start + lap) % n
    is_moved = rng.random(len(start)) < p
    for number in range(1, k // 2 + 1):
        _rewire(rng, start, end, np.flatnonzero(is_moved & (lap == number)), n)
    return sorted_sparse(np.concatenate([start, end]), np.concatenate([end, start]), size)


def _rewire(
    rng: np.random.Generator, start: np.ndarray, end: np.ndarray, moved: np.ndarray, n: int
) -> None:
    """Moves the ends of some edges, in place, so that no pair is joined twice."""
    while moved.size:
        # A neuron that is joined to all others has nowhere to move an edge to.
        degree = np.bincount(start, minlength=n) + np.bincount(end, minlength=n)
        moved = moved[degree[start[moved]] < n - 1]
        new = rng.integers(0, n, moved.size)
        taken, wanted = np.sort(_codes(start, end, n)), _codes(start[moved], new, n)
        at = np.minimum(np.searchsorted(taken, wanted), len(taken) - 1)
        is_free = (new != start[moved]) & (taken[at] != wanted) & _is_first(wanted)
        end[moved[is_free]] = new[is_free]
        moved = moved[~is_free]


def _is_first(values: np.ndarray) -> np.ndarray:
    """False for those that are equal to an earlier one."""
    order = np.argsort(values, kind="stable")
    is_first = np.ones(len(values), bool)
    is_first[order[1:]] = np.diff(values[order]) != 0
    return is_first


def _codes(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """One number for each pair, whatever its order."""
    return np.minimum(a, b) * n + np.maximum(a, b)
