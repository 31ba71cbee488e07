from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Shaped

from ._palette import GREEN, ORANGE, PINK, SKY, VERMILION
from ._scales import Scale, find_edges, find_scale, name_numbers, read_values, show_scale

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

KINDS = ("#E8E8E8", SKY, GREEN, VERMILION, ORANGE, PINK)
NO_VALUE = "white"
INCHES = 0.42, 0.30  # of a cell
SMALLEST, LARGEST = (1.5, 1.2), (5.0, 4.0)  # of a panel


class _Axis(NamedTuple):
    name: str
    values: np.ndarray
    scale: Scale
    order: np.ndarray


def parameter_maps(
    parameters: Mapping[str, Any],
    values: Shaped[Array | np.ndarray, "..."],
    *,
    kinds: Sequence[str] | None = None,
    written: Shaped[Array | np.ndarray, "..."] | None = None,
    failed: Bool[Array | np.ndarray, "..."] | None = None,
    label: str = "",
    title: str = "",
    is_log: bool = False,
) -> "matplotlib.figure.Figure":
    """Draw one quantity, or which of some kinds it is, over two, three or four parameters.

    The first two are the axes of each panel; there is a column of panels for each value of the
    third, and a row for each of the fourth, so that every point of the grid is seen. All panels
    share their colours. Cells without a finite value are left white, those of runs that failed
    have a cross.

    **Arguments:**

    - `parameters`: by label, with unit, the values of each.
    - `values`: of the quantity; an axis for each parameter, in their order.
    - `kinds`: names, if the values are their indices.
    - `written`: numbers that are written into the cells.
    - `failed`: where the run failed; its value is not shown.
    - `label`: what the quantity is, with unit.
    - `title`: heading of the figure.
    - `is_log`: whether colours go by the logarithm; what is not above 0 has the lowest colour.

    **Returns:** a figure.

    **Raises:** `ValueError` for fewer than two or more than four parameters, and shapes that do
    not belong together.

    >>> import numpy as np
    >>> figure = parameter_maps(
    ...     {"w (nS)": [1, 2, 4], "p": [0.1, 0.2], "delay (ms)": [1.0, 2.0]},
    ...     np.arange(12).reshape(3, 2, 2) % 3,
    ...     kinds=["silent", "critical", "seizure"],
    ... )
    >>> [axes.get_title() for axes in figure.axes]
    ['delay (ms) = 1', 'delay (ms) = 2']
    """
    from matplotlib.figure import Figure

    grid = np.asarray(values, np.float64)
    axes = [_read(name, given) for name, given in parameters.items()]
    _check(axes, grid, written, failed)
    hidden = np.zeros(grid.shape, bool) if failed is None else np.asarray(failed, bool)
    numbers = np.full(grid.shape, np.nan) if written is None else np.asarray(written)
    shown, numbers = (np.where(hidden, np.nan, x) for x in (grid, numbers))
    paint = _paint(shown, kinds, is_log)
    if is_log:  # which has no place for a 0
        shown = np.maximum(shown, paint["norm"].vmin)
    columns, rows = (*grid.shape[2:], 1, 1)[:2]
    order, by_panel = np.ix_(*(axis.order for axis in axes)), (*grid.shape[:2], columns, rows)
    cells, crosses, texts = (x[order].reshape(by_panel) for x in (shown, hidden, numbers))
    figure = Figure(figsize=_size(axes, columns, rows), layout="constrained")
    panels: Any = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    edges = [find_edges(axis.values, axis.scale) for axis in axes[:2]]
    picture: Any = None
    for row, column in np.ndindex(rows, columns):
        here, panel = panels[rows - 1 - row, column], np.s_[:, :, column, row]  # upwards
        image = np.ma.masked_invalid(cells[panel].T)
        picture = here.pcolormesh(*edges, image, rasterized=True, **paint)
        _mark(here, axes, crosses[panel].T)
        _write(here, axes, texts[panel].T, image, picture)
        _label(here, axes, row, column, rows)
    _explain(figure, panels, picture, kinds, label)
    figure.suptitle(title)
    return figure


def _read(name: str, given: Any) -> _Axis:
    what = f"parameter_maps: {name!r}"
    values = read_values(given, what)
    scale = find_scale(values, None, what)
    order = np.arange(values.size) if scale == "text" else np.argsort(values)
    return _Axis(name, values[order], scale, order)


def _check(axes: list[_Axis], grid: np.ndarray, written: Any, failed: Any) -> None:
    if not 2 <= len(axes) <= 4:
        raise ValueError(f"parameter_maps: there are {len(axes)} parameters. Pass 2, 3 or 4.")
    wanted = tuple(axis.values.size for axis in axes)
    for name, array in (("values", grid), ("written", written), ("failed", failed)):
        if array is not None and np.shape(array) != wanted:
            raise ValueError(
                f"parameter_maps: {name} have shape {np.shape(array)}, but the parameters "
                f"{wanted}. Pass one for each combination."
            )


def _size(axes: list[_Axis], columns: int, rows: int) -> tuple[float, float]:
    panel = [
        min(most, max(least, one * axis.values.size))
        for one, axis, least, most in zip(INCHES, axes, SMALLEST, LARGEST, strict=False)
    ]
    return 1.7 + (panel[0] + 0.15) * columns, 1.1 + (panel[1] + 0.3) * rows


def _paint(shown: np.ndarray, kinds: Sequence[str] | None, is_log: bool) -> dict[str, Any]:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, LogNorm, Normalize

    if kinds is not None:
        colours = [KINDS[index % len(KINDS)] for index in range(len(kinds))]
        return {
            "cmap": ListedColormap(colours).with_extremes(bad=NO_VALUE),
            "norm": Normalize(-0.5, len(kinds) - 0.5),
        }
    known = shown[np.isfinite(shown) & ((shown > 0) | (not is_log))]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    cmap = colormaps["viridis"].with_extremes(bad=NO_VALUE)
    if is_log:
        return {"cmap": cmap, "norm": LogNorm(low if low > 0 else 1.0, max(high, 1.01 * low))}
    return {"cmap": cmap, "norm": Normalize(low, high if high > low else low + 1.0)}


def _place(axes: list[_Axis], up: int, across: int) -> tuple[float, float]:
    """Of a cell; names stand at 0, 1, 2 and so on."""
    indices = zip(axes[:2], (across, up), strict=True)
    x, y = (float(index if axis.scale == "text" else axis.values[index]) for axis, index in indices)
    return x, y


def _mark(here: "matplotlib.axes.Axes", axes: list[_Axis], flags: np.ndarray) -> None:
    for up, across in zip(*np.nonzero(flags), strict=True):
        here.text(*_place(axes, up, across), "×", ha="center", va="center")


def _write(
    here: "matplotlib.axes.Axes", axes: list[_Axis], texts: np.ndarray, cells: Any, picture: Any
) -> None:
    for up, across in zip(*np.nonzero(np.isfinite(texts)), strict=True):
        red, green, blue, _ = picture.to_rgba(cells[up, across])
        is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.45
        here.text(
            *_place(axes, up, across),
            f"{texts[up, across]:.2f}".removeprefix("0"),
            ha="center",
            va="center",
            fontsize=7,
            color="white" if is_dark else "black",
        )


def _label(
    here: "matplotlib.axes.Axes", axes: list[_Axis], row: int, column: int, rows: int
) -> None:
    show_scale(here.xaxis, axes[0].values, axes[0].scale)
    show_scale(here.yaxis, axes[1].values, axes[1].scale)
    here.tick_params(labelsize=7)
    if row == 0:
        here.set_xlabel(axes[0].name, fontsize=8)
        here.tick_params(axis="x", rotation=90 if axes[0].values.size > 4 else 0)
    told = ""
    if len(axes) > 3:
        told = f"{axes[3].name} = {_names(axes[3])[row]}\n"
    if column == 0:
        here.set_ylabel(told + axes[1].name, fontsize=8)
    if len(axes) > 2 and row == rows - 1:
        here.set_title(f"{axes[2].name} = {_names(axes[2])[column]}", fontsize=9)


def _names(axis: _Axis) -> list[str]:
    return axis.values.tolist() if axis.scale == "text" else name_numbers(axis.values)


def _explain(
    figure: "matplotlib.figure.Figure",
    panels: np.ndarray,
    picture: Any,
    kinds: Sequence[str] | None,
    label: str,
) -> None:
    from matplotlib.patches import Patch

    if kinds is None:
        figure.colorbar(picture, ax=panels, label=label, pad=0.015, aspect=30)
        return
    handles = [
        Patch(facecolor=picture.cmap(index), edgecolor="#888888", label=name)
        for index, name in enumerate(kinds)
    ]
    figure.legend(handles=handles, title=label, loc="outside right upper", frameon=False)
