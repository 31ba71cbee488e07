"""Where edges deliver: a population, a port of its neuron, or a receptor that edges share."""

from collections.abc import Mapping
from typing import NamedTuple

from jaxneuro.core import suggest
from jaxneuro.edges import AbstractEdge, SharedReceptor
from jaxneuro.neurons import Input, Population


class Target(NamedTuple):
    """What the text of an edge's `target` means.

    **Attributes:**

    - `node`: the population that is driven in the end.
    - `port`: the port of its neuron, None for the ordinary one.
    - `receptor`: the shared receptor that takes the events, None if the edge has its own.
    """

    node: str
    port: str | None = None
    receptor: str | None = None


def resolve_target(
    name: str,
    edge: AbstractEdge,
    nodes: Mapping[str, Population | Input],
    edges: Mapping[str, AbstractEdge],
) -> Target:
    """Reads `"exc"`, `"exc.port"` or `"exc/receptor"`.

    **Raises:** `ValueError` if there is no such node, port or shared receptor.
    """
    text = edge.target
    if text in edges and text != name:
        if not isinstance(edges[text], SharedReceptor):
            raise ValueError(f"Edge {name!r}: its target {text!r} is no SharedReceptor.")
        if isinstance(edge, SharedReceptor):
            raise ValueError(f"Edge {name!r}: a SharedReceptor drives a population, not {text!r}.")
        return resolve_target(text, edges[text], nodes, edges)._replace(receptor=text)
    node, _, port = text.partition(".")
    if node not in nodes:
        near = [*nodes, *(n for n, e in edges.items() if isinstance(e, SharedReceptor))]
        raise ValueError(f"Edge {name!r}: no target {node!r}. {suggest(node, near)}")
    population = nodes[node]
    if isinstance(population, Input):
        raise ValueError(f"Edge {name!r}: {node!r} is an Input and cannot be driven.")
    if not port:
        return Target(node)
    ports = population.neuron.ports
    if port not in ports:
        raise ValueError(
            f"Edge {name!r}: {type(population.neuron).__name__} of {node!r} has no port {port!r}. "
            + (f"It has {', '.join(ports)}." if ports else "It has none.")
        )
    return Target(node, port)
