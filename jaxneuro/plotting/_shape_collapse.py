from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import shades

if TYPE_CHECKING:
    import matplotlib.figure

Rows = Shaped[Array | np.ndarray, "durations _"]


def shape_collapse(
    durations: Shaped[Array | np.ndarray, " durations"],
    profiles: Rows,
    times: Shaped[Array | np.ndarray, " points"],
    curves: Rows,
    gamma: float,
    *,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the mean course of avalanches of each duration, as it is and scaled to one shape.

    **Arguments:**

    - `durations`, `profiles`: as in `Profiles`, bins and spikes.
    - `times`, `curves`, `gamma`: as in `ShapeCollapse`. The mean of the curves is drawn in black.
    - `title`: heading of the figure.

    **Returns:** a figure of two panels, and a scale of colours for the durations.

    **Raises:** `ValueError` for shapes that do not belong together, or no durations.

    >>> import numpy as np
    >>> rows = np.array([[1.0, 1.0, np.nan], [1.0, 2.0, 1.0]])
    >>> times, curves = np.array([0.3, 0.7]), np.array([[1.0, 1.0], [1.0, 1.0]])
    >>> figure = shape_collapse(np.array([2, 3]), rows, times, curves, gamma=1.5)
    >>> figure.axes[1].get_xlabel()
    'Time / duration'
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize
    from matplotlib.figure import Figure

    lengths, rows = np.asarray(durations, np.float64), np.asarray(profiles, np.float64)
    x, scaled = np.asarray(times, np.float64), np.asarray(curves, np.float64)
    count = lengths.size
    if not count or len(rows) != count or scaled.shape != (count, x.size):
        raise ValueError(
            f"shape_collapse: durations have shape {lengths.shape}, profiles {rows.shape}, times "
            f"{x.shape} and curves {scaled.shape}. Pass a row of each for every duration, at least "
            "one."
        )
    figure = Figure(figsize=(9.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    scale = ListedColormap(shades(256))
    norm = Normalize(lengths.min(), max(lengths.max(), lengths.min() + 1))
    for length, row, curve in zip(lengths, rows, scaled, strict=True):
        colour = scale(norm(length))
        left.plot(np.arange(row.size) + 0.5, row, color=colour, linewidth=1.0)
        right.plot(x, curve, color=colour, linewidth=1.0, alpha=0.8)
    right.plot(x, scaled.mean(axis=0), color="black", linewidth=1.8)
    left.set(xlabel="Time (bins)", ylabel="Mean spikes in a bin")
    right.set(xlabel="Time / duration", ylabel=r"Mean spikes / $T^{\gamma - 1}$")
    right.set_title(rf"$\gamma$ = {gamma:.2f}", loc="left", fontsize=10)
    for axes in (left, right):
        axes.set_ylim(bottom=0.0)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.colorbar(ScalarMappable(norm, scale), ax=right, label="Duration T (bins)", pad=0.02)
    figure.suptitle(title)
    return figure
