from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ._fit_parts import (
    FITTED,
    HELD_OUT,
    RECORDED,
    HeldOut,
    Labels,
    SpikeTimes,
    Windows,
    name_sweep,
    read_held_out,
    read_series,
    shade_windows,
)

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure


def fit_raster(
    recorded: SpikeTimes,
    simulated: SpikeTimes,
    *,
    labels: Labels,
    span: tuple[float, float],
    unit: str = "pA",
    held_out: HeldOut = None,
    windows: Windows = (),
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw recorded and simulated spikes: a row each sweep, recorded above simulated.

    At the right of a row stands how many spikes were recorded and simulated in the drawn span.

    **Arguments:**

    - `recorded`, `simulated`: spike times of each sweep, ms.
    - `labels`, `unit`, `held_out`, `windows`, `title`: as in `fit_sweeps`.
    - `span`: beginning and end of what is drawn of the sweeps, ms.

    **Returns:** a figure.

    **Raises:** `ValueError` for lists of different lengths, no sweeps, and a span that ends before
    it begins.

    >>> import numpy as np
    >>> spikes = [np.array([30.0, 60.0]), np.array([])]
    >>> figure = fit_raster(spikes, spikes[::-1], labels=[200, 0], span=(0.0, 100.0))
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['200 pA', '0 pA']
    """
    from matplotlib.figure import Figure

    sweeps = len(labels)
    if not sweeps or len(recorded) != sweeps or len(simulated) != sweeps:
        raise ValueError(
            f"fit_raster: there are recorded spikes of {len(recorded)} sweeps, simulated ones of "
            f"{len(simulated)}, and {sweeps} labels. Pass the spike times of each sweep, of at "
            "least one."
        )
    if not span[0] < span[1]:
        raise ValueError(f"fit_raster: span is {span}. Pass its beginning, then its end, in ms.")
    recorded, simulated = _within(recorded, span), _within(simulated, span)
    is_held_out = read_held_out(held_out, sweeps, "fit_raster")
    figure = Figure(figsize=(9.0, 1.5 + max(1.2, 0.27 * sweeps)), layout="constrained")
    axes = figure.subplots()
    _draw(axes, "recorded", recorded, range(sweeps), RECORDED)
    for name, colour, which in read_series(is_held_out):
        _draw(axes, name, simulated, np.flatnonzero(which), colour)
    for row in range(sweeps):
        counts = f"{len(recorded[row])} | {len(simulated[row])}"
        place = axes.get_yaxis_transform()
        axes.text(1.01, row, counts, transform=place, fontsize=8, va="center")
        axes.axhline(row + 0.5, color="black", alpha=0.12, linewidth=0.5)
    _dress(axes, [name_sweep(label, unit) for label in labels], is_held_out)
    shade_windows(axes, windows)
    axes.set(xlim=span, xlabel="Time (ms)")
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _within(spikes: SpikeTimes, span: tuple[float, float]) -> list[np.ndarray]:
    sweeps = [np.asarray(times, np.float64) for times in spikes]
    return [times[(times >= span[0]) & (times <= span[1])] for times in sweeps]


def _draw(
    axes: "matplotlib.axes.Axes",
    name: str,
    spikes: Sequence[np.ndarray],
    rows: Sequence[int] | np.ndarray,
    colour: str,
) -> None:
    """Strokes in the upper half of the rows for what is recorded, else in the lower."""
    top, bottom = (-0.44, -0.03) if name == "recorded" else (0.03, 0.44)
    times = [spikes[row] for row in rows]
    place = np.repeat(np.asarray(rows, np.float64), [len(one) for one in times])
    together = np.concatenate(times)
    axes.vlines(together, place + top, place + bottom, colors=colour, linewidth=1.2, label=name)


def _dress(axes: "matplotlib.axes.Axes", names: list[str], is_held_out: np.ndarray) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8)
    for text, which in zip(axes.get_yticklabels(), is_held_out, strict=True):
        text.set_color(HELD_OUT if which else FITTED)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.annotate(
        "spikes",
        (1.01, 1.0),
        xycoords="axes fraction",
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=8,
    )
