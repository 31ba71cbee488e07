from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, colours, shades
from ._scales import Scale, Values, find_scale, name_numbers, read_values, show_decades, show_scale

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MOST_NAMED = 8  # curves, beyond which a colour scale takes the place of names
MANY = 30  # points, beyond which markers only hide the curve


def fi_family(
    currents: Shaped[Array | np.ndarray, " n"] | Sequence[float],
    rates: Shaped[Array | np.ndarray, "curves n *seeds"] | Sequence[Sequence[float]],
    parameter_values: Values,
    *,
    current_label: str = "Current",
    unit: str = "",
    parameter_label: str = "",
    rate_label: str = "Rate (Hz)",
    title: str = "",
    current_scale: Scale | None = None,
    parameter_scale: Scale | None = None,
) -> "matplotlib.figure.Figure":
    """Draw a family of f-I curves, one for each value of a parameter, coloured by the value.

    Up to eight curves have a legend, and a band of one standard deviation over the seeds if there
    are several. More curves have a colour bar, and no bands, which would hide each other.

    **Arguments:**

    - `currents`: in any order.
    - `rates`: Hz, `(curves, n)`, or `(curves, n, seeds)`, of which the mean is drawn. NaN is left
      out of the mean; a point without any rate is a gap.
    - `parameter_values`: of the curves, in any order; or a name for each.
    - `current_label`, `unit`: what the currents are, such as "Current" and "pA".
    - `parameter_label`: what the parameter is, with its unit.
    - `rate_label`: what the rates are; another quantity is drawn as well.
    - `title`: heading of the figure.
    - `current_scale`, `parameter_scale`: "linear" or "log"; by default the one on which the
      values lie most evenly.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, and a scale that does not fit
    the values.

    >>> import numpy as np
    >>> rates = np.outer([1.0, 2.0, 3.0], [0.0, 5.0, 20.0])
    >>> figure = fi_family([1, 2, 3], rates, [5, 10, 20], unit="pA", parameter_label="tau (ms)")
    >>> figure.axes[0].get_legend().get_title().get_text()
    'tau (ms)'
    """
    from matplotlib.figure import Figure

    x = read_values(currents, "fi_family: currents")
    values = read_values(parameter_values, "fi_family: parameter_values")
    y = np.asarray(rates, np.float64)
    if y.ndim not in (2, 3) or y.shape[:2] != (values.size, x.size):
        raise ValueError(
            f"fi_family: rates have shape {y.shape}, but there are {values.size} parameter values "
            f"and {x.size} currents. Pass ({values.size}, {x.size}), or that and the seeds."
        )
    if x.dtype.kind == "U":
        raise ValueError("fi_family: the currents are text. Pass numbers.")
    across = find_scale(x, current_scale, "fi_family: currents")
    scale = find_scale(values, parameter_scale, "fi_family: parameter_values")
    order = np.arange(values.size) if scale == "text" else np.argsort(values, kind="stable")
    along = np.argsort(x, kind="stable")
    x, values, y = x[along], values[order], y[order][:, along]
    mean, deviation = _moments(y)
    _check_finite(x, "currents")
    _check_finite(values, "parameter_values")
    figure = Figure(figsize=(6.6, 4.0), layout="constrained")
    axes = figure.subplots()
    if values.size <= MOST_NAMED:
        _draw_named(axes, x, mean, deviation, values, parameter_label)
    else:
        _draw_scaled(figure, axes, x, mean, values, scale, parameter_label)
    axes.update_datalim(np.stack([x, np.zeros(x.size)], -1))
    axes.autoscale_view()
    top = max(1.0, axes.get_ylim()[1])
    axes.set_ylim(-0.03 * top, top)
    if across == "log":
        show_scale(axes.xaxis, x, across)
    axes.set_xlabel(f"{current_label} ({unit})" if unit else current_label)
    axes.set(ylabel=_describe(y, rate_label), title=title)
    silent = int(np.isnan(mean).all(axis=1).sum())
    if silent:
        note = f"{silent} of {values.size} curves have no rates"
        axes.text(
            0.02, 0.98, note, transform=axes.transAxes, va="top", fontsize=8.5, color="#666666"
        )
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _check_finite(values: np.ndarray, name: str) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"fi_family: {name} has values that are not finite. Leave them out.")


def _moments(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean and standard deviation over the seeds; NaN counts as none."""
    if rates.ndim == 2 or rates.shape[2] == 1:
        return rates.reshape(rates.shape[:2]), None
    is_known = ~np.isnan(rates)
    count = is_known.sum(axis=2)
    with np.errstate(invalid="ignore"):
        mean = np.where(is_known, rates, 0.0).sum(axis=2) / count
        square = (np.where(is_known, rates - mean[:, :, None], 0.0) ** 2).sum(axis=2) / count
    return mean, np.sqrt(square)


def _describe(rates: np.ndarray, label: str) -> str:
    seeds = rates.shape[2] if rates.ndim == 3 else 1
    if seeds == 1:
        return label
    what = "mean ± s.d." if len(rates) <= MOST_NAMED else "mean"
    return f"{label}, {what} of {seeds} seeds"


def _draw_named(
    axes: "matplotlib.axes.Axes",
    x: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray | None,
    values: np.ndarray,
    label: str,
) -> None:
    is_text = values.dtype.kind == "U"
    names = values.tolist() if is_text else name_numbers(values)
    count = values.size
    palette = [BLUE] if count == 1 else colours(count) if is_text else shades(count)
    marker = "o" if x.size <= MANY else None
    for index, colour in enumerate(palette):
        if deviation is not None:
            low, high = mean[index] - deviation[index], mean[index] + deviation[index]
            axes.fill_between(x, np.maximum(low, 0.0), high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(x, mean[index], color=colour, marker=marker, markersize=4.0, label=names[index])
    axes.legend(
        loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9, title=label
    )


def _draw_scaled(
    figure: "matplotlib.figure.Figure",
    axes: "matplotlib.axes.Axes",
    x: np.ndarray,
    mean: np.ndarray,
    values: np.ndarray,
    scale: Scale,
    label: str,
) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import ListedColormap, LogNorm, Normalize

    places = np.arange(values.size) * 1.0 if scale == "text" else values
    low, high = float(places.min()), float(places.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    lines = LineCollection(
        [np.stack([x, curve], -1) for curve in mean],
        array=places,
        cmap=ListedColormap(colours(256)),
        norm=LogNorm(low, high) if scale == "log" else Normalize(low, high),
        linewidths=float(np.clip(60 / values.size, 0.3, 1.4)),
    )
    axes.add_collection(lines)
    bar = figure.colorbar(lines, ax=axes, label=label, pad=0.015, aspect=28)
    if scale == "text":
        show_scale(bar.ax.yaxis, values, scale)
    elif scale == "log":
        show_decades(bar.ax.yaxis, low, high)
