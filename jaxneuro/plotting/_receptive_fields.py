from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array, Float, Integer

if TYPE_CHECKING:
    import matplotlib.figure


def receptive_fields(
    weights: Float[Array | np.ndarray, "pixels neurons"],
    shape: tuple[int, int],
    labels: Integer[Array | np.ndarray, "neurons"] | None = None,
    *,
    most: int = 400,
) -> "matplotlib.figure.Figure":
    """Draw the weights of each neuron as an image, sorted by what the neurons stand for.

    **Arguments:**

    - `weights`: from each pixel.
    - `shape`: height and width of an image.
    - `labels`: the class of each neuron, -1 for none, as from `training.assign_labels`.
    - `most`: so many neurons are drawn.

    **Returns:** a figure.

    **Raises:** `ValueError` when the pixels are no image of this shape.

    >>> import numpy as np
    >>> figure = receptive_fields(np.random.default_rng(0).random((64, 9)), (8, 8))
    >>> figure.axes[0].get_title()
    'Weights of 9 neurons'
    """
    from matplotlib.figure import Figure

    weights = np.asarray(weights)
    height, width = shape
    if weights.shape[0] != height * width:
        raise ValueError(
            f"receptive_fields: weights has {weights.shape[0]} pixels, but an image of {height} x "
            f"{width} has {height * width}."
        )
    neurons = weights.shape[1]
    order = np.arange(neurons) if labels is None else np.argsort(labels, kind="stable")
    order = order[np.linspace(0, neurons - 1, min(most, neurons)).round().astype(int)]
    columns = int(np.ceil(np.sqrt(len(order))))
    rows = -(-len(order) // columns)
    mosaic = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    figure = Figure(figsize=(7.6, 0.6 + 7.0 * rows / columns), layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(140 / columns, 5, 12))
    for place, neuron in enumerate(order):
        top, left = (place // columns) * (height + 1), (place % columns) * (width + 1)
        image = weights[:, neuron].reshape(height, width)
        mosaic[top : top + height, left : left + width] = image
        if labels is not None:
            text = "–" if labels[neuron] < 0 else str(labels[neuron])
            axes.text(left, top, text, color="tab:red", size=size, va="top", ha="left")
    picture = axes.imshow(mosaic, cmap="Greys", vmin=0.0)
    figure.colorbar(picture, ax=axes, label="Weight", shrink=0.6)
    axes.set_axis_off()
    title = f"Weights of {len(order)} neurons"
    axes.set_title(title if labels is None else f"{title}, with the class of each")
    return figure
