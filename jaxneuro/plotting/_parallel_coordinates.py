from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Array, Bool, Shaped

from ._palette import colours
from ._parallel_axes import draw_axes, place_column
from ._scales import Scale, Values, find_scale, read_values, show_decades

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure


def parallel_coordinates(
    columns: Mapping[str, Values],
    colour: str | Shaped[Array | np.ndarray, " n"],
    *,
    colour_label: str = "",
    failed: Bool[Array | np.ndarray, " n"] | None = None,
    scales: Mapping[str, Scale] | None = None,
    best: Literal["highest", "lowest"] = "highest",
    most: int = 1000,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw runs as lines across an axis for each parameter and result, coloured by one result.

    The better a run, the darker and the further on top its line. Runs that failed are dashed, grey
    and below all others; what is not finite stands under its axis. Of more than `most` runs, those
    are drawn whose ranks by colour are evenly spaced, best and worst among them.

    **Arguments:**

    - `columns`: by name, with units, the values of all runs, `(n,)`, numbers or text, in the order
      in which the axes stand.
    - `colour`: name of a column of numbers, or values `(n,)`.
    - `colour_label`: what values passed as `colour` are, with their unit.
    - `failed`: which runs failed; by default those whose colour is not finite.
    - `scales`: "linear", "log" or "text" for columns by name; by default the one on which the
      values lie most evenly.
    - `best`: which end of the colours is best.
    - `most`: lines drawn at most.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for columns that do not belong together, names that are no columns, and
    a scale that does not fit the values.

    >>> import numpy as np
    >>> runs = {"tau (ms)": [5, 10, 20], "Rate (Hz)": [40, 20, 9]}
    >>> figure = parallel_coordinates(runs, "Rate (Hz)")
    >>> [text.get_text() for text in figure.axes[0].get_xticklabels()]
    ['tau (ms)', 'Rate (Hz)']
    """
    from matplotlib.figure import Figure

    if len(columns) < 2:
        raise ValueError(
            f"parallel_coordinates: there are {len(columns)} columns. Pass at least two, between "
            "which lines can go."
        )
    scales = scales or {}
    _check_names(columns, [*scales, *([colour] if isinstance(colour, str) else [])])
    placed = [place_column(name, values, scales.get(name)) for name, values in columns.items()]
    scale = None
    if isinstance(colour, str):
        scale, colour_label = scales.get(colour), colour
    shade = columns[colour] if isinstance(colour, str) else colour
    shade = read_values(shade, "parallel_coordinates: colour")
    if shade.dtype.kind == "U":
        raise ValueError("parallel_coordinates: the colour is text. Pass numbers.")
    is_failed = ~np.isfinite(shade) if failed is None else np.asarray(failed, bool)
    sizes = {column.name: column.heights.size for column in placed}
    sizes |= {"colour": shade.size, "failed": is_failed.size}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"parallel_coordinates: the columns have different lengths: {sizes}. Pass one value "
            "for each run."
        )
    scale = find_scale(shade, scale, "parallel_coordinates: colour")
    figure = Figure(
        figsize=(float(np.clip(1.35 * len(placed) + 1.6, 5, 18)), 4.6), layout="constrained"
    )
    axes = figure.subplots()
    heights = np.stack([column.heights for column in placed], axis=1)
    shown = 0
    is_grey = is_failed | ~np.isfinite(shade)
    for which, name in ((is_failed, "failed"), (is_grey & ~is_failed, f"no {colour_label}")):
        runs = np.nonzero(which)[0]
        if runs.size:
            picked = _pick(runs, _share(most, runs.size, shade.size))
            _draw_grey(axes, heights[picked], f"{name} ({runs.size:,})", name == "failed")
            shown += picked.size
    if not is_grey.all():
        runs = np.nonzero(~is_grey)[0]
        runs = runs[np.argsort(shade[runs] * (1 if best == "highest" else -1), kind="stable")]
        picked = _pick(runs, max(1, most - shown))
        _draw_coloured(figure, axes, heights[picked], shade[picked], scale, colour_label)
        shown += picked.size
    _note(axes, shown, shade.size)
    draw_axes(axes, placed)
    axes.set_title(title, pad=12)
    return figure


def _check_names(columns: Mapping[str, Any], names: list[str]) -> None:
    for name in names:
        if name not in columns:
            raise ValueError(
                f"parallel_coordinates: there is no column {name!r}. There are: "
                f"{', '.join(columns)}."
            )


def _draw_grey(
    axes: "matplotlib.axes.Axes", heights: np.ndarray, label: str, is_dashed: bool
) -> None:
    from matplotlib.collections import LineCollection

    lines = LineCollection(
        _lines(heights),
        colors="#808080",
        linestyles=[(0, (4, 3)) if is_dashed else "-"],
        linewidths=0.8,
        alpha=float(np.clip(60 / len(heights), 0.4 if is_dashed else 0.2, 0.9)),
        label=label,
        rasterized=True,
    )
    axes.add_collection(lines)


def _draw_coloured(
    figure: "matplotlib.figure.Figure",
    axes: "matplotlib.axes.Axes",
    heights: np.ndarray,
    shade: np.ndarray,
    scale: Scale,
    label: str,
) -> None:
    """Draw lines from the worst to the best, and a colour bar."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import ListedColormap, LogNorm, Normalize

    low, high = float(shade.min()), float(shade.max())
    is_rising = shade[-1] >= shade[0]
    if low == high:
        low, high = (low / 2, high * 2) if scale == "log" else (low - 0.5, high + 0.5)
    norm = LogNorm(low, high) if scale == "log" else Normalize(low, high)
    scheme = ListedColormap(colours(256)[:: -1 if is_rising else 1])
    rgba = scheme(norm(shade))
    rank = np.linspace(0.0, 1.0, shade.size) if shade.size > 1 else np.ones(1)
    faint = float(np.clip(60 / shade.size, 0.15, 0.9))
    # So steep that the few best stand out of thousands.
    rgba[:, 3] = faint + (0.95 - faint) * rank**8
    widths = 0.7 + 0.9 * rank**8
    axes.add_collection(
        LineCollection(_lines(heights), colors=rgba, linewidths=widths, rasterized=True)
    )
    bar = figure.colorbar(ScalarMappable(norm, scheme), ax=axes, label=label, pad=0.02, aspect=28)
    if scale == "log":
        show_decades(bar.ax.yaxis, low, high)


def _note(axes: "matplotlib.axes.Axes", shown: int, runs: int) -> None:
    """Say below the axes how many lines are shown, and what the grey ones are."""
    if shown < runs:
        axes.annotate(
            f"{shown:,} of {runs:,} runs shown",
            (0, 0),
            xycoords="axes fraction",
            xytext=(0, -6),
            textcoords="offset points",
            va="top",
            fontsize=8.5,
            color="#555555",
        )
    if axes.get_legend_handles_labels()[0]:
        place: dict[str, Any] = {"loc": "upper right", "bbox_to_anchor": (1.0, 0.0)}
        axes.legend(ncols=2, frameon=False, fontsize=8.5, borderaxespad=0.2, **place)


def _share(most: int, part: int, whole: int) -> int:
    return part if whole <= most else max(1, round(most * part / whole))


def _pick(runs: np.ndarray, count: int) -> np.ndarray:
    """Evenly spaced ones, the first and the last among them; of one, the last."""
    if count >= runs.size:
        return runs
    return (
        runs[-1:] if count == 1 else runs[np.linspace(0, runs.size - 1, count).round().astype(int)]
    )


def _lines(heights: np.ndarray) -> list[np.ndarray]:
    across = np.broadcast_to(np.arange(heights.shape[1]), heights.shape)
    return list(np.stack([across, heights], axis=-1))
