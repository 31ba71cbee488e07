from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._cues import Cue, check_cues, name_cues, shade_cues
from ._palette import GREY, population_colours

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

DARK = "#222222"


def conductances(
    t: Shaped[Array | np.ndarray, " time"],
    v: Shaped[Array | np.ndarray, " time"],
    g: Mapping[str, Shaped[Array | np.ndarray, " time"]],
    e_rev: Mapping[str, float],
    *,
    spikes: Shaped[Array | np.ndarray, " _"] | Sequence[float] = (),
    threshold: float | None = None,
    units: tuple[str, str, str] = ("mV", "nS", "pA"),
    cues: Sequence[Cue] = (),
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the membrane potential of one neuron, its synaptic conductances, and their currents.

    I = g (e_rev - v), positive inwards. A spike, of which v shows only the reset, is a line above
    it; reversal potentials in the range of v are dashed.

    **Arguments:**

    - `t`: times, ms.
    - `v`: potential.
    - `g`: by name, such as "exc", a conductance each.
    - `e_rev`: reversal potential of each.
    - `spikes`: times, ms.
    - `threshold`: drawn as a dotted line.
    - `units`: of v, g and the currents.
    - `cues`: `(start, stop, label)` of what was shown, ms.
    - `title`: heading of the figure.

    **Returns:** a figure with panels for v, g and I.

    **Raises:** `ValueError` for lengths that differ, no times, a conductance without a reversal
    potential, and a cue that does not end after it begins.

    >>> import numpy as np
    >>> t = np.arange(1.0, 6.0)
    >>> figure = conductances(t, np.full(5, -60.0), {"exc": np.ones(5)}, {"exc": 0.0})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['v (mV)', 'g (nS)', 'I (pA)']
    """
    from matplotlib.figure import Figure

    t, v = np.asarray(t, np.float64), np.asarray(v, np.float64)
    series = {name: np.asarray(values, np.float64) for name, values in g.items()}
    _check(t, v, series, e_rev)
    check_cues(cues, "conductances")
    heights = [0.22, 1.6, 1.2, 1.4][-3 - bool(cues) :]
    figure = Figure(figsize=(8.4, 5.4 + 0.4 * bool(cues)), layout="constrained")
    *strip, top, middle, bottom = figure.subplots(
        len(heights), 1, sharex=True, height_ratios=heights
    )
    _draw_potential(top, t, v, np.asarray(spikes, np.float64), threshold)
    total = np.zeros(len(t))
    for (name, values), colour in zip(series.items(), population_colours(len(series)), strict=True):
        current = values * (e_rev[name] - v)
        total += current
        middle.plot(t, values, color=colour, linewidth=1.1, label=name)
        bottom.plot(t, current, color=colour, linewidth=1.0, label=name)
        _mark_reversal(top, name, e_rev[name], colour)
    if len(series) > 1:
        bottom.plot(t, total, color=DARK, linewidth=0.9, label="sum")
    bottom.axhline(0.0, color=GREY, linewidth=0.7, zorder=1)
    middle.set_ylim(bottom=0.0)
    for axes, symbol, unit in zip((top, middle, bottom), ("v", "g", "I"), units, strict=True):
        axes.set_ylabel(f"{symbol} ({unit})" if unit else symbol)
        shade_cues(axes, cues)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in (middle, bottom):
        axes.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), frameon=False, fontsize=9)
    bottom.set(xlabel="Time (ms)", xlim=(min(0.0, t[0]), t[-1]) if len(t) > 1 else None)
    if cues:
        name_cues(strip[0], cues, t[-1] - min(0.0, t[0]))
    figure.suptitle(title)
    figure.align_ylabels()
    return figure


def _draw_potential(
    axes: "matplotlib.axes.Axes",
    t: np.ndarray,
    v: np.ndarray,
    spikes: np.ndarray,
    threshold: float | None,
) -> None:
    marker = "o" if len(t) == 1 else None
    axes.plot(t, v, color=DARK, linewidth=0.9, marker=marker)
    low, high = (float(x) for x in (np.nanmin(v), np.nanmax(v)))
    if threshold is not None:
        high = max(high, threshold)
        axes.axhline(threshold, color=GREY, linestyle=":", linewidth=1.1)
        _name_level(axes, "threshold", threshold, "#666666")
    room = max(high - low, 1e-6 * max(1.0, abs(high)))
    base = np.full(len(spikes), high) if threshold is None else np.full(len(spikes), threshold)
    axes.vlines(spikes, base, high + 0.45 * room, colors=DARK, linewidth=0.9)
    axes.set_ylim(low - 0.12 * room, high + (0.5 if len(spikes) else 0.12) * room)


def _mark_reversal(axes: "matplotlib.axes.Axes", name: str, level: float, colour: str) -> None:
    low, high = axes.get_ylim()
    if low < level < high:
        axes.axhline(level, color=colour, linestyle=(0, (5, 3)), linewidth=1.0)
        _name_level(axes, f"E {name}", level, colour)


def _name_level(axes: "matplotlib.axes.Axes", text: str, level: float, colour: str) -> None:
    axes.annotate(
        text,
        (1.0, level),
        xycoords=axes.get_yaxis_transform(),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=colour,
    )


def _check(
    t: np.ndarray, v: np.ndarray, series: Mapping[str, np.ndarray], e_rev: Mapping[str, float]
) -> None:
    if t.ndim != 1 or not len(t) or v.shape != t.shape:
        raise ValueError(
            f"conductances: t has shape {t.shape}, v {v.shape}. Pass v of one neuron at each time."
        )
    if not series:
        raise ValueError("conductances: pass at least one conductance g.")
    for name, values in series.items():
        if values.shape != t.shape:
            raise ValueError(
                f"conductances: '{name}' has shape {values.shape}, but t {t.shape}. Pass the "
                "conductance of one neuron at each time."
            )
        if name not in e_rev:
            raise ValueError(
                f"conductances: '{name}' has no reversal potential; e_rev has "
                f"{', '.join(e_rev) or 'none'}."
            )
