from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, PINK
from ._scales import show_decades

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

Points = Shaped[Array | np.ndarray, " points"]
Losses = Shaped[Array | np.ndarray, "points starts"]
Polish = tuple[Shaped[Array | np.ndarray, " steps"], Shaped[Array | np.ndarray, "steps candidates"]]
MANY = 30  # points, beyond which markers only hide the curve
STEEP = 10.0  # ratio of losses, beyond which their axis is logarithmic


def fit_convergence(
    evaluations: Points,
    losses: Losses,
    *,
    polish: Polish | None = None,
    label: str = "Evaluations",
    polish_label: str = "Gradient steps",
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the loss of every start of a fit, and the best so far of all.

    Candidates that were then improved by gradient have a panel of their own beside it. The loss is
    on a logarithmic axis where it is positive and falls far.

    **Arguments:**

    - `evaluations`: how many candidates had been simulated at each point, or another measure of
      effort.
    - `losses`: of each start; what is not finite is left out.
    - `polish`: the same of the candidates that were improved by gradient, with a measure of its
      own.
    - `label`, `polish_label`: what these measures are, with their units.
    - `title`: heading of the figure.

    **Returns:** a figure of one panel, or two.

    **Raises:** `ValueError` for shapes that do not belong together, and nothing to draw.

    >>> import numpy as np
    >>> losses = np.array([[9.0, 5.0], [3.0, 4.0]])
    >>> figure = fit_convergence(np.array([10, 20]), losses)
    >>> figure.axes[0].lines[-1].get_ydata()
    array([5., 3.])
    """
    from matplotlib.figure import Figure

    parts = [("search", BLUE, label, *_read(evaluations, losses, "losses"))]
    if polish is not None:
        parts.append(("gradient", PINK, polish_label, *_read(*polish, "losses of polish")))
    figure = Figure(figsize=(5.4 + 2.4 * len(parts), 4.2), layout="constrained")
    widths = [2.0, 1.0][: len(parts)]
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False, width_ratios=widths)[0]
    best = np.nan
    for axes, (name, colour, effort, x, y) in zip(panels, parts, strict=True):
        so_far = np.fmin(np.fmin.accumulate(np.fmin.reduce(y, axis=1)), best)
        best = so_far[-1]
        _draw_starts(axes, x, y, colour, f"each start ({y.shape[1]})")
        _draw_best(axes, x, so_far, colour, f"best so far ({best:.4g})")
        _dress(axes, name.capitalize(), effort)
    panels[0].set_ylabel("Loss")
    _scale(panels[0], np.concatenate([y[np.isfinite(y)] for *_, y in parts]))
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _read(
    evaluations: Array | np.ndarray, losses: Array | np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(evaluations, np.float64), np.asarray(losses, np.float64)
    if x.ndim != 1 or y.ndim != 2 or y.shape[0] != x.size or not y.size:
        raise ValueError(
            f"fit_convergence: {name} have shape {y.shape}, but their evaluations {x.shape}. Pass "
            "losses of shape (points, starts) and one number of evaluations for each point."
        )
    return x, np.where(np.isfinite(y), y, np.nan)


def _draw_starts(
    axes: "matplotlib.axes.Axes", x: np.ndarray, y: np.ndarray, colour: str, label: str
) -> None:
    marker = "." if x.size <= MANY else None
    faint = float(np.clip(12 / y.shape[1], 0.15, 0.6))
    style = {"color": colour, "linewidth": 0.7, "alpha": faint, "marker": marker, "markersize": 3}
    axes.plot(x, y, **style)[0].set_label(label)


def _draw_best(
    axes: "matplotlib.axes.Axes", x: np.ndarray, y: np.ndarray, colour: str, label: str
) -> None:
    marker = "o" if x.size <= MANY else None
    axes.plot(x, y, color=colour, linewidth=2.2, marker=marker, markersize=4, label=label)


def _dress(axes: "matplotlib.axes.Axes", name: str, effort: str) -> None:
    from matplotlib.ticker import MaxNLocator

    is_whole = all((np.asarray(line.get_xdata()) % 1 == 0).all() for line in axes.lines)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=is_whole))
    axes.set_title(name, loc="left", fontsize=10)
    axes.set_xlabel(effort)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=9, loc="upper right", framealpha=0.8, edgecolor="none")


def _scale(axes: "matplotlib.axes.Axes", known: np.ndarray) -> None:
    if not known.size:
        axes.text(0.5, 0.5, "no finite loss", transform=axes.transAxes, ha="center", color="0.4")
    elif known.min() > 0 and known.max() > STEEP * known.min():
        axes.set_yscale("log")
        show_decades(axes.yaxis, float(known.min()), float(known.max()))
