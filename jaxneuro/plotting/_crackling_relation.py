from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, VERMILION

if TYPE_CHECKING:
    import matplotlib.figure

Points = Shaped[Array | np.ndarray, " durations"]


def crackling_relation(
    durations: Points,
    mean_sizes: Points,
    counts: Points,
    *,
    slope: float,
    predicted: float,
    limits: tuple[float, float] = (1.0, np.inf),
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw the mean size of avalanches over their duration, with the fitted and predicted slope.

    Both lines go through the middle of the durations that were fitted. The area of a point grows
    with the logarithm of its number of avalanches.

    **Arguments:**

    - `durations`, `mean_sizes`, `counts`: as in `Crackling`, bins and spikes.
    - `slope`: that was fitted.
    - `predicted`: (duration exponent - 1) / (size exponent - 1). A slope of NaN is not drawn.
    - `limits`: shortest and longest duration that were fitted.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, or no durations.

    >>> import numpy as np
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> figure = crackling_relation(x, x**2, np.array([9, 4, 1]), slope=2.0, predicted=2.1)
    >>> len(figure.axes[0].lines)
    2
    """
    from matplotlib.figure import Figure

    x, y, n = (np.asarray(each, np.float64) for each in (durations, mean_sizes, counts))
    if x.ndim != 1 or not x.size or x.shape != y.shape or x.shape != n.shape:
        raise ValueError(
            f"crackling_relation: durations have shape {x.shape}, mean sizes {y.shape} and counts "
            f"{n.shape}. Pass one of each, at least one."
        )
    figure = Figure(figsize=(5.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.scatter(x, y, s=6.0 + 8.0 * np.log(n), color=BLUE, alpha=0.6, linewidths=0.0)
    here = (x >= limits[0]) & (x <= limits[1])
    for value, name, style in ((slope, "fitted", "-"), (predicted, "predicted", "--")):
        if np.isfinite(value) and here.any():
            middle = np.average(np.log(x[here]), weights=n[here])
            height = np.average(np.log(y[here]), weights=n[here])
            ends = np.array([x[here].min(), x[here].max()])
            line = np.exp(height + value * (np.log(ends) - middle))
            colour = VERMILION if style == "-" else "0.2"
            axes.plot(ends, line, style, color=colour, label=f"{name}: slope {value:.2f}")
    axes.set(xscale="log", yscale="log", title=title)
    axes.set(xlabel="Duration (bins)", ylabel="Mean size (spikes)")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False, fontsize=9, loc="upper left")
    return figure
