import gzip
import os
import re
import struct

import numpy as np
import pytest

from jaxneuro.data import fashion_mnist, mnist

ENDINGS = {"images": "idx3-ubyte", "labels": "idx1-ubyte"}


def idx(values, code=0x08):
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    return header + values.tobytes()


def images(count, side=28):
    """Images whose every pixel is their own number."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, side, side))


def labels(count):
    return (np.arange(count) % 10).astype(np.uint8)


def write(folder, separator="-", suffix="", **changed):
    """A folder of four small files; `changed` gives other contents, or None for no file."""
    contents = {
        "train_images": idx(images(30)),
        "train_labels": idx(labels(30)),
        "t10k_images": idx(images(12)),
        "t10k_labels": idx(labels(12)),
        **changed,
    }
    for name, content in contents.items():
        if content is not None:
            part, kind = name.split("_")
            path = folder / f"{part}-{kind}{separator}{ENDINGS[kind]}{suffix}"
            path.write_bytes(gzip.compress(content) if suffix else content)
    return folder


@pytest.mark.parametrize("separator", ["-", "."])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_accepts_every_usual_file_name(tmp_path, separator, suffix):
    data = mnist(write(tmp_path, separator, suffix), validation=4)
    assert (len(data.train), len(data.validation), len(data.test)) == (26, 4, 12)
    np.testing.assert_array_equal(data.test.inputs, images(12))
    np.testing.assert_array_equal(data.test.labels, labels(12))
    assert data.test.labels.dtype == np.int32
    assert data.scale == 255.0


def test_validation_is_held_out_of_train_by_seed(tmp_path):
    write(tmp_path)
    drawn = []
    for seed in (0, 0, 1):
        data = mnist(str(tmp_path), seed=seed, validation=10)
        train, validation = data.train.inputs[:, 0, 0], data.validation.inputs[:, 0, 0]
        np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(30))
        np.testing.assert_array_equal(data.train.labels, train % 10)
        np.testing.assert_array_equal(data.validation.labels, validation % 10)
        drawn.append(tuple(validation))
    assert drawn[0] == drawn[1] != drawn[2]


def test_no_validation_trains_on_everything(tmp_path):
    data = mnist(write(tmp_path), validation=0)
    np.testing.assert_array_equal(data.train.inputs, images(30))
    assert data.validation.inputs.shape == (0, 28, 28)


def test_the_function_decides_the_class_names(tmp_path):
    write(tmp_path)
    digits, clothes = mnist(tmp_path, validation=5), fashion_mnist(tmp_path, validation=5)
    assert digits.class_names == tuple("0123456789")
    assert len(clothes.class_names) == 10
    assert clothes.class_names[0] == "T-shirt/top"
    assert clothes.class_names[9] == "Ankle boot"
    assert (digits.name, clothes.name) == ("mnist", "fashion_mnist")
    np.testing.assert_array_equal(digits.train.inputs, clothes.train.inputs)


WRONG = {
    "exchanged": (
        {"train_images": idx(labels(30)), "train_labels": idx(images(30))},
        r"train-images-idx3-ubyte: should hold images .* shape \(30,\), which is labels. Exchange",
    ),
    "test exchanged": (
        {"t10k_labels": idx(images(12))},
        r"t10k-labels-idx1-ubyte: should hold labels .* \(12, 28, 28\), which is images. Exchange",
    ),
    "two dimensions": (
        {"train_images": idx(images(30).reshape(30, 784))},
        r"holds uint8 of shape \(30, 784\), but images are uint8 with 3 dimensions",
    ),
    "signed labels": ({"train_labels": idx(labels(30), 0x09)}, r"holds int8 of shape \(30,\)"),
    "other size": (
        {"train_images": idx(images(30, side=8))},
        "train-images-idx3-ubyte: holds 30 images of 8 x 8 pixels, .* 28 x 28",
    ),
    "no images": (
        {"t10k_images": idx(images(0)), "t10k_labels": idx(labels(0))},
        "t10k-images-idx3-ubyte: holds 0 images of 28 x 28 pixels, but at least one",
    ),
    "label above 9": (
        {"train_labels": idx(labels(30) + 3)},
        "train-labels-idx1-ubyte: label 10 of image 7 is outside 0..9",
    ),
    "counts differ": (
        {"t10k_labels": idx(labels(11))},
        "t10k-images-idx3-ubyte holds 12 images, but .*t10k-labels-idx1-ubyte holds 11 labels",
    ),
    "truncated": ({"t10k_images": idx(images(12))[:-1]}, "t10k-images-idx3-ubyte: .* truncated"),
    "foreign": ({"train_labels": b"PK\x03\x04"}, "train-labels-idx1-ubyte: is neither an IDX"),
}


@pytest.mark.parametrize("load", [mnist, fashion_mnist])
@pytest.mark.parametrize("fault", WRONG)
def test_says_what_is_wrong_with_a_folder(tmp_path, fault, load):
    contents, message = WRONG[fault]
    with pytest.raises(ValueError, match=message):
        load(write(tmp_path, **contents), validation=5)


@pytest.mark.parametrize("missing", ["train_images", "train_labels", "t10k_images", "t10k_labels"])
def test_missing_file_names_both_accepted_names(tmp_path, missing):
    part, kind = missing.split("_")
    write(tmp_path, **{missing: None})
    # What unpacking some archives leaves: a folder by the name of the file.
    (tmp_path / f"{part}-{kind}-{ENDINGS[kind]}").mkdir()
    first, second = f"{part}-{kind}-{ENDINGS[kind]}", f"{part}-{kind}.{ENDINGS[kind]}"
    message = re.escape(f"has neither '{first}' nor '{second}', plain or with '.gz'")
    with pytest.raises(FileNotFoundError, match=message):
        mnist(tmp_path)


def test_missing_folder_and_file_instead_of_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"mnist: .*absent does not exist. Pass the folder"):
        mnist(tmp_path / "absent")
    write(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"is a file\. Pass the folder"):
        mnist(tmp_path / "train-images-idx3-ubyte")


@pytest.mark.parametrize("validation", [-1, 30, 5000])
def test_refuses_a_validation_part_that_cannot_be(tmp_path, validation):
    with pytest.raises(ValueError, match=f"validation is {validation}, .* has 30 images"):
        mnist(write(tmp_path), validation=validation)


@pytest.mark.skipif("JAXNEURO_MNIST" not in os.environ, reason="JAXNEURO_MNIST names no folder")
def test_the_real_mnist():
    data = mnist(os.environ["JAXNEURO_MNIST"])
    assert (len(data.train), len(data.validation), len(data.test)) == (55_000, 5_000, 10_000)
    # The known first test labels and class counts of the official files.
    assert data.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    counts = np.bincount(data.train.labels) + np.bincount(data.validation.labels)
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    whole = np.concatenate([data.train.inputs, data.validation.inputs])
    # The mean and deviation that every MNIST pipeline normalises by.
    assert abs((whole / 255).mean() - 0.1307) < 5e-5
    assert abs((whole / 255).std() - 0.3081) < 5e-5
