from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, GREY

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure


def psth(
    trials: Sequence[Shaped[Array | np.ndarray, " _"]],
    edges: Shaped[Array | np.ndarray, " edges"],
    rate: Shaped[Array | np.ndarray, " bins"],
    error: Shaped[Array | np.ndarray, " bins"] | None = None,
    *,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the spikes of each trial, one row each, and their mean rate below.

    **Arguments:**

    - `trials`: spike times of one neuron in each trial, from the event, ms, as from
      `jaxneuro.analysis.align_to_events`; the first is at the top.
    - `edges`, `rate`, `error`: of the bins, ms and Hz, as from `jaxneuro.analysis.psth`. The error
      is drawn as a band, and left out where it is NaN.
    - `title`: heading of the figure.

    **Returns:** a figure of two panels. The event, at 0, is a dashed line if it is in them.

    **Raises:** `ValueError` without trials, and for shapes that do not belong together.

    >>> import numpy as np
    >>> trials = [np.array([-3.0, 2.0]), np.array([1.0, 6.0])]
    >>> figure = psth(trials, np.array([-5.0, 0.0, 5.0, 10.0]), np.array([100.0, 200.0, 100.0]))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Trial', 'Rate (Hz)']
    """
    from matplotlib.figure import Figure

    edges, rate = np.asarray(edges, np.float64), np.asarray(rate, np.float64)
    band = np.full(rate.shape, np.nan) if error is None else np.asarray(error, np.float64)
    _check(len(trials), edges, rate, band)
    height = float(np.clip(0.05 * len(trials), 1.2, 3.2))
    figure = Figure(figsize=(6.4, 2.4 + height), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[height, 1.7])
    _draw_trials(above, trials, (edges[0], edges[-1]), height)
    _draw_rate(below, edges, rate, band)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        if edges[0] < 0 < edges[-1]:
            axes.axvline(0.0, color=GREY, linewidth=1.0, linestyle="--", zorder=0)
    below.set(xlabel="Time from the event (ms)", xlim=(edges[0], edges[-1]))
    figure.suptitle(title)
    figure.align_ylabels()
    return figure


def _draw_trials(
    axes: "matplotlib.axes.Axes",
    trials: Sequence[Array | np.ndarray],
    window: tuple[float, float],
    height: float,
) -> None:
    from matplotlib.ticker import MaxNLocator

    times = [np.asarray(trial, np.float64) for trial in trials]
    times = [trial[(trial >= window[0]) & (trial <= window[1])] for trial in times]
    rows = np.repeat(np.arange(1, len(times) + 1), [len(trial) for trial in times])
    axes.plot(
        np.concatenate(times),
        rows,
        linestyle="none",
        marker="|",
        markersize=float(np.clip(0.8 * 72.0 * height / len(times), 1.0, 9.0)),
        markeredgewidth=0.9,
        color="black",
        rasterized=len(rows) > 2000,
    )
    if not len(rows):
        axes.text(0.5, 0.5, "no spikes", transform=axes.transAxes, ha="center", va="center")
    axes.set_ylim(len(times) + 0.7, 0.3)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    axes.set_ylabel("Trial")


def _draw_rate(
    axes: "matplotlib.axes.Axes", edges: np.ndarray, rate: np.ndarray, band: np.ndarray
) -> None:
    if np.isfinite(band).any():
        low, high = (np.append(side, side[-1]) for side in (rate - band, rate + band))
        axes.fill_between(
            edges, np.maximum(low, 0.0), high, step="post", color=BLUE, alpha=0.25, linewidth=0
        )
    axes.stairs(rate, edges, color=BLUE, linewidth=1.4, baseline=None)
    top = float(np.max(rate + np.nan_to_num(band)))
    axes.set_ylim(0.0, 1.08 * top if top > 0 else 1.0)
    axes.set_ylabel("Rate (Hz)")


def _check(trials: int, edges: np.ndarray, rate: np.ndarray, band: np.ndarray) -> None:
    if not trials:
        raise ValueError("psth: there are no trials. Pass the spike times of at least one.")
    if rate.ndim != 1 or not rate.size or edges.shape != (len(rate) + 1,):
        raise ValueError(
            f"psth: rate has shape {rate.shape}, edges {edges.shape}. Pass one neuron's rate in "
            "each bin, and one edge more than there are bins."
        )
    if band.shape != rate.shape:
        raise ValueError(f"psth: error has shape {band.shape}, but rate {rate.shape}.")
