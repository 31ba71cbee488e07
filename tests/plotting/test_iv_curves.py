import numpy as np
import pytest
from matplotlib.colors import same_color

from jaxneuro.plotting import iv_curves
from jaxneuro.plotting._iv_curves import scale_colours

V = np.linspace(-2.0, 2.0, 6)
CURRENTS = np.stack([V, 2 * V, 3 * V])
REGIONS = np.array([[-1, 0, 0, -1, -1, -1], [1, 0, 0, -1, 1, 1], [1, 0, 0, -1, 1, 1]])


def test_curves_regions_and_equilibrium():
    figure = iv_curves(V, CURRENTS, REGIONS, -0.5, -0.25)
    figure.canvas.draw()
    assert [axes.get_title() for axes in figure.axes] == ["fast", "slow", "ultra-slow"]
    fast, slow, ultraslow = scale_colours(3)
    for row, axes in enumerate(figure.axes):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), CURRENTS[row])
        assert axes.get_xlabel() == "V"
    (part,) = figure.axes[0].lines[1:]
    np.testing.assert_array_equal(part.get_xdata(), V[1:4])  # to the point after it
    assert same_color(part.get_color(), fast)
    inherited = figure.axes[1].lines[1:]
    assert [same_color(line.get_color(), fast) for line in inherited] == [False, True, False]
    assert [list(line.get_xdata()) for line in inherited] == [
        list(V[:2]),
        list(V[1:4]),
        list(V[4:]),
    ]
    assert not any(same_color(line.get_color(), ultraslow) for line in inherited)
    assert same_color(inherited[0].get_color(), slow)
    current, point = figure.axes[2].lines[-2:]
    assert set(current.get_ydata()) == {-0.5}
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (-0.25, -0.5)
    labels = {text.get_text() for text in figure.axes[-1].get_legend().get_texts()}
    assert labels == {
        "positive conductance",
        "negative, fast",
        "negative, slow",
        "applied current",
        "equilibrium",
    }


def test_a_unit_and_other_time_scales():
    regions = np.full((2, 6), -1)
    figure = iv_curves(V, CURRENTS[:2], regions, 0.0, 0.0, ("now", "later"), unit="mV")
    assert [axes.get_xlabel() for axes in figure.axes] == ["V (mV)", "V (mV)"]
    assert len({*scale_colours(5)}) == 5
    with pytest.raises(ValueError, match="no colours for 6 time scales"):
        scale_colours(6)


@pytest.mark.parametrize(
    ("currents", "regions"), [(CURRENTS[:2], REGIONS), (CURRENTS, REGIONS[:, :4])]
)
def test_refuses_other_shapes(currents, regions):
    with pytest.raises(ValueError, match=r"3 names and 6 voltages want \(3, 6\)"):
        iv_curves(V, currents, regions, 0.0, 0.0)
