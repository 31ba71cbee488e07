"""The figures of a sweep, drawn from its results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro import plotting
from jaxneuro.sweeps import Grid

from ._report import save_figure
from ._sweep_criticality import REGIME
from ._sweep_lane import SEED, Target
from ._sweep_maps import draw_maps, draw_regimes
from ._sweep_neuron import AMPLITUDE

MOST_CURVES = 60
FAILED = 2


def draw_sweep(results: Any, points: Grid, targets: Sequence[Target], folder: Path) -> None:
    """Curves over one axis, heat maps and families of curves over two, maps over three and four,
    lines across many.

    Seeds are averaged; a result with a time or an epoch of its own is not drawn.
    """
    seeds = [t.axis for t in targets if t.path == SEED and points.axes[t.axis].dim == t.axis]
    amplitudes = [t.axis for t in targets if t.path == AMPLITUDE]
    varied = [n for n, axis in points.axes.items() if n not in seeds and len(axis.values) > 1]
    is_product = all(points.axes[name].dim == name for name in varied)
    fixed = {axis.dim: 0 for n, axis in points.axes.items() if len(axis.values) == 1}
    free = results.isel({dim: 0 for dim in fixed if dim not in seeds}, drop=True)
    # A lane that failed may have left a number that means nothing.
    sound = free.where(free.status != FAILED)
    axes = {name: _axis_label(points, name) for name in varied}
    if is_product and REGIME in results:
        draw_regimes(free, axes, seeds, folder)
    for name, values in _scalars(sound, points):
        if name == REGIME:
            continue
        title = _label(values, name)
        if is_product and len(varied) == 1:
            _draw_curve(values, varied[0], seeds, points, title, folder, name)
        elif is_product and len(varied) == 2:
            first, second = varied if varied[0] not in amplitudes else reversed(varied)
            failed = (free.status == FAILED).any(seeds).transpose(second, first)
            mean = values.mean(seeds).transpose(second, first)
            figure = plotting.heat_map(
                points.axes[second].values,
                points.axes[first].values,
                mean.to_numpy(),
                x_label=_axis_label(points, second),
                y_label=_axis_label(points, first),
                label=title,
                failed=failed.to_numpy(),
            )
            save_figure(figure, folder, f"{name}_map")
            if second in amplitudes or first in amplitudes:
                _draw_family(values, second, first, seeds, points, title, folder, name)
        elif is_product:
            draw_maps(values, name, title, axes, seeds, folder)
    if len(varied) > 2 or (not is_product and varied):
        _draw_lines(results, points, varied, folder)


def _draw_curve(
    values: Any, axis: str, seeds: list[str], points: Grid, label: str, folder: Path, name: str
) -> None:
    if points.axes[axis].values.dtype.kind == "U":
        return
    rates = values.transpose(axis, *seeds).to_numpy().reshape(1, len(points.axes[axis].values), -1)
    figure = plotting.fi_family(
        points.axes[axis].values,
        rates,
        [name],
        current_label=axis,
        unit=points.axes[axis].unit,
        rate_label=label,
    )
    save_figure(figure, folder, f"{name}_curve")


def _draw_family(
    values: Any,
    along: str,
    each: str,
    seeds: list[str],
    points: Grid,
    label: str,
    folder: Path,
    name: str,
) -> None:
    """At most `MOST_CURVES` curves, evenly chosen."""
    count = len(points.axes[each].values)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_CURVES)).round().astype(int))
    rates = values.transpose(each, along, *seeds).isel({each: chosen}).to_numpy()
    figure = plotting.fi_family(
        points.axes[along].values,
        rates.reshape(len(chosen), len(points.axes[along].values), -1),
        points.axes[each].values[chosen],
        current_label=along,
        unit=points.axes[along].unit,
        parameter_label=_axis_label(points, each),
        rate_label=label,
    )
    save_figure(figure, folder, f"{name}_family")


def _draw_lines(results: Any, points: Grid, varied: list[str], folder: Path) -> None:
    """Every lane as a line over what is varied and what came out, coloured by the first result."""
    lanes = np.arange(points.lanes)
    values = points.points(lanes)
    columns: dict[str, Any] = {_axis_label(points, name): values[name] for name in varied}
    shown = list(_scalars(results, points))
    for name, one in shown:
        columns[_label(one, name)] = one.transpose(*points.dims).to_numpy().reshape(-1)
    if not shown:
        return
    figure = plotting.parallel_coordinates(
        columns,
        _label(shown[0][1], shown[0][0]),
        failed=results.status.transpose(*points.dims).to_numpy().reshape(-1) == FAILED,
    )
    save_figure(figure, folder, "parallel_coordinates")


def _scalars(results: Any, points: Grid) -> list[tuple[str, Any]]:
    """The results that are one number for each lane, or for each population."""
    found = []
    for name in results.data_vars:
        values = results[name]
        own = [dim for dim in values.dims if dim not in points.dims]
        if name == "status" or values.dtype.kind not in "fiub":
            continue
        if not own:
            found.append((str(name), values))
        elif own == ["population"]:
            for each in values["population"].to_numpy():
                found.append((f"{name}_{each}", values.sel(population=each, drop=True)))
    return found


def _axis_label(points: Grid, name: str) -> str:
    unit = points.axes[name].unit
    return f"{name} ({unit})" if unit else name


def _label(values: Any, name: str) -> str:
    unit = values.attrs.get("units")
    told = name[0].upper() + name[1:].replace("_", " ")
    return f"{told} ({unit})" if unit else told
