from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, UInt8


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set: images and their class numbers, possibly none.

    **Arguments:**

    - `inputs`: images, uint8, shape `(samples, height, width)`.
    - `labels`: class of each image, int32, shape `(samples,)`.

    **Raises:** `ValueError` when the two have different lengths.

    >>> import numpy as np
    >>> split = Split(np.zeros((3, 8, 8), np.uint8), np.array([0, 1, 1], np.int32))
    >>> len(split)
    3
    """

    inputs: UInt8[np.ndarray, "samples height width"]
    labels: Int32[np.ndarray, " samples"]

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise ValueError(
                f"Split: {len(self.inputs)} images came with {len(self.labels)} labels. "
                "Pass one label for each image."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """The samples at `indices`, in that order."""
        return Split(self.inputs[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images in three disjoint parts, with the names of their classes.

    `inputs / scale` of each split lies in [0, 1].

    **Arguments:**

    - `name`: what the data set is called in reports.
    - `train`, `validation`, `test`: the three parts; a part may be empty.
    - `class_names`: name of class 0, 1, …
    - `scale`: the largest value that a pixel can have.

    >>> from jaxneuro.data import digits
    >>> data = digits()
    >>> float((data.train.inputs / data.scale).max())
    1.0
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    scale: float
