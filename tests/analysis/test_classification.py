import math

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

from jaxneuro.analysis import cohen_kappa, confusion_matrix


def test_rows_are_true_classes():
    matrix = confusion_matrix(np.array([0, 0, 2, 1]), np.array([0, 1, 1, 1]), 3)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 0], [0, 1, 0]])


def test_agrees_with_scikit_learn_and_takes_jax_arrays():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 5, (2, 400))
    matrix = confusion_matrix(jnp.asarray(labels), jnp.asarray(predictions), 5)
    np.testing.assert_array_equal(matrix, metrics.confusion_matrix(labels, predictions))
    assert cohen_kappa(matrix) == pytest.approx(metrics.cohen_kappa_score(labels, predictions))


def test_no_samples_give_zeros():
    empty = np.zeros(0, np.int32)
    np.testing.assert_array_equal(confusion_matrix(empty, empty, 2), np.zeros((2, 2)))


@pytest.mark.parametrize(("labels", "predictions", "name"), [(3, 0, "labels"), (0, -1, "predict")])
def test_refuses_classes_out_of_range(labels, predictions, name):
    with pytest.raises(ValueError, match=rf"{name}.* hold (3|-1), but there are 3 classes"):
        confusion_matrix(np.array([1, labels]), np.array([1, predictions]), 3)


def test_refuses_different_lengths():
    # ValueError of the function, or the type checker's error where that comes first.
    with pytest.raises((ValueError, TypeError)):
        confusion_matrix(np.array([1, 0]), np.array([1]), 2)


@pytest.mark.parametrize(
    ("matrix", "kappa"),
    [
        ([[20, 5], [10, 15]], 0.4),  # Cohen's statistic of the usual textbook table
        ([[3, 0], [0, 9]], 1.0),
        ([[1, 1], [1, 1]], 0.0),
        ([[0, 4], [4, 0]], -1.0),
    ],
)
def test_kappa_of_known_tables(matrix, kappa):
    assert cohen_kappa(np.array(matrix)) == pytest.approx(kappa, abs=1e-12)


@pytest.mark.parametrize("matrix", [[[0, 0], [0, 0]], [[7, 0], [0, 0]]])
def test_kappa_is_nan_where_undefined(matrix):
    assert math.isnan(cohen_kappa(np.array(matrix)))
