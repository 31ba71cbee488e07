import dataclasses
import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxneuro.edges import AbstractEdge, Dense, Projection, Sparse

from ._network import Network


def dense_by_delay(network: Network, dt: float) -> Network:
    """The network with a matrix for each delay in place of synapses with delays of their own.

    It does the same. In a network of some hundred neurons that runs in a batch, or is trained by
    gradient, products of small matrices are faster than visits to the synapses of each neuron that
    fires: the less so the more steps the delays differ by, so a longer `dt` pays twice. The weights
    may be traced: put others into the listed network, then call this.

    **Arguments:**

    - `network`: of its edges, each `Projection` with `Sparse` connectivity and `delays` becomes
      several, `"<edge>_1"`, `"<edge>_2"`, ..., by the number of steps. The others stay.
    - `dt`: ms; delays are rounded to steps, at least one.

    **Returns:** a network for `simulate` with this `dt`.

    **Raises:** `ValueError` for traced delays or synapses.

    !!! example

        ```python
        net = catalogue.layered_network(jax.random.key(0), (49, 30, 20, 5)).network
        fast = dense_by_delay(net, 0.5)
        lanes = jax.vmap(lambda x: simulate(fast, {"input": x}, dt=0.5, key=key).state)
        ```
    """
    edges: dict[str, AbstractEdge] = {}
    for name, edge in network.edges.items():
        if (
            isinstance(edge, Projection)
            and isinstance(edge.connectivity, Sparse)
            and edge.delays is not None
        ):
            source = network.nodes[edge.source].shape
            edges |= _matrices(name, edge, edge.connectivity, math.prod(source), dt)
        else:
            edges[name] = edge
    return eqx.tree_at(lambda n: n.edges, network, edges)


def _matrices(
    name: str, edge: Projection, sparse: Sparse, sources: int, dt: float
) -> dict[str, AbstractEdge]:
    weight, delays = edge.weight, edge.delays
    if weight is None or isinstance(delays, Tracer) or isinstance(sparse.post, Tracer):
        what = "no weight" if weight is None else "traced delays or synapses"
        raise ValueError(
            f"dense_by_delay: edge {name!r} has {what}. Pass a network whose synapses are known; "
            "its weights may be traced."
        )
    pre, post = np.asarray(sparse.pre), np.asarray(sparse.post)
    lags = np.maximum(1, np.round(np.asarray(delays, float) / dt)).astype(int)
    shape = sources, math.prod(sparse.shape)
    parts: dict[str, AbstractEdge] = {}
    for lag in np.unique(lags):
        here = np.flatnonzero(lags == lag)
        parts[f"{name}_{lag}"] = dataclasses.replace(
            edge,
            weight=jnp.zeros(shape, weight.dtype).at[pre[here], post[here]].add(weight[here]),
            connectivity=Dense(sparse.shape),
            delays=None,
            longest_delay=None,
            delay=float(lag * dt),
        )
    return parts
