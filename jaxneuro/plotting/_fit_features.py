from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._fit_parts import HeldOut, read_held_out, read_series

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MOST_COLUMNS = 4
SIDE = 2.5  # of a panel, inches
GREY = "#666666"

FeatureValues = Shaped[Array | np.ndarray, "features sweeps"]


def fit_features(
    names: Sequence[str],
    units: Sequence[str],
    recorded: FeatureValues,
    simulated: FeatureValues,
    *,
    held_out: HeldOut = None,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw each feature of the model over that of the cell: a panel each, a point each sweep.

    On the diagonal both are the same. Below a panel stands the median absolute error, and how many
    sweeps have the feature in one of the two only.

    **Arguments:**

    - `names`, `units`: of the features; a unit may be empty.
    - `recorded`, `simulated`: features of each sweep; NaN where a sweep has none.
    - `held_out`, `title`: as in `fit_sweeps`.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, and no features.

    >>> import numpy as np
    >>> latency = np.array([[np.nan, 30.0, 12.0]])
    >>> figure = fit_features(["latency"], ["ms"], latency, latency + 2.0)
    >>> figure.axes[0].get_title()
    'latency (ms)'
    """
    from matplotlib.figure import Figure

    cell, model = np.asarray(recorded, np.float64), np.asarray(simulated, np.float64)
    if cell.ndim != 2 or not cell.size or model.shape != cell.shape or len(names) != len(cell):
        raise ValueError(
            f"fit_features: recorded has shape {cell.shape}, simulated {model.shape}, and there "
            f"are {len(names)} names. Pass (features, sweeps) of both, and a name for each feature."
        )
    if len(units) != len(names):
        raise ValueError(
            f"fit_features: there are {len(units)} units, but {len(names)} names. Pass a unit for "
            "each name, or an empty text."
        )
    is_held_out = read_held_out(held_out, cell.shape[1], "fit_features")
    columns = min(MOST_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    size = (max(5.6, SIDE * columns), 0.9 + 1.1 * SIDE * rows)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for k, (axes, name, unit) in enumerate(zip(panels, names, units, strict=False)):
        _draw(axes, cell[k], model[k], is_held_out)
        axes.set_title(fill(f"{name} ({unit})" if unit else name, 28), fontsize=9)
    for axes in panels[len(names) :]:
        axes.remove()
    handles = _handles(is_held_out)
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left")
    figure.supxlabel("Recorded", fontsize=10)
    figure.supylabel("Simulated", fontsize=10)
    return figure


def _draw(
    axes: "matplotlib.axes.Axes", cell: np.ndarray, model: np.ndarray, is_held_out: np.ndarray
) -> None:
    from matplotlib.ticker import MaxNLocator

    is_known = np.isfinite(cell) & np.isfinite(model)
    for _, colour, which in read_series(is_held_out):
        shown = which & is_known
        axes.plot(cell[shown], model[shown], "o", color=colour, markersize=4.5, alpha=0.8)
    both = np.concatenate([cell[is_known], model[is_known]])
    low, high = (both.min(), both.max()) if both.size else (0.0, 1.0)
    room = 0.1 * (high - low) or max(0.1 * abs(high), 0.1)
    ends = low - room, high + room
    axes.plot(ends, ends, color=GREY, linewidth=0.8, zorder=0)
    axes.set(xlim=ends, ylim=ends, box_aspect=1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(_describe(cell, model), fontsize=8, color=GREY)


def _describe(cell: np.ndarray, model: np.ndarray) -> str:
    has_cell, has_model = np.isfinite(cell), np.isfinite(model)
    error = np.abs(cell - model)[has_cell & has_model]
    parts = [f"median |error| {np.median(error):.3g}"] if error.size else ["no sweep has both"]
    for name, only in (("recorded", has_cell & ~has_model), ("simulated", has_model & ~has_cell)):
        if only.any():
            parts.append(f"{only.sum()} only {name}")
    return ", ".join(parts)


def _handles(is_held_out: np.ndarray) -> list:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], linestyle="", marker="o", markersize=5, color=colour, label=name)
        for name, colour, _ in read_series(is_held_out)
    ]
