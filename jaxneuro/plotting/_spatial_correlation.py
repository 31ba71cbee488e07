from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, VERMILION

if TYPE_CHECKING:
    import matplotlib.figure

Bins = Shaped[Array | np.ndarray, " bins"]


def spatial_correlation(
    distances: Bins,
    correlations: Bins,
    errors: Bins | None = None,
    *,
    fit: tuple[float, float, float] | None = None,
    unit: str = "",
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the correlation of pairs of neurons over their distance, with C(r) = A exp(-r / ξ) + B.

    **Arguments:**

    - `distances`, `correlations`: of each bin of distance; NaN leaves it out.
    - `errors`: standard errors of the correlations.
    - `fit`: length ξ, amplitude A and offset B; not drawn if NaN. The length is marked.
    - `unit`: of the distances, such as "mm".
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, or no bins.

    >>> import numpy as np
    >>> r = np.linspace(0.1, 3.0, 10)
    >>> figure = spatial_correlation(r, np.exp(-r), fit=(1.0, 1.0, 0.0), unit="mm")
    >>> figure.axes[0].get_xlabel()
    'Distance (mm)'
    """
    from matplotlib.figure import Figure

    r, c = np.asarray(distances, np.float64), np.asarray(correlations, np.float64)
    bars = None if errors is None else np.asarray(errors, np.float64)
    if (
        r.ndim != 1
        or not r.size
        or r.shape != c.shape
        or (bars is not None and bars.shape != r.shape)
    ):
        raise ValueError(
            f"spatial_correlation: distances have shape {r.shape}, correlations {c.shape} and "
            f"errors {None if bars is None else bars.shape}. Pass one of each, at least one."
        )
    figure = Figure(figsize=(5.8, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(r, c, bars, fmt="o", color=BLUE, markersize=4.5, elinewidth=0.9, capsize=2.0)
    axes.axhline(0.0, color="0.3", linewidth=0.8)
    if fit is not None and np.isfinite(fit[0]):
        length, amplitude, offset = fit
        x = np.linspace(0.0, np.nanmax(r), 200)
        curve = amplitude * np.exp(-x / length) + offset
        label = rf"$\xi$ = {length:.3g} {unit}".rstrip()
        axes.plot(x, curve, color=VERMILION, label=label)
        if length <= np.nanmax(r):
            axes.axvline(length, color=VERMILION, linestyle=":", linewidth=1.0)
        axes.legend(frameon=False, fontsize=9)
    distance = f"Distance ({unit})" if unit else "Distance"
    axes.set(xlabel=distance, ylabel="Correlation", title=title)
    axes.set_xlim(left=0.0)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
