from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxneuro.edges import AbstractEdge, Projection, Sparse
from jaxneuro.network import Network
from jaxneuro.neurons import Input, Population
from jaxneuro.topology import keep, synapse_distances


class Synapses(NamedTuple):
    """All synapses of a network, excitatory ones first.

    **Attributes:**

    - `pre`, `post`: indices of neurons.
    - `weight`: 1/ms, negative for inhibitory ones.
    - `delay`: ms.
    - `distance`: in the unit of the positions.
    """

    pre: Int[np.ndarray, " synapses"]
    post: Int[np.ndarray, " synapses"]
    weight: Float[np.ndarray, " synapses"]
    delay: Float[np.ndarray, " synapses"]
    distance: Float[np.ndarray, " synapses"]


class ConductanceNetwork(NamedTuple):
    """A network of one population, `"cells"`, and what its neurons are.

    **Attributes:**

    - `network`: for `simulate`. Its edges `"exc"` and `"inh"` hold the synapses, with weights >= 0.
    - `positions`: x and y of each neuron.
    - `is_inhibitory`: of each neuron.
    - `layer`: index of each neuron's layer; 0 without layers.
    """

    network: Network
    positions: Float[Array, "n 2"]
    is_inhibitory: Bool[Array, "n"]
    layer: Int[Array, "n"]

    def synapses(self) -> Synapses:
        """All synapses in one list, for figures and files."""
        parts = []
        for name, sign in (("exc", 1.0), ("inh", -1.0)):
            edge = self.network.edges[name]
            assert isinstance(edge, Projection)
            assert isinstance(edge.connectivity, Sparse)
            distance = synapse_distances(edge.connectivity, self.positions, self.positions)
            pre, post = edge.connectivity.pre, edge.connectivity.post
            parts.append((pre, post, sign * np.asarray(edge.weight), edge.delays, distance))
        return Synapses(*(np.concatenate(lists) for lists in zip(*parts, strict=True)))


def conductance_network(
    cells: Population,
    connectivity: Sparse,
    weight: Float[Array | np.ndarray, "synapses"],
    delays: Float[Array | np.ndarray, "synapses"],
    *,
    positions: Float[Array, "n 2"],
    is_inhibitory: Bool[Array | np.ndarray, "n"],
    layer: Int[Array, "n"] | None = None,
    inputs: Mapping[str, tuple[Input, AbstractEdge]] | None = None,
) -> ConductanceNetwork:
    """A network of listed synapses, which excite where their weight is positive, else inhibit.

    **Arguments:**

    - `cells`: a population with the receptors of `ConductanceCells`.
    - `connectivity`: synapses.
    - `weight`: 1/ms.
    - `delays`: ms; they are rounded to steps, at least one.
    - `positions`, `is_inhibitory`, `layer`: as in the result.
    - `inputs`: by name, an input and the edge from it to `"cells"`, which is named
      `"<input>_cells"`.

    **Returns:** a `ConductanceNetwork`.

    !!! example

        ```python
        pair = conductance_network(
            ConductanceCells(2), Sparse([0, 1], [1, 0], 2), jnp.asarray([0.1, -0.2]),
            jnp.asarray([1.0, 1.5]), positions=topology.grid((1, 2)),
            is_inhibitory=jnp.asarray([False, True]),
        )
        ```
    """
    nodes: dict[str, Population | Input] = {"cells": cells}
    edges: dict[str, AbstractEdge] = {}
    weight, delays = np.asarray(weight), np.asarray(delays)
    for name, receptor, sign in (("exc", "ampa", 1.0), ("inh", "gaba", -1.0)):
        here = sign * weight > 0
        edges[name] = Projection(
            "cells",
            f"cells/{receptor}",
            jnp.asarray(np.abs(weight[here]), float),
            keep(connectivity, here),
            delays=jnp.asarray(delays[here], float),
        )
    for name, (source, edge) in (inputs or {}).items():
        nodes[name] = source
        edges[f"{name}_cells"] = edge
    layer = jnp.zeros(len(is_inhibitory), jnp.int32) if layer is None else layer
    types = jnp.asarray(is_inhibitory)
    return ConductanceNetwork(Network(nodes, edges), positions, types, layer)
