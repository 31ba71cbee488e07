from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._envelope import envelope
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

MOST_COLUMNS = 3
BINS = 600  # more than a panel has pixels
WIDTH, HEIGHT = 4.2, 1.35  # of a panel, inches


def fit_sweeps(
    time: Shaped[Array | np.ndarray, " time"],
    recorded: Shaped[Array | np.ndarray, "time sweeps"],
    simulated: Shaped[Array | np.ndarray, "time sweeps"],
    *,
    labels: Labels,
    unit: str = "pA",
    held_out: HeldOut = None,
    windows: Windows = (),
    spikes: SpikeTimes | None = None,
    peak: float = 20.0,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw every sweep, recorded and simulated over each other, a panel each.

    All panels have the scales of the recording; a simulation that leaves them by far is cut. Long
    traces are drawn as their lowest and highest values, so that no spike is lost.

    **Arguments:**

    - `time`: ms.
    - `recorded`, `simulated`: membrane potentials, mV; what is not finite is left out.
    - `labels`: what was injected into each sweep, a number in `unit`, or a name.
    - `unit`: of the labels.
    - `held_out`: which sweeps the fit has not seen, a bool each; by default none.
    - `windows`: beginning and end of each stimulus, ms, drawn as grey backgrounds.
    - `spikes`: times of the simulated spikes of each sweep, ms, for a model that resets its
      potential: drawn as strokes up to `peak`.
    - `peak`: top of these strokes, mV.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, and no sweeps.

    >>> import numpy as np
    >>> t, v = np.arange(4.0), np.full((4, 2), -70.0)
    >>> figure = fit_sweeps(t, v, v + 1.0, labels=[-50, 150], held_out=[False, True])
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['-50 pA', '150 pA (held out)']
    """
    from matplotlib.figure import Figure

    time = np.asarray(time, np.float64)
    recorded = _checked("recorded", recorded, time, labels)
    simulated = _checked("simulated", simulated, time, labels)
    if spikes is not None:
        simulated = _with_strokes(time, simulated, spikes, peak)
    is_held_out = read_held_out(held_out, len(labels), "fit_sweeps")
    columns = min(MOST_COLUMNS, len(labels))
    rows = -(-len(labels) // columns)
    size = (max(6.5, WIDTH * columns), 1.1 + max(2.0, HEIGHT * rows))
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.02, hspace=0.02, w_pad=0.02)  # pyright: ignore
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for sweep, label in enumerate(labels):
        axes, colour = panels[sweep], HELD_OUT if is_held_out[sweep] else FITTED
        for values, shade in ((recorded, RECORDED), (simulated, colour)):
            axes.plot(*envelope(time, values[:, sweep], BINS), color=shade, linewidth=0.7)
        name = name_sweep(label, unit) + (" (held out)" if is_held_out[sweep] else "")
        axes.set_title(name, loc="left", fontsize=9, color=colour, pad=2)
        _dress(axes, time, windows)
    low, high = _limits(recorded, simulated)
    panels[0].set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    _drop(panels, len(labels), columns)
    _name(figure, is_held_out, title)
    return figure


def _checked(name: str, values: Array | np.ndarray, time: np.ndarray, labels: Labels) -> np.ndarray:
    values = np.asarray(values, np.float64)
    wanted = (len(time), len(labels))
    if values.shape != wanted or not values.size:
        raise ValueError(
            f"fit_sweeps: {name} has shape {values.shape}, but {len(time)} times and "
            f"{len(labels)} labels want {wanted}, with at least one sweep. Pass time as axis 0."
        )
    return np.where(np.isfinite(values), values, np.nan)


def _with_strokes(
    time: np.ndarray, simulated: np.ndarray, spikes: SpikeTimes, peak: float
) -> np.ndarray:
    """The potential, raised to the peak at the sample nearest to each spike."""
    if len(spikes) != simulated.shape[1]:
        raise ValueError(
            f"fit_sweeps: there are spikes of {len(spikes)} sweeps, but {simulated.shape[1]} "
            "labels. Pass the spike times of each sweep."
        )
    simulated = simulated.copy()
    middles = (time[1:] + time[:-1]) / 2
    for sweep, given in enumerate(spikes):
        times = np.asarray(given, np.float64)
        nearest = np.searchsorted(middles, times[np.isfinite(times)])
        simulated[nearest, sweep] = np.fmax(simulated[nearest, sweep], peak)
    return simulated


def _limits(recorded: np.ndarray, simulated: np.ndarray) -> tuple[float, float]:
    """Lowest and highest potential, at most a quarter of its span beyond the recording."""
    known, drawn = (values[np.isfinite(values)] for values in (recorded, simulated))
    low, high = (known.min(), known.max()) if known.size else (-80.0, 40.0)
    span = max(high - low, 1.0)
    drawn = drawn.clip(low - span / 4, high + span / 4)
    return float(drawn.min(initial=low)), float(drawn.max(initial=low + span))


def _dress(axes: "matplotlib.axes.Axes", time: np.ndarray, windows: Windows) -> None:
    from matplotlib.ticker import MaxNLocator

    shade_windows(axes, windows)
    axes.set_xlim(time[0], time[-1] if time[-1] > time[0] else time[0] + 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _drop(panels: np.ndarray, used: int, columns: int) -> None:
    """Remove the cells left over; the panels above them say the time instead."""
    for axes in panels[used:]:
        axes.remove()
    for axes in panels[max(0, used - columns) : used]:
        axes.tick_params(labelbottom=True)


def _name(figure: "matplotlib.figure.Figure", is_held_out: np.ndarray, title: str) -> None:
    from matplotlib.lines import Line2D

    series = [("recorded", RECORDED), *(part[:2] for part in read_series(is_held_out))]
    handles = [Line2D([], [], color=colour, label=name) for name, colour in series]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left")
    figure.supxlabel("Time (ms)", fontsize=10)
    figure.supylabel("Membrane potential (mV)", fontsize=10)
