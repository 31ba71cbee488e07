from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Integer

if TYPE_CHECKING:
    import matplotlib.figure


def confusion(
    matrix: Integer[Array | np.ndarray, "classes classes"], class_names: Sequence[str]
) -> "matplotlib.figure.Figure":
    """Draw a confusion matrix: colour is the share of the true class, numbers are samples.

    **Arguments:**

    - `matrix`: counts; rows are true classes, columns predicted ones.
    - `class_names`: one name for each class.

    **Returns:** a figure.

    **Raises:** `ValueError` when the matrix is not square with one row for each name.

    >>> import numpy as np
    >>> confusion(np.array([[8, 2], [0, 10]]), ("cat", "dog")).axes[0].get_title()
    'Accuracy 90.00 % of 20 samples'
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    matrix = np.asarray(matrix)
    classes = len(class_names)
    if matrix.shape != (classes, classes):
        raise ValueError(
            f"confusion: the matrix has shape {matrix.shape}, but there are {classes} class "
            f"names. Pass a matrix of shape ({classes}, {classes})."
        )
    total = int(matrix.sum())
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(1.8 + 0.55 * classes, 4.5, 14.0))
    figure = Figure(figsize=(side + 0.9, side), layout="constrained")
    axes = figure.subplots()
    # A root of the share, so that the few mistakes of a good classifier have a colour.
    norm = PowerNorm(0.5, vmin=0, vmax=100)
    picture = axes.imshow(100 * share, cmap="Blues", norm=norm)
    figure.colorbar(picture, ax=axes, label="Share of the true class (%)", shrink=0.8)
    for row, column in zip(*np.nonzero(matrix), strict=True):
        colour = "white" if share[row, column] > 0.35 else "black"
        text = str(matrix[row, column])
        size = 9 if len(text) < 5 else 7
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    has_long_names = max(map(len, class_names), default=0) > 3
    ticks = np.arange(classes)
    axes.set_xticks(
        ticks,
        class_names,
        rotation=45 if has_long_names else 0,
        ha="right" if has_long_names else "center",
    )
    axes.set_yticks(ticks, class_names)
    accuracy = f"Accuracy {100 * np.trace(matrix) / max(total, 1):.2f} % of {total} samples"
    axes.set_title(accuracy if total else "No samples")
    axes.set(xlabel="Predicted class", ylabel="True class")
    return figure
