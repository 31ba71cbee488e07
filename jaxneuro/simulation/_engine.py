"""One block of time: group by group over its steps, the linear part of each edge in one product."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Context, Drive, get_leaf, leaf_paths
from jaxneuro.edges import SharedReceptor, SparseEvents, projection_of
from jaxneuro.inputs import AbstractSource, sample_block
from jaxneuro.network import Group, Network, NetworkState, Plan, late_name
from jaxneuro.neurons import Population, Step

Series = dict[str, Float[Array, "time ..."]]
MANY_VARIABLES = 3


class Engine(NamedTuple):
    """What stays the same in every block of a run.

    **Attributes:**

    - `block`: steps per block.
    - `held`: the value of each constant input.
    - `held_events`: what edges make of constant inputs, computed once.
    - `sources`: inputs that are drawn inside the block.
    - `recorded`: exact paths of the leaves that a block returns as series.
    - `interpolates`: whether recorded spike times are those between the steps.
    """

    network: Network
    plan: Plan
    block: int
    held: dict[str, Float[Array, "..."]]
    held_events: dict[str, Float[Array, "..."]]
    sources: dict[str, AbstractSource]
    recorded: frozenset[str]
    interpolates: bool


class Window(NamedTuple):
    """The steps of a block that are run: `steps` of them from the `first` on."""

    first: int
    steps: int


def view(name: str, spikes: Any, times: Any, state: Any, observed: Any) -> dict[str, Any]:
    """A population's part of the tree that record paths address."""
    parts = {"spikes": spikes, "spike_times": times, "state": state, "observed": observed}
    return {name: parts}


def spikes_path(name: str) -> str:
    """Where `view` puts the output of a node."""
    return f"{name}.spikes"


def hold_events(
    network: Network, plan: Plan, held: dict[str, Array], state: NetworkState
) -> dict[str, Float[Array, "..."]]:
    """The events of every edge that a constant input feeds without delay."""
    events = {}
    for name, edge in network.edges.items():
        if edge.source in held and plan.lags[name] == 0 and edge.releases_evenly:
            context = Context(state.step, state.key, plan.dt)
            _, signal = edge.release(state.edges[name], held[edge.source][None], context)
            events[name] = edge.propagate(signal)[0]
    return events


def advance_block(
    engine: Engine, state: NetworkState, series: Series, window: Window
) -> tuple[NetworkState, Series]:
    """Runs the steps of one window.

    **Arguments:**

    - `series`: the inputs of these steps, by node.

    **Returns:** the state after them, and the series of `engine.recorded`.
    """
    network, count = engine.network, window.steps
    series = dict(series)
    steps = state.step + jnp.arange(count, dtype=jnp.int32)
    for name, source in engine.sources.items():
        shape = network.nodes[name].shape
        series[name] = sample_block(source, name, state.key, steps, shape, engine.plan.dt)
    outputs = {name: series[name] for name in network.inputs if name in series}
    for name in set(engine.held) & set(network.inputs):
        outputs[name] = jnp.broadcast_to(engine.held[name][None], (count, *engine.held[name].shape))
    records: Series = {}
    nodes, edges, pending = dict(state.nodes), dict(state.edges), dict(state.pending)
    for group in engine.plan.groups(network, engine.block):
        block = _GroupBlock(engine, group, window, state, outputs, series)
        result = block.run()
        nodes |= result.nodes
        edges |= result.edges
        pending |= result.pending
        outputs |= result.outputs
        records |= result.records
    records |= {spikes_path(name): values for name, values in outputs.items()}
    history = {name: _latest(past, outputs[name]) for name, past in state.history.items()}
    new = NetworkState(state.step + count, state.key, nodes, edges, history, state.stages, pending)
    return new, {path: records[path] for path in engine.recorded if path in records}


class _GroupResult(NamedTuple):
    nodes: dict[str, Any]
    edges: dict[str, Any]
    pending: dict[str, Array]
    outputs: Series
    records: Series


class _GroupBlock:
    """One group of populations over one window."""

    def __init__(
        self,
        engine: Engine,
        group: Group,
        window: Window,
        state: NetworkState,
        outputs: Series,
        series: Series,
    ):
        self.engine, self.group, self.window, self.state = engine, group, window, state
        edges = engine.network.edges
        self.aims = {name: engine.network.target(name) for name in edges}
        # A shared receptor comes after the edges that feed it.
        order = sorted(edges, key=lambda n: (isinstance(edges[n], SharedReceptor), n))
        into = {n: edges[n] for n in order if self.aims[n].node in group.populations}
        self.inner = {
            name: edge
            for name, edge in into.items()
            if edge.source in group.populations
            and engine.plan.lags[name] < engine.block
            and edge.reads == "spikes"
        }
        self.into = into
        projections = {name: projection_of(edge) for name, edge in into.items()}
        self.projections = {name: p for name, p in projections.items() if p is not None}
        self.pending = {name: state.pending[name] for name in into if name in state.pending}
        self.listed = {n for n, p in self.projections.items() if p.leaves_sums_to_receptor}
        self.listed -= set(engine.held_events)
        # Populations of which some edge hears when within a step they spiked.
        network = engine.network
        self.timed = {e.source for n, e in network.edges.items() if network.interpolates(n)}
        self.edge_states = {name: state.edges[name] for name in into}
        self.events: Series = {}
        for name, edge in into.items():
            is_outer = edge.source is not None and name not in self.inner and edge.reads == "spikes"
            if is_outer and name not in engine.held_events:
                self.events[name] = self._hoisted(name, outputs)
        self.injected = {name: series[name] for name in group.populations if name in series}

    def run(self) -> _GroupResult:
        nodes = {name: self.state.nodes[name] for name in self.group.populations}
        heard = {e.source for e in self.inner.values() if e.source}
        heard |= {late_name(source) for source in heard & self.timed}
        rings = {name: self.state.history[name] for name in heard}
        carry = nodes, self.edge_states, self.pending, rings
        index = jnp.arange(self.window.steps, dtype=jnp.int32)
        inputs = index, self.events, self.injected
        if self.window.steps == 1:
            carry, emitted = self._step(carry, jax.tree.map(lambda x: x[0], inputs))
            emitted = jax.tree.map(lambda x: x[None], emitted)
        else:
            carry, emitted = jax.lax.scan(lambda c, x: self._step(c, x), carry, inputs)
        return _GroupResult(carry[0], carry[1], carry[2], *emitted)

    def _step(self, carry: Any, inputs: Any) -> tuple[Any, Any]:
        nodes, edges, pending, rings = carry
        index, events, injected = inputs
        context = Context(self.state.step + index, self.state.key, self.engine.plan.dt)
        before = self.state.nodes | nodes
        nodes, edges, pending = dict(nodes), dict(edges), dict(pending)
        outputs, times, observed = {}, {}, {}
        for name in self.group.populations:
            drive = Drive()
            if name in injected:
                drive += Drive(current=injected[name])
            elif name in self.engine.held:
                drive += Drive(current=self.engine.held[name])
            v = nodes[name].v
            received: dict[str, Array] = {}
            for edge_name, edge in self.into.items():
                aim = self.aims[edge_name]
                if aim.node != name:
                    continue
                if edge.reads != "spikes":
                    edges, arrived = self._read_state(edge_name, edges, before, context)
                else:
                    edges, arrived = self._arriving(
                        edge_name, edges, events, outputs, rings, index, context
                    )
                if not self._is_summed_first(edge_name):
                    pending, arrived = self._delivered(edge_name, pending, arrived, context)
                arrived = received.get(edge_name, arrived)
                edges[edge_name], part = edge.step(edges[edge_name], arrived, v, context)
                if aim.receptor is not None:
                    shared = received.get(aim.receptor)
                    received[aim.receptor] = _events(edge_name, part) + (
                        jnp.zeros_like(v) if shared is None else shared
                    )
                else:
                    drive += part if aim.port is None else Drive(ports={aim.port: part})
            population = self.engine.network.populations[name]
            step = _advance(population, nodes[name], drive, context.dt)
            nodes[name], outputs[name] = step.state, step.spikes
            if name in self.timed:
                outputs[late_name(name)] = self._heard(name, step.spikes) * step.fraction
            times[name] = self._spike_times(step, context)
            observed[name] = population.neuron.observe(step.state, drive.during(1.0))
        rings = {name: _write(ring, index, outputs[name]) for name, ring in rings.items()}
        records = self._recorded(nodes, edges, times, observed)
        return (nodes, edges, pending, rings), (outputs, records)

    def _spike_times(self, step: Step, context: Context) -> Float[Array, "..."]:
        """When each neuron spiked, ms; infinity where it did not."""
        fraction = step.fraction if self.engine.interpolates else jnp.ones_like(step.fraction)
        time = (context.step.astype(fraction.dtype) + fraction) * context.dt
        return jnp.where(step.spikes > 0, time, jnp.inf)

    def _read_state(
        self, name: str, edges: dict[str, Any], nodes: dict[str, Any], context: Context
    ) -> tuple[dict[str, Any], Array]:
        """The events of an edge that reads its source's state as the step finds it."""
        edge = self.into[name]
        assert edge.source is not None, "only edges with a source read a state"
        signal = read_leaf(nodes[edge.source], edge.reads)
        state, released = edge.release(edges[name], signal[None], context)
        return {**edges, name: state}, edge.propagate(released)[0]

    def _arriving(
        self,
        name: str,
        edges: dict[str, Any],
        events: dict[str, Array],
        outputs: dict[str, Array],
        rings: dict[str, Array],
        index: Array,
        context: Context,
    ) -> tuple[dict[str, Any], Array | None]:
        """The events of one edge in one step, and the edges' states after their release."""
        edge = self.into[name]
        if edge.source is None:
            return edges, None
        if name in self.engine.held_events:
            return edges, self.engine.held_events[name]
        if name in events:
            return edges, events[name]

        def sent(source: str, lag: int) -> Array:
            return outputs[source] if lag == 0 else _read(rings[source], index, lag)

        state, released = edge.release(edges[name], self._signal(name, sent)[None], context)
        released = edge.propagate(released) if self._is_summed_first(name) else released
        return {**edges, name: state}, released[0]

    def _delivered(
        self, name: str, pending: dict[str, Array], signal: Array | None, context: Context
    ) -> tuple[dict[str, Array], Array | SparseEvents]:
        """What arrives in this step over an edge whose events are not summed before."""
        assert signal is not None, "such edges have a source"
        projection = self.projections[name]
        if name not in pending:
            return pending, projection.arriving(signal)
        ring, arrived = projection.deliver(pending[name], signal, context)
        return {**pending, name: ring}, arrived

    def _is_summed_first(self, name: str) -> bool:
        """Whether the events of an edge are summed for each target before they are delivered."""
        return name not in self.pending and name not in self.listed

    def _signal(self, name: str, sent: Callable[[str, int], Array]) -> Array:
        """What an edge hears, given what each node sent a number of steps ago."""
        source, lag = str(self.into[name].source), self.engine.plan.lags[name]
        if not self.engine.network.interpolates(name):
            return sent(source, lag)
        late = late_name(source)
        return self._heard(source, sent(source, lag)) - sent(late, lag) + sent(late, lag + 1)

    def _heard(self, source: str, spikes: Array) -> Array:
        """Spikes as those hear them who know their times: without a surrogate if these suffice."""
        is_event = self.engine.network.populations[source].reset_gradient == "event"
        return jax.lax.stop_gradient(spikes) if is_event else spikes

    def _hoisted(self, name: str, outputs: Series) -> Float[Array, "time ..."]:
        """The events of an edge from upstream over the window, in one product of fixed length."""
        edge, (first, count) = self.into[name], self.window

        def sent(source: str, lag: int) -> Array:
            return delayed(self.state.history[source], outputs.get(source), lag, count)

        signal = self._signal(name, sent)
        context = Context(self.state.step, self.state.key, self.engine.plan.dt)
        self.edge_states[name], signal = edge.release(self.edge_states[name], signal, context)
        if not self._is_summed_first(name):
            return signal
        spare = self.engine.block - first - count
        padding = [(first, spare)] + [(0, 0)] * (signal.ndim - 1)
        return edge.propagate(jnp.pad(signal, padding))[first : first + count]

    def _recorded(
        self,
        nodes: dict[str, Any],
        edges: dict[str, Any],
        times: dict[str, Array],
        observed: dict[str, Any],
    ) -> dict[str, Array]:
        """The recorded leaves of the state; spikes are returned in any case."""
        if not self.engine.recorded:
            return {}
        tree: dict[str, Any] = dict(edges)
        for name in self.group.populations:
            shape = self.engine.network.nodes[name].shape
            filled = {key: jnp.broadcast_to(x, shape) for key, x in observed[name].items()}
            tree |= view(name, None, times[name], nodes[name], filled)
        named = zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True)
        return {path: leaf for path, leaf in named if path in self.engine.recorded}


def _advance(population: Population, state: Any, drive: Drive, dt: float) -> Step:
    """`population.advance`, mostly so that the way back keeps its arguments only.

    The rates of a channel and the crossing of a threshold leave dozens of numbers per neuron and
    step behind: computing them again is quicker than fetching them from memory. A neuron with few
    variables and a plain reset leaves a handful, and gains nothing.
    """
    variables = sum(eqx.is_inexact_array(leaf) for leaf in jax.tree.leaves(state))
    if variables < MANY_VARIABLES and population.reset_gradient != "event":
        return population.advance(state, drive, dt)
    arrays, rest = eqx.partition((population, state, drive), eqx.is_array)

    def advance(arrays: Any) -> Step:
        population, state, drive = eqx.combine(arrays, rest)
        return population.advance(state, drive, dt)

    return jax.checkpoint(advance, prevent_cse=False)(arrays)


def read_leaf(state: Any, path: str) -> Array:
    """The leaf of a neuron's state that an edge reads; wrappers on the way may be left out."""
    return get_leaf({"source": state}, f"source.{path}")


def _events(name: str, part: Drive) -> Array:
    """What an edge hands to the shared receptor it feeds."""
    is_current = part.conductance is None and part.jump is None and part.current_end is None
    is_current = is_current and not part.gated
    if part.current is None or not is_current:
        raise ValueError(
            f"Edge {name!r} feeds a SharedReceptor, which wants plain events. Leave its own "
            "receptor at Direct()."
        )
    return part.current


def delayed(
    past: Float[Array, "delay ..."], output: Float[Array, "time ..."] | None, lag: int, count: int
) -> Float[Array, "time ..."]:
    """What a node sent `lag` steps before each of `count` steps."""
    start = past.shape[0] - lag
    before = past[start : start + min(lag, count)]
    if lag >= count:
        return before
    assert output is not None, "the schedule runs sources before their targets"
    return output if lag == 0 else jnp.concatenate([before, output[: count - lag]])


def _latest(past: Float[Array, "delay ..."], output: Float[Array, "time ..."]) -> Array:
    depth, count = past.shape[0], output.shape[0]
    if count >= depth:
        return output[count - depth :]
    return jnp.concatenate([past[count:], output])


def _read(ring: Float[Array, "delay ..."], index: Array, lag: int) -> Array:
    """The value of `lag` steps ago: step i of the block lives in slot i modulo the depth."""
    depth = ring.shape[0]
    if depth == 1:
        return ring[0]
    return jax.lax.dynamic_index_in_dim(ring, (index - lag) % depth, keepdims=False)


def _write(ring: Float[Array, "delay ..."], index: Array, value: Array) -> Array:
    depth = ring.shape[0]
    if depth == 1:
        return value[None]
    return jax.lax.dynamic_update_index_in_dim(ring, value, index % depth, 0)
