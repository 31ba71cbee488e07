from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from ._palette import EXCITATORY, GREEN, GREY, INHIBITORY

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

Times = Sequence[Shaped[Array | np.ndarray, " _"]]
MOST_FRAMES = 150
GLOW = 0.6  # what is left of a spike's colour in the next frame
DPI = 72
LARGEST = 160.0  # points squared


def activity_animation(
    path: str | Path,
    positions: Float[Array | np.ndarray, "n 2"],
    spikes: Times,
    window: tuple[float, float],
    *,
    is_inhibitory: Bool[Array | np.ndarray, " n"] | None = None,
    stimulated: Times | None = None,
    frame: float | None = None,
    frames_per_second: int = 20,
    title: str = "",
) -> Path:
    """Write a film of the activity of neurons in a plane.

    A neuron lights up where it spikes, red if it is excitatory and blue if inhibitory, and fades
    within a few frames. A stimulated one has a green ring.

    **Arguments:**

    - `path`: of the file, `.gif`; or `.mp4` where the program ffmpeg is installed.
    - `positions`: x and y of each neuron.
    - `spikes`: times of each neuron's spikes, ms.
    - `window`: from when to when, ms.
    - `is_inhibitory`: of each neuron; by default all are shown as excitatory.
    - `stimulated`: times at which each neuron was stimulated, ms.
    - `frame`: simulated time of a frame, ms; by default 1, or a 150th of a longer window.
    - `frames_per_second`: how fast it is played.
    - `title`: heading.

    **Returns:** the path.

    **Raises:** `ValueError` for another kind of file, arrays that do not fit each other, and a
    window without frames; `RuntimeError` where ffmpeg is wanted but missing.

    !!! example

        ```python
        spikes = [np.array([3.0, 8.0]), np.array([5.0])]
        activity_animation("film.gif", np.array([[0.0, 0.0], [1.0, 0.0]]), spikes, (0.0, 10.0))
        ```
    """
    from matplotlib.figure import Figure

    path, places = Path(path), np.asarray(positions, np.float64)
    writer = _writer(path, frames_per_second)
    _check(places, spikes, stimulated, is_inhibitory)
    edges = _edges(window, frame)
    glow = _glow(_counts(spikes, edges))
    ringed = None if stimulated is None else _glow(_counts(stimulated, edges))
    types = np.zeros(len(places), bool) if is_inhibitory is None else np.asarray(is_inhibitory)
    figure = Figure(figsize=_size(places), layout="constrained")
    axes = figure.subplots()
    dots, rings, clock = _draw(axes, places, types, title, ringed is not None)
    colours = _colours(types)
    _name_types(figure, is_inhibitory is not None, ringed is not None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with writer.saving(figure, str(path), DPI):
        for index, stop in enumerate(edges[1:]):
            shade = glow[index][:, None]
            dots.set_facecolors(shade * colours[1] + (1.0 - shade) * colours[0])
            if ringed is not None:
                rings.set_edgecolors(_faded(GREEN, ringed[index]))
            clock.set_text(f"{stop:.4g} ms")
            writer.grab_frame()
    return path


def _writer(path: Path, frames_per_second: int) -> Any:
    from matplotlib.animation import FFMpegWriter, PillowWriter

    if path.suffix == ".gif":
        return PillowWriter(frames_per_second)
    if path.suffix != ".mp4":
        raise ValueError(
            f"activity_animation: {path.name!r} is neither a .gif nor an .mp4. Name one of these."
        )
    if not FFMpegWriter.isAvailable():
        raise RuntimeError(
            f"activity_animation: writing {path.name} needs the program ffmpeg, which is not "
            "installed. Install it, or name a .gif."
        )
    return FFMpegWriter(frames_per_second)


def _check(
    places: np.ndarray,
    spikes: Times,
    stimulated: Times | None,
    is_inhibitory: Array | np.ndarray | None,
) -> None:
    if places.ndim != 2 or places.shape[1] != 2 or not len(places):
        raise ValueError(
            f"activity_animation: positions have shape {places.shape}; pass x and y, (n, 2)."
        )
    lengths = {"spikes": len(spikes)}
    if stimulated is not None:
        lengths["stimulated"] = len(stimulated)
    if is_inhibitory is not None:
        lengths["is_inhibitory"] = len(is_inhibitory)
    for name, length in lengths.items():
        if length != len(places):
            raise ValueError(
                f"activity_animation: {name} is of {length} neurons, but there are positions of "
                f"{len(places)}. Pass one entry for each."
            )


def _edges(window: tuple[float, float], frame: float | None) -> np.ndarray:
    """Where frames begin and end."""
    start, stop = window
    span = stop - start
    frame = max(1.0, span / MOST_FRAMES) if frame is None else frame
    count = round(span / frame) if span > 0 and frame > 0 else 0
    if count < 1:
        raise ValueError(
            f"activity_animation: a window from {start} to {stop} ms has no frames of {frame} ms. "
            "Pass a stop after start, and a frame that is no longer."
        )
    return start + frame * np.arange(count + 1)


def _counts(times: Times, edges: np.ndarray) -> np.ndarray:
    """Spikes of each neuron in each frame, `(frames, n)`."""
    # A spike at the end of a step belongs to the frame that ends with it.
    counts = [
        np.histogram(np.asarray(one, np.float64) - 1e-6 * (edges[1] - edges[0]), edges)[0]
        for one in times
    ]
    return np.stack(counts, axis=1)


def _glow(counts: np.ndarray) -> np.ndarray:
    """1 where there is a spike, and what is left of it afterwards."""
    glow, now = np.empty(counts.shape), np.zeros(counts.shape[1])
    for index, row in enumerate(counts):
        now = np.where(row > 0, 1.0, GLOW * now)
        glow[index] = now
    return glow


def _colours(types: np.ndarray) -> np.ndarray:
    """Of each neuron at rest and as it spikes, `(2, n, 4)`."""
    from matplotlib.colors import to_rgba

    spiking = np.where(types[:, None], to_rgba(INHIBITORY), to_rgba(EXCITATORY))
    return np.stack([0.12 * spiking + 0.88, spiking])


def _size(places: np.ndarray) -> tuple[float, float]:
    """Of the figure, in inches: wide for neurons that lie side by side."""
    across, up = np.maximum(np.ptp(places, axis=0), 1e-9)
    is_wide = across > 1.5 * up
    width = 8.4 if is_wide else 5.4
    return width, 0.9 + max(1.2, width * up / across if is_wide else 5.0)


def _area(places: np.ndarray) -> float:
    """Of a dot, points squared: as wide as neighbours are apart, within limits."""
    from scipy.spatial import KDTree

    different = np.unique(places, axis=0)
    if len(different) == 1:
        return LARGEST
    gap = np.median(KDTree(different).query(different, 2)[0][:, 1])
    width = 0.85 * gap * 62.0 * _size(places)[0] / np.ptp(places, axis=0).max()
    return float(np.clip(width**2, 3.0, LARGEST))


def _faded(colour: str, alpha: np.ndarray) -> np.ndarray:
    """One colour with an opacity for each neuron, `(n, 4)`."""
    from matplotlib.colors import to_rgb

    return np.column_stack([np.tile(to_rgb(colour), (len(alpha), 1)), alpha])


def _draw(
    axes: "matplotlib.axes.Axes",
    places: np.ndarray,
    types: np.ndarray,
    title: str,
    has_rings: bool,
) -> tuple[Any, Any, Any]:
    """The dots, the rings and the clock, which change from frame to frame."""
    area = _area(places)
    x, y = places.T
    rest = _colours(types)[0]
    dots = axes.scatter(x, y, area, facecolors=rest, edgecolors=GREY, linewidths=0.3, zorder=2)
    rings = None
    if has_rings:
        style = {"facecolors": "none", "linewidths": 1.5, "zorder": 3}
        rings = axes.scatter(x, y, max(30.0, 2.2 * area), edgecolors="none", **style)
    axes.set_aspect("equal")
    axes.margins(0.06)
    axes.set_axis_off()
    axes.set_title(title, loc="left", fontsize=11)
    clock = axes.set_title("", loc="right", fontsize=10, family="monospace")
    return dots, rings, clock


def _name_types(figure: "matplotlib.figure.Figure", has_types: bool, has_rings: bool) -> None:
    from matplotlib.lines import Line2D

    dot = {"marker": "o", "linestyle": "none", "markersize": 7}
    handles = [
        Line2D([], [], color=EXCITATORY, label="excitatory" if has_types else "spike", **dot)
    ]
    if has_types:
        handles.append(Line2D([], [], color=INHIBITORY, label="inhibitory", **dot))
    if has_rings:
        ring = {"markerfacecolor": "none", "markeredgecolor": GREEN, "markeredgewidth": 1.8}
        handles.append(Line2D([], [], label="stimulated", **dot | {"markersize": 9}, **ring))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
