"""A step of a network in which some projections learn: it advances, then they do."""

import dataclasses
from typing import Any

import equinox as eqx
import jax

from jaxneuro.core import Context, leaf_paths
from jaxneuro.network import Network, NetworkState
from jaxneuro.plasticity import Activity, Plastic

from ._engine import Engine, Series, Window, advance_block


def plastic_edges(network: Network) -> dict[str, Plastic]:
    """The edges whose weights learn, by name."""
    return {name: edge for name, edge in network.edges.items() if isinstance(edge, Plastic)}


def advance_and_learn(
    engine: Engine, state: NetworkState, series: Series, window: Window
) -> tuple[NetworkState, Series]:
    """As `advance_block`; in a network with plastic edges, of one step, they learn from it."""
    plastic = plastic_edges(engine.network)
    if not plastic:
        return advance_block(engine, state, series, window)
    assert window.steps == 1, "plastic edges learn after every step"
    edges = dict(engine.network.edges)
    inner = dict(state.edges)
    for name, edge in plastic.items():
        edges[name] = edge.with_weight(state.edges[name].weight)
        inner[name] = state.edges[name].inner
    now = engine._replace(network=_with_edges(engine.network, edges))
    after, recorded = advance_block(now, dataclasses.replace(state, edges=inner), series, window)
    context = Context(state.step, state.key, engine.plan.dt)
    learned = dict(after.edges)
    for name, edge in plastic.items():
        before = dataclasses.replace(state.edges[name], inner=after.edges[name])
        shapes = _shapes(engine.network, name)
        activity = _activity(engine, name, edge, state, after)
        learned[name] = edge.learn(before, activity, shapes, context)
    for path, leaf in zip(leaf_paths(learned), jax.tree.leaves(learned), strict=True):
        if path in engine.recorded and path.partition(".")[0] in plastic:
            recorded[path] = leaf[None]
    return dataclasses.replace(after, edges=learned), recorded


def _activity(
    engine: Engine, name: str, edge: Plastic, before: NetworkState, after: NetworkState
) -> Activity:
    source, target = str(edge.source), engine.network.target(name).node
    lag = engine.plan.lags[name]
    arrived = after.spikes(source) if lag == 0 else before.history[source][-lag]
    signal = None if edge.third is None else after.spikes(edge.third).reshape(-1)
    spikes = after.spikes(target).reshape(-1)
    return Activity(arrived.reshape(-1), spikes, after.nodes[target], signal)


def _shapes(network: Network, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    source, target = str(network.edges[name].source), network.target(name).node
    return network.nodes[source].shape, network.nodes[target].shape


def _with_edges(network: Network, edges: dict[str, Any]) -> Network:
    """The network with other edges of the same kinds, which need no checks."""
    return eqx.tree_at(lambda n: n.edges, network, edges)
