from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._palette import GREY, colours

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure


def method_comparison(
    methods: Mapping[str, Mapping[str, Any]],
    class_names: Sequence[str],
    *,
    cost: str = "Simulations",
    unit: str = "",
) -> "matplotlib.figure.Figure":
    """Draw what several ways of training made of one classifier: accuracy, weights, mistakes.

    **Arguments:**

    - `methods`: by name, in the order of the panels: `curve`, pairs of what had been spent and the
      accuracy then (a fraction); `weights`, of any shape; `confusion`, counts, rows are true
      classes, columns predicted ones, of which one more is silence. A method with an empty curve is
      the start, and drawn in grey.
    - `class_names`: one name for each class.
    - `cost`: what is spent, the label of the curves' axis.
    - `unit`: of the weights.

    **Returns:** a figure.

    **Raises:** `ValueError` for no methods, and a confusion matrix of another shape.

    >>> import numpy as np
    >>> given = {"curve": [(0, 0.5), (100, 0.9)], "weights": np.ones(3), "confusion": np.eye(2)}
    >>> figure = method_comparison({"gradient": given}, ["a", "b"])
    >>> [axes.get_title() for axes in figure.axes]
    ['', '', 'gradient: 100.0 %']
    """
    from matplotlib.figure import Figure

    if not methods:
        raise ValueError("method_comparison: there are no methods. Pass at least one.")
    matrices = {name: np.asarray(method["confusion"]) for name, method in methods.items()}
    classes = len(class_names)
    for name, matrix in matrices.items():
        if matrix.shape not in ((classes, classes), (classes, classes + 1)):
            raise ValueError(
                f"method_comparison: the confusion of {name!r} has shape {matrix.shape}, but there "
                f"are {classes} class names. Pass ({classes}, {classes}), or a column more for "
                "silence."
            )
    trained = [name for name, method in methods.items() if method["curve"]]
    colour = dict.fromkeys(methods, GREY) | dict(zip(trained, colours(len(trained)), strict=True))
    figure = Figure(figsize=(max(9.0, 2.8 * len(methods)), 7.0), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False)[:, 0]
    curves, histogram = upper.subplots(1, 2, width_ratios=(1.4, 1.0))
    _draw_curves(curves, methods, colour, classes, cost)
    _draw_weights(histogram, methods, colour, unit)
    panels = lower.subplots(1, len(methods), squeeze=False)[0]
    for axes, (name, matrix) in zip(panels, matrices.items(), strict=True):
        _draw_confusion(axes, matrix, class_names, name)
    panels[0].set_ylabel("True class")
    return figure


def _draw_curves(
    axes: "matplotlib.axes.Axes", methods: Mapping, colour: dict[str, str], classes: int, cost: str
) -> None:
    for name, method in methods.items():
        if method["curve"]:
            spent, accuracy = zip(*method["curve"], strict=True)
            percent = 100 * np.asarray(accuracy)
            axes.plot(spent, percent, "o-", markersize=3, color=colour[name], label=name)
    axes.axhline(100 / classes, color=GREY, linewidth=1.0, linestyle=":", label="chance")
    most = max((x for m in methods.values() for x, _ in m["curve"]), default=1)
    axes.set_xscale("symlog", linthresh=max(most / 300, 1))
    axes.set(xlim=(0, 1.1 * most), ylim=(0, 102), xlabel=cost, ylabel="Accuracy (%)")
    axes.legend(frameon=False, fontsize=9)
    _dress(axes)


def _draw_weights(
    axes: "matplotlib.axes.Axes", methods: Mapping, colour: dict[str, str], unit: str
) -> None:
    values = {name: np.ravel(np.asarray(m["weights"], float)) for name, m in methods.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), 60).tolist()
    for name, weights in values.items():
        style = {"color": colour[name], "label": name}
        axes.hist(weights, edges, histtype="step", linewidth=1.3, **style)
    label = f"Weight ({unit})" if unit else "Weight"
    axes.set(yscale="log", xlabel=label, ylabel="Synapses")
    axes.set_ylim(0.7, 10 * axes.get_ylim()[1])  # room for the names
    axes.legend(frameon=False, fontsize=9, loc="upper left", ncols=2)
    _dress(axes)


def _draw_confusion(
    axes: "matplotlib.axes.Axes", matrix: np.ndarray, class_names: Sequence[str], name: str
) -> None:
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for row, column in zip(*np.nonzero(matrix), strict=True):
        text = f"{matrix[row, column]:.0f}"
        shade = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=shade, fontsize=8)
    has_silence = matrix.shape[1] > len(class_names)
    names = [*class_names, "none"] if has_silence else list(class_names)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(class_names)), list(class_names))
    accuracy = 100 * np.trace(matrix) / max(matrix.sum(), 1)
    axes.set_title(f"{name}: {accuracy:.1f} %", fontsize=10)
    axes.set_xlabel("Answer")


def _dress(axes: "matplotlib.axes.Axes") -> None:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
