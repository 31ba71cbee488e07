import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Integer, Shaped

from ._palette import BLUE, CYCLE, GREEN, GREY, ORANGE, PINK, VERMILION

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

NAMES = ("fast", "slow", "ultra-slow")
SCALES = (VERMILION, ORANGE, PINK)


def iv_curves(
    v: Shaped[Array | np.ndarray, " v"],
    currents: Shaped[Array | np.ndarray, "scales v"],
    regions: Integer[Array | np.ndarray, "scales v"],
    i_app: float,
    v_rest: float,
    names: Sequence[str] = NAMES,
    unit: str = "",
) -> "matplotlib.figure.Figure":
    """Draw I-V curves side by side, with their regions of negative conductance in colour.

    A region has the colour of the first time scale on which the slope is negative, and keeps it in
    the panels of the slower ones. The last panel has the applied current and the equilibrium.

    **Arguments:**

    - `v`: voltages.
    - `currents`: a row for each time scale, fast to slow.
    - `regions`: as in `analysis.IVCurves`: index of the time scale, -1 for none.
    - `i_app`: applied current.
    - `v_rest`: equilibrium.
    - `names`: one for each time scale.
    - `unit`: of the voltage, such as "mV"; empty for dimensionless models.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, or more than five time scales.

    >>> import numpy as np
    >>> v = np.linspace(-1.0, 1.0, 5)
    >>> currents, regions = np.stack([-v, v]), np.zeros((2, 5), int)
    >>> figure = iv_curves(v, currents, regions, 0.0, 0.0, ("fast", "slow"))
    >>> [axes.get_title() for axes in figure.axes]
    ['fast', 'slow']
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4 * len(names), 3.4), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    draw_iv_curves(panels, v, currents, regions, i_app, v_rest, names, unit)
    return figure


def draw_iv_curves(
    panels: "Sequence[matplotlib.axes.Axes]",
    v: Shaped[Array | np.ndarray, " v"],
    currents: Shaped[Array | np.ndarray, "scales v"],
    regions: Integer[Array | np.ndarray, "scales v"],
    i_app: float,
    v_rest: float,
    names: Sequence[str] = NAMES,
    unit: str = "",
) -> None:
    """Draw them into axes of your own, one for each time scale; as in `iv_curves`."""
    v, currents, regions = np.asarray(v), np.asarray(currents), np.asarray(regions)
    colours = scale_colours(len(names))
    wanted = (len(names), len(v))
    if currents.shape != wanted or regions.shape != wanted or len(panels) != len(names):
        raise ValueError(
            f"iv_curves: currents have shape {currents.shape} and regions {regions.shape}, but "
            f"{len(names)} names and {len(v)} voltages want {wanted}."
        )
    voltage = f"V ({unit})" if unit else "V"
    for index, axes in enumerate(panels):
        axes.plot(v, currents[index], color=BLUE, linewidth=1.6, label="positive conductance")
        for scale, part in _segments(regions[index]):
            label = f"negative, {names[scale]}"
            axes.plot(
                v[part], currents[index][part], color=colours[scale], linewidth=3.2, label=label
            )
        axes.set(title=names[index], xlabel=voltage)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("Current")
    last = panels[-1]
    last.axhline(i_app, color=GREEN, linewidth=1.2, linestyle="--", label="applied current")
    last.plot([v_rest], [i_app], color=GREEN, marker="o", linestyle="none", label="equilibrium")
    _legend(panels)


def scale_colours(count: int) -> tuple[str, ...]:
    """The colour of each time scale's negative conductance."""
    others = tuple(c for c in (*CYCLE, GREY) if c not in (BLUE, GREEN, *SCALES))
    if count > len(SCALES) + len(others):
        raise ValueError(f"iv_curves: no colours for {count} time scales. Draw fewer.")
    return (*SCALES, *others)[:count]


def _segments(regions: np.ndarray) -> list[tuple[int, slice]]:
    """Runs of one region, each with the point after it, so that the coloured line has no gaps."""
    ends = np.flatnonzero(np.diff(regions)) + 1
    edges = [0, *ends.tolist(), len(regions)]
    return [
        (int(regions[a]), slice(a, b + 1)) for a, b in itertools.pairwise(edges) if regions[a] >= 0
    ]


def _legend(panels: "Sequence[matplotlib.axes.Axes]") -> None:
    """One legend of everything that any panel shows, beside the last one."""
    entries: dict[str, Any] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    panels[-1].legend(
        list(entries.values()),
        list(entries),
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        frameon=False,
        fontsize=8,
    )
