import numpy as np
import pytest

from jaxneuro.plotting import confusion


def test_counts_and_shares_are_where_they_belong():
    figure = confusion(np.array([[6, 2, 0], [0, 0, 0], [1, 0, 11]]), ("cat", "dog", "crocodile"))
    figure.canvas.draw()
    axes = figure.axes[0]
    numbers = {text.get_position(): text.get_text() for text in axes.texts}
    assert numbers == {(0, 0): "6", (1, 0): "2", (0, 2): "1", (2, 2): "11"}
    shares = axes.images[0].get_array()
    np.testing.assert_allclose(shares, [[75, 25, 0], [0, 0, 0], [100 / 12, 0, 1100 / 12]])
    assert axes.get_title() == "Accuracy 85.00 % of 20 samples"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Predicted class", "True class")
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["cat", "dog", "crocodile"]


def test_no_samples():
    figure = confusion(np.zeros((2, 2), int), ("a", "b"))
    figure.canvas.draw()
    assert figure.axes[0].get_title() == "No samples"


def test_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"shape \(2, 2\), but there are 3 class names"):
        confusion(np.zeros((2, 2), int), ("a", "b", "c"))
