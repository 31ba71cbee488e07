import numpy as np
from jaxtyping import Float, Real


def pool(
    images: Real[np.ndarray, "samples height width"], side: int
) -> Float[np.ndarray, "samples side side"]:
    """Smaller images: the mean of each over `side` times `side` equal rectangles.

    Where a pixel is in several rectangles, each takes its part of it. 28 pixels become 7 by means
    of 4 x 4; 8 become 7 by rectangles of 8/7 pixels.

    **Arguments:**

    - `images`: of at least `side` x `side` pixels.
    - `side`: of the new images, pixels.

    **Returns:** the means, in float32; their mean is that of the image.

    **Raises:** `ValueError` for smaller images.

    >>> import numpy as np
    >>> pool(np.arange(6.0).reshape(1, 2, 3), 1).tolist()
    [[[2.5]]]
    """
    if not 1 <= side <= min(images.shape[1:]):
        raise ValueError(
            f"pool: images of {images.shape[1]} x {images.shape[2]} pixels cannot be averaged to a "
            f"side of {side}. Pass a side from 1 to {min(images.shape[1:])}."
        )
    rows, columns = (_shares(length, side) for length in images.shape[1:])
    return np.einsum("ih,nhw,jw->nij", rows, images, columns, optimize=True).astype(np.float32)


def _shares(length: int, side: int) -> Float[np.ndarray, "side length"]:
    """How much each pixel counts in each part of a line; the sum of a part is 1."""
    pixels = np.arange(length)
    edges = np.arange(side + 1) * length / side
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(shared, 0.0, None) * side / length
