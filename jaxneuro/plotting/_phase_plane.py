from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, GREEN, GREY, VERMILION

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

Values = Shaped[Array | np.ndarray, "..."]
Flow = Callable[[np.ndarray, np.ndarray], tuple[Any, Any]] | tuple[Values, Values]
ARROWS = 18  # along each axis
LONGEST = 0.035  # arrow, of the plane's width


def phase_plane(
    x: Shaped[Array | np.ndarray, " x"],
    y: Shaped[Array | np.ndarray, " y"],
    flow: Flow,
    trajectory: Shaped[Array | np.ndarray, "time 2"] | None = None,
    *,
    names: tuple[str, str] = ("v", "w"),
    units: tuple[str, str] = ("", ""),
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the plane of a model of two variables: nullclines, direction of flow, trajectory.

    A nullcline is where the derivative is 0. Arrows have the direction of the flow as the plane
    is drawn; their length says little, so that slow regions are seen beside fast ones.

    **Arguments:**

    - `x`, `y`: the grid, increasing: where nullclines are looked for, and what is drawn.
    - `flow`: the derivatives dx/dt and dy/dt on the grid, `(y, x)` each, or a function that gives
      them for such arrays of x and y.
    - `trajectory`: x and y over time; a row of NaN breaks the line, such as at a reset.
    - `names`, `units`: of the variables.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together.

    >>> import numpy as np
    >>> grid = np.linspace(-1.0, 1.0, 21)
    >>> turning = lambda v, w: (-w, v)
    >>> figure = phase_plane(grid, grid, turning)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['dv/dt = 0', 'dw/dt = 0']
    """
    from matplotlib.figure import Figure

    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    across, up = np.meshgrid(x, y)
    dx, dy = (
        np.asarray(part, np.float64) for part in (flow(across, up) if callable(flow) else flow)
    )
    if min(len(x), len(y)) < 2 or {dx.shape, dy.shape} != {across.shape}:
        raise ValueError(
            f"phase_plane: the derivatives have shapes {dx.shape} and {dy.shape}, but x has "
            f"{len(x)} values and y {len(y)}. Pass two or more of each, and arrays of shape "
            f"({len(y)}, {len(x)})."
        )
    figure = Figure(figsize=(6.6, 4.6), layout="constrained")
    axes = figure.subplots()
    _draw_arrows(axes, x, y, dx, dy)
    for change, name, colour in ((dx, names[0], BLUE), (dy, names[1], VERMILION)):
        known = np.ma.masked_invalid(change)
        if known.min() < 0 < known.max():
            axes.contour(x, y, known, levels=[0.0], colors=colour, linewidths=1.8)
        axes.plot([], [], color=colour, linewidth=1.8, label=f"d{name}/dt = 0")
    if trajectory is not None:
        _draw_trajectory(axes, np.asarray(trajectory, np.float64))
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), title=title)
    labels = [f"{n} ({unit})" if unit else n for n, unit in zip(names, units, strict=True)]
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    return figure


def _draw_arrows(
    axes: "matplotlib.axes.Axes", x: np.ndarray, y: np.ndarray, dx: np.ndarray, dy: np.ndarray
) -> None:
    """Directions at evenly chosen points, not at the border."""
    rows, columns = (_chosen(len(grid)) for grid in (y, x))
    part = np.ix_(rows, columns)
    along, up = dx[part] / (x[-1] - x[0]), dy[part] / (y[-1] - y[0])
    length = np.hypot(along, up)
    # A fifth root: speeds differ by orders of magnitude.
    fastest = np.nanmax(np.where(np.isfinite(length), length, 0.0), initial=0.0)
    if fastest == 0.0:
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(length > 0, (length / fastest) ** 0.2 / length, 0.0)
    axes.quiver(
        x[columns],
        y[rows],
        along * scale,
        up * scale,
        color=GREY,
        alpha=0.8,
        pivot="mid",
        angles="uv",
        scale=1.0 / LONGEST,
        scale_units="width",
        width=0.0022,
        headwidth=4.5,
    )


def _chosen(size: int) -> np.ndarray:
    return np.unique(np.linspace(0, size - 1, ARROWS + 2).round().astype(int)[1:-1])


def _draw_trajectory(axes: "matplotlib.axes.Axes", path: np.ndarray) -> None:
    axes.plot(path[:, 0], path[:, 1], color="black", linewidth=1.1, label="trajectory")
    known = path[np.isfinite(path).all(axis=1)]
    if len(known):
        axes.plot(*known[0], color=GREEN, marker="o", linestyle="none", label="start")
        axes.plot(*known[-1], color="black", marker="s", linestyle="none", label="end")
