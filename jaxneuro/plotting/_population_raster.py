from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._cues import Cue, check_cues, name_cues, shade_cues
from ._palette import population_colours

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MOST_MARKS = 150_000  # in a panel; more only make a grey field, slowly
BINS = 100


def population_raster(
    spikes: Mapping[str, Sequence[Shaped[Array | np.ndarray, " _"]]],
    window: tuple[float, float],
    *,
    cues: Sequence[Cue] = (),
    bin: float | None = None,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the spikes of several populations over one time axis, and their mean rates below.

    Each population has its colour. Where a panel would hold more spikes than can be told apart,
    every n-th neuron is drawn, and the panel says so.

    **Arguments:**

    - `spikes`: by population, first at the top, the times of each neuron's spikes, ms.
    - `window`: from when to when, ms.
    - `cues`: `(start, stop, label)` of what was shown, ms: shaded bands with their labels.
    - `bin`: of the rates, ms; by default a 100th of the window.
    - `title`: heading of the figure.

    **Returns:** a figure with one panel a population, and one of rates; before them one for the
    labels of cues, if there are any.

    **Raises:** `ValueError` when there are no populations or one has no neurons, for a window or a
    cue that does not end after it begins, and for a bin longer than the window.

    >>> import numpy as np
    >>> spikes = {"exc": [np.array([3.0, 8.0]), np.array([5.0])], "inh": [np.array([5.5])]}
    >>> figure = population_raster(spikes, (0.0, 10.0), cues=[(2.0, 4.0, "cue A")])
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['', 'Neuron', 'Neuron', 'Rate (Hz)']
    """
    edges = _edges(window, bin)
    check_cues(cues, "population_raster")
    if not spikes or not all(len(each) for each in spikes.values()):
        raise ValueError("population_raster: pass at least one population, with neurons in each.")
    figure, strip, panels, last = _panels([len(each) for each in spikes.values()], bool(cues))
    palette, highest = population_colours(len(spikes)), 1e-3
    for axes, (name, each), colour in zip(panels, spikes.items(), palette, strict=True):
        times = [np.asarray(one, np.float64) for one in each]
        times = [one[(one >= window[0]) & (one <= window[1])] for one in times]
        _draw_population(axes, name, times, window, colour)
        rate = np.histogram(np.concatenate(times), edges)[0] / (np.diff(edges) * len(each) / 1000)
        last.stairs(rate, edges, color=colour, linewidth=1.3, baseline=None)
        highest = max(highest, float(rate.max()))
    last.set(xlabel="Time (ms)", ylabel="Rate (Hz)", xlim=window)
    last.set_ylim(0.0, 1.05 * highest)
    for axes in (*panels, last):
        shade_cues(axes, cues)
        axes.spines[["top", "right"]].set_visible(False)
    if strip is not None:
        name_cues(strip, cues, window[1] - window[0])
    figure.suptitle(title)
    figure.align_ylabels()
    return figure


def _panels(
    sizes: Sequence[int], has_cues: bool
) -> tuple[
    "matplotlib.figure.Figure",
    "matplotlib.axes.Axes | None",
    list["matplotlib.axes.Axes"],
    "matplotlib.axes.Axes",
]:
    """The figure, its strip of cues, a panel each population, the panel of rates."""
    from matplotlib.figure import Figure

    largest = max(sizes)
    # Square roots keep a hundred neurons readable beside thousands.
    shares = np.sqrt(np.clip(sizes, largest / 16, None))
    total = float(np.clip(0.3 * largest * shares.sum() / shares.max(), 1.0 + 0.5 * len(sizes), 4.5))
    heights = [*([0.22] * has_cues), *(total * shares / shares.sum()), 1.4]
    figure = Figure(figsize=(8.4, 0.9 + sum(heights) + 0.25 * len(sizes)), layout="constrained")
    axes = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    return figure, axes.pop(0) if has_cues else None, axes[:-1], axes[-1]


def _edges(window: tuple[float, float], bin: float | None) -> np.ndarray:
    start, stop = window
    if not stop > start:
        raise ValueError(
            f"population_raster: the window is from {start} to {stop} ms. Pass a stop after start."
        )
    bin = (stop - start) / BINS if bin is None else bin
    if not 0 < bin <= stop - start:
        raise ValueError(
            f"population_raster: bin is {bin} ms, but the window lasts {stop - start:g} ms."
        )
    # The last bin may be shorter.
    return np.append(np.arange(start, stop - 1e-9 * bin, bin), stop)


def _draw_population(
    axes: "matplotlib.axes.Axes",
    name: str,
    times: Sequence[np.ndarray],
    window: tuple[float, float],
    colour: str,
) -> None:
    from matplotlib.ticker import MaxNLocator

    n = len(times)
    counts = np.array([len(one) for one in times])
    step = -(-int(counts.sum()) // MOST_MARKS) or 1
    shown = times[::step]
    rows = np.repeat(np.arange(0, n, step), counts[::step])
    height = axes.get_window_extent().height * 72.0 / axes.get_figure(root=True).dpi  # pyright: ignore
    size = float(np.clip(0.9 * height / len(shown), 1.1, 9.0))
    width = float(np.clip(60.0 * len(shown) / max(1, len(rows)), 0.4, 1.3))
    axes.plot(
        np.concatenate(shown),
        rows,
        linestyle="none",
        marker="|" if size > 1.5 else "o",
        markersize=size,
        markeredgewidth=width if size > 1.5 else 0.0,
        color=colour,
        rasterized=len(rows) > 2000,
    )
    axes.set_ylim(-0.5 - 0.01 * n, n - 0.5 + 0.01 * n)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    rate = counts.sum() / n / (window[1] - window[0]) * 1000.0
    every = f", every {_ordinal(step)} drawn" if step > 1 else ""
    axes.set_ylabel("Neuron")
    told = f"{name} (n = {n:,}{every}): {rate:.3g} Hz"
    axes.set_title(told, loc="left", fontsize=10, color=colour)


def _ordinal(number: int) -> str:
    return f"{number}{ {2: 'nd', 3: 'rd'}.get(number % 10 * (number // 10 % 10 != 1), 'th') }"
