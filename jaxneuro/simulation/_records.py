"""What a run records: leaves by path, reducers over them, and functions of the state."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxneuro.core import Drive, leaf_paths, resolve_path, resolve_paths
from jaxneuro.network import Network, NetworkState, expanded

from ._engine import view
from ._every import Every
from ._record import AbstractReducer


class Run(NamedTuple):
    """The choices of a run that fix its compiled program.

    **Attributes:**

    - `every`: the interval of what is recorded without one of its own.
    - `segment`: steps after which records are thinned to their intervals.
    """

    dt: float
    steps: int
    every: int
    block: int
    segment: int
    phase: int
    inference: bool
    interpolates: bool


def read_record(network: Network, record: Any) -> dict[str, Any]:
    """What to record, by name; a path that starts with a tag stands for several.

    **Raises:** `ValueError` for a tag of several objects under one name.
    """
    if not isinstance(record, Mapping):
        paths = (record,) if isinstance(record, str) else record
        return {path: path for query in paths for path in expanded(network, query)}
    named = dict(record)
    for name, what in named.items():
        paths = expanded(network, what) if isinstance(what, str) else [what]
        if len(paths) > 1:
            raise ValueError(
                f"simulate: record {name!r} is {what!r}, which is {', '.join(paths)}. Record "
                "these under a name each, or pass the path without a name."
            )
        named[name] = paths[0]
    return named


def is_function(what: Any) -> bool:
    """Whether a record is a function of the state, at an interval of its own or not."""
    what = what.what if isinstance(what, Every) else what
    return callable(what) and not isinstance(what, AbstractReducer)


def interval_of(what: Any, every: int) -> int:
    """How many steps lie between two that a record keeps."""
    return what.interval if isinstance(what, Every) else every


def segment_steps(block: int, intervals: list[int], steps: int) -> int:
    """The steps after which records are thinned: whole blocks, and intervals as far as they fit."""
    common = block
    for interval in sorted(set(intervals)):
        longer = math.lcm(common, interval)
        common = longer if longer <= steps else common
    return common


class Records:
    """What one run records, and how."""

    def __init__(self, network: Network, state: NetworkState, named: dict[str, Any], run: Run):
        self.run = run
        tree = _recordable(network, state)
        self.samples = dict(zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True))
        self.intervals = {n: interval_of(what, run.every) for n, what in named.items()}
        what = {n: w.what if isinstance(w, Every) else w for n, w in named.items()}
        self.functions: dict[str, Any] = {n: w for n, w in what.items() if is_function(w)}
        self.reducers = {n: w for n, w in what.items() if isinstance(w, AbstractReducer)}
        queries = {n: w for n, w in what.items() if n not in self.functions}
        self.paths_of = {
            n: jax.tree.map(
                lambda path: _resolved(tree, path),
                w.path if isinstance(w, AbstractReducer) else w,
            )
            for n, w in queries.items()
        }
        self.series = [n for n in queries if n not in self.reducers]
        self.paths = frozenset(jax.tree.leaves(self.paths_of))

    def init(self) -> dict[str, Any]:
        return {n: r.init(self._read(self.samples, n)) for n, r in self.reducers.items()}

    def update(
        self,
        summaries: dict[str, Any],
        recorded: dict[str, Array],
        state: NetworkState,
        step: Any,
        is_whole: bool,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The summaries after a window, and what is kept of it.

        **Arguments:**

        - `is_whole`: whether the window ends with its block: there functions are called.
        """
        summaries = {
            n: r.update(summaries[n], self._read(recorded, n), step)
            for n, r in self.reducers.items()
        }
        kept: dict[str, Any] = {n: self._read(recorded, n) for n in self.series}
        for name, function in self.functions.items():
            rows = slice(None) if is_whole else slice(0)
            kept[name] = jax.tree.map(lambda x, r=rows: jnp.asarray(x)[None][r], function(state))
        return summaries, kept

    def thinned(self, kept: dict[str, Any]) -> dict[str, Any]:
        """What is left of a segment, where it can be told: segments start anew at each."""
        return {n: self._thin(n, x) if self._is_early(n) else x for n, x in kept.items()}

    def final(self, summaries: dict[str, Any], kept: list[Any], steps: Any) -> dict[str, Any]:
        whole = jax.tree.map(lambda *parts: jnp.concatenate(parts), *kept) if kept else {}
        whole = {n: x if self._is_early(n) else self._thin(n, x) for n, x in whole.items()}
        return whole | {n: r.final(summaries[n], steps) for n, r in self.reducers.items()}

    def _is_early(self, name: str) -> bool:
        return self.run.segment % self.intervals[name] == 0 and self.run.phase == 0

    def _thin(self, name: str, series: Any) -> Any:
        every = self.intervals[name]
        if name in self.functions:  # one row per block
            every //= self.run.block
        return series if every == 1 else jax.tree.map(lambda x: x[every - 1 :: every], series)

    def _read(self, values: Mapping[str, Array], name: str) -> Any:
        """The value under a record's path, or those under its paths."""
        return jax.tree.map(lambda path: values[path], self.paths_of[name])


def _recordable(network: Network, state: NetworkState) -> dict[str, Any]:
    """The tree that record paths address: stages, edges, inputs, populations."""
    tree: dict[str, Any] = {**state.stages, **state.edges}
    tree |= {name: {"spikes": jnp.zeros(node.shape)} for name, node in network.inputs.items()}
    for name, node in network.populations.items():
        spikes = jnp.zeros(node.shape)
        observed = node.neuron.observe(state.nodes[name], Drive())
        observed = {key: jnp.broadcast_to(x, node.shape) for key, x in observed.items()}
        tree |= view(name, spikes, spikes, state.nodes[name], observed)
    return tree


def _resolved(tree: dict[str, Any], path: str) -> str:
    """The leaf that a path names: of a node or edge, or a variable that one of its behaviours made.

    `"exc.average"` finds `exc/Homeostasis.average`.
    """
    try:
        return resolve_path(tree, path)
    except ValueError:
        owner, _, variable = path.partition(".")
        pattern = f"{owner}/*.{variable}"
        known = [p for p in leaf_paths(tree) if p.startswith(f"{owner}/")]
        if not variable or not any(p.endswith(f".{variable}") for p in known):
            raise
        found = resolve_paths(tree, pattern)
        if len(found) > 1:
            raise ValueError(f"Path {path!r} could be {' or '.join(found)}.") from None
        return found[0]
