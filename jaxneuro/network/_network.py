from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxneuro.core import check_name, init_key, suggest, whole_steps
from jaxneuro.edges import AbstractEdge, projection_of
from jaxneuro.neurons import Fragment, Input, Population
from jaxneuro.plasticity import Plastic

from ._behaviours import Keyed, check_owners, in_order
from ._schedule import Group, find_cycle, groups_in_order
from ._select import Tags, check_tags, look_up, read_tags
from ._stages import AbstractStage, Advance
from ._state import NetworkState
from ._targets import Target, resolve_target


class Network(eqx.Module):
    """Nodes (populations and inputs), the edges between them, and the stages of a step.

    It is one pytree of parameters and holds no state. `print(network)` shows its schedule.

    **Arguments:**

    - `nodes`: `Population` or `Input` by name. The edges of a population's `Fragment` are added
      under its name, `"exc/ampa"`.
    - `edges`: edges by name.
    - `stages`: what a step consists of; `(Advance(),)` unless you add your own. With `behaviours`
      they have keys too, `{5.0: Advance(), 7.0: MyStage()}`; a behaviour among them is the
      network's own.
    - `behaviours`: by node or edge, what it does in each step, by key: `{"exc": {1: Leak()}}`. A
      step runs all of them, and the stages, in the order of their keys (equal ones in the order
      in which they are given, the network's first); `Advance()` is last unless it has a key.
    - `tags`: further names of nodes, edges and stages: `{"ei": "glutamate, plastic"}`.

    `network["glutamate"]` is the list of what has a tag (a name and a class are tags, and an edge
    has `"exc_to_inh"`), `network["exc.tau"]` a parameter.

    **Raises:** `ValueError` for edges that do not fit, for cycles without delay, and for
    behaviours and tags of what is not there.

    !!! example

        ```python
        net = Network(
            nodes={"input": Input(2), "exc": Population(LIF(tau=20.0), 3)},
            edges={"drive": Projection("input", "exc", weight=jnp.ones((2, 3)))},
        )
        ```
    """

    nodes: dict[str, Population | Input]
    edges: dict[str, AbstractEdge]
    stages: tuple[AbstractStage, ...]
    tags: Tags = eqx.field(static=True, default=())

    def __init__(
        self,
        nodes: Mapping[str, Population | Input],
        edges: Mapping[str, AbstractEdge] | None = None,
        stages: tuple[AbstractStage, ...] | Keyed | None = None,
        *,
        behaviours: Mapping[str, Keyed] | None = None,
        tags: Mapping[str, str | Iterable[str]] | None = None,
    ):
        self.nodes, self.edges = dict(nodes), dict(edges or {})
        self.stages, self.tags = in_order(stages, behaviours), read_tags(tags)
        for name, node in nodes.items():
            if isinstance(node, Population) and isinstance(node.neuron, Fragment):
                for edge_name, edge in node.neuron.edges_of(name).items():
                    if edge_name in self.edges:
                        raise ValueError(
                            f"Network: two edges are named {edge_name!r}, one of them in the "
                            f"fragment of {name!r}. Rename yours."
                        )
                    self.edges[edge_name] = edge
                self.nodes[name] = eqx.tree_at(lambda p: p.neuron, node, node.neuron.neuron)

    def __check_init__(self):
        for name in (*self.nodes, *self.edges):
            check_name(name, "Network")
        shared = sorted(set(self.nodes) & set(self.edges))
        if shared:
            raise ValueError(f"Network: {shared} name both a node and an edge. Rename one of each.")
        for name, edge in self.edges.items():
            _check_edge(name, edge, self.nodes, self.target(name))
        immediate = [
            (e.source, self.target(name).node)
            for name, e in self.edges.items()
            if e.delay == 0 and e.source
        ]
        cycle = find_cycle(immediate)
        if cycle:
            raise ValueError(
                f"Network: {' -> '.join(cycle)} is a cycle of edges with delay=0, in which each "
                "would have to run before the other. Give one of them a delay (None is one step)."
            )
        if sum(isinstance(stage, Advance) for stage in self.stages) != 1:
            raise ValueError("Network: stages must contain Advance() exactly once.")
        tags = [stage.tag for stage in self.stages]
        if len(set(tags)) < len(tags):
            raise ValueError(f"Network: stages have the tags {tags}; each state needs its own tag.")
        check_owners(self)
        check_tags(self)

    def __getitem__(self, query: str) -> Any:
        return look_up(self, query)

    @property
    def populations(self) -> dict[str, Population]:
        return {n: node for n, node in self.nodes.items() if isinstance(node, Population)}

    def target(self, edge: str) -> Target:
        """Where the edge of that name delivers."""
        return resolve_target(edge, self.edges[edge], self.nodes, self.edges)

    @property
    def inputs(self) -> dict[str, Input]:
        return {n: node for n, node in self.nodes.items() if isinstance(node, Input)}

    def prepare(self, dt: float) -> "Plan":
        """The delays in steps of `dt` (ms), and what follows from them.

        **Raises:** `ValueError` for a delay that is no multiple of dt.
        """
        lags, slots = {}, {}
        depths = dict.fromkeys(self.nodes, 1)
        for name, edge in self.edges.items():
            if edge.source is None:
                continue
            what = f"Edge {name!r}: its delay"
            lag = lags[name] = 1 if edge.delay is None else whole_steps(edge.delay, dt, what)
            depths[edge.source] = max(lag, depths[edge.source])
            projection = projection_of(edge)
            if projection is not None and projection.longest_delay is not None:
                slots[name] = max(1, round(projection.longest_delay / dt))
            if self.interpolates(name):
                late = late_name(edge.source)
                depths[late] = max(lag + 1, depths.get(late, 1))
        return Plan(dt, lags, depths, slots)

    def interpolates(self, edge: str) -> bool:
        """Whether the edge of that name hears when within its step its source spiked.

        An `Input` has no such times: its events are where its series puts them.
        """
        projection = projection_of(self.edges[edge])
        is_asked = projection is not None and projection.spike_times == "interpolated"
        return is_asked and self.edges[edge].source in self.populations

    def init(self, dt: float, key: Key[Array, ""], *, inference: bool = False) -> NetworkState:
        """The state before the first step.

        **Arguments:**

        - `dt`: length of a step, ms.
        - `key`: base key of every random stream of the run.
        - `inference`: True switches dropout off.
        """
        plan = self.prepare(dt)
        nodes = {name: pop.init(init_key(key, name)) for name, pop in self.populations.items()}
        edges = {}
        for name, edge in self.edges.items():
            source = () if edge.source is None else self.nodes[edge.source].shape
            target = self.nodes[self.target(name).node].shape
            edges[name] = edge.init(source, target, init_key(key, name), inference)
        history = {
            name: jnp.zeros((depth, *self.nodes[node_of(name)].shape))
            for name, depth in plan.depths.items()
        }
        pending = {
            name: jnp.zeros((steps, *self.nodes[self.target(name).node].shape))
            for name, steps in plan.slots.items()
        }
        stages = {stage.tag: stage.init(self, init_key(key, stage.tag)) for stage in self.stages}
        zero = jnp.asarray(0, jnp.int32)
        return NetworkState(zero, key, nodes, edges, history, stages, pending)

    def __str__(self) -> str:
        from ._describe import describe

        return describe(self)


class Plan:
    """A network's delays resolved for one dt, on the host.

    **Attributes:**

    - `lags`: delay of each edge in steps.
    - `depths`: how many past outputs of each node are kept.
    - `slots`: how many coming steps are kept for each edge with a delay for each synapse.
    """

    def __init__(
        self, dt: float, lags: dict[str, int], depths: dict[str, int], slots: dict[str, int]
    ):
        self.dt, self.lags, self.depths, self.slots = dt, lags, depths, slots

    def groups(self, network: Network, block: int) -> tuple[Group, ...]:
        """The populations that advance together in blocks of `block` steps, upstream first."""
        between: dict[tuple[str, str], int] = {}
        for name, lag in self.lags.items():
            edge = network.edges[name]
            if edge.source in network.populations:
                pair = (str(edge.source), network.target(name).node)
                between[pair] = min(lag, between.get(pair, lag))
                if edge.reads != "spikes":  # both must be at the same step: they advance together
                    back = (pair[1], pair[0])
                    between[back] = min(lag, between.get(back, lag))
        return groups_in_order(network.populations, between, block)


def late_name(node: str) -> str:
    """The name in `history` of the parts of a node's spikes that belong to the step after them."""
    return f"{node}.late"


def node_of(name: str) -> str:
    """The node of a name in `history`."""
    return name.partition(".")[0]


def _check_edge(
    name: str, edge: AbstractEdge, nodes: dict[str, Population | Input], where: Target
) -> None:
    if edge.source is not None and edge.source not in nodes:
        raise ValueError(
            f"Edge {name!r}: no source {edge.source!r}. {suggest(edge.source, list(nodes))}"
        )
    if edge.delay is not None and not edge.delay >= 0:
        raise ValueError(
            f"Edge {name!r}: its delay is {edge.delay} ms; it must be >= 0, or None for one step."
        )
    if isinstance(edge, Plastic) and edge.third is not None and edge.third not in nodes:
        raise ValueError(
            f"Edge {name!r}: no node {edge.third!r} for its third factor. "
            f"{suggest(edge.third, list(nodes))}"
        )
    if edge.source is None:
        return
    source, target = nodes[edge.source], nodes[where.node]
    if edge.reads != "spikes":
        if isinstance(source, Input):
            raise ValueError(
                f"Edge {name!r}: it reads {edge.reads!r} of its source, but {edge.source!r} is an "
                "Input, which has no state."
            )
        if edge.delay is not None:
            raise ValueError(
                f"Edge {name!r}: it reads {edge.reads!r} at the start of each step, so its delay "
                f"is None (one step), not {edge.delay:g} ms."
            )
    try:
        shape = edge.output_shape(source.shape)
    except ValueError as error:
        raise ValueError(f"Edge {name!r} ({edge.source} -> {edge.target}): {error}") from None
    if shape != target.shape:
        raise ValueError(
            f"Edge {name!r}: it gives events of shape {shape} from {edge.source!r} of shape "
            f"{source.shape}, but {where.node!r} has shape {target.shape}."
        )
