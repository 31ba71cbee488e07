"""Maps of a sweep over up to four axes: a panel for each value of those beyond two."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro import plotting
from jaxneuro.sweeps import FAILED

from ._report import save_figure
from ._sweep_criticality import REGIME, REGIMES

MOST_PANELS = 8  # side by side
DECADES = 1.5  # beyond which colours go by the logarithm


def draw_maps(
    values: Any, name: str, label: str, axes: dict[str, str], seeds: Sequence[str], folder: Path
) -> None:
    """A figure of one result over two to four axes, those with most values within the panels.

    **Arguments:**

    - `values`: of the lanes that did not fail.
    - `label`: what it is.
    - `axes`: the labels of the axes.
    - `seeds`: over which the mean is taken.
    """
    order = _order(values, axes)
    if order is None:
        return
    mean = values.mean(seeds).transpose(*order).to_numpy()
    figure = plotting.parameter_maps(
        {axes[name]: values[name].to_numpy() for name in order},
        mean,
        label=label,
        is_log=_is_wide(mean),
    )
    save_figure(figure, folder, f"{name}_maps")


def draw_regimes(results: Any, axes: dict[str, str], seeds: Sequence[str], folder: Path) -> None:
    """The map of regimes over two to four axes: the most frequent one of the seeds.

    The branching ratio is written into it, if it was measured.
    """
    order = _order(results[REGIME], axes)
    if order is None:
        return
    sound = results.where(results.status != FAILED)
    counts = [(sound[REGIME] == code).sum(seeds) for code in range(len(REGIMES))]
    shares = np.stack([count.transpose(*order).to_numpy() for count in counts])
    ratio = None
    if "branching_ratio" in sound:
        ratio = sound.branching_ratio.mean(seeds).transpose(*order).to_numpy()
    figure = plotting.parameter_maps(
        {axes[name]: results[name].to_numpy() for name in order},
        shares.argmax(0),
        kinds=REGIMES,
        written=ratio,
        failed=shares.sum(0) == 0,
        label="Regime" + (", m" if ratio is not None else ""),
    )
    save_figure(figure, folder, "regime_maps")


def _order(values: Any, axes: dict[str, str]) -> list[str] | None:
    """Axes within panels, across columns, and down rows; None where they would be too many."""
    order = sorted(axes, key=lambda name: -values.sizes[name])
    if not 2 <= len(order) <= 4 or any(values.sizes[name] > MOST_PANELS for name in order[2:]):
        return None
    return order


def _is_wide(values: np.ndarray) -> bool:
    """Whether most values, of which none is below 0, lie decades apart."""
    known = values[np.isfinite(values)]
    positive = known[known > 0]
    if not positive.size or known.min() < 0:
        return False
    low, high = np.quantile(positive, [0.1, 0.9])
    return bool(high > 10**DECADES * low)
