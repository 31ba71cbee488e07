import os
from pathlib import Path

import numpy as np

from ._dataset import Dataset, Split
from ._idx import read_idx

SIDE = 28
DIGITS = tuple(str(digit) for digit in range(10))
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def mnist(path: str | os.PathLike[str], *, seed: int = 0, validation: int = 5000) -> Dataset:
    """MNIST, 70,000 handwritten digits of 28 x 28 pixels (0..255), from its four IDX files.

    The test part is the official one (10,000 images); the validation part is drawn from the
    official training part (60,000) by `seed`. Fashion-MNIST has the same file names and the same
    format, so the files cannot be told apart: the function you call decides the class names.

    **Arguments:**

    - `path`: folder with `train-images`, `train-labels`, `t10k-images` and `t10k-labels`, each
      ending in `-idx3-ubyte` or `.idx3-ubyte` (`idx1` for labels), plain or with `.gz`.
    - `seed`: chooses the validation images.
    - `validation`: how many training images to hold out; 0 for none.

    **Returns:** a `Dataset` with scale 255.

    **Raises:** `FileNotFoundError` when the folder or a file is missing; `ValueError` when a file
    is damaged or is not what its name says, or `validation` leaves no image to train on.

    Reference: LeCun, Bottou, Bengio & Haffner (1998), Proc. IEEE 86:2278.

    ```python
    data = jaxneuro.data.mnist("~/data/mnist")
    assert len(data.train) == 55_000
    ```
    """
    return _load("mnist", path, seed, validation, DIGITS)


def fashion_mnist(
    path: str | os.PathLike[str], *, seed: int = 0, validation: int = 5000
) -> Dataset:
    """Fashion-MNIST, 70,000 photographs of clothes of 28 x 28 pixels, from its four IDX files.

    Arguments, result and errors are as in `mnist`, and so are the names and the format of the
    files: keep the two in separate folders, since nothing in them says which is which.

    Reference: Xiao, Rasul & Vollgraf (2017), arXiv:1708.07747.

    ```python
    data = jaxneuro.data.fashion_mnist("~/data/fashion")
    assert data.class_names[9] == "Ankle boot"
    ```
    """
    return _load("fashion_mnist", path, seed, validation, CLOTHES)


def _load(
    name: str,
    path: str | os.PathLike[str],
    seed: int,
    validation: int,
    class_names: tuple[str, ...],
) -> Dataset:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise FileNotFoundError(
            f"{name}: {folder} {found}. Pass the folder that holds the four IDX files."
        )
    everything, test = _read_split(folder, "train"), _read_split(folder, "t10k")
    if not 0 <= validation < len(everything):
        raise ValueError(
            f"{name}: validation is {validation}, but the training set has {len(everything)} "
            f"images. Pass a number from 0 to {len(everything) - 1}."
        )
    order = np.random.default_rng(seed).permutation(len(everything))
    held_out, train = np.sort(order[:validation]), np.sort(order[validation:])
    return Dataset(
        name, everything.take(train), everything.take(held_out), test, class_names, scale=255.0
    )


def _read_split(folder: Path, part: str) -> Split:
    image_file = _find(folder, f"{part}-images", "idx3-ubyte")
    label_file = _find(folder, f"{part}-labels", "idx1-ubyte")
    images, labels = _read(image_file, "images", 3), _read(label_file, "labels", 1)
    if len(images) == 0 or images.shape[1:] != (SIDE, SIDE):
        raise ValueError(
            f"{image_file}: holds {images.shape[0]} images of {images.shape[1]} x "
            f"{images.shape[2]} pixels, but at least one of {SIDE} x {SIDE} is wanted. "
            "Pass the original files."
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{image_file} holds {len(images)} images, but {label_file} holds {len(labels)} "
            "labels. Take both files from the same download."
        )
    if labels.max() >= len(DIGITS):
        first = int(np.argmax(labels >= len(DIGITS)))
        raise ValueError(
            f"{label_file}: label {labels[first]} of image {first} is outside 0..9. "
            "Pass the original labels (other sets of this format have more classes)."
        )
    return Split(images, labels.astype(np.int32))


def _find(folder: Path, stem: str, ending: str) -> Path:
    names = [f"{stem}-{ending}", f"{stem}.{ending}"]
    for name in (*names, *(f"{name}.gz" for name in names)):
        # A folder of this name is what some archives unpack to.
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"{folder} has neither '{names[0]}' nor '{names[1]}', plain or with '.gz'. "
        "Put the original IDX file there under one of these names."
    )


def _read(path: Path, content: str, dimensions: int) -> np.ndarray:
    values = read_idx(path)
    other, other_dimensions = ("labels", 1) if content == "images" else ("images", 3)
    if values.ndim == other_dimensions:
        raise ValueError(
            f"{path}: should hold {content} ({dimensions} dimensions) but holds an array of "
            f"shape {values.shape}, which is {other}. Exchange the names of the two files."
        )
    if values.ndim != dimensions or values.dtype != np.uint8:
        raise ValueError(
            f"{path}: holds {values.dtype.name} of shape {values.shape}, but {content} are uint8 "
            f"with {dimensions} dimensions. Pass the original file."
        )
    return values
