from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import matplotlib.axes

Cue = tuple[float, float, str]
# Pale, and none of the colours of lines and spikes.
BANDS = ("#EFE7CE", "#DCE8D2", "#EADDEC", "#D6E6EC")
INK = "#444444"
LETTER = 0.011  # width of one, as a part of a panel


def check_cues(cues: Sequence[Cue], what: str) -> None:
    """Refuses a cue that does not end after it begins."""
    for start, stop, label in cues:
        if not (np.isfinite(start) and np.isfinite(stop) and stop > start):
            raise ValueError(
                f"{what}: cue {label!r} is from {start} to {stop} ms. Pass (start, stop, label), "
                "with a stop after the start."
            )


def shade_cues(axes: "matplotlib.axes.Axes", cues: Sequence[Cue]) -> None:
    """A band behind what is drawn; equal labels have equal colours."""
    for (start, stop, _), colour in zip(cues, _band_colours(cues), strict=True):
        axes.axvspan(start, stop, color=colour, linewidth=0, zorder=0)


def outline_cues(axes: "matplotlib.axes.Axes", cues: Sequence[Cue]) -> None:
    """Both ends of each cue, for a heat map, which a band would hide."""
    edges = [edge for start, stop, _ in cues for edge in (start, stop)]
    across = axes.get_xaxis_transform()
    for colour, offset in (("black", 0.0), ("white", 4.0)):
        lines = axes.vlines(edges, 0.0, 1.0, transform=across, colors=colour, linewidth=0.9)
        lines.set_linestyle((offset, (4.0, 4.0)))


def name_cues(strip: "matplotlib.axes.Axes", cues: Sequence[Cue], span: float) -> None:
    """Bars with their labels, in a low panel of its own that shares its time axis, `span` ms.

    Labels that would run into one another are put on two lines.
    """
    strip.set_axis_off()
    strip.set_ylim(0.0, 1.0)
    ends = [-np.inf, -np.inf]
    for (start, stop, label), colour in sorted(zip(cues, _band_colours(cues), strict=True)):
        strip.axvspan(start, stop, 0.05, 0.32, facecolor=colour, edgecolor=INK, linewidth=0.6)
        middle, half = (start + stop) / 2, span * LETTER * len(label) / 2
        line = 0 if middle - half > ends[0] else 1
        ends[line] = middle + half
        height = 0.45 + 0.8 * line
        strip.text(middle, height, label, ha="center", fontsize=8.5, color=INK, clip_on=False)


def _band_colours(cues: Sequence[Cue]) -> list[str]:
    labels = list(dict.fromkeys(label for _, _, label in cues))
    return [BANDS[labels.index(label) % len(BANDS)] for _, _, label in cues]
