"""The axes of a sweep: their values, and what each sets."""

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.core import get_leaf, leaf_paths, resolve_path, suggest
from jaxneuro.sweeps import Grid, Range, grid, read_table
from jaxneuro.training import trainable

from ._config import Config, Section
from ._network_config import NetworkSimulationConfig
from ._simulation_config import SimulationConfig
from ._sweep_base import checked, fields, with_field
from ._sweep_catalogue import is_joining
from ._sweep_config import AxisConfig, SweepConfig
from ._sweep_lane import SEED, Target
from ._sweep_network import network_model
from ._sweep_neuron import AMPLITUDE, neuron_model, with_parameters
from ._sweep_training import DYNAMIC

SECTIONS = ("populations", "receptors", "projections", "noise", "inputs")


def count_points(config: SweepConfig) -> int:
    """How many points a product has, before its axes are in memory; else 0."""
    if config.method != "product" or config.table is not None:
        return 0
    return math.prod(len(axis.values) or axis.count or 1 for axis in config.axes.values())


def build_grid(config: SweepConfig, folder: Path) -> Grid:
    """The points of the sweep.

    **Raises:** `ValueError` for axes without values, or with more than their method takes.
    """
    if not config.axes and config.table is None:
        raise ValueError("axes is missing: a table [axes.NAME] for each quantity that is varied.")
    units = {name: axis.unit for name, axis in config.axes.items()}
    if config.table is not None:
        return _of_table(config, folder, units)
    sampled = {n: a for n, a in config.axes.items() if config.samples and not _is_listed(a)}
    listed = {n: _values(n, a) for n, a in config.axes.items() if n not in sampled}
    method = config.method if not config.samples else "product"
    parts = []
    if sampled:
        ranges = {name: _range(name, axis) for name, axis in sampled.items()}
        parts.append(
            grid(
                ranges,
                config.method,
                samples=config.samples,
                seed=config.seed,
                units={name: units[name] for name in ranges},
            )
        )
    elif config.samples:
        raise ValueError(f"method is {config.method}, but no axis has low and high to sample from.")
    if listed:
        parts.append(grid(listed, method, units={name: units[name] for name in listed}))
    return parts[0] if len(parts) == 1 else parts[0] * parts[1]


def resolve_targets(
    config: SweepConfig, points: Grid, kind: type[Section], table: dict[str, Any]
) -> list[Target]:
    """What each axis sets, and whether that needs a program of its own for each value.

    A field of the configuration does not if the model with it is the one in which just one
    parameter has another value. Both ends of the axis are tried.

    **Raises:** `ValueError` naming the nearest fields and parameters, or values that the
    parameter does not allow.
    """
    base = checked(kind, table, "the base")
    model = None if kind is Config else _model(kind, base)
    targets = []
    for name, axis in points.axes.items():
        about = config.axes.get(name, AxisConfig())
        targets.append(_target(name, about, axis.values, kind, table, model))
    paths = [target.path for target in targets]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise ValueError(f"axes: two axes set {twice}.")
    return targets


def static_tables(
    points: Grid, targets: Sequence[Target], table: dict[str, Any]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The base with the values of each group, by the values of the static axes in grid order."""
    static = [target for target in targets if target.is_static]
    groups = _combinations(points, [target.axis for target in static])
    tables = {}
    for group in groups:
        changed = table
        for target, value in zip(static, group, strict=True):
            changed = with_field(changed, target.path, value)
        tables[group] = changed
    return tables


def _target(
    name: str,
    about: AxisConfig,
    values: np.ndarray,
    kind: type[Section],
    table: dict[str, Any],
    model: Any,
) -> Target:
    path, where = about.path or name, f"axes.{name}"
    if about.factor and (model is None or path in (SEED, AMPLITUDE)):
        raise ValueError(f"{where}.factor is for parameters of a neuron or network.")
    ends = [values.min(), values.max()] if values.dtype.kind != "U" else [values[0], values[-1]]
    if path == SEED:
        if values.dtype.kind not in "iu" or values.min() < 0:
            raise ValueError(f"{where}: a seed is a whole number from 0 on.")
        return Target(name, SEED)
    if path in (AMPLITUDE, f"{AMPLITUDE}s") and kind is SimulationConfig:
        return Target(name, AMPLITUDE)
    known = fields(kind, table)
    if any(fnmatchcase(path, field) for field in known) and not about.factor:
        for end in ends:  # before anything is built
            checked(kind, with_field(table, path, end.item()), f"{where} = {end.item()!r}")
        if kind is Config:
            is_static = path not in DYNAMIC or values.dtype.kind == "U"
            return Target(name, path, is_static=is_static)
        if is_joining(kind, table, path):
            for end in ends:
                _model(kind, checked(kind, with_field(table, path, end.item()), where))
            return Target(name, path, is_joining=True)
        leaf = _same_parameter(kind, table, model, path, ends)
        return Target(name, path, is_static=True) if leaf is None else Target(name, leaf)
    if model is None:
        raise ValueError(f"{where}: the configuration has no {path!r}. {suggest(path, known)}")
    leaf = _parameter(model, path)
    if leaf is None:
        shown = [p.removeprefix("nodes.").removeprefix("edges.") for p in _numbers(model)]
        raise ValueError(f"{where}: there is no {path!r}. {suggest(path, [*known, *shown])}")
    _check_values(where, model, leaf, ends, about.factor)
    return Target(name, leaf, is_factor=about.factor)


def _same_parameter(
    kind: type[Section], table: dict[str, Any], model: Any, path: str, ends: Sequence[Any]
) -> str | None:
    """The parameter that a field sets and that is all it sets; None if there is none."""
    if ends[0].dtype.kind not in "if":
        return None
    parts = [part for part in path.split(".") if part != "parameters"]
    short = ".".join(parts[1:] if parts[0] in SECTIONS and parts[0] != "inputs" else parts)
    leaf = _parameter(model, short)
    if leaf is None:
        return None
    for end in ends:
        changed = checked(kind, with_field(table, path, end.item()), path)
        wanted = _model(kind, changed)
        found = with_parameters(model, [Target(path, leaf)], {path: end})
        if not _are_equal(wanted, found):
            return None
    return leaf


def _model(kind: type[Section], config: Any) -> Any:
    return network_model(config) if kind is NetworkSimulationConfig else neuron_model(config)


def _are_equal(one: Any, other: Any) -> bool:
    """Structure and numbers; functions, of which each build makes new ones, count as equal."""
    leaves, others = (jax.tree.leaves(eqx.filter(tree, eqx.is_array)) for tree in (one, other))
    return leaf_paths(one) == leaf_paths(other) and all(
        a.shape == b.shape and bool(jnp.array_equal(a, b))
        for a, b in zip(leaves, others, strict=True)
    )


def _parameter(model: Any, path: str) -> str | None:
    try:
        found = resolve_path(model, path)
    except ValueError as error:
        if "ambiguous" in str(error):
            raise
        return None
    return found if found in _numbers(model) else None


def _numbers(model: Any) -> list[str]:
    """The paths of all arrays of floats."""
    paths = zip(leaf_paths(model), jax.tree.leaves(model), strict=True)
    return [path for path, leaf in paths if eqx.is_inexact_array(leaf)]


def _check_values(where: str, model: Any, leaf: str, ends: Sequence[Any], is_factor: bool) -> None:
    lower, upper, _ = trainable(model, [leaf]).bounds[leaf]
    base = get_leaf(model, leaf)
    for end in ends:
        value = np.asarray(base) * end.item() if is_factor else np.asarray(end)
        is_low = lower is not None and bool((value < lower).any())
        if is_low or (upper is not None and bool((value > upper).any())):
            limits = [] if lower is None else [f"at least {lower:g}"]
            limits += [] if upper is None else [f"at most {upper:g}"]
            raise ValueError(f"{where}: {end.item():g}, but {leaf} is {' and '.join(limits)}.")


def _of_table(config: SweepConfig, folder: Path, units: Mapping[str, str]) -> Grid:
    assert config.table is not None
    points = read_table(folder / config.table)
    strangers = sorted(set(config.axes) - set(points.axes))
    if strangers:
        raise ValueError(
            f"axes.{strangers[0]}: {config.table} has no such column. "
            f"{suggest(strangers[0], list(points.axes))}"
        )
    for name, axis in config.axes.items():
        if axis.values or axis.low is not None or axis.count:
            raise ValueError(f"axes.{name}: its values are in {config.table}; leave them out here.")
    return read_table(folder / config.table, units)


def _is_listed(axis: AxisConfig) -> bool:
    return bool(axis.values) or axis.count is not None


def _values(name: str, axis: AxisConfig) -> Any:
    if axis.values:
        if any(isinstance(value, str) for value in axis.values):
            return [str(value) for value in axis.values]
        return axis.values
    if axis.count is None:
        raise ValueError(
            f"axes.{name}: give it values, such as [1.0, 2.0], or a range: low, high and count."
        )
    if axis.low is None or axis.high is None:
        if (axis.path or name) != SEED:
            raise ValueError(f"axes.{name}: a count needs low and high.")
        return list(range(axis.count))
    if axis.scale == "log":
        return np.geomspace(axis.low, axis.high, axis.count)
    return np.linspace(axis.low, axis.high, axis.count)


def _range(name: str, axis: AxisConfig) -> Range:
    if axis.low is None or axis.high is None:
        raise ValueError(f"axes.{name}: to be sampled it needs low and high.")
    return Range(axis.low, axis.high, axis.scale)


def _combinations(points: Grid, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Every combination of these axes that occurs in the grid."""
    if not names:
        return [()]
    by_dim: dict[str, list[str]] = {}
    for name in names:
        by_dim.setdefault(points.axes[name].dim, []).append(name)
    found: list[dict[str, Any]] = [{}]
    for some in by_dim.values():
        rows = [*zip(*(points.axes[name].values.tolist() for name in some), strict=True)]
        found = [
            before | dict(zip(some, row, strict=True))
            for before in found
            for row in dict.fromkeys(rows)
        ]
    return [tuple(one[name] for name in names) for one in found]
