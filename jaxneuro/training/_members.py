"""The members of a population as models, and their fitness: at once, in chunks, on many devices."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float

from jaxneuro.core import leaf_paths, map_leaves
from jaxneuro.edges import Chain, Dense, LowRank, Projection
from jaxneuro.evolution import AbstractStrategy

from ._trainable import Bounds, Trainable

AXIS = "members"


class Layout(NamedTuple):
    """How the candidates of a generation are laid out over minibatches, chunks and devices.

    **Attributes:**

    - `candidates`, `siblings`: of the strategy.
    - `slices`: minibatches of a generation; neighbours among the candidates share one.
    - `chunk`: candidates at the same time on one device.
    - `mesh`: of several devices, None for one.
    """

    candidates: int
    siblings: int
    slices: int
    chunk: int
    mesh: Mesh | None

    @property
    def per_slice(self) -> int:
        return self.candidates // self.slices


def choose_layout(
    strategy: AbstractStrategy,
    *,
    slices: int = 1,
    chunk: int | None = None,
    devices: Sequence[Any] | None = None,
) -> Layout:
    """How `evolve` will lay out a strategy's population.

    **Arguments:** as in `evolve`.

    **Raises:** `ValueError` for numbers that do not divide the population.
    """
    devices = jax.devices() if devices is None else list(devices)
    population, siblings = strategy.population, strategy.siblings
    candidates = population // siblings
    what = f"{population} members" + (f" ({candidates} mirrored pairs)" if siblings == 2 else "")
    if slices < 1 or candidates % slices:
        raise ValueError(
            f"evolve: {what} cannot share {slices} slices of the batch evenly. Choose a number of "
            f"slices that divides {candidates}."
        )
    if chunk is not None and chunk < 1:
        raise ValueError(f"evolve: chunk is {chunk}; it must be at least 1.")
    count = len(devices)
    if slices % count and (candidates // slices) % count:
        raise ValueError(
            f"evolve: {what} in {slices} slices cannot be spread over {count} devices evenly. "
            f"Choose numbers that {count} divides, or pass fewer devices."
        )
    at_once = candidates if chunk is None else max(1, chunk // siblings)
    mesh = (
        None
        if count == 1
        else jax.make_mesh((count,), (AXIS,), (jax.sharding.AxisType.Auto,), devices=devices)
    )
    return Layout(candidates, siblings, slices, at_once, mesh)


def score_members(
    score: Callable[[Any, Any, Any], Any],
    shared: Any,
    candidates: Any,
    batches: Any,
    layout: Layout,
) -> Any:
    """`score(shared, candidate, batch)` of every candidate, with the batch of its slice.

    **Arguments:**

    - `score`: returns arrays that begin with the axis of siblings.
    - `candidates`, `batches`: leaves that begin with the axis of candidates and of slices.

    **Returns:** its arrays, which begin with the axes of candidates and siblings.
    """
    shape = layout.slices, layout.per_slice
    grouped = jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), candidates)

    def part(shared: Any, candidates: Any, batches: Any) -> Any:
        def one_slice(both: Any) -> Any:
            candidates, batch = both
            return _mapped(lambda one: score(shared, one, batch), candidates, layout.chunk)

        slices_at_once = max(1, layout.chunk // layout.per_slice)
        return _mapped(one_slice, (candidates, batches), slices_at_once)

    if layout.mesh is not None:
        by_slice = layout.slices % layout.mesh.size == 0
        members = P(AXIS) if by_slice else P(None, AXIS)
        # Not `check_vma`: the first state of a simulation is the same on all devices.
        part = jax.shard_map(
            part,
            mesh=layout.mesh,
            in_specs=(P(), members, P(AXIS) if by_slice else P()),
            out_specs=members,
            check_vma=False,
        )
    result = part(shared, grouped, batches)
    return jax.tree.map(lambda x: x.reshape(layout.candidates, *x.shape[2:]), result)


def as_member(
    model: Any,
    chosen: Trainable,
    values: Mapping[str, Float[Array, "..."] | LowRank],
    low_rank: frozenset[str],
) -> Any:
    """The model with a member's parameters; low rank stays so at the paths in `low_rank`."""

    def placed(path: str, leaf: Array) -> Any:
        value, bounds = values[path], chosen.bounds[path]
        if isinstance(value, LowRank):
            if path in low_rank and bounds == Bounds():
                return value
            value = value.dense()
        return bounds.bounded(value)

    return map_leaves(model, list(chosen.bounds), placed)


def low_rank_paths(model: Any) -> frozenset[str]:
    """Where a model takes a `LowRank` for a weight: in its dense projections."""
    is_projection = lambda node: isinstance(node, Projection)  # noqa: E731
    paths = leaf_paths(model, is_projection)
    nodes = jax.tree.leaves(model, is_leaf=is_projection)
    return frozenset(
        f"{path}.weight" if path else "weight"
        for path, node in zip(paths, nodes, strict=True)
        if is_projection(node) and _is_dense(node.connectivity)
    )


def _is_dense(connectivity: Any) -> bool:
    if isinstance(connectivity, Chain):
        return any(_is_dense(link) for link in connectivity.links)
    return isinstance(connectivity, Dense)


def _mapped(function: Callable, values: Any, at_once: int) -> Any:
    count = jax.tree.leaves(values)[0].shape[0]
    if at_once >= count:
        return jax.vmap(function)(values)
    return jax.lax.map(function, values, batch_size=at_once)
