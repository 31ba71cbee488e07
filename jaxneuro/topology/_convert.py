from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxneuro.edges import Sparse

from ._pairs import as_sparse

if TYPE_CHECKING:
    import networkx


def from_scipy(matrix: Any) -> tuple[Sparse, Float[Array, "synapses"]]:
    """Take connectivity and weights from a sparse matrix of SciPy.

    Each stored entry is a synapse, zeros too; entries of one pair are added.

    **Arguments:**

    - `matrix`: of any format, `(pre, post)`: row i, column j is the weight from neuron i to j.

    **Returns:** the connectivity, sorted by source, then by target, and its weights.

    **Raises:** `ValueError` for anything else.

    !!! example

        ```python
        import scipy.sparse

        sparse, weight = topology.from_scipy(scipy.sparse.eye_array(5))
        ```
    """
    import scipy.sparse

    if not scipy.sparse.issparse(matrix) or len(matrix.shape) != 2 or 0 in matrix.shape:
        came = f"{type(matrix).__name__} of shape {getattr(matrix, 'shape', None)}"
        raise ValueError(
            f"from_scipy: {came} came; pass a sparse matrix of SciPy, (pre, post), such as "
            "scipy.sparse.coo_array(array)."
        )
    rows = matrix.tocsr(copy=True)
    rows.sum_duplicates()  # sorts too
    pre = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    return as_sparse(pre, rows.indices, rows.shape[1]), jnp.asarray(rows.data, float)


def from_networkx(
    graph: "networkx.Graph", weight: str = "weight"
) -> tuple[Sparse, Float[Array, "synapses"]]:
    """Take connectivity and weights from a graph of NetworkX.

    Neuron i is the i-th of `graph.nodes`. An edge of an undirected graph is two synapses, one each
    way; parallel edges are added.

    **Arguments:**

    - `graph`: directed or not.
    - `weight`: name of the edges' weight; an edge without it has 1.

    **Returns:** as `from_scipy`.

    **Raises:** `ValueError` for a graph without nodes.

    !!! example

        ```python
        import networkx

        sparse, weight = topology.from_networkx(networkx.karate_club_graph())
        ```
    """
    import networkx

    if graph.number_of_nodes() == 0:
        raise ValueError("from_networkx: the graph has no nodes. Pass one that has.")
    return from_scipy(networkx.to_scipy_sparse_array(graph, weight=weight, dtype=float))
