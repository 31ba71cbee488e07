from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._envelope import envelope
from ._palette import shades

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

MOST_ROWS = 10
BINS = 1500  # more than a panel has pixels
STIMULUS = "stimulus"


def traces(
    t: Shaped[Array | np.ndarray, " time"],
    series: Mapping[str, Shaped[Array | np.ndarray, "time n"]],
    labels: Sequence[float | str],
    *,
    unit: str = "",
    units: Mapping[str, str] | None = None,
    spikes: Sequence[Shaped[Array | np.ndarray, " _"]] | None = None,
    stimulus: Shaped[Array | np.ndarray, "time n"] | None = None,
    window: tuple[float, float] | None = None,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the variables of some neurons over time: a column each variable, a row each neuron.

    A row has the colour of its neuron, dark to light, and a column one scale. Spikes are ticks at
    the top of the first column. A lone neuron has its variables below one another. Of more than
    ten neurons, ten are drawn, evenly chosen.

    **Arguments:**

    - `t`: times, ms.
    - `series`: values of each variable; what is not finite is left out.
    - `labels`: what tells the neurons apart: their amplitudes, or names.
    - `unit`: of the amplitudes and of the stimulus, such as "pA".
    - `units`: of the variables, where known, such as `{"v": "mV"}`.
    - `spikes`: times of each neuron's spikes, ms.
    - `stimulus`: what drove each neuron, drawn below.
    - `window`: beginning and end of the stimulus, ms, drawn as a grey background.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` when there is nothing to draw, or for shapes that do not belong
    together.

    >>> import numpy as np
    >>> t = np.arange(1.0, 5.0)
    >>> figure = traces(t, {"v": np.zeros((4, 2))}, [1.0, 2.0], unit="pA", units={"v": "mV"})
    >>> [axes.get_title() for axes in figure.axes]
    ['v (mV)', '']
    """
    from matplotlib.figure import Figure

    t = np.asarray(t, np.float64)
    columns = {name: _checked(name, values, t, labels) for name, values in series.items()}
    if not columns or not len(t):
        raise ValueError("traces: there is nothing to draw. Pass a variable and at least one time.")
    ticks = [np.asarray(x, np.float64) for x in spikes] if spikes is not None else []
    if ticks and len(ticks) != len(labels):
        raise ValueError(
            f"traces: there are spikes of {len(ticks)} neurons, but {len(labels)} labels."
        )
    drive = None if stimulus is None else _checked(STIMULUS, stimulus, t, labels)
    shown = np.unique(np.linspace(0, len(labels) - 1, min(MOST_ROWS, len(labels))).round())
    rows = [int(index) for index in shown]
    names = {name: _with_unit(name, (units or {}).get(name, "")) for name in columns}
    height, width = (len(columns), 1) if len(rows) == 1 else (len(rows), len(columns))
    height += drive is not None
    names_of_rows = [_label(labels[index], unit) for index in rows]
    beside = 0.09 * max(map(len, names_of_rows))
    size = (max(7.0, 0.9 + 4.1 * width) + beside, 1.1 + 0.95 * max(2, height))
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.02, hspace=0.02)  # pyright: ignore
    panels = figure.subplots(height, width, sharex=True, squeeze=False)
    _draw_columns(panels, t, columns, names, rows, ticks)
    if drive is not None:
        _draw_stimulus(panels[-1], t, drive, rows, unit)
    _dress(panels, t, window)
    if len(rows) > 1:
        _name_rows(panels[:, -1], names_of_rows)
    figure.align_ylabels()
    figure.suptitle(_heading(title, labels, rows, unit))
    return figure


def _checked(
    name: str, values: Array | np.ndarray, t: np.ndarray, labels: Sequence[float | str]
) -> np.ndarray:
    values = np.asarray(values, np.float64)
    wanted = (len(t), len(labels))
    if values.shape != wanted or not len(labels):
        raise ValueError(
            f"traces: '{name}' has shape {values.shape}, but {len(t)} times and {len(labels)} "
            f"labels want {wanted}, with at least one neuron."
        )
    return np.where(np.isfinite(values), values, np.nan)


def _draw_columns(
    panels: np.ndarray,
    t: np.ndarray,
    columns: Mapping[str, np.ndarray],
    names: Mapping[str, str],
    rows: Sequence[int],
    ticks: Sequence[np.ndarray],
) -> None:
    colours = shades(len(rows))
    is_lone = len(rows) == 1
    for number, (name, values) in enumerate(columns.items()):
        low, high = _limits(values[:, rows])
        for row, (index, colour) in enumerate(zip(rows, colours, strict=True)):
            axes = panels[number, 0] if is_lone else panels[row, number]
            _draw_series(axes, t, values[:, index], colour)
            room = 0.25 if ticks and number == 0 else 0.08
            axes.set_ylim(low - 0.08 * (high - low), high + room * (high - low))
            if ticks and number == 0:
                _draw_spikes(axes, ticks[index], colour)
        if is_lone:
            panels[number, 0].set_ylabel(names[name])
        else:
            panels[0, number].set_title(names[name], fontsize=10)


def _draw_series(
    axes: "matplotlib.axes.Axes", t: np.ndarray, values: np.ndarray, colour: str
) -> None:
    marker = "o" if len(t) == 1 else None
    axes.plot(*envelope(t, values, BINS), color=colour, linewidth=0.9, marker=marker)


def _draw_spikes(axes: "matplotlib.axes.Axes", times: np.ndarray, colour: str) -> None:
    across = axes.get_xaxis_transform()
    width = float(np.clip(150 / max(1, len(times)), 0.5, 1.4))
    axes.vlines(times, 0.87, 0.97, colors=colour, linewidth=width, transform=across)


def _draw_stimulus(
    panels: np.ndarray, t: np.ndarray, drive: np.ndarray, rows: Sequence[int], unit: str
) -> None:
    low, high = _limits(drive[:, rows])
    for axes in panels:
        for index, colour in zip(rows, shades(len(rows)), strict=True):
            _draw_series(axes, t, drive[:, index], colour)
        axes.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    panels[0].set_ylabel(_with_unit(STIMULUS, unit).replace(" ", "\n"))


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest; apart, also where all are one number or none."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    least = 1e-6 * max(abs(low), abs(high), 1e-3)
    return (low, high) if high - low > least else (low - 0.5, high + 0.5)


def _dress(panels: np.ndarray, t: np.ndarray, window: tuple[float, float] | None) -> None:
    from matplotlib.ticker import MaxNLocator

    for axes in panels.flat:
        if window is not None:
            axes.axvspan(*window, color="black", alpha=0.05, linewidth=0, zorder=0)
        axes.set_xlim(min(0.0, t[0]), t[-1] if t[-1] > min(0.0, t[0]) else t[0] + 1.0)
        axes.yaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
        axes.tick_params(labelsize=8)
        axes.yaxis.get_offset_text().set_fontsize(8)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel("Time (ms)")


def _name_rows(panels: np.ndarray, labels: Sequence[str]) -> None:
    for axes, label, colour in zip(panels, labels, shades(len(labels)), strict=False):
        axes.annotate(
            label,
            xy=(1.02, 0.5),
            xycoords="axes fraction",
            va="center",
            color=colour,
            weight="bold",
            fontsize=9,
        )


def _heading(title: str, labels: Sequence[float | str], rows: Sequence[int], unit: str) -> str:
    if len(labels) == 1:
        return ", ".join(filter(None, (title, _label(labels[0], unit))))
    few = f"{len(rows)} of {len(labels)} neurons" if len(rows) < len(labels) else ""
    return ", ".join(filter(None, (title, few)))


def _label(label: float | str, unit: str) -> str:
    return label if isinstance(label, str) else f"{label:.5g} {unit}".strip()


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name
