"""The network of `jaxneuro simulate`, as its configuration says."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro import topology
from jaxneuro.catalogue import ConductanceNetwork
from jaxneuro.core import init_key, leaf_paths, map_leaves, resolve_path, suggest
from jaxneuro.edges import AbstractEdge, OneToOne, Projection, SharedReceptor
from jaxneuro.inputs import AbstractSource, Constant, Cues, Function, Poisson, RandomPulses
from jaxneuro.network import Network, NetworkState
from jaxneuro.neurons import Fragment, Input, Population

from ._network_catalogue import CELLS, build_catalogue, groups_of, joined_of
from ._network_config import InputConfig, NetworkSimulationConfig
from ._network_parts import build_noise, build_receptor, known, prefixed
from ._network_populations import build_population
from ._network_projections import Joined, Place, build_projection
from ._quantity import draw

LAYOUTS: dict[str, Callable[[int, Key[Array, ""]], Float[Array, "..."] | None]] = {
    "none": lambda size, key: None,
    "ring": lambda size, key: topology.ring(size),
    "grid": lambda size, key: topology.grid(size),
    "circle": lambda size, key: topology.circle(size),
    "disc": lambda size, key: topology.disc(key, size),
}


class Built(NamedTuple):
    """A network made out.

    **Attributes:**

    - `network`, `inputs`: for `simulate`.
    - `state`: where it starts.
    - `places`: populations and inputs, with their directions.
    - `joined`: projections by name.
    - `groups`: by name, a population and those of its neurons that belong together.
    - `made`: the network of the catalogue that is a part of it, if there is one.
    """

    network: Network
    inputs: dict[str, Constant | AbstractSource]
    state: NetworkState
    places: dict[str, Place]
    joined: dict[str, Joined]
    groups: dict[str, tuple[str, np.ndarray]]
    made: ConductanceNetwork | None = None


def build_network(config: NetworkSimulationConfig) -> Built:
    """Draws everything that is random with keys by name, so that a further part changes no other.

    **Raises:** `ValueError` naming the part of the configuration that is wrong.
    """
    if not config.populations and not config.catalogue.network:
        raise ValueError(
            "populations is missing: a table [populations.NAME] for each population, or "
            "[catalogue] with the name of a network."
        )
    key = jax.random.key(config.seed)
    nodes: dict[str, Population | Input] = {}
    edges: dict[str, AbstractEdge] = {}
    places: dict[str, Place] = {}
    joined: dict[str, Joined] = {}
    groups: dict[str, tuple[str, np.ndarray]] = {}
    made = None
    if config.catalogue.network:
        made = build_catalogue(config.catalogue, init_key(key, "catalogue"))
        nodes, edges = dict(made.network.nodes), dict(made.network.edges)
        places = {name: Place(node.size) for name, node in nodes.items()}
        joined = joined_of(made)
        groups = {name: (CELLS, which) for name, which in groups_of(made).items()}
    for name, population in config.populations.items():
        where = f"populations.{name}"
        nodes[name] = build_population(where, population, init_key(key, where))
        positions = LAYOUTS[population.layout](population.size, init_key(key, f"{where}.layout"))
        places[name] = Place(population.size, population.layout, positions)
        groups[name] = name, np.arange(population.size)
    inputs: dict[str, Constant | AbstractSource] = {}
    for name, one in config.inputs.items():
        _build_input(name, one, places, inputs, edges)
        nodes[name] = Input(places[name].size)
    _check_inputs(config, made)
    owners = _receptor_owners(config, nodes, edges)
    for name, receptor in config.receptors.items():
        where, shape = f'receptors."{name}"', (places[owners[name]].size,)
        built = build_receptor(where, receptor, init_key(key, where), shape)
        edges[name] = SharedReceptor(owners[name], built)
    for name, projection in config.projections.items():
        one = build_projection(name, projection, places, owners, key, config.spike_times)
        joined[name], edges[name] = one, one.edge
    for name, noise in config.noise.items():
        where = f"noise.{name}"
        node = owners.get(noise.target, noise.target.partition(".")[0])
        populations = [name for name in places if isinstance(nodes[name], Population)]
        if node not in populations:
            came = f"there is no {noise.target!r}" if noise.target else "it is missing"
            near = suggest(noise.target, [*populations, *owners])
            raise ValueError(f"{where}.target: {came}. {near}")
        edges[name] = build_noise(where, noise, init_key(key, where), (places[node].size,))
    _check_names(config, made)
    network = Network(nodes, edges)
    state = start_state(network, config, key)
    return Built(network, inputs, state, places, joined, groups, made)


def _check_inputs(config: NetworkSimulationConfig, made: ConductanceNetwork | None) -> None:
    """Refuses to leave an input of a network of the catalogue without a course."""
    for name in made.network.inputs if made is not None else ():
        if name not in config.inputs:
            kind = "poisson" if name == "input" else "pulses"
            raise ValueError(
                f"inputs.{name} is missing: {config.catalogue.network} has that input. Add "
                f"[inputs.{name}] with its course, such as kind = '{kind}'."
            )


def _build_input(
    name: str,
    config: InputConfig,
    places: dict[str, Place],
    inputs: dict[str, Constant | AbstractSource],
    edges: dict[str, AbstractEdge],
) -> None:
    """Adds the input's size, its source, and the current into its target."""
    size = config.size or (2 if any(cue.direction is not None for cue in config.cues) else 1)
    if name in places and not config.target:  # of a network of the catalogue
        if config.size is not None:
            raise ValueError(f"inputs.{name}.size: that of the network is known; leave it out.")
        size = places[name].size
    if config.target:
        node = config.target.partition(".")[0]
        if node not in places or node in inputs:
            populations = [place for place in places if place not in inputs]
            raise ValueError(
                f"inputs.{name}.target: there is no population {config.target!r}. "
                f"{suggest(config.target, populations)}"
            )
        size = places[node].size
        edges[f"{name}/current"] = Projection(
            name, config.target, jnp.asarray(1.0), OneToOne(shared=True), delay=0.0
        )
    if config.cues and config.cues[0].direction is not None and size != 2:
        raise ValueError(
            f"inputs.{name}: cues with directions have two channels, which a projection with rule "
            f"tuned_current or tuned_poisson reads. Leave out its "
            f"{'target' if config.target else 'size'}."
        )
    with prefixed(f"inputs.{name}"):
        inputs[name] = _source(config, size)
    places[name] = Place(size)


def _source(config: InputConfig, size: int) -> Constant | AbstractSource:
    no_key = jax.random.key(0)  # nothing is drawn: the checks allow no distribution
    for name in ("value", "rate"):
        if isinstance(getattr(config, name), dict):
            raise ValueError(f"{name}: give one number, or one for each channel.")
    if config.kind == "poisson":
        rate = draw(known(config.rate), no_key, (size,))
        return Poisson(jnp.broadcast_to(rate, (size,)))
    if config.kind == "pulses":
        return RandomPulses(known(config.interval), config.fraction)
    if config.kind == "cues":
        values = [
            cue.value if cue.direction is None else (cue.value, cue.direction)
            for cue in config.cues
        ]
        starts, stops = ([getattr(cue, at) for cue in config.cues] for at in ("start", "stop"))
        return Cues(jnp.asarray(starts), jnp.asarray(stops), jnp.asarray(values))
    value = jnp.broadcast_to(draw(known(config.value), no_key, (size,)), (size,))
    if config.kind == "step":
        start, stop = known(config.start), known(config.stop)
        return Cues(jnp.asarray([start]), jnp.asarray([stop]), value[None])
    if config.kind == "sine":
        turns, offset = known(config.frequency) / 1000.0, config.offset
        return Function(lambda t: offset + value * jnp.sin(2.0 * math.pi * turns * t))
    return Constant(value)


def _receptor_owners(
    config: NetworkSimulationConfig,
    nodes: Mapping[str, Population | Input],
    edges: Mapping[str, AbstractEdge],
) -> dict[str, str]:
    """The population of each shared receptor: the first part of its name, or whose own it is."""
    owners = {n: edge.target for n, edge in edges.items() if isinstance(edge, SharedReceptor)}
    for name, node in nodes.items():
        if isinstance(node, Population) and isinstance(node.neuron, Fragment):
            own = node.neuron.edges_of(name)
            owners |= {n: name for n, edge in own.items() if isinstance(edge, SharedReceptor)}
    for name in config.receptors:
        owner, _, own = name.partition("/")
        if owner not in config.populations or not own:
            raise ValueError(
                f'receptors."{name}": a receptor is named after its population, such as '
                f'"{next(iter(config.populations))}/ampa". '
                + suggest(owner, list(config.populations))
            )
        owners[name] = owner
    return owners


def _check_names(config: NetworkSimulationConfig, made: ConductanceNetwork | None) -> None:
    """Refuses one name for two parts, which the network could not tell apart."""
    sections = ("populations", "inputs", "receptors", "projections", "noise")
    seen: dict[str, str] = {}
    if made is not None:
        own = [*made.network.populations, *made.network.edges]
        seen = dict.fromkeys(own, f"catalogue {config.catalogue.network}")
    for section in sections:
        for name in getattr(config, section):
            if name in seen:
                raise ValueError(
                    f"{section}.{name}: there is {seen[name]}.{name} too. Rename one of them."
                )
            seen[name] = section


def start_state(
    network: Network, config: NetworkSimulationConfig, key: Key[Array, ""]
) -> NetworkState:
    """The state at the start, with what the receptors' `initial` says."""
    state = network.init(config.dt, key)
    given = {name: (f'receptors."{name}"', one) for name, one in config.receptors.items()}
    given |= {
        name: (f"projections.{name}.receptor", one.receptor)
        for name, one in config.projections.items()
    }
    for name, (where, receptor) in given.items():
        for variable, quantity in receptor.initial.items():
            tree = {name: state.edges[name]}
            with prefixed(f"{where}.initial.{variable}"):
                path = _path(tree, name, variable)
                shape = dict(zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True))[path].shape
                value = draw(quantity, init_key(key, f"{where}.initial.{variable}"), shape)
            filled = map_leaves(tree, [path], lambda _, leaf, v=value: _like(v, leaf))
            edges = {**state.edges, **filled}
            state = eqx.tree_at(lambda s: s.edges, state, edges)
    return state


def _path(tree: Any, name: str, variable: str) -> str:
    known = [path.removeprefix(f"{name}.") for path in leaf_paths(tree)]
    if variable not in [path.rpartition(".")[2] for path in known] and variable not in known:
        raise ValueError(f"there is no such variable. {suggest(variable, known)}")
    return resolve_path(tree, f"{name}.{variable}")


def _like(value: Array, leaf: Array) -> Array:
    return jnp.broadcast_to(value, leaf.shape).astype(leaf.dtype)
