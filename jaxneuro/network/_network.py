import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxneuro.core import check_name, init_key, suggest, whole_steps
from jaxneuro.edges import AbstractEdge
from jaxneuro.neurons import Input, Population

from ._schedule import Group, find_cycle, groups_in_order
from ._stages import AbstractStage, Advance
from ._state import NetworkState


class Network(eqx.Module):
    """Nodes (populations and inputs), the edges between them, and the stages of a step.

    It is one pytree of parameters and holds no state. `print(network)` shows its schedule.

    **Arguments:**

    - `nodes`: `Population` or `Input` by name.
    - `edges`: edges by name.
    - `stages`: what a step consists of; `(Advance(),)` unless you add your own.

    **Raises:** `ValueError` for edges that do not fit and for cycles without delay.

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
    stages: tuple[AbstractStage, ...] = (Advance(),)

    def __check_init__(self):
        for name in (*self.nodes, *self.edges):
            check_name(name, "Network")
        shared = sorted(set(self.nodes) & set(self.edges))
        if shared:
            raise ValueError(f"Network: {shared} name both a node and an edge. Rename one of each.")
        for name, edge in self.edges.items():
            _check_edge(name, edge, self.nodes)
        immediate = [(e.source, e.target) for e in self.edges.values() if e.delay == 0 and e.source]
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

    @property
    def populations(self) -> dict[str, Population]:
        return {n: node for n, node in self.nodes.items() if isinstance(node, Population)}

    @property
    def inputs(self) -> dict[str, Input]:
        return {n: node for n, node in self.nodes.items() if isinstance(node, Input)}

    def prepare(self, dt: float) -> "Plan":
        """The delays in steps of `dt` (ms), and what follows from them.

        **Raises:** `ValueError` for a delay that is no multiple of dt.
        """
        lags = {}
        for name, edge in self.edges.items():
            if edge.source is not None:
                delay = edge.delay
                what = f"Edge {name!r}: its delay"
                lags[name] = 1 if delay is None else whole_steps(delay, dt, what)
        depths = {
            node: max([1] + [lag for e, lag in lags.items() if self.edges[e].source == node])
            for node in self.nodes
        }
        return Plan(dt, lags, depths)

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
            target = self.nodes[edge.target].shape
            edges[name] = edge.init(source, target, init_key(key, name), inference)
        history = {
            name: jnp.zeros((depth, *self.nodes[name].shape)) for name, depth in plan.depths.items()
        }
        stages = {stage.tag: stage.init(self, init_key(key, stage.tag)) for stage in self.stages}
        return NetworkState(jnp.asarray(0, jnp.int32), key, nodes, edges, history, stages)

    def __str__(self) -> str:
        from ._describe import describe

        return describe(self)


class Plan:
    """A network's delays resolved for one dt, on the host.

    **Attributes:**

    - `lags`: delay of each edge in steps.
    - `depths`: how many past outputs of each node are kept.
    """

    def __init__(self, dt: float, lags: dict[str, int], depths: dict[str, int]):
        self.dt, self.lags, self.depths = dt, lags, depths

    def groups(self, network: Network, block: int) -> tuple[Group, ...]:
        """The populations that advance together in blocks of `block` steps, upstream first."""
        between: dict[tuple[str, str], int] = {}
        for name, lag in self.lags.items():
            edge = network.edges[name]
            if edge.source in network.populations:
                pair = (str(edge.source), edge.target)
                between[pair] = min(lag, between.get(pair, lag))
        return groups_in_order(network.populations, between, block)


def _check_edge(name: str, edge: AbstractEdge, nodes: dict[str, Population | Input]) -> None:
    for role, node in (("source", edge.source), ("target", edge.target)):
        if node is not None and node not in nodes:
            raise ValueError(f"Edge {name!r}: no {role} {node!r}. {suggest(node, list(nodes))}")
    if isinstance(nodes[edge.target], Input):
        raise ValueError(f"Edge {name!r}: {edge.target!r} is an Input and cannot be driven.")
    if edge.delay is not None and not edge.delay >= 0:
        raise ValueError(
            f"Edge {name!r}: its delay is {edge.delay} ms; it must be >= 0, or None for one step."
        )
    if edge.source is None:
        return
    source, target = nodes[edge.source], nodes[edge.target]
    try:
        shape = edge.output_shape(source.shape)
    except ValueError as error:
        raise ValueError(f"Edge {name!r} ({edge.source} -> {edge.target}): {error}") from None
    if shape != target.shape:
        raise ValueError(
            f"Edge {name!r}: it gives events of shape {shape} from {edge.source!r} of shape "
            f"{source.shape}, but {edge.target!r} has shape {target.shape}."
        )
