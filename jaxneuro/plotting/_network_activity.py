from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._cues import Cue, check_cues, name_cues, shade_cues
from ._palette import GREEN, GREY, colours, population_colours

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

Spikes = Mapping[str, Sequence[Shaped[Array | np.ndarray, " _"]]]
MOST_BINS = 600


def network_activity(
    spikes: Spikes,
    window: tuple[float, float],
    *,
    stimuli: Spikes | None = None,
    bin: float | None = None,
    cues: Sequence[Cue] = (),
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw which part of a network spikes over time, and how many neurons are stimulated when.

    **Arguments:**

    - `spikes`: by population, the times of each neuron's spikes, ms.
    - `window`: from when to when, ms.
    - `stimuli`: by input, the times of each channel's events, ms.
    - `bin`: ms; by default 1, or a 600th of a longer window.
    - `cues`: `(start, stop, label)` of what was shown, ms.
    - `title`: heading of the figure.

    **Returns:** a figure with a panel of the whole network over those of its populations, and one
    of the stimuli, if there are any.

    **Raises:** `ValueError` for no neurons, and a window that does not hold a bin.

    >>> import numpy as np
    >>> spikes = {"exc": [np.array([3.0, 8.0]), np.array([5.0])], "inh": [np.array([5.5])]}
    >>> figure = network_activity(spikes, (0.0, 10.0))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Rate (Hz)']
    """
    from matplotlib.figure import Figure

    check_cues(cues, "network_activity")
    edges = _edges(window, bin)
    if not spikes or not all(len(each) for each in spikes.values()):
        raise ValueError("network_activity: pass at least one population, with neurons in each.")
    stimuli = stimuli or {}
    heights = [*([0.22] * bool(cues)), 2.2, *([0.8] * bool(stimuli))]
    figure = Figure(figsize=(8.4, 1.0 + sum(heights)), layout="constrained")
    panels = list(
        figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False).flat
    )
    strip = panels.pop(0) if cues else None
    _draw_rates(panels[0], spikes, edges)
    if stimuli:
        _draw_stimuli(panels[1], stimuli, edges)
    for axes in panels:
        shade_cues(axes, cues)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].set(xlabel="Time (ms)", xlim=window)
    if strip is not None:
        name_cues(strip, cues, window[1] - window[0])
    figure.suptitle(title)
    figure.align_ylabels()
    return figure


def _edges(window: tuple[float, float], bin: float | None) -> np.ndarray:
    start, stop = window
    span = stop - start
    bin = max(min(1.0, span), span / MOST_BINS) if bin is None else bin
    count = int(span / bin + 1e-6) if span > 0 and bin > 0 else 0
    if count < 1:
        raise ValueError(
            f"network_activity: a window from {start} to {stop} ms has no bins of {bin} ms. Pass a "
            "stop after start, and a bin that is no longer."
        )
    return start + bin * np.arange(count + 1)


def _counts(times: Sequence[Array | np.ndarray], edges: np.ndarray) -> np.ndarray:
    every = np.concatenate([np.asarray(one, np.float64) for one in times])
    # A spike at the end of a step belongs to the bin that ends with it.
    return np.histogram(every - 1e-6 * (edges[1] - edges[0]), edges)[0]


def _draw_rates(axes: "matplotlib.axes.Axes", spikes: Spikes, edges: np.ndarray) -> None:
    seconds = (edges[1] - edges[0]) / 1000.0
    counts = {name: _counts(each, edges) for name, each in spikes.items()}
    sizes = {name: len(each) for name, each in spikes.items()}
    whole = sum(counts.values()) / (sum(sizes.values()) * seconds)
    if len(spikes) > 1:
        axes.stairs(whole, edges, fill=True, color=GREY, alpha=0.35, label="all", zorder=1)
    for (name, count), colour in zip(counts.items(), population_colours(len(counts)), strict=True):
        rate = count / (sizes[name] * seconds)
        axes.stairs(rate, edges, color=colour, linewidth=1.0, baseline=None, label=name, zorder=2)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("Rate (Hz)")
    title = f"{edges[1] - edges[0]:.3g} ms bins; all neurons: mean {whole.mean():.3g} Hz"
    axes.set_title(title, loc="left", fontsize=9, color="0.35")
    axes.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), frameon=False, fontsize=9)


def _draw_stimuli(axes: "matplotlib.axes.Axes", stimuli: Spikes, edges: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator

    palette = [GREEN, *colours(len(stimuli))][: len(stimuli)]
    for (name, each), colour in zip(stimuli.items(), palette, strict=True):
        counts = _counts(each, edges)
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.9, label=name)
    axes.set_ylim(bottom=0.0)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_ylabel("Stimuli")
    axes.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), frameon=False, fontsize=9)
