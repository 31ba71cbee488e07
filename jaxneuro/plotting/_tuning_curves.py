from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._circle import set_angles
from ._palette import BLUE, colours, shades

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MOST_NAMED = 8  # curves, beyond which a colour scale takes the place of names


def tuning_curves(
    stimuli: Shaped[Array | np.ndarray, " stimuli"] | Sequence[float],
    mean: Shaped[Array | np.ndarray, "..."],
    error: Shaped[Array | np.ndarray, "..."] | None = None,
    *,
    names: Sequence[str] = (),
    fit: tuple[Shaped[Array | np.ndarray, " points"], Shaped[Array | np.ndarray, "..."]]
    | None = None,
    quantity: str = "Stimulus",
    response: str = "Rate (Hz)",
    is_angle: bool = False,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw responses over the stimulus, with error bars and a fit.

    More than eight neurons are told apart by a colour scale, and have no error bars.

    **Arguments:**

    - `stimuli`: numbers in increasing order.
    - `mean`: response to each, `(stimuli,)`, or `(stimuli, neurons)`; NaN leaves a gap.
    - `error`: its standard error, of the same shape; NaN has no bar.
    - `names`: of the neurons; by default their indices.
    - `fit`: x and height of a fitted curve, `(points,)` or `(points, neurons)`; the points are
      then drawn alone.
    - `quantity`, `response`: what the axes show, with units.
    - `is_angle`: whether the stimuli are angles in rad, one turn.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, or no stimuli.

    >>> import numpy as np
    >>> figure = tuning_curves([0.0, 1.0, 2.0], np.array([1.0, 5.0, 2.0]), np.ones(3))
    >>> figure.axes[0].get_ylabel()
    'Rate (Hz)'
    """
    from matplotlib.figure import Figure

    x, y = np.asarray(stimuli, np.float64), np.asarray(mean, np.float64)
    bars = np.full(y.shape, np.nan) if error is None else np.asarray(error, np.float64)
    curve = None if fit is None else (np.asarray(fit[0]), _columns(np.asarray(fit[1], np.float64)))
    _check(x, y, bars, names, curve)
    y, bars = _columns(y), _columns(bars)
    count = y.shape[1]
    is_many = count > MOST_NAMED
    palette = shades(count) if is_many else [BLUE] if count == 1 else colours(count)
    figure = Figure(figsize=(6.4 if count > 1 else 5.4, 3.8), layout="constrained")
    axes = figure.subplots()
    for index, colour in enumerate(palette):
        label = names[index] if names else f"neuron {index}"
        bar = None if is_many or np.isnan(bars[:, index]).all() else bars[:, index]
        line = {"linestyle": "-" if curve is None else "none", "linewidth": 1.0 if is_many else 1.5}
        marks = {"marker": "o", "markersize": 2.5 if is_many else 4.5, "capsize": 2.0}
        axes.errorbar(
            x, y[:, index], bar, color=colour, label=label, elinewidth=0.9, **line, **marks
        )
        if curve is not None:
            axes.plot(curve[0], curve[1][:, index], color=colour, linewidth=1.5)
    axes.set(ylabel=response, title=title)
    axes.set_xlabel(quantity)
    if is_angle:
        set_angles(axes.xaxis, room=0.15)
    if np.nanmin(y) >= 0:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    _name_curves(figure, axes, count, names)
    return figure


def _columns(values: np.ndarray) -> np.ndarray:
    return values[:, None] if values.ndim == 1 else values


def _name_curves(
    figure: "matplotlib.figure.Figure",
    axes: "matplotlib.axes.Axes",
    count: int,
    names: Sequence[str],
) -> None:
    if count == 1:
        return
    if count <= MOST_NAMED:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
        return
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    scale = ListedColormap(shades(count))
    edges = np.arange(count + 1) - 0.5
    mapped = ScalarMappable(BoundaryNorm(edges, count), scale)
    bar = figure.colorbar(mapped, ax=axes, label="" if names else "Neuron", pad=0.015)
    ticks = np.unique(np.linspace(0, count - 1, 6).round().astype(int)).tolist()
    bar.set_ticks(ticks, labels=[str(names[index] if names else index) for index in ticks])


def _check(
    x: np.ndarray,
    y: np.ndarray,
    bars: np.ndarray,
    names: Sequence[str],
    curve: tuple[np.ndarray, np.ndarray] | None,
) -> None:
    if x.ndim != 1 or not x.size or y.ndim not in (1, 2) or len(y) != len(x):
        raise ValueError(
            f"tuning_curves: mean has shape {y.shape}, but there are {x.size} stimuli. Pass "
            "(stimuli,) or (stimuli, neurons), with at least one."
        )
    if bars.shape != y.shape:
        raise ValueError(f"tuning_curves: error has shape {bars.shape}, but mean {y.shape}.")
    count = _columns(y).shape[1]
    if names and len(names) != count:
        raise ValueError(f"tuning_curves: there are {len(names)} names for {count} curves.")
    if curve is not None and curve[1].shape != (len(curve[0]), count):
        raise ValueError(
            f"tuning_curves: the fit has {len(curve[0])} points and heights of shape "
            f"{curve[1].shape}. Pass (points, {count})."
        )
