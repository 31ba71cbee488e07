from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Shaped

from ._palette import BLUE, GREY, VERMILION

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure


def membrane(
    v: Shaped[Array | np.ndarray, "time classes"],
    dt: float,
    class_names: Sequence[str],
    label: int,
    prediction: int,
) -> "matplotlib.figure.Figure":
    """Draw the potential of each readout neuron during one example.

    The true class is blue; a wrong prediction is vermilion and dashed; the rest is grey. Each
    trace has the name of its class at its end. The value after step i is drawn at (i + 1) dt.

    **Arguments:**

    - `v`: potential of each readout neuron, dimensionless.
    - `dt`: step, ms.
    - `class_names`: one name for each readout neuron.
    - `label`: true class.
    - `prediction`: predicted class.

    **Returns:** a figure.

    **Raises:** `ValueError` when `v` has no steps, or not as many columns as there are names.

    >>> import numpy as np
    >>> figure = membrane(np.zeros((5, 2)), 1.0, ("cat", "dog"), label=0, prediction=1)
    >>> figure.axes[0].get_title()
    'Readout: true class cat, predicted dog'
    """
    from matplotlib.figure import Figure

    v = np.asarray(v, np.float64)
    if v.ndim != 2 or len(v) == 0 or v.shape[1] != len(class_names):
        raise ValueError(
            f"membrane: v has shape {v.shape}, but there are {len(class_names)} class names. "
            f"Pass v of shape (time, {len(class_names)}), with at least one step."
        )
    figure = Figure(figsize=(8.0, 4.2), layout="constrained")
    axes = figure.subplots()
    times = (np.arange(len(v)) + 1) * dt
    # What matters is drawn last, over the rest.
    for index in sorted(range(v.shape[1]), key=lambda i: (i == label, i == prediction)):
        marker = "o" if len(v) == 1 else None
        axes.plot(times, v[:, index], marker=marker, **_style(index, label, prediction))
    axes.set_xlim(0, times[-1])
    axes.margins(y=0.08)
    _name_ends(axes, v[-1], class_names, label, prediction)
    verdict = "predicted rightly" if label == prediction else f"predicted {class_names[prediction]}"
    axes.set_title(f"Readout: true class {class_names[label]}, {verdict}")
    axes.set(xlabel="Time (ms)", ylabel="Potential v (dimensionless)")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _style(index: int, label: int, prediction: int) -> dict[str, Any]:
    if index == label:
        return {"color": BLUE, "linewidth": 2.4, "linestyle": "-"}
    if index == prediction:
        return {"color": VERMILION, "linewidth": 2.4, "linestyle": "--"}
    return {"color": GREY, "linewidth": 1.0, "linestyle": "-"}


def _name_ends(
    axes: "matplotlib.axes.Axes",
    ends: np.ndarray,
    class_names: Sequence[str],
    label: int,
    prediction: int,
) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    heights = _spread((ends - low) / (high - low))
    link = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkB": 0, "relpos": (0, 0.5)}
    for index, name in enumerate(class_names):
        style = _style(index, label, prediction)
        role = "true" if index == label else "predicted" if index == prediction else ""
        text = f"{name} ({role})" if role else name
        axes.annotate(
            text,
            xy=(1.0, (ends[index] - low) / (high - low)),
            xytext=(1.03, heights[index]),
            xycoords="axes fraction",
            color="#555555" if style["color"] == GREY else style["color"],
            weight="bold" if role else "normal",
            va="center",
            fontsize=9,
            arrowprops=link,
        )


def _spread(heights: np.ndarray) -> np.ndarray:
    """Move heights (fractions of the axes) apart until their texts no longer overlap."""
    order = np.argsort(heights, kind="stable")
    gap = min(0.055, 1.0 / max(1, len(heights) - 1))
    wanted = heights[order] - gap * np.arange(len(heights))
    # Isotonic regression: the nearest heights, in least squares, that keep the gap.
    blocks: list[list[float]] = []
    for value in wanted:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, count), (other, others) = blocks.pop(), blocks.pop()
            blocks.append([(mean * count + other * others) / (count + others), count + others])
    level = np.concatenate([np.full(int(count), mean) for mean, count in blocks])
    placed = np.clip(level, 0.0, 1.0 - gap * (len(heights) - 1)) + gap * np.arange(len(heights))
    result = np.empty_like(placed)
    result[order] = placed
    return result
