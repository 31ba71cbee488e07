from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, VERMILION

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure


def isi_histogram(
    intervals: Shaped[Array | np.ndarray, "..."],
    *,
    bins: int = 40,
    is_log: bool = False,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw how often interspike intervals have which length, beside a Poisson process.

    The dashed line is what a Poisson process with the same mean and number of intervals has.

    **Arguments:**

    - `intervals`: ms, of any shape, as from `jaxneuro.analysis.interspike_intervals`; NaN is left
      out.
    - `bins`: how many, from 0 to the longest interval.
    - `is_log`: whether the bins are spaced by their logarithm, from the shortest interval on,
      which shows bursts.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for no bins, and for intervals that are negative, or 0 with `is_log`.

    >>> import numpy as np
    >>> figure = isi_histogram(np.array([5.0, 7.0, 20.0, np.nan]))
    >>> figure.axes[0].get_title(loc="left")
    '3 intervals: mean 10.7 ms, CV 0.62'
    """
    from matplotlib.figure import Figure

    lengths = np.asarray(intervals, np.float64).ravel()
    lengths = lengths[~np.isnan(lengths)]
    _check(lengths, bins, is_log)
    figure = Figure(figsize=(6.0, 3.4), layout="constrained")
    axes = figure.subplots()
    if len(lengths):
        _draw(axes, lengths, bins, is_log)
    else:
        axes.text(0.5, 0.5, "no intervals", transform=axes.transAxes, ha="center", va="center")
        axes.set(xticks=[], yticks=[])
    axes.set(xlabel="Interval (ms)", ylabel="Intervals")
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    return figure


def _draw(axes: "matplotlib.axes.Axes", lengths: np.ndarray, bins: int, is_log: bool) -> None:
    mean, longest = lengths.mean(), lengths.max()
    if is_log:
        edges = np.geomspace(lengths.min(), 1.001 * longest, bins + 1)
        axes.set_xscale("log")
    else:
        edges = np.linspace(0.0, longest or 1.0, bins + 1)
    axes.stairs(np.histogram(lengths, edges)[0], edges, fill=True, color=BLUE)
    if longest > 0:
        poisson = len(lengths) * -np.diff(np.exp(-edges / mean))
        line = {"color": VERMILION, "linewidth": 1.3, "linestyle": "--"}
        axes.stairs(poisson, edges, baseline=None, label="Poisson process", **line)
        axes.legend(frameon=False, fontsize=9)
    axes.set_xlim(edges[0], edges[-1])
    variation = lengths.std() / mean if longest > 0 and len(lengths) > 1 else np.nan
    count = f"{len(lengths):,} interval{'s' * (len(lengths) > 1)}"
    axes.set_title(f"{count}: mean {mean:.3g} ms, CV {variation:.2f}", loc="left", fontsize=10)


def _check(lengths: np.ndarray, bins: int, is_log: bool) -> None:
    if bins < 1:
        raise ValueError(f"isi_histogram: bins is {bins}. Pass at least 1.")
    if not np.isfinite(lengths).all() or (lengths < 0).any():
        raise ValueError(
            "isi_histogram: some intervals are negative or infinite. Pass those of "
            "`jaxneuro.analysis.interspike_intervals`, not spike times."
        )
    if is_log and not (lengths > 0).all():
        raise ValueError(
            "isi_histogram: some intervals are 0 ms, which has no logarithm. Pass is_log=False."
        )
