"""Axes over how a network of the catalogue is joined: its points share one program.

A network is built once, with all synapses of the largest probability and with the draws of their
weights. What a point says makes weights and delays of them, and a weight of 0 where a synapse is
missing: the same network as one that lacks it.
"""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxneuro import catalogue, topology
from jaxneuro.core import init_key
from jaxneuro.sweeps import Grid

from ._config import Section
from ._network_build import Built
from ._network_config import NetworkSimulationConfig
from ._sweep_lane import Target

PREFIX = "catalogue.parameters."
JOINING = ("probability", "w_min", "w_scale", "inhibition", "decay", "weakest", "delay")
NETWORKS = ("circular_network", "grid_network", "critical_network")
# With these a weight is its draw from (0, 1). Not from 0, of which nothing would be built.
DRAWS = {"w_min": 1e-30, "w_scale": 1.0, "inhibition": 1.0, "decay": 0.0, "weakest": 0.0}


def is_joining(kind: type[Section], table: Mapping[str, Any], path: str) -> bool:
    """Whether a field only says how the neurons of a spatial network are joined."""
    if kind is not NetworkSimulationConfig or not path.startswith(PREFIX):
        return False
    network = table.get("catalogue", {}).get("network")
    return network in NETWORKS and path.removeprefix(PREFIX) in JOINING


class Joining(NamedTuple):
    """What a point's synapses are made of.

    **Attributes:**

    - `axes`: by parameter, the axis that sets it.
    - `parameters`: all of `JOINING`, as the configuration says them.
    - `highest`: probability of the synapses that are built.
    - `side`: of the smallest square that holds the neurons.
    """

    axes: dict[str, str]
    parameters: dict[str, Any]
    highest: float
    side: int

    def weights(
        self, point: Mapping[str, Any], draws: "Draws", is_inhibitory: bool
    ) -> Float[Array, " synapses"]:
        """As `circular_network` makes them, of one type of neuron."""
        said = self.said(point)
        scale = said["inhibition"] if is_inhibitory else 1.0
        high = scale * said["w_scale"]
        weight = said["w_min"] + (high - said["w_min"]) * draws.weight
        weight = weight * jnp.exp(-said["decay"] * draws.distance)
        is_there = draws.place < said["probability"] / self.highest
        return jnp.where(is_there & (weight > said["weakest"]), weight, 0.0)

    def delays(self, point: Mapping[str, Any], draws: "Draws") -> Float[Array, " synapses"]:
        """ms, as `circular_network` makes them."""
        return self.said(point)["delay"] * (0.5 + 0.5 * draws.distance / self.side)

    def said(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters at a point."""
        axes = self.axes
        return {
            name: jnp.asarray(point[axes[name]] if name in axes else value, float)
            for name, value in self.parameters.items()
        }


class Draws(NamedTuple):
    """What is drawn of each synapse.

    **Attributes:**

    - `weight`, `place`: from U(0, 1), for its weight and for whether it is there.
    - `distance`: of its neurons.
    """

    weight: Float[np.ndarray, " synapses"]
    place: Float[np.ndarray, " synapses"]
    distance: Float[np.ndarray, " synapses"]


def find_joining(
    config: NetworkSimulationConfig, targets: Sequence[Target], points: Grid
) -> tuple[NetworkSimulationConfig, Joining | None]:
    """The configuration to build once, and what its synapses are made of at the points.

    **Returns:** the configuration as it is, and None, if no axis says how neurons are joined.
    """
    axes = {t.path.removeprefix(PREFIX): t.axis for t in targets if t.is_joining}
    if not axes:
        return config, None
    section = config.catalogue
    defaults: dict[str, Any] = _defaults(section.network) | section.parameters
    parameters = {name: defaults[name] for name in JOINING}
    longest = dict(parameters)
    for name in axes.keys() & {"probability", "delay"}:
        longest[name] = float(points.axes[axes[name]].values.max())
    built = {name: longest[name] for name in ("probability", "delay")} | DRAWS
    whole = section.model_copy(update={"parameters": section.parameters | built})
    side = math.isqrt(int(defaults["size"]) - 1) + 1
    joining = Joining(axes, parameters, longest["probability"], side)
    return config.model_copy(update={"catalogue": whole}), joining


def draws_of(built: Built, seed: int) -> dict[str, Draws]:
    """By edge, the draws of the network that `find_joining` says to build."""
    assert built.made is not None
    key, found = init_key(jax.random.key(seed), "catalogue.joining"), {}
    for name in ("exc", "inh"):
        edge: Any = built.network.edges[name]
        distance = topology.synapse_distances(
            edge.connectivity, built.made.positions, built.made.positions
        )
        place = topology.uniform(init_key(key, name), edge.weight.size, 0.0, 1.0)
        # On the host: a lane may be made while something else is traced.
        found[name] = Draws(*(np.asarray(x) for x in (edge.weight, place, distance)))
    return found


def joined(
    model: Any, joining: Joining, draws: Mapping[str, Draws], point: Mapping[str, Any]
) -> Any:
    """The model with the synapses of a point."""

    def where(model: Any) -> list[Array]:
        return [x for name in draws for x in (model.edges[name].weight, model.edges[name].delays)]

    leaves = []
    for name, some in draws.items():
        leaves += [joining.weights(point, some, name == "inh"), joining.delays(point, some)]
    return eqx.tree_at(where, model, leaves)


def _defaults(network: str) -> dict[str, Any]:
    """Of the parameters of a spatial network."""
    functions = catalogue.circular_network, getattr(catalogue, network)
    signatures = [inspect.signature(function).parameters for function in functions]
    return {name: one.default for some in signatures for name, one in some.items()}
