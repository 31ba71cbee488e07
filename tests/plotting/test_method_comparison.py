import numpy as np
import pytest

from jaxneuro.plotting import method_comparison


def given(curve, confusion):
    return {"curve": curve, "weights": np.linspace(-0.2, 0.3, 50), "confusion": confusion}


METHODS = {
    "start": given([], [[3, 1, 6], [0, 10, 0]]),
    "evolution": given([(0.0, 0.3), (900.0, 0.8)], [[8, 2, 0], [1, 9, 0]]),
}


def test_curves_weights_and_mistakes_are_drawn():
    figure = method_comparison(METHODS, ("cat", "dog"), cost="Images", unit="nS")
    curves, weights, *panels = figure.axes
    np.testing.assert_allclose(curves.lines[0].get_xydata(), [[0.0, 30.0], [900.0, 80.0]])
    assert curves.lines[1].get_ydata()[0] == 50.0  # chance
    assert curves.get_xlabel() == "Images"
    assert weights.get_xlabel() == "Weight (nS)"
    assert [text.get_text() for text in weights.get_legend().get_texts()] == [*METHODS]
    assert [axes.get_title() for axes in panels] == ["start: 65.0 %", "evolution: 85.0 %"]
    texts = [text.get_text() for text in panels[0].texts]
    assert texts == ["3", "1", "6", "10"]  # no zeros
    assert [tick.get_text() for tick in panels[0].get_xticklabels()] == ["cat", "dog", "none"]
    figure.canvas.draw()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="there are no methods"):
        method_comparison({}, ("cat", "dog"))
    with pytest.raises(ValueError, match=r"confusion of 'start' has shape \(2, 3\), but.*5 class"):
        method_comparison(METHODS, tuple("abcde"))
