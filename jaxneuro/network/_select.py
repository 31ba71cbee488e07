"""Objects of a network by name, tag, class or path."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx

from jaxneuro.core import get_leaf, suggest

if TYPE_CHECKING:
    from ._network import Network

Tags = tuple[tuple[str, tuple[str, ...]], ...]


def read_tags(tags: Mapping[str, str | Iterable[str]] | None) -> Tags:
    """Tags by name of the object: `"glutamate, plastic"` or `("glutamate", "plastic")`."""
    split = {
        name: own.split(",") if isinstance(own, str) else list(own)
        for name, own in (tags or {}).items()
    }
    return tuple((name, tuple(tag.strip() for tag in own)) for name, own in split.items())


def check_tags(network: "Network") -> None:
    """Refuses tags of objects that are not there, and tags that a path could not start with.

    **Raises:** `ValueError`.
    """
    known = list(objects(network))
    for name, tags in network.tags:
        if name not in known:
            raise ValueError(
                f"Network: tags for {name!r}, which is not there. {suggest(name, known)}"
            )
        wrong = [tag for tag in tags if not tag or "." in tag or "*" in tag]
        if wrong:
            raise ValueError(
                f"Network: {name!r} has the tag {wrong[0]!r}; a tag is a word without '.' and '*'."
            )


def objects(network: "Network") -> dict[str, Any]:
    """Everything that has a name, in order: nodes, edges, stages."""
    stages = {stage.tag: stage for stage in network.stages}
    return {**network.nodes, **network.edges, **stages}


def tags_of(network: "Network", name: str) -> tuple[str, ...]:
    """All tags of a node, edge or stage: its name, those given, its classes, `exc_to_inh`.

    !!! example

        ```python
        tags_of(net, "ei")  # ("ei", "glutamate", "Projection", "exc_to_inh")
        ```
    """
    thing = objects(network)[name]
    given = dict(network.tags).get(name, ())
    own = [type(part).__name__ for part in _parts(thing)]
    if name in network.edges and thing.source is not None:
        own.append(f"{thing.source}_to_{network.target(name).node}")
    return tuple(dict.fromkeys((name, *given, *own)))


def has_tag(network: "Network", name: str, tag: str) -> bool:
    """Whether a node, edge or stage has the tag."""
    return tag in tags_of(network, name)


def select(network: "Network", tag: str) -> dict[str, Any]:
    """The nodes, edges and stages that have a tag, by name, in the order of the network.

    **Arguments:**

    - `tag`: a name, a tag that was given, a class such as `"LIF"`, or `"exc_to_inh"`.

    **Raises:** `KeyError` if nothing has it; the nearest tags are named.

    !!! example

        ```python
        select(net, "glutamate")  # {"ee": Projection(...), "ei": Projection(...)}
        ```
    """
    known = objects(network)
    found = {name: thing for name, thing in known.items() if has_tag(network, name, tag)}
    if not found:
        tags = list(dict.fromkeys(t for name in known for t in tags_of(network, name)))
        raise KeyError(f"Network: nothing has the tag {tag!r}. {_nearest(tag, tags)}")
    return found


def look_up(network: "Network", query: str) -> Any:
    """What `network[query]` gives: the objects with a tag, or the parameter under a path."""
    if not isinstance(query, str):
        raise KeyError(f"Network: {query!r} is no tag or path; both are text.")
    if "." not in query:
        return list(select(network, query).values())
    queries = expanded(network, query)
    leaves = [_parameter(network, one) for one in queries]
    return leaves[0] if queries == [query] else leaves


def expanded(network: "Network", path: str) -> list[str]:
    """A path that starts with a tag as those of the objects that have it; any other as it is.

    `"glutamate.weight"` becomes `["ee.weight", "ei.weight"]`.
    """
    head, dot, rest = path.partition(".")
    known = objects(network)
    if not dot or head in known:
        return [path]
    found = [name for name in known if has_tag(network, name, head)]
    return [f"{name}.{rest}" for name in found] or [path]


def _parameter(network: "Network", path: str) -> Any:
    try:
        return get_leaf(network, path)
    except ValueError as error:
        head = path.partition(".")[0]
        hint = ""
        if head in network.nodes or head in network.edges:
            hint = f" What changes in a run is in its records: simulate(..., record={path!r})."
        raise KeyError(f"Network: {error}{hint}") from None


def _parts(thing: Any) -> list[Any]:
    """The object and what it is made of: its neuron, its behaviour, what it wraps."""
    inner = [vars(thing).get(field) for field in ("neuron", "behaviour", "edge")]
    return [thing, *(p for one in inner if isinstance(one, eqx.Module) for p in _parts(one))]


def _nearest(tag: str, tags: list[str]) -> str:
    same = [known for known in tags if known.casefold() == tag.casefold()]
    return f"Did you mean {same[0]}?" if same else suggest(tag, tags)
