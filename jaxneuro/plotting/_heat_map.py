from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Bool, Shaped

from ._palette import VERMILION
from ._scales import Scale, Values, find_edges, find_scale, read_values, show_scale

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    from matplotlib.cm import ScalarMappable

MOST_WRITTEN = 8  # cells along an axis, beyond which no numbers are written into them
MOST_HATCHED = 100  # cells along an axis, beyond which hatches are finer than a printer's dots
NO_VALUE = "#DDDDDD"
NARROW = 0.08  # part of an axis that a cell with a number takes at least


def heat_map(
    x: Values,
    y: Values,
    values: Shaped[Array | np.ndarray, "x y"],
    *,
    x_label: str = "",
    y_label: str = "",
    label: str = "",
    title: str = "",
    failed: Bool[Array | np.ndarray, "x y"] | None = None,
    x_scale: Scale | None = None,
    y_scale: Scale | None = None,
    is_log: bool = False,
) -> "matplotlib.figure.Figure":
    """Draw one quantity over two parameters.

    Each cell reaches halfway to its neighbours, on the scale of its axis. Runs that failed are
    hatched (in grids of more than 100 cells a side: red), and cells without a finite value are
    grey. A small grid has its values written into the cells.

    **Arguments:**

    - `x`, `y`: values of the two parameters, in any order; or names, which keep their order.
    - `values`: of the quantity; NaN where it has none.
    - `x_label`, `y_label`, `label`: what the parameters and the quantity are, with units.
    - `title`: heading of the figure.
    - `failed`: where the run failed; its value is not shown.
    - `x_scale`, `y_scale`: "linear", "log" or "text"; by default the one on which the values lie
      most evenly.
    - `is_log`: whether the colours go by the logarithm of the quantity; what is not above 0 has
      the colour of the smallest value.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, a parameter that has a value
    twice or one that is not finite, and a scale that does not fit the values.

    >>> import numpy as np
    >>> figure = heat_map([1, 10, 100], [0.0, 0.5], np.arange(6.0).reshape(3, 2), label="Rate (Hz)")
    >>> figure.axes[0].get_xscale(), figure.axes[1].get_ylabel()
    ('log', 'Rate (Hz)')
    """
    from matplotlib.figure import Figure

    across, up = _read_axis(x, x_scale, "x"), _read_axis(y, y_scale, "y")
    grid = np.asarray(values, np.float64)
    if grid.shape != (across[0].size, up[0].size):
        raise ValueError(
            f"heat_map: values have shape {grid.shape}, but x has {across[0].size} values and y "
            f"{up[0].size}. Pass ({across[0].size}, {up[0].size}): x first."
        )
    is_failed = np.zeros(grid.shape, bool) if failed is None else np.asarray(failed, bool)
    if is_failed.shape != grid.shape:
        raise ValueError(
            f"heat_map: failed has shape {is_failed.shape}, but values {grid.shape}. Pass one flag "
            "for each value."
        )
    grid, is_failed = grid[across[1]][:, up[1]].T, is_failed[across[1]][:, up[1]].T
    figure = Figure(figsize=(6.6, 4.6), layout="constrained")
    axes = figure.subplots()
    edges = find_edges(across[0], across[2]), find_edges(up[0], up[2])
    grid = np.where(is_failed, np.nan, grid)
    picture = _draw_cells(figure, axes, edges, grid, is_failed, label, is_log)
    show_scale(axes.xaxis, across[0], across[2])
    show_scale(axes.yaxis, up[0], up[2])
    axes.set(xlabel=x_label, ylabel=y_label, xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]])
    axes.set_title(title, pad=24 if axes.get_legend() else None)
    if max(grid.shape) <= MOST_WRITTEN:
        _write_numbers(axes, edges, grid, picture)
    return figure


Parameter = tuple[np.ndarray, np.ndarray, Scale]  # values, their order, scale


def _read_axis(values: Values, given: Scale | None, name: str) -> Parameter:
    read = read_values(values, f"heat_map: {name}", given)
    if read.dtype.kind == "f" and not np.isfinite(read).all():
        raise ValueError(f"heat_map: {name} has values that are not finite. Leave them out.")
    unique, counts = np.unique(read, return_counts=True)
    if counts.max() > 1:
        raise ValueError(
            f"heat_map: {name} has the value {unique[counts.argmax()]} {counts.max()} times. Pass "
            "each value once."
        )
    scale = find_scale(read, given, f"heat_map: {name}")
    order = np.arange(read.size) if scale == "text" else np.argsort(read)
    return read[order], order, scale


def _draw_cells(
    figure: "matplotlib.figure.Figure",
    axes: "matplotlib.axes.Axes",
    edges: tuple[np.ndarray, np.ndarray],
    grid: np.ndarray,
    is_failed: np.ndarray,
    label: str,
    is_log: bool,
) -> "ScalarMappable":
    from matplotlib import colormaps
    from matplotlib.patches import Patch

    is_known = np.isfinite(grid)
    is_none = ~is_known & ~is_failed
    shown, norm, extend = _colour_scale(grid, is_known, is_log)
    cmap = colormaps["viridis"].with_extremes(bad=NO_VALUE)
    picture = axes.pcolormesh(
        *edges, np.ma.array(shown, mask=~is_known), cmap=cmap, norm=norm, rasterized=True
    )
    bar = figure.colorbar(picture, ax=axes, label=label, pad=0.015, aspect=28, extend=extend)
    legend = []
    if is_failed.any():
        style = _draw_failed(axes, edges, is_failed)
        legend.append(Patch(**style, label=f"failed ({is_failed.sum():,})"))
    if is_none.any():
        legend.append(Patch(facecolor=NO_VALUE, label=f"no value ({is_none.sum():,})"))
    if not is_known.any():
        bar.set_ticks([])
    if legend:
        place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}
        axes.legend(handles=legend, ncols=2, frameon=False, fontsize=9, borderaxespad=0.2, **place)
    return picture


def _colour_scale(grid: np.ndarray, is_known: np.ndarray, is_log: bool) -> tuple[Any, ...]:
    """What is shown, its norm, and at which end the colour bar goes on."""
    from matplotlib.colors import LogNorm, Normalize

    known = grid[is_known]
    if is_log:
        positive = known[known > 0]
        if not positive.size:
            raise ValueError(
                "heat_map: no value is above 0, so there is no logarithm. Pass is_log=False."
            )
        low, high = float(positive.min()), float(positive.max())
        # One value alone has no width on a scale.
        norm = LogNorm(low, high if high > low else low * 10)
        return np.maximum(grid, low), norm, "min" if (known <= 0).any() else "neither"
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    room = 0.0 if high > low else max(0.1 * abs(low), 0.5 * (not low))
    return grid, Normalize(low - room, high + room), "neither"


def _draw_failed(
    axes: "matplotlib.axes.Axes", edges: tuple[np.ndarray, np.ndarray], is_failed: np.ndarray
) -> dict[str, Any]:
    """Mark the cells, and return how."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if max(is_failed.shape) > MOST_HATCHED:
        flags = np.ma.array(is_failed, np.float64, mask=~is_failed)
        axes.pcolormesh(*edges, flags, cmap=ListedColormap([VERMILION]), rasterized=True)
        return {"facecolor": VERMILION}
    (x, y), (row, column) = edges, np.nonzero(is_failed)
    left, right, low, high = x[column], x[column + 1], y[row], y[row + 1]
    corners = [(left, low), (right, low), (right, high), (left, high), (left, low)]
    vertices = np.stack([np.stack(corner, -1) for corner in corners], 1).reshape(-1, 2)
    codes = np.tile([Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY], row.size)
    style = {"facecolor": "white", "edgecolor": "#555555", "hatch": "//////", "linewidth": 0}
    # One patch for all: a mesh has no hatches, and a patch for each takes seconds to draw.
    axes.add_patch(PathPatch(Path(vertices, codes), rasterized=True, **style))
    return style


def _write_numbers(
    axes: "matplotlib.axes.Axes",
    edges: tuple[np.ndarray, np.ndarray],
    grid: np.ndarray,
    picture: "ScalarMappable",
) -> None:
    """Write into each cell its value, in a colour that stands out, if all cells are wide enough."""
    to_fractions = axes.transData + axes.transAxes.inverted()
    x = to_fractions.transform(np.stack([edges[0], np.full(edges[0].shape, edges[1][0])], -1))[:, 0]
    y = to_fractions.transform(np.stack([np.full(edges[1].shape, edges[0][0]), edges[1]], -1))[:, 1]
    if min(np.diff(x).min(), np.diff(y).min()) < NARROW:
        return
    for row, column in zip(*np.nonzero(np.isfinite(grid)), strict=True):
        red, green, blue, _ = picture.to_rgba(grid[row, column])
        is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        axes.text(
            float(x[column] + x[column + 1]) / 2,
            float(y[row] + y[row + 1]) / 2,
            f"{grid[row, column]:.3g}",
            transform=axes.transAxes,
            ha="center",
            va="center",
            color="white" if is_dark else "black",
            fontsize=8.5,
        )
