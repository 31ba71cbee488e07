from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, VERMILION

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

Values = Shaped[Array | np.ndarray, " avalanches"]
Fit = tuple[float, float, float]
PER_DECADE = 8  # bins


def avalanche_distributions(
    sizes: Values,
    durations: Values,
    *,
    size_fit: Fit | None = None,
    duration_fit: Fit | None = None,
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw how sizes and durations of avalanches are distributed, with their power laws.

    Points are the share of avalanches per unit of size or duration, in bins of equal width on a
    logarithmic scale: without these the tail is noise, and no line through it means anything. The
    lines are fits to the avalanches themselves, not to the points.

    **Arguments:**

    - `sizes`: in spikes, whole numbers.
    - `durations`: in bins, whole numbers.
    - `size_fit`, `duration_fit`: exponent, its error, and where the power law begins; the first
      three entries of a `PowerLawFit`. Not drawn if NaN.
    - `title`: heading of the figure.

    **Returns:** a figure of two panels.

    **Raises:** `ValueError` for shapes that do not belong together, or no avalanches.

    >>> import numpy as np
    >>> sizes = np.array([1, 1, 2, 3, 9])
    >>> figure = avalanche_distributions(sizes, sizes, size_fit=(1.5, 0.1, 1.0))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['Size (spikes)', 'Duration (bins)']
    """
    from matplotlib.figure import Figure

    values = np.asarray(sizes, np.float64), np.asarray(durations, np.float64)
    shapes = [each.shape for each in values]
    if shapes[0] != shapes[1] or len(shapes[0]) != 1 or not values[0].size:
        raise ValueError(
            f"avalanche_distributions: sizes have shape {shapes[0]}, durations {shapes[1]}. Pass "
            "one of each for every avalanche, at least one."
        )
    figure = Figure(figsize=(9.2, 3.9), layout="constrained")
    labels = ("Size (spikes)", "Duration (bins)")
    fits = (size_fit, duration_fit)
    for axes, each, fit, label in zip(figure.subplots(1, 2), values, fits, labels, strict=True):
        _draw(axes, each, fit)
        axes.set(xscale="log", yscale="log", xlabel=label, ylabel="Probability density")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    figure.suptitle(title)
    return figure


def _draw(axes: "matplotlib.axes.Axes", values: np.ndarray, fit: Fit | None) -> None:
    centres, density = _log_density(values)
    axes.plot(centres, density, "o", color=BLUE, markersize=4.5, label=f"n = {values.size:,}")
    if fit is None or not np.isfinite(fit[0]):
        return
    from scipy.special import zeta

    exponent, error, xmin = fit
    x = np.geomspace(xmin, max(values.max(), xmin + 1), 50)
    height = np.mean(values >= xmin) / zeta(exponent, xmin)
    label = f"exponent {exponent:.3f} ± {error:.1g} from {xmin:g} on"
    axes.plot(x, height * x**-exponent, color=VERMILION, label=label)


def _log_density(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the values for each whole number, in bins that grow with it; empty ones left out."""
    decades = np.log10(values.max() + 1)
    edges = np.geomspace(1, values.max() + 1, max(2, int(PER_DECADE * decades) + 1))
    edges = np.unique(np.ceil(edges - 1e-9))
    counts, _ = np.histogram(values, edges)
    some = counts > 0
    centres = np.sqrt(edges[:-1] * (edges[1:] - 1))  # of the whole numbers inside
    return centres[some], (counts / np.diff(edges) / values.size)[some]
