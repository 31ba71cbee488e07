from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, SKY, VERMILION

if TYPE_CHECKING:
    import matplotlib.figure

Points = Shaped[Array | np.ndarray, " lags"]


def multistep_regression(
    lags: Points,
    slopes: Points,
    errors: Points | None = None,
    *,
    fit: tuple[float, float, float] | None = None,
    interval: tuple[float, float] | None = None,
    bin: float = 1.0,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the slopes of a multistep regression over their lag, with the fit.

    **Arguments:**

    - `lags`: bins.
    - `slopes`: r_k, with a band of two standard errors if there are `errors`.
    - `fit`: branching parameter m, amplitude b and offset c of r_k = b m^k + c; not drawn if NaN.
    - `interval`: confidence interval of m, for the legend.
    - `bin`: width of a bin, ms.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, or no lags.

    >>> import numpy as np
    >>> lags = np.arange(1, 20)
    >>> figure = multistep_regression(lags, 0.5 * 0.9**lags, fit=(0.9, 0.5, 0.0), bin=4.0)
    >>> figure.axes[0].get_xlabel()
    'Lag (ms)'
    """
    from matplotlib.figure import Figure

    k, r = np.asarray(lags, np.float64), np.asarray(slopes, np.float64)
    bars = np.full(r.shape, np.nan) if errors is None else np.asarray(errors, np.float64)
    if k.ndim != 1 or not k.size or k.shape != r.shape or bars.shape != r.shape:
        raise ValueError(
            f"multistep_regression: lags have shape {k.shape}, slopes {r.shape} and errors "
            f"{bars.shape}. Pass one of each, at least one."
        )
    figure = Figure(figsize=(5.8, 3.8), layout="constrained")
    axes = figure.subplots()
    if np.isfinite(bars).any():
        low, high = r - 2 * bars, r + 2 * bars
        axes.fill_between(k * bin, low, high, color=SKY, alpha=0.3, linewidth=0.0)
    axes.plot(k * bin, r, "o", color=BLUE, markersize=3.0, label="slopes $r_k$")
    if fit is not None and np.isfinite(fit[0]):
        branching, amplitude, offset = fit
        curve = amplitude * branching**k + offset
        axes.plot(k * bin, curve, color=VERMILION, label=_name(branching, interval, bin))
    axes.axhline(0.0, color="0.3", linewidth=0.8)
    axes.set(xlabel="Lag (ms)", ylabel="Slope of A(t + k) on A(t)", title=title)
    axes.set_xlim(left=0.0)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    return figure


def _name(branching: float, interval: tuple[float, float] | None, bin: float) -> str:
    text = f"m = {branching:.4g}"
    if interval is not None and np.isfinite(interval).all():
        text += f" ({interval[0]:.4g} to {interval[1]:.4g})"
    return text + (f", $\\tau$ = {-bin / np.log(branching):.3g} ms" if branching < 1 else "")
