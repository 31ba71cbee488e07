from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._circle import broken_line, set_angles
from ._cues import Cue, check_cues, name_cues, shade_cues
from ._palette import BLUE, GREEN, GREY

if TYPE_CHECKING:
    import matplotlib.figure


def population_vector(
    t: Shaped[Array | np.ndarray, " windows"],
    angle: Shaped[Array | np.ndarray, " windows"],
    length: Shaped[Array | np.ndarray, " windows"],
    *,
    cues: Sequence[Cue] = (),
    targets: Sequence[float] = (),
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw where a ring of neurons points over time, and how sharply.

    **Arguments:**

    - `t`: middle of each window, ms.
    - `angle`: rad, as from `jaxneuro.analysis.population_vector`; NaN leaves a gap.
    - `length`: 0 to 1.
    - `cues`: `(start, stop, label)` of what was shown, ms.
    - `targets`: angles to compare with, such as those of the cues, rad: dashed lines.
    - `title`: heading of the figure.

    **Returns:** a figure with a panel for the angle and one for the length.

    **Raises:** `ValueError` for lengths that differ or no windows, and a cue that does not end
    after it begins.

    >>> import numpy as np
    >>> t = np.arange(5.0)
    >>> figure = population_vector(t, np.full(5, 3.1), np.linspace(0.0, 1.0, 5), targets=[np.pi])
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Angle (rad)', 'Length']
    """
    from matplotlib.figure import Figure

    t, angle, length = (np.asarray(x, np.float64) for x in (t, angle, length))
    if t.ndim != 1 or not len(t) or angle.shape != t.shape or length.shape != t.shape:
        raise ValueError(
            f"population_vector: t has shape {t.shape}, angle {angle.shape}, length "
            f"{length.shape}. Pass one of each for every window, at least one."
        )
    check_cues(cues, "population_vector")
    heights = [0.22, 2.2, 1.1][-2 - bool(cues) :]
    figure = Figure(figsize=(8.4, 3.8 + 0.4 * bool(cues)), layout="constrained")
    *strip, above, below = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    for target in targets:
        above.axhline(target % (2 * np.pi), color=GREY, linestyle=(0, (5, 3)), linewidth=1.1)
    marker = "." if len(t) <= 500 else None
    above.plot(*broken_line(t, angle), color=BLUE, linewidth=1.3, marker=marker, markersize=3.0)
    below.plot(t, length, color=GREEN, linewidth=1.3, marker=marker, markersize=3.0)
    set_angles(above.yaxis)
    above.set_ylabel("Angle (rad)")
    below.set(xlabel="Time (ms)", ylabel="Length", ylim=(0.0, 1.02), yticks=(0.0, 0.5, 1.0))
    half = (t[-1] - t[0]) / max(1, len(t) - 1) / 2 or 0.5
    below.set_xlim(t[0] - half, t[-1] + half)
    for axes in (above, below):
        shade_cues(axes, cues)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    if cues:
        name_cues(strip[0], cues, t[-1] - t[0] + 2 * half)
    figure.suptitle(title)
    figure.align_ylabels()
    return figure
