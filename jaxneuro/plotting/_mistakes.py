from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Integer, Real

if TYPE_CHECKING:
    import matplotlib.figure

COLUMNS = 6


def hardest_mistakes(
    images: Real[Array | np.ndarray, "samples height width"],
    labels: Integer[Array | np.ndarray, " samples"],
    predictions: Integer[Array | np.ndarray, " samples"],
    confidences: Real[Array | np.ndarray, " samples"],
    class_names: Sequence[str],
    count: int = 24,
) -> "matplotlib.figure.Figure":
    """Show the wrongly classified images, those of the highest confidence first.

    **Arguments:**

    - `images`: all images, right and wrong.
    - `labels`: true class of each.
    - `predictions`: predicted class of each.
    - `confidences`: probability given to the predicted class, 0 to 1.
    - `class_names`: name of each class.
    - `count`: how many to show at most.

    **Returns:** a figure, of one line of text when there are no mistakes.

    **Raises:** `ValueError` when the lengths differ or `count` is not positive.

    >>> import numpy as np
    >>> figure = hardest_mistakes(
    ...     np.zeros((2, 8, 8)), np.array([0, 1]), np.array([1, 1]), np.ones(2), ("cat", "dog")
    ... )
    >>> figure.axes[0].get_title()
    'cat taken for\\ndog (100 %)'
    """
    from matplotlib.figure import Figure

    images, labels, predictions, confidences = map(
        np.asarray, (images, labels, predictions, confidences)
    )
    lengths = [len(images), len(labels), len(predictions), len(confidences)]
    if len(set(lengths)) > 1 or count < 1:
        raise ValueError(
            f"hardest_mistakes: images, labels, predictions and confidences have lengths "
            f"{lengths} and count is {count}. Pass equal lengths and a count of at least 1."
        )
    wrong = np.flatnonzero(labels != predictions)
    shown = wrong[np.argsort(-confidences[wrong], kind="stable")][:count]
    rows = max(1, -(-len(shown) // COLUMNS))
    figure = Figure(figsize=(1.6 * COLUMNS, 0.6 + 2.0 * rows), layout="constrained")
    if len(shown) == 0:
        figure.set_size_inches(6.0, 1.5)
        figure.text(0.5, 0.5, f"No mistakes in {len(labels)} samples", ha="center", va="center")
        return figure
    figure.suptitle(f"{len(shown)} hardest of {len(wrong)} mistakes in {len(labels)} samples")
    for place, index in enumerate(shown):
        axes = figure.add_subplot(rows, COLUMNS, place + 1)
        axes.imshow(images[index], cmap="gray", interpolation="none")
        true, predicted = class_names[int(labels[index])], class_names[int(predictions[index])]
        sure = f"{100 * confidences[index]:.0f} %"
        axes.set_title(f"{true} taken for\n{predicted} ({sure})", fontsize=9)
        axes.set(xticks=[], yticks=[])
    return figure
