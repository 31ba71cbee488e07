from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, GREY, VERMILION

if TYPE_CHECKING:
    import matplotlib.figure


def correlogram(
    lags: Shaped[Array | np.ndarray, " lags"],
    values: Shaped[Array | np.ndarray, " lags"],
    *,
    expected: float | None = None,
    quantity: str = "Pairs of spikes",
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw a cross-correlogram or autocorrelogram, one bar a lag.

    **Arguments:**

    - `lags`, `values`: ms, evenly spaced, as from `jaxneuro.analysis.cross_correlogram`.
    - `expected`: the value without any relation, a dashed line: for the scale `"rate"` the second
      train's rate, for `"counts"` the product of both numbers of spikes over that of bins.
    - `quantity`: what the values are, with their unit.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, or fewer than two lags.

    >>> import numpy as np
    >>> figure = correlogram(np.arange(-2.0, 3.0), np.array([1, 0, 5, 3, 1]), expected=2.0)
    >>> figure.axes[0].get_xlabel()
    'Lag (ms)'
    """
    from matplotlib.figure import Figure

    lags, values = np.asarray(lags, np.float64), np.asarray(values, np.float64)
    if lags.ndim != 1 or len(lags) < 2 or values.shape != lags.shape:
        raise ValueError(
            f"correlogram: lags have shape {lags.shape}, values {values.shape}. Pass one value for "
            "each of at least two lags, of one pair of trains."
        )
    figure = Figure(figsize=(6.0, 3.4), layout="constrained")
    axes = figure.subplots()
    bin = (lags[-1] - lags[0]) / (len(lags) - 1)
    axes.bar(lags, values, width=bin, color=BLUE, linewidth=0)
    axes.axvline(0.0, color=GREY, linewidth=1.0, linestyle=":")
    if np.nanmin(values, initial=0.0) < 0:
        axes.axhline(0.0, color=GREY, linewidth=1.0)
    if expected is not None:
        axes.axhline(
            expected, color=VERMILION, linewidth=1.3, linestyle="--", label="without a relation"
        )
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    axes.set(xlabel="Lag (ms)", xlim=(lags[0] - bin / 2, lags[-1] + bin / 2))
    axes.set_ylabel(quantity)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    return figure
