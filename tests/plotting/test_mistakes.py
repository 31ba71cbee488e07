import numpy as np
import pytest

from jaxneuro.plotting import hardest_mistakes

NAMES = ("cat", "dog", "cow")
IMAGES = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((6, 8, 8), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])
PREDICTIONS = np.array([0, 2, 2, 1, 0, 2])
CONFIDENCES = np.array([1.0, 0.4, 0.9, 0.95, 0.7, 0.2])


def test_the_surest_mistakes_come_first():
    figure = hardest_mistakes(IMAGES, LABELS, PREDICTIONS, CONFIDENCES, NAMES)
    figure.canvas.draw()
    assert [int(axes.images[0].get_array()[0, 0]) for axes in figure.axes] == [3, 4, 1]
    assert [axes.get_title() for axes in figure.axes] == [
        "cat taken for\ndog (95 %)",
        "dog taken for\ncat (70 %)",
        "dog taken for\ncow (40 %)",
    ]
    assert figure.get_suptitle() == "3 hardest of 3 mistakes in 6 samples"


def test_count_limits_them():
    figure = hardest_mistakes(IMAGES, LABELS, PREDICTIONS, CONFIDENCES, NAMES, count=2)
    assert len(figure.axes) == 2
    assert figure.get_suptitle() == "2 hardest of 3 mistakes in 6 samples"


@pytest.mark.parametrize("samples", [0, 6])
def test_no_mistakes(samples):
    right = LABELS[:samples]
    figure = hardest_mistakes(IMAGES[:samples], right, right, CONFIDENCES[:samples], NAMES)
    figure.canvas.draw()
    assert [text.get_text() for text in figure.texts] == [f"No mistakes in {samples} samples"]


def test_refuses_different_lengths_and_no_count():
    # ValueError of the function, or the type checker's error where that comes first.
    with pytest.raises((ValueError, TypeError)):
        hardest_mistakes(IMAGES, LABELS, PREDICTIONS, CONFIDENCES[:3], NAMES)
    with pytest.raises(ValueError, match="count is 0"):
        hardest_mistakes(IMAGES, LABELS, PREDICTIONS, CONFIDENCES, NAMES, count=0)
