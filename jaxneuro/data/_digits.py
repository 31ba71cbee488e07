import numpy as np

from ._dataset import Dataset, Split

CLASSES = 10


def digits(
    *, seed: int = 0, test_fraction: float = 0.2, validation_fraction: float = 0.1
) -> Dataset:
    """The 1,797 handwritten digits of 8 x 8 pixels (0..16) that come with scikit-learn.

    Each part holds the ten classes in the same proportions. The test part depends on `seed` and
    `test_fraction` alone, so that runs with different validation parts have the same test.

    **Arguments:**

    - `seed`: chooses which images go where.
    - `test_fraction`: part of all images held out for the test, in [0, 1).
    - `validation_fraction`: part of the *remaining* images held out for validation, in [0, 1);
      0 gives an empty validation split, to train on all of the training part.

    **Returns:** a `Dataset` with scale 16.

    **Raises:** `ValueError` when a fraction is outside [0, 1) or leaves a class without images.

    Reference: Alpaydin & Kaynak (1998), UCI Optical Recognition of Handwritten Digits.

    >>> data = digits(seed=1, validation_fraction=0.0)
    >>> len(data.train), len(data.validation), len(data.test)
    (1438, 0, 359)
    """
    from sklearn.datasets import load_digits

    flat, labels = load_digits(return_X_y=True)
    images = np.asarray(flat, np.uint8).reshape(-1, 8, 8)
    everything = Split(images, np.asarray(labels, np.int32))
    rest, test = _hold_out(everything, test_fraction, seed, "test_fraction")
    train, validation = _hold_out(rest, validation_fraction, seed, "validation_fraction")
    names = tuple(str(digit) for digit in range(CLASSES))
    return Dataset("digits", train, validation, test, names, scale=16.0)


def _hold_out(split: Split, fraction: float, seed: int, name: str) -> tuple[Split, Split]:
    if not 0 <= fraction < 1:
        raise ValueError(f"digits: {name} is {fraction}. Pass a number in [0, 1).")
    held_out = round(fraction * len(split))
    if fraction > 0 and not CLASSES <= held_out <= len(split) - CLASSES:
        raise ValueError(
            f"digits: {name} {fraction} would hold out {held_out} of {len(split)} images, which "
            f"leaves a class without any. Pass 0, or a fraction that holds out {CLASSES} to "
            f"{len(split) - CLASSES} images."
        )
    kept, taken = _stratified(split.labels, held_out, seed)
    return split.take(kept), split.take(taken)


def _stratified(labels: np.ndarray, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    indices = np.arange(len(labels))
    if held_out == 0:
        return indices, indices[:0]
    kept, taken = train_test_split(indices, test_size=held_out, stratify=labels, random_state=seed)
    return np.sort(kept), np.sort(taken)
