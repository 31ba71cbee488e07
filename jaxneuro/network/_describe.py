"""The text of `print(network)`: what it is made of, and in which order it runs."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
from jax.core import Tracer

from jaxneuro.core import plural
from jaxneuro.plasticity import Plastic

from ._network import Network
from ._schedule import groups_in_order
from ._stages import Advance


def describe(network: Network) -> str:
    """Populations with sizes and parameters, edges, and the order of execution."""
    edges = network.edges
    head = (
        f"Network: {plural(len(network.populations), 'population')}, "
        f"{plural(sum(n.size for n in network.populations.values()), 'neuron')}, "
        f"{plural(len(edges), 'edge')}, {plural(count_parameters(edges), 'weight')} and biases"
    )
    rows = [("node", "shape", "model", "options")]
    rows += [(name, _shape(node.shape), "input", "") for name, node in network.inputs.items()]
    for name, node in network.populations.items():
        options = f"{_call(node.surrogate)}, {_call(node.integrator)}, {node.reset_gradient} reset"
        rows.append((name, _shape(node.shape), _call(node.neuron), options))
    lines = [head, "", *_table(rows), ""]
    wires = [("edge", "from -> to", "delay", "weights", "kind")]
    for name, edge in edges.items():
        delay = "1 step" if edge.delay is None else f"{edge.delay:g} ms"
        wire = f"{edge.source or '-'} -> {edge.target}"
        wires.append((name, wire, delay, f"{count_parameters(edge):,}", _call(edge)))
    lines += [*_table(wires), "", *_order(network)]
    return "\n".join(lines)


def count_parameters(tree: Any) -> int:
    """Numbers in the weights and biases of edges."""
    named = jax.tree_util.tree_flatten_with_path(tree)[0]
    wanted = [x for path, x in named if getattr(path[-1], "name", "") in ("weight", "bias")]
    return sum(x.size for x in wanted if eqx.is_inexact_array(x))


def _order(network: Network) -> list[str]:
    lines = ["order of execution"]
    others = [stage.tag for stage in network.stages if not isinstance(stage, Advance)]
    learning = [name for name, edge in network.edges.items() if isinstance(edge, Plastic)]
    reasons = []
    if others:
        reasons.append(f"stage {', '.join(map(repr, others))} sees every step")
    if learning:
        reasons.append(f"plastic edge {', '.join(map(repr, learning))} learns from every step")
    if reasons:
        lines[0] += f" (step by step: {'; '.join(reasons)})"
    aims = {name: network.target(name).node for name in network.edges}
    pairs = [(str(e.source), aims[name], e.delay) for name, e in network.edges.items()]
    lags: dict[tuple[str, str], int] = {}
    for source, target, delay in pairs:
        if source in network.populations:
            lags[source, target] = min(0 if delay == 0 else 1, lags.get((source, target), 1))
    for name, edge in network.edges.items():
        if edge.reads != "spikes":  # both ends advance together
            lags.setdefault((aims[name], str(edge.source)), 1)
    for number, group in enumerate(groups_in_order(network.populations, lags, block=2), 1):
        how = "recurrent, step by step" if group.is_recurrent else "element-wise over a block"
        into = [name for name, node in aims.items() if node in group.populations]
        heard = f"; hears {', '.join(into)}" if into else ""
        lines.append(f"  {number}. {', '.join(group.populations)}: {how}{heard}")
    if others:
        lines.append(f"stages of a step: {', '.join(stage.tag for stage in network.stages)}")
    return lines


def _call(module: eqx.Module) -> str:
    """`LIF(tau=10.0, threshold=1.0)`: the class and its numbers, wrappers with what they wrap."""
    parts = []
    for field in dataclasses.fields(module):
        value = getattr(module, field.name)
        if isinstance(value, eqx.Module):
            parts.append(_call(value))
        elif eqx.is_array(value):
            is_shown = value.size == 1 and not isinstance(value, Tracer)
            parts.append(f"{field.name}={value.item():g}" if is_shown else f"{field.name}: array")
    shown = [part for part in parts if not part.startswith(("weight: ", "bias: "))]
    return f"{type(module).__name__}({', '.join(shown)})"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
