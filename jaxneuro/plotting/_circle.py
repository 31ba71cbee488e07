from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import matplotlib.axis

TICKS = np.arange(5) * np.pi / 2
TICK_LABELS = ("0", "π/2", "π", "3π/2", "2π")


def set_angles(axis: "matplotlib.axis.Axis", room: float = 0.0) -> None:
    """One turn, in parts of π, with some room for markers at both ends."""
    axis.set_ticks(TICKS, labels=TICK_LABELS)
    axis.axes.set(**{f"{axis.axis_name}lim": (-room, 2 * np.pi + room)})  # pyright: ignore


def broken_line(t: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The angle over time in [0, 2π), cut where it passes 0, so that no line crosses the panel."""
    angle = angle % (2 * np.pi)
    cuts = np.flatnonzero(np.abs(np.diff(angle)) > np.pi) + 1
    return np.insert(t, cuts, t[cuts]), np.insert(angle, cuts, np.nan)
