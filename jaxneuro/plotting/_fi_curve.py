from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, colours

if TYPE_CHECKING:
    import matplotlib.figure

MANY = 30  # points, beyond which markers only hide the curve


def fi_curve(
    amplitudes: Shaped[Array | np.ndarray, " n"] | Sequence[float],
    rates: Shaped[Array | np.ndarray, "..."] | Sequence[float],
    unit: str = "",
    families: Sequence[str] = (),
    *,
    quantity: str = "Amplitude",
    title: str = "",
) -> "matplotlib.figure.Figure":
    """Draw firing rates over the amplitude of the stimulus.

    **Arguments:**

    - `amplitudes`: in any order.
    - `rates`: Hz, `(n,)`, or `(families, n)`; NaN leaves a gap.
    - `unit`: of the amplitudes, such as "pA".
    - `families`: a name for each curve, such as the values of a parameter.
    - `quantity`: what the amplitudes are, where it is no amplitude.
    - `title`: heading of the figure.

    **Returns:** a figure.

    **Raises:** `ValueError` for shapes that do not belong together, or no amplitudes.

    >>> figure = fi_curve([50.0, 100.0, 200.0], [0.0, 5.0, 20.0], "pA")
    >>> figure.axes[0].get_xlabel()
    'Amplitude (pA)'
    """
    from matplotlib.figure import Figure

    x, y = np.asarray(amplitudes, np.float64), np.asarray(rates, np.float64)
    count = len(families)
    wanted = (count, x.size) if count else x.shape
    if x.ndim != 1 or not x.size or y.shape != wanted:
        raise ValueError(
            f"fi_curve: rates have shape {y.shape}, but there are {x.size} amplitudes and {count} "
            "families. Pass rates of shape (n,), or (families, n) and a name for each."
        )
    figure = Figure(figsize=(6.4 if count else 5.4, 3.8), layout="constrained")
    axes = figure.subplots()
    order = np.argsort(x, kind="stable")
    shown = zip(np.atleast_2d(y), colours(count) if count else [BLUE], strict=True)
    for index, (curve, colour) in enumerate(shown):
        marker = "o" if x.size <= MANY else None
        label = families[index] if count else None
        axes.plot(x[order], curve[order], color=colour, marker=marker, markersize=4.5, label=label)
    axes.set_ylim(bottom=-0.03 * axes.get_ylim()[1], top=max(1.0, axes.get_ylim()[1]))
    axes.set(xlabel=f"{quantity} ({unit})" if unit else quantity, ylabel="Rate (Hz)", title=title)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if count:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    return figure
