from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._circle import broken_line, set_angles
from ._cues import Cue, check_cues, name_cues, outline_cues
from ._palette import SKY

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure


def rate_map(
    rates: Shaped[Array | np.ndarray, "bins neurons"],
    bin: float,
    directions: Shaped[Array | np.ndarray, " neurons"] | None = None,
    *,
    angle: Shaped[Array | np.ndarray, " bins"] | None = None,
    cues: Sequence[Cue] = (),
    start: float = 0.0,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the rates of neurons over time as a heat map, on a ring by preferred direction.

    **Arguments:**

    - `rates`: Hz, time first, as from `jaxneuro.analysis.rate_map`.
    - `bin`: its bins, ms.
    - `directions`: preferred direction of each neuron, rad, in any order; without them the
      neurons are drawn by index.
    - `angle`: direction of the population vector in each bin, rad; NaN leaves a gap.
    - `cues`: `(start, stop, label)` of what was shown, ms.
    - `start`: of the first bin, ms.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, an angle without directions,
    and a cue that does not end after it begins.

    >>> import numpy as np
    >>> figure = rate_map(np.eye(8), 10.0, np.arange(8) * np.pi / 4, angle=np.arange(8.0))
    >>> figure.axes[0].get_ylabel()
    'Preferred direction (rad)'
    """
    from matplotlib.figure import Figure

    rates = np.asarray(rates, np.float64)
    _check(rates, directions, angle)
    check_cues(cues, "rate_map")
    figure = Figure(figsize=(8.4, 3.9 + 0.4 * bool(cues)), layout="constrained")
    panels = figure.subplots(
        1 + bool(cues), 1, sharex=True, squeeze=False, height_ratios=[0.22, 3.4][-1 - bool(cues) :]
    )[:, 0]
    axes = panels[-1]
    times = start + np.arange(len(rates) + 1) * bin
    edges, order = _rows(rates.shape[1], directions)
    picture = axes.pcolormesh(
        times, edges, rates[:, order].T, cmap="inferno", vmin=0.0, rasterized=True
    )
    figure.colorbar(picture, ax=axes, label="Rate (Hz)", pad=0.015, aspect=28)
    if directions is None:
        axes.set_ylabel("Neuron")
    else:
        set_angles(axes.yaxis)
        axes.set_ylabel("Preferred direction (rad)")
    axes.set(xlabel="Time (ms)", xlim=(times[0], times[-1]))
    if angle is not None:
        _draw_angle(axes, (times[:-1] + times[1:]) / 2, np.asarray(angle, np.float64))
    outline_cues(axes, cues)
    if cues:
        name_cues(panels[0], cues, times[-1] - times[0])
    figure.suptitle(title)
    return figure


def _check(
    rates: np.ndarray, directions: Array | np.ndarray | None, angle: Array | np.ndarray | None
) -> None:
    if rates.ndim != 2 or not rates.size:
        raise ValueError(
            f"rate_map: rates have shape {rates.shape}. Pass (bins, neurons), at least one of each."
        )
    if directions is not None and directions.shape != rates.shape[1:]:
        raise ValueError(
            f"rate_map: directions have shape {directions.shape}, but there are {rates.shape[1]} "
            "neurons. Pass one direction for each."
        )
    if angle is not None and (directions is None or angle.shape != rates.shape[:1]):
        raise ValueError(
            f"rate_map: angle has shape {angle.shape}, but there are {len(rates)} bins. Pass one "
            "angle for each, and the directions of the neurons."
        )


def _rows(neurons: int, directions: Array | np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the rows from below, and which neuron is in each; those at both ends of the circle
    are cut at 0.
    """
    if directions is None:
        return np.arange(neurons + 1) - 0.5, np.arange(neurons)
    theta = np.asarray(directions, np.float64) % (2 * np.pi)
    order = np.argsort(theta, kind="stable")
    theta = theta[order]
    around = np.concatenate([theta[-1:] - 2 * np.pi, theta, theta[:1] + 2 * np.pi])
    edges = (around[1:] + around[:-1]) / 2
    below, above = edges[0] > 0, edges[-1] < 2 * np.pi
    # The row that lies on both sides of 0 is drawn at both ends.
    if above:
        return np.concatenate([[0.0], edges[1:], [2 * np.pi]]), np.append(order, order[0])
    if below:
        return np.concatenate([[0.0], edges[:-1], [2 * np.pi]]), np.insert(order, 0, order[-1])
    return np.clip(edges, 0.0, 2 * np.pi), order


def _draw_angle(axes: "matplotlib.axes.Axes", t: np.ndarray, angle: np.ndarray) -> None:
    from matplotlib.patheffects import Normal, Stroke

    (line,) = axes.plot(*broken_line(t, angle), color=SKY, linewidth=1.4)
    line.set_path_effects([Stroke(linewidth=3.0, foreground="black"), Normal()])
    axes.annotate(
        "— population vector",
        (1.0, 1.0),
        xycoords="axes fraction",
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
        color="#1F78B4",
    )
