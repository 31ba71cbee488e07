import numpy as np
import pytest

from jaxneuro.data import Split, digits


def parts(data):
    return data.train, data.validation, data.test


def rows(split):
    return [
        (image.tobytes(), int(label))
        for image, label in zip(split.inputs, split.labels, strict=True)
    ]


def test_sizes_types_and_scale():
    data = digits()
    assert [len(part) for part in parts(data)] == [1294, 144, 359]
    for part in parts(data):
        assert part.inputs.shape == (len(part), 8, 8)
        assert part.inputs.dtype == np.uint8
        assert part.labels.dtype == np.int32
    assert data.train.inputs.max() / data.scale == 1.0
    assert data.class_names == tuple("0123456789")


def test_parts_are_disjoint_and_together_everything():
    from sklearn.datasets import load_digits

    data = digits(seed=4)
    ours = sorted(row for part in parts(data) for row in rows(part))
    bunch = load_digits()
    whole = Split(bunch.images.astype(np.uint8), bunch.target.astype(np.int32))
    assert ours == sorted(rows(whole))


@pytest.mark.parametrize("seed", [0, 7])
def test_each_part_has_the_classes_in_proportion(seed):
    data = digits(seed=seed)
    total = np.bincount(np.concatenate([part.labels for part in parts(data)])) / 1797
    for part in parts(data):
        counts = np.bincount(part.labels, minlength=10)
        assert np.abs(counts - total * len(part)).max() <= 1.0


def test_seed_decides_the_parts():
    np.testing.assert_array_equal(digits(seed=3).test.inputs, digits(seed=3).test.inputs)
    assert not np.array_equal(digits(seed=3).test.inputs, digits(seed=4).test.inputs)


def test_validation_leaves_the_test_part_alone_and_may_be_empty():
    with_validation, without = digits(), digits(validation_fraction=0.0)
    np.testing.assert_array_equal(with_validation.test.inputs, without.test.inputs)
    assert without.validation.inputs.shape == (0, 8, 8)
    assert len(without.train) == len(with_validation.train) + len(with_validation.validation)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test_fraction": 1.0}, "test_fraction is 1.0"),
        ({"validation_fraction": -0.1}, "validation_fraction is -0.1"),
        ({"validation_fraction": 0.001}, "would hold out 1 of 1438 images"),
        ({"test_fraction": 0.999}, "would hold out 1795 of 1797 images"),
    ],
)
def test_refuses_fractions_that_leave_a_class_out(arguments, message):
    with pytest.raises(ValueError, match=message):
        digits(**arguments)


def test_split_refuses_different_lengths():
    # ValueError of Split itself, or the type checker's error where that comes first.
    with pytest.raises((ValueError, TypeError)):
        Split(np.zeros((3, 8, 8), np.uint8), np.zeros(2, np.int32))
