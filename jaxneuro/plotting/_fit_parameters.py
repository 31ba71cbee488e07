from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, GREY, VERMILION

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

SMALLEST = 1e-300  # of what is drawn on a logarithmic scale, far below every bound
AT_BOUND = 0.01  # part of the range, within which a value counts as at its bound
Values = Shaped[Array | np.ndarray, " parameters"] | Sequence[float]


def fit_parameters(
    names: Sequence[str],
    values: Values,
    lower: Values,
    upper: Values,
    uncertainty: Values | None = None,
    *,
    units: Sequence[str] | None = None,
    scales: Sequence[str] | None = None,
    others: Shaped[Array | np.ndarray, "candidates parameters"] | None = None,
    truth: Values | None = None,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw fitted parameters within their bounds: a row each, from the lower to the upper bound.

    A value within 1 % of the range of a bound is marked, as it might lie beyond. An uncertainty
    that is not finite has a bar over the whole range: the data do not determine the value.

    **Arguments:**

    - `names`: of the parameters.
    - `values`, `lower`, `upper`: best values and their bounds, `(parameters,)`.
    - `uncertainty`: standard deviations of the values.
    - `units`: of the parameters; a unit may be empty.
    - `scales`: of the rows, `"linear"` or `"log"`; linear by default.
    - `others`: values of other good candidates, drawn faintly.
    - `truth`: the true values, where they are known.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, no parameters, and bounds that
    are not finite, not in order, or not above 0 on a logarithmic scale.

    >>> figure = fit_parameters(["tau"], [12.0], [5.0], [50.0], [1.5], units=["ms"])
    >>> figure.axes[0].texts[-1].get_text()
    '12 ± 1.5 ms'
    """
    from matplotlib.figure import Figure

    best, low, high = (
        _read(given, names, name)
        for given, name in ((values, "values"), (lower, "lower"), (upper, "upper"))
    )
    if not np.all(np.isfinite(low) & np.isfinite(high) & (low < high)):
        wrong = int(np.argmin(np.isfinite(low) & np.isfinite(high) & (low < high)))
        raise ValueError(
            f"fit_parameters: the bounds of '{names[wrong]}' are {low[wrong]:g} and "
            f"{high[wrong]:g}. Pass finite ones, the lower below the upper."
        )
    if units is not None and len(units) != len(names):
        raise ValueError(
            f"fit_parameters: there are {len(units)} units, but {len(names)} names. Pass a unit "
            "for each name, or an empty text."
        )
    is_log = _read_scales(scales, names, low)
    deviation = None if uncertainty is None else _read(uncertainty, names, "uncertainty")
    size = (8.4 + 0.07 * max(map(len, names)), 1.2 + max(0.6, 0.36 * len(names)))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(names)), 1.0, height=0.34, color="black", alpha=0.07)

    def place(given: Any) -> np.ndarray:
        linear = (given - low) / (high - low)
        ratio = np.where(is_log, given / np.where(is_log, low, 1.0), 1.0)
        span = np.log(np.where(is_log, high / np.where(is_log, low, 1.0), np.e))
        return np.where(is_log, np.log(np.maximum(ratio, SMALLEST)) / span, linear)

    if others is not None:
        _draw_others(axes, place(_read_others(others, names)))
    if deviation is not None:
        _draw_bars(axes, place(best - deviation), place(best + deviation))
    _draw_values(axes, place(best))
    if truth is not None:
        rows = np.arange(len(names))
        at = place(_read(truth, names, "truth"))
        axes.plot(at, rows, "D", markersize=8, label="truth", **_hollow("black"))
    _write(axes, names, best, low, high, deviation, units or [""] * len(names))
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=5, frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _read(given: Values, names: Sequence[str], what: str) -> np.ndarray:
    values = np.asarray(given, np.float64)
    if values.shape != (len(names),) or not len(names):
        raise ValueError(
            f"fit_parameters: {what} has shape {values.shape}, but there are {len(names)} names. "
            "Pass one number for each name, of at least one."
        )
    return values


def _read_scales(scales: Sequence[str] | None, names: Sequence[str], low: np.ndarray) -> np.ndarray:
    """Which rows are logarithmic, `(parameters,)`."""
    scales = ["linear"] * len(names) if scales is None else scales
    if len(scales) != len(names) or not set(scales) <= {"linear", "log"}:
        raise ValueError(
            f"fit_parameters: scales are {list(scales)}, but there are {len(names)} names. Pass "
            "'linear' or 'log' for each."
        )
    is_log = np.asarray([scale == "log" for scale in scales])
    if np.any(low[is_log] <= 0):
        wrong = int(np.argmax(is_log & (low <= 0)))
        raise ValueError(
            f"fit_parameters: the lower bound of '{names[wrong]}' is {low[wrong]:g}; on a "
            "logarithmic scale it must be above 0."
        )
    return is_log


def _read_others(others: Array | np.ndarray, names: Sequence[str]) -> np.ndarray:
    values = np.asarray(others, np.float64)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ValueError(
            f"fit_parameters: others has shape {values.shape}, but there are {len(names)} names. "
            f"Pass shape (candidates, {len(names)})."
        )
    return values


def _hollow(colour: str) -> dict[str, Any]:
    return {"markerfacecolor": "none", "markeredgecolor": colour, "markeredgewidth": 1.3}


def _draw_others(axes: "matplotlib.axes.Axes", places: np.ndarray) -> None:
    rows = np.broadcast_to(np.arange(places.shape[1]), places.shape)
    axes.plot(places.ravel(), rows.ravel(), "|", color=GREY, markersize=9, label="other candidates")


def _draw_bars(axes: "matplotlib.axes.Axes", left: np.ndarray, right: np.ndarray) -> None:
    """One standard deviation to either side, cut at the bounds."""
    # An infinite deviation and one that is no number say the same.
    left = np.where(np.isnan(left), 0.0, left).clip(0.0, 1.0)
    right = np.where(np.isnan(right), 1.0, right).clip(0.0, 1.0)
    axes.hlines(np.arange(left.size), left, right, colors=BLUE, linewidth=2.5, label="± s.d.")


def _draw_values(axes: "matplotlib.axes.Axes", places: np.ndarray) -> None:
    rows = np.arange(places.size)
    is_at_bound = (places < AT_BOUND) | (places > 1 - AT_BOUND)
    for name, colour, which in (
        ("best", BLUE, ~is_at_bound),
        ("best, at its bound", VERMILION, is_at_bound),
    ):
        if which.any():
            axes.plot(places[which], rows[which], "o", color=colour, markersize=7, label=name)


def _write(
    axes: "matplotlib.axes.Axes",
    names: Sequence[str],
    best: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    deviation: np.ndarray | None,
    units: Sequence[str],
) -> None:
    """Names and bounds at the ends of the rows, values beyond them."""
    for row, unit in enumerate(units):
        axes.text(-0.015, row, f"{low[row]:.4g}", ha="right", va="center", fontsize=8)
        axes.text(1.015, row, f"{high[row]:.4g}", ha="left", va="center", fontsize=8)
        told = f"{best[row]:.4g}"
        if deviation is not None:
            is_known = np.isfinite(deviation[row])
            told += f" ± {deviation[row]:.2g}" if is_known else " ± ∞"
        axes.text(1.13, row, f"{told} {unit}".strip(), ha="left", va="center", fontsize=9)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set(xlim=(-0.08, 1.12), ylim=(len(names) - 0.5, -0.5), xticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
