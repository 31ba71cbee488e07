from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._scales import Scale, Values, find_scale, name_numbers, read_values

if TYPE_CHECKING:
    import matplotlib.axes

NOWHERE = -0.12  # height of what has no value, below the axes, which go from 0 to 1
TICKS = 5
MOST_NAMES = 20  # of text along one axis


class Column(NamedTuple):
    name: str
    heights: np.ndarray
    ticks: list[float]
    labels: list[str]


def place_column(name: str, values: Values, given: Scale | None) -> Column:
    """Heights of a column's values between 0 and 1, and its ticks."""
    what = f"parallel_coordinates: column {name!r}"
    read = read_values(values, what, given)
    scale = find_scale(read, given, what)
    if scale == "text":
        names, first, which = np.unique(read, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))  # in the order in which they first come
        heights = rank / max(1, names.size - 1) if names.size > 1 else np.array([0.5])
        shown = np.argsort(first)[:: -(-names.size // MOST_NAMES)]
        return Column(name, heights[which], heights[shown].tolist(), names[shown].tolist())
    is_known = np.isfinite(read)
    known = read[is_known]
    heights = np.full(read.shape, NOWHERE)
    if not known.size:
        return Column(name, heights, [], [])
    low, high = float(known.min()), float(known.max())
    ticks = _ticks(np.unique(known), scale)

    def height(numbers: np.ndarray) -> np.ndarray:
        if low == high:
            return np.full(numbers.shape, 0.5)
        if scale == "log":
            return np.log(numbers / low) / np.log(high / low)
        return (numbers - low) / (high - low)

    heights[is_known] = height(known)
    return Column(name, heights, height(ticks).tolist(), name_numbers(ticks))


def _ticks(known: np.ndarray, scale: Scale) -> np.ndarray:
    from matplotlib.ticker import LogLocator, MaxNLocator

    low, high = known[[0, -1]].tolist()
    if known.size <= TICKS:
        return known
    ticks = np.asarray(MaxNLocator(TICKS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    if scale == "log":
        decades = float(np.log10(high / low))
        if decades >= 1:
            subs = (1.0, 2.0, 5.0) if decades < 2 else (1.0,)
            ticks = np.asarray(LogLocator(subs=subs).tick_values(low, high))
    # Rounding must not lose a tick at an end.
    room = 1e-9 * (high - low)
    return ticks[(ticks >= low - room) & (ticks <= high + room) & ((ticks > 0) | (scale != "log"))]


def draw_axes(axes: "matplotlib.axes.Axes", columns: list[Column]) -> None:
    """Draw an upright axis for each column, with its name above it."""
    paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}
    for index, column in enumerate(columns):
        axes.plot([index, index], [0.0, 1.0], color="black", linewidth=1.0, zorder=3)
        marks = list(zip(column.ticks, column.labels, strict=True))
        if (column.heights < 0).any():
            marks.append((NOWHERE, "none"))
        for height, text in marks:
            axes.plot([index - 0.02, index], [height] * 2, color="black", linewidth=1.0, zorder=3)
            axes.annotate(
                text,
                (index - 0.02, height),
                xytext=(-3, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=8,
                bbox=paper,
                zorder=4,
            )
    lowest = min(0.0, *(float(column.heights.min()) for column in columns))
    is_long = max(len(column.name) for column in columns) > 15
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), [column.name for column in columns], fontsize=9)
    if is_long:
        for text in axes.get_xticklabels():
            text.set(rotation=20, horizontalalignment="left", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.set_yticks([])
    axes.set(xlim=(-0.25, len(columns) - 0.95), ylim=(lowest - 0.03, 1.03))
    axes.spines[:].set_visible(False)
