from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from jaxneuro import topology
from jaxneuro.core import init_key
from jaxneuro.edges import AbstractEdge, DirectConductance, Projection, Sparse
from jaxneuro.neurons import Input
from jaxneuro.topology import LayerProbabilities

from ._conductance_cells import ConductanceCells
from ._conductance_network import ConductanceNetwork, conductance_network
from ._parts import Number

SHORTEST = 0.1  # ms, of delays


def layered_network(
    key: Key[Array, ""],
    sizes: Sequence[int] = (49, 30, 20, 10),
    probabilities: LayerProbabilities = LayerProbabilities(),  # noqa: B008 (immutable)
    *,
    inhibitory_fraction: float | Sequence[float] = 0.2,
    w_min: float = 0.003,
    w_scale: float = 0.02,
    weakest: float = 0.0,
    delay: float = 1.0,
    mutual_inhibition: float | None = None,
    g_input: Number | None = 25.0,
    of_cells: Mapping[str, Any] | None = None,
) -> ConductanceNetwork:
    """Layers of excitatory and inhibitory neurons with forward, backward and recurrent synapses.

    Weights are drawn from U(w_min, w_scale), with the sign of the source; the delay is
    delay (1/2 + distance / (2 longest distance)). The layers are columns, side by side.

    The input `"input"` has a channel for each neuron of the first layer: 1 opens a conductance
    `g_input` of the reversal potential `e_exc` for one step, which makes any neuron fire that is
    not refractory.

    Cells have a refractory period of 1.5 ms, delta_w = 0.3 mV/ms and tau_w = 120 ms.

    **Arguments:**

    - `key`: decides everything that is random; the same key gives the same network.
    - `sizes`: number of neurons of each layer, input first.
    - `probabilities`: of a synapse, by how many layers further on its target lies.
    - `inhibitory_fraction`: as in `topology.layered`.
    - `w_min`, `w_scale`: bounds of the weights, 1/ms.
    - `weakest`: synapses of at most this weight are left out.
    - `delay`: of the longest synapse, ms; none is below 0.1 ms.
    - `mutual_inhibition`: weight of an inhibitory synapse from each neuron of the last layer to
      each other, instead of random ones (2.5 in the original), at the shortest delay; None leaves
      them out.
    - `g_input`: 1/ms; None leaves the input out.
    - `of_cells`: further parameters of `ConductanceCells`, by name.

    **Returns:** a `ConductanceNetwork`.

    Reference: ImagineOrange/Spiking-Neural-Network-Experiments (2025).

    !!! example

        ```python
        net = layered_network(jax.random.key(0), (49, 30, 20, 5), w_min=0.05, w_scale=0.35)
        run = simulate(net.network, {"input": Poisson(50.0)}, dt=0.1, steps=900,
                       key=jax.random.key(1), record=("cells.spikes",))
        ```
    """
    made = topology.layered(
        key,
        sizes,
        probabilities,
        inhibitory_fraction=inhibitory_fraction,
        mutual_inhibition=mutual_inhibition is not None,
    )
    n, sparse = len(made.layer), made.connectivity
    positions = topology.columns(sizes, spacing=max(sizes) / max(1, len(sizes) - 1))
    distance = topology.synapse_distances(sparse, positions, positions)
    weight = topology.uniform(init_key(key, "weights"), sparse.pre.size, w_min, w_scale)
    weight = np.asarray(made.sign) * np.asarray(weight)
    delays = np.asarray(topology.distance_delays(distance, delay, shortest=SHORTEST))
    if mutual_inhibition is not None:
        is_mutual = np.asarray(made.is_mutual)
        weight = np.where(is_mutual, -mutual_inhibition, weight)
        delays = np.where(is_mutual, SHORTEST, delays)
    is_kept = np.abs(weight) > weakest
    own = {"period": 1.5, "delta_w": 0.3, "tau_w": 120.0} | dict(of_cells or {})
    inputs: dict[str, tuple[Input, AbstractEdge]] = {}
    if g_input is not None:
        first = jnp.arange(sizes[0])
        edge = Projection(
            "input",
            "cells",
            jnp.asarray(g_input, float),
            Sparse(first, first, n, shared=True),
            DirectConductance(own.get("e_exc", 0.0)),
            delay=0.0,
        )
        inputs["input"] = Input(sizes[0]), edge
    return conductance_network(
        ConductanceCells(n, **own),
        topology.keep(sparse, is_kept),
        weight[is_kept],
        delays[is_kept],
        positions=positions,
        is_inhibitory=made.is_inhibitory,
        layer=made.layer,
        inputs=inputs,
    )
