from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._fit_parts import FITTED, RECORDED, HeldOut, read_held_out, read_series
from ._palette import GREEN

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

BASELINE = GREEN
PanelValues = Shaped[Array | np.ndarray, "... sweeps"] | Sequence[float]


def fit_rates(
    amplitudes: PanelValues,
    recorded: PanelValues,
    simulated: PanelValues,
    *,
    unit: str = "pA",
    held_out: HeldOut = None,
    baseline: PanelValues | None = None,
    quantity: str = "Spikes",
    names: Sequence[str] = (),
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw how often a cell and its model fire over the amplitude, a panel each stimulus window.

    Above a panel stand the mean absolute errors of what is drawn.

    **Arguments:**

    - `amplitudes`: of each sweep, `(sweeps,)`, in any order, or of each window, `(windows,
      sweeps)`.
    - `recorded`, `simulated`: numbers of spikes, or rates, `(sweeps,)` or `(windows, sweeps)`; NaN
      is left out.
    - `unit`: of the amplitudes.
    - `held_out`, `title`: as in `fit_sweeps`.
    - `baseline`: what the recording of other sweeps foretells, such as the average of the two
      neighbours that were fitted; NaN where it says nothing.
    - `quantity`: what is counted, with its unit.
    - `names`: of the windows.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, and no sweeps.

    >>> figure = fit_rates([0, 50, 100], [0, 2, 6], [0, 3, 6], held_out=[False, True, False])
    >>> figure.axes[0].get_title(loc="left")
    'mean |error|: fitted 0, held out 1'
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    counts = np.atleast_2d(np.asarray(recorded, np.float64))
    if counts.ndim != 2 or not counts.size or (names and len(names) != len(counts)):
        raise ValueError(
            f"fit_rates: recorded has shape {np.shape(recorded)}, and there are {len(names)} names "
            "of windows. Pass (windows, sweeps), or (sweeps,), and a name for each window or none."
        )
    windows, sweeps = counts.shape
    x = _read(amplitudes, counts.shape, "amplitudes")
    model = _read(simulated, counts.shape, "simulated")
    guess = None if baseline is None else _read(baseline, counts.shape, "baseline")
    if not np.isfinite(x).all():
        raise ValueError("fit_rates: amplitudes has values that are not finite. Leave them out.")
    is_held_out = read_held_out(held_out, sweeps, "fit_rates")
    figure = Figure(figsize=(max(6.4, 4.8 * windows), 4.3), layout="constrained")
    panels = figure.subplots(1, windows, sharex=True, sharey=True, squeeze=False)[0]
    for window, axes in enumerate(panels):
        other = None if guess is None else guess[window]
        _draw(axes, x[window], counts[window], model[window], other, is_held_out)
        errors = _errors(counts[window], model[window], other, is_held_out)
        heading = f"{names[window]}\n{errors}" if names else errors
        axes.set_title(heading, loc="left", fontsize=9)
        axes.set_xlabel(f"Amplitude ({unit})" if unit else "Amplitude")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    top = max(1.0, panels[0].get_ylim()[1])
    panels[0].set(ylabel=quantity, ylim=(-0.04 * top, top))
    if all((known[np.isfinite(known)] % 1 == 0).all() for known in (counts, model)):
        panels[0].yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    told = panels[0].get_legend_handles_labels()
    columns = 4 if windows > 1 else 2
    figure.legend(*told, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _read(values: PanelValues, wanted: tuple[int, ...], name: str) -> np.ndarray:
    given = np.asarray(values, np.float64)
    of_all_windows = given.shape == wanted[1:] and (name == "amplitudes" or wanted[0] == 1)
    if given.shape != wanted and not of_all_windows:
        raise ValueError(
            f"fit_rates: {name} has shape {given.shape}, but recorded is of {wanted[0]} windows "
            f"and {wanted[1]} sweeps. Pass shape {wanted}."
        )
    return np.broadcast_to(given, wanted)


def _draw(
    axes: "matplotlib.axes.Axes",
    x: np.ndarray,
    recorded: np.ndarray,
    simulated: np.ndarray,
    baseline: np.ndarray | None,
    is_held_out: np.ndarray,
) -> None:
    order = np.argsort(x, kind="stable")
    axes.plot(
        x[order],
        recorded[order],
        "-s",
        color=RECORDED,
        linewidth=1.2,
        markersize=4,
        label="recorded",
    )
    axes.plot(x[order], simulated[order], color=FITTED, linewidth=0.8, alpha=0.6)
    for name, colour, which in read_series(is_held_out):
        axes.plot(x[which], simulated[which], "o", color=colour, markersize=5.5, label=name)
    if baseline is not None:
        style = {"color": BASELINE, "markersize": 7, "label": "average of fitted neighbours"}
        axes.plot(x, baseline, "_", markeredgewidth=2, **style)


def _errors(
    recorded: np.ndarray,
    simulated: np.ndarray,
    baseline: np.ndarray | None,
    is_held_out: np.ndarray,
) -> str:
    parts = [("fitted", simulated, ~is_held_out), ("held out", simulated, is_held_out)]
    if baseline is not None:
        parts.append(("neighbours", baseline, np.isfinite(baseline)))
    told = []
    for name, values, which in parts:
        error = np.abs(values - recorded)[which]
        error = error[np.isfinite(error)]
        if error.size:
            told.append(f"{name} {error.mean():.2g}")
    return "mean |error|: " + ", ".join(told) if told else "no sweep has both"
