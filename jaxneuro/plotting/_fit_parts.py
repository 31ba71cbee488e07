from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Bool, Shaped

from ._palette import BLUE, VERMILION

if TYPE_CHECKING:
    import matplotlib.axes

# One meaning, one colour in all figures of a fit.
RECORDED = "#404040"
FITTED = BLUE
HELD_OUT = VERMILION

HeldOut = Bool[Array | np.ndarray, " sweeps"] | Sequence[bool] | None
Labels = Shaped[Array | np.ndarray, " sweeps"] | Sequence[float | str]
SpikeTimes = Sequence[Shaped[Array | np.ndarray, " _"] | Sequence[float]]
Windows = Sequence[tuple[float, float]]


def read_held_out(held_out: HeldOut, sweeps: int, figure: str) -> np.ndarray:
    """Which sweeps the fit has not seen, `(sweeps,)`; none where nothing is given."""
    if held_out is None:
        return np.zeros(sweeps, bool)
    is_held_out = np.asarray(held_out)
    # Numbers of sweeps would be read as flags without a word.
    if is_held_out.shape != (sweeps,) or is_held_out.dtype.kind != "b":
        raise ValueError(
            f"{figure}: held_out is {is_held_out.dtype} of shape {is_held_out.shape}, but there "
            f"are {sweeps} sweeps. Pass a bool for each sweep."
        )
    return is_held_out


def read_series(is_held_out: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """Name, colour and sweeps of what was simulated: the fitted and the held-out, neither empty."""
    series = [("fitted", FITTED, ~is_held_out), ("held out", HELD_OUT, is_held_out)]
    return [
        (f"simulated, {name} ({which.sum()})", colour, which)
        for name, colour, which in series
        if which.any()
    ]


def name_sweep(label: float | str, unit: str) -> str:
    return label if isinstance(label, str) else f"{label:.5g} {unit}".strip()


def shade_windows(axes: "matplotlib.axes.Axes", windows: Windows) -> None:
    for start, stop in windows:
        axes.axvspan(start, stop, color="black", alpha=0.06, linewidth=0, zorder=0)
