import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from jaxneuro.core import Context, check_name, map_leaves, suggest

from ._parts import AbstractPart, Cells, Moment, Synapses, Whole, find
from ._select import has_tag
from ._stages import AbstractStage, Advance
from ._state import NetworkState

Keyed = Mapping[Any, "AbstractBehaviour | AbstractStage"]  # the keys are numbers


class AbstractBehaviour(eqx.Module):
    """Something that a population, an edge or the network does in every step.

    Its fields are parameters. It is handed its owner at that moment (`Cells`, `Synapses` or
    `Whole`) and returns the part that it has changed.

    !!! example

        ```python
        class Leak(AbstractBehaviour):
            factor: Array = param(0.9)

            def init(self, cells, key):
                return {}

            def step(self, cells):
                return cells.set(v=self.factor * cells["v"])

        net = Network({"cells": Population(Inert(), 100)}, behaviours={"cells": {1: Leak(0.8)}})
        ```
    """

    @abstractmethod
    def init(self, owner: Any, key: Key[Array, ""], /) -> Mapping[str, Any]:
        """The variables that it gives its owner, with their first values.

        All behaviours of the owner share them. One that is called as a parameter of the owner (an
        edge's `weight`, a neuron's `threshold`) takes its place from then on.
        """

    @abstractmethod
    def step(self, owner: Any, /) -> AbstractPart:
        """The part of the network that it changes, changed (or the owner as it came)."""


class Owned(AbstractStage):
    """A behaviour as a stage of its owner's network.

    **Arguments:**

    - `tag`: the owner's name and that of the behaviour, `"exc/Leak"`; `"Leak"` for the network's.
    - `behaviour`: what it does.
    - `enabled`: whether it does, an array: `switch` changes it without compiling anew.
    """

    tag: str = eqx.field(static=True)
    behaviour: AbstractBehaviour
    enabled: Bool[Array, ""] = eqx.field(converter=jnp.asarray, default=True)

    @property
    def owner(self) -> str:
        """Name of the node or edge, empty for the network."""
        return self.tag.rpartition("/")[0]

    def init(self, network: Any, key: Key[Array, ""]) -> dict[str, Array]:
        made = dict(self.behaviour.init(self._part(Moment(network, self.tag)), key))
        for name in made:
            check_name(name, f"Behaviour {self.tag!r}, variable")
        # `astype` makes weak types strong: a step would, and the same program be compiled twice.
        arrays = {name: jnp.asarray(value) for name, value in made.items()}
        return {name: array.astype(array.dtype) for name, array in arrays.items()}

    def step(self, network: Any, state: NetworkState, context: Context) -> NetworkState:
        return jax.lax.cond(
            self.enabled, lambda s: self._stepped(network, s, context), lambda s: s, state
        )

    def _stepped(self, network: Any, state: NetworkState, context: Context) -> NetworkState:
        part = self.behaviour.step(self._part(Moment(network, self.tag, state, context)))
        if not isinstance(part, AbstractPart) or part.moment.state is None:
            raise TypeError(
                f"Behaviour {self.tag!r}: its step returned a {type(part).__name__}. Return the "
                "part that it changed, such as `cells.set(v=...)`, or its owner as it came."
            )
        return part.moment.state

    def _part(self, moment: Moment) -> AbstractPart:
        owner = self.owner
        if not owner:
            return Whole(moment)
        return (Cells if owner in moment.network.nodes else Synapses)(moment, owner)


def in_order(
    stages: tuple[AbstractStage, ...] | Keyed | None,
    behaviours: Mapping[str, Keyed] | None,
) -> tuple[AbstractStage, ...]:
    """The stages of a step by their keys; equal keys in order of insertion, the network's first.

    `Advance()` comes last unless it has a key.

    **Raises:** `ValueError` for keys that are no numbers, and for what has none.
    """
    stages = (Advance(),) if stages is None else stages
    if not behaviours and not isinstance(stages, Mapping):
        return tuple(stages)
    if not isinstance(stages, Mapping):
        unkeyed = [stage for stage in stages if not isinstance(stage, Advance)]
        if unkeyed:
            raise ValueError(
                f"Network: stage {unkeyed[0].tag!r} has no key, but behaviours run by theirs. Pass "
                "stages={key: stage}."
            )
        stages = {}
    entries = [("", key, what) for key, what in stages.items()]
    entries += [
        (o, key, what) for o, own in (behaviours or {}).items() for key, what in own.items()
    ]
    for owner, key, what in entries:
        _check_entry(owner, key, what)
    if not any(isinstance(what, Advance) for _, _, what in entries):
        entries.append(("", math.inf, Advance()))
    taken: dict[str, int] = {}
    ordered = []
    for owner, _, what in sorted(entries, key=lambda entry: entry[1]):
        ordered.append(what if isinstance(what, AbstractStage) else _owned(owner, what, taken))
    return tuple(ordered)


def check_owners(network: Any) -> None:
    """Refuses behaviours of nodes and edges that are not there.

    **Raises:** `ValueError`.
    """
    known = [*network.nodes, *network.edges]
    for stage in network.stages:
        if isinstance(stage, Owned) and stage.owner and stage.owner not in known:
            raise ValueError(
                f"Network: behaviours of {stage.owner!r}, but there is no such node or edge. "
                f"{suggest(stage.owner, known)}"
            )


def with_variables(network: Any, state: NetworkState) -> Any:
    """The network with variables in the place of the parameters that are called like them."""
    for stage in network.stages:
        if not isinstance(stage, Owned) or not stage.owner:
            continue
        group = "nodes" if stage.owner in network.nodes else "edges"
        for name, value in state.stages[stage.tag].items():
            models = getattr(network, group)
            path = find({"model": models[stage.owner]}, name)
            if path is not None:
                model = map_leaves({"model": models[stage.owner]}, [path], lambda *_, v=value: v)
                changed = {**models, stage.owner: model["model"]}
                network = eqx.tree_at(lambda n, g=group: getattr(n, g), network, changed)
    return network


def switch(network: Any, tag: str, on: bool | Bool[Array, ""]) -> Any:
    """The network with the behaviours of that tag switched on or off.

    One that is off keeps its variables as they are and costs nothing. Nothing is compiled anew.

    **Arguments:**

    - `tag`: as in `select`: a class such as `"STDP"`, a name such as `"exc/STDP"`, or a tag.
    - `on`: whether they run.

    **Raises:** `KeyError` if no behaviour has the tag.

    !!! example

        ```python
        frozen = switch(net, "STDP", on=False)
        ```
    """
    is_meant = [isinstance(s, Owned) and has_tag(network, s.tag, tag) for s in network.stages]
    if not any(is_meant):
        tags = [s.tag for s in network.stages if isinstance(s, Owned)]
        raise KeyError(f"switch: no behaviour has the tag {tag!r}. {suggest(tag, tags)}")
    where = lambda net: [s.enabled for s, m in zip(net.stages, is_meant, strict=True) if m]  # noqa: E731
    return eqx.tree_at(where, network, [jnp.asarray(on, bool)] * sum(is_meant))


def _check_entry(owner: str, key: Any, what: Any) -> None:
    name = owner or "the network"
    if isinstance(key, bool) or not isinstance(key, int | float) or not math.isfinite(key):
        raise ValueError(
            f"Network: {name!r} has a behaviour under the key {key!r}; it is a number."
        )
    wanted = AbstractBehaviour if owner else AbstractBehaviour | AbstractStage
    if not isinstance(what, wanted):
        raise ValueError(
            f"Network: {name!r} has a {type(what).__name__} under the key {key:g}; it must be an "
            "instance of an AbstractBehaviour" + ("." if owner else ", or a stage.")
        )


def _owned(owner: str, behaviour: AbstractBehaviour, taken: dict[str, int]) -> Owned:
    tag = "/".join(filter(None, (owner, type(behaviour).__name__)))
    taken[tag] = taken.get(tag, 0) + 1
    return Owned(tag if taken[tag] == 1 else f"{tag}_{taken[tag]}", behaviour)
