"""What a behaviour is handed: a part of the network at one moment, to read and to change."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, leaf_paths, map_leaves, suggest
from jaxneuro.edges import projection_of

from ._select import has_tag
from ._state import NetworkState

if TYPE_CHECKING:
    from typing import ClassVar as AbstractVar  # what type checkers understand of it

    from ._network import Network
else:
    from equinox import AbstractVar


class Moment(NamedTuple):
    """The network in the middle of a step, as one behaviour finds it.

    **Attributes:**

    - `tag`: the behaviour's, which names its random stream.
    - `state`, `context`: None while the behaviours make their first variables.
    """

    network: "Network"
    tag: str
    state: NetworkState | None = None
    context: Context | None = None


class AbstractPart(eqx.Module):
    """A population, an edge or the whole network at one moment of a step.

    `part["v"]` reads a variable: one of its state, one that any of its behaviours made, or else a
    parameter of its model. `part.set(v=...)` is the part with other values.

    **Attributes:**

    - `moment`: the network it belongs to.
    - `name`: that of the node or edge, empty for the whole network.
    """

    moment: AbstractVar[Moment]
    name: AbstractVar[str]

    @property
    def context(self) -> Context:
        """The absolute step, and dt."""
        if self.moment.context is None:
            raise ValueError(f"Behaviour {self.moment.tag!r}: there is no step yet in `init`.")
        return self.moment.context

    @property
    def key(self) -> Key[Array, ""]:
        """The random key of the behaviour in this step."""
        return self.context.key(self.moment.tag)

    def __getitem__(self, variable: str) -> Array:
        for _, tree in (*variables(self.moment, self.name), ("model", self._model())):
            path = find(tree, variable)
            if path is not None:
                return _leaves(tree)[path]
        raise KeyError(self._unknown(variable, "variable or parameter", self._model()))

    def set(self, **values: Any) -> Self:
        """The part with these values of its variables.

        A number fills the variable, an array has its shape; both take its dtype.

        **Raises:** `KeyError` for an unknown variable, `ValueError` for another shape.
        """
        part = self
        for variable, value in values.items():
            part = part._with(variable, value)
        return part

    def _with(self, variable: str, value: Any) -> Self:
        for group, tree in variables(self.moment, self.name):
            path = find(tree, variable)
            if path is not None:
                fitted = lambda _, leaf: self._fitted(variable, value, leaf)  # noqa: E731
                changed = map_leaves(tree, [path], fitted)
                where = lambda state, g=group: getattr(state, g)  # noqa: E731
                state = self.moment.state
                state = eqx.tree_at(where, state, {**where(state), **changed})
                return dataclasses.replace(self, moment=self.moment._replace(state=state))
        raise KeyError(self._unknown(variable, "variable"))

    def _fitted(self, variable: str, value: Any, leaf: Array) -> Array:
        new = jnp.asarray(value)
        if new.shape not in ((), leaf.shape):
            raise ValueError(
                f"Behaviour {self.moment.tag!r}: {variable!r} has shape {leaf.shape}, but a value "
                f"of shape {new.shape} came. A variable keeps its shape."
            )
        return jnp.broadcast_to(new, leaf.shape).astype(leaf.dtype)

    def _model(self) -> dict[str, Any]:
        network = self.moment.network
        model = network.nodes.get(self.name) or network.edges.get(self.name)
        return {"model": model}

    def _unknown(self, variable: str, what: str, *others: Mapping[str, Any]) -> str:
        trees = [tree for _, tree in variables(self.moment, self.name)] + [*others]
        names = sorted({path.rpartition(".")[2] for tree in trees for path in leaf_paths(tree)})
        return (
            f"Behaviour {self.moment.tag!r}: {self.name or 'the network'!r} has no {what} "
            f"{variable!r}. {suggest(variable, names)} What `init` returns becomes a variable."
        )


class Cells(AbstractPart):
    """A population, or an input, at one moment of a step."""

    moment: Moment
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.moment.network.nodes[self.name].shape

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def spikes(self) -> Float[Array, "..."]:
        """What it sent when the populations advanced last."""
        if self.moment.state is None:
            raise ValueError(f"Behaviour {self.moment.tag!r}: there are no spikes yet in `init`.")
        return self.moment.state.spikes(self.name)

    def afferents(self, tag: str | None = None) -> "list[Synapses]":
        """The edges into it, all or those with a tag, in the network's order."""
        return self._edges(tag, lambda name: self.moment.network.target(name).node)

    def efferents(self, tag: str | None = None) -> "list[Synapses]":
        """The edges out of it, all or those with a tag, in the network's order."""
        return self._edges(tag, lambda name: self.moment.network.edges[name].source)

    def _edges(self, tag: str | None, end: Callable[[str], str | None]) -> "list[Synapses]":
        network = self.moment.network
        names = [name for name in network.edges if end(name) == self.name]
        chosen = [name for name in names if tag is None or has_tag(network, name, tag)]
        return [Synapses(self.moment, name) for name in chosen]


class Synapses(AbstractPart):
    """An edge at one moment of a step."""

    moment: Moment
    name: str

    @property
    def source(self) -> Cells:
        source = self.moment.network.edges[self.name].source
        if source is None:
            raise ValueError(f"Behaviour {self.moment.tag!r}: edge {self.name!r} has no source.")
        return Cells(self.moment, source)

    @property
    def target(self) -> Cells:
        return Cells(self.moment, self.moment.network.target(self.name).node)

    def propagate(self, signal: Float[Array, "..."]) -> Float[Array, "..."]:
        """What a signal of the source's shape sums to at each target, by the weight of now."""
        edge = self.moment.network.edges[self.name]
        projection = projection_of(edge)
        if projection is None or projection.weight is None:
            return edge.propagate(signal[None])[0]
        return projection.connectivity.propagate(self["weight"], signal[None])[0]


class Whole(AbstractPart):
    """The whole network at one moment of a step."""

    moment: Moment
    name: str = ""

    def cells(self, name: str) -> Cells:
        """A population or an input by its name."""
        return Cells(self.moment, _known(name, self.moment.network.nodes, "node"))

    def synapses(self, name: str) -> Synapses:
        """An edge by its name."""
        return Synapses(self.moment, _known(name, self.moment.network.edges, "edge"))


def variables(moment: Moment, name: str) -> list[tuple[str, dict[str, Any]]]:
    """The variables of an owner, in the order in which they are looked for.

    **Returns:** fields of the network's state, each with those entries of it that are the owner's:
    what the behaviour itself made, the state of the node or edge, what its other behaviours made.
    """
    state = moment.state
    if state is None:
        return []
    made = {tag: own for tag, own in state.stages.items() if tag.rpartition("/")[0] == name}
    itself = {tag: made.pop(tag) for tag in [moment.tag] if tag in made}
    groups = {"nodes": state.nodes, "edges": state.edges}
    found = [(group, {name: own[name]}) for group, own in groups.items() if name in own]
    return [("stages", itself), *found, ("stages", made)]


def find(tree: Mapping[str, Any], variable: str) -> str | None:
    """The path in the tree that ends in the variable, None if there is none.

    **Raises:** `ValueError` if there are several.
    """
    found = [path for path in leaf_paths(tree) if path.endswith(f".{variable}")]
    if len(found) > 1:
        raise ValueError(
            f"The variable {variable!r} could be {' or '.join(found)}. Use the longer name."
        )
    return found[0] if found else None


def _leaves(tree: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True))


def _known(name: str, names: Mapping[str, Any], what: str) -> str:
    if name not in names:
        raise KeyError(f"The network has no {what} {name!r}. {suggest(name, list(names))}")
    return name
