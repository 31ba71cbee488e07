import numpy as np
import pytest

from jaxneuro.plotting import fi_curve


def test_a_curve_in_order_of_the_amplitudes():
    figure = fi_curve([200.0, 50.0, 100.0], [20.0, 0.0, 5.0], "pA", title="Cell")
    figure.canvas.draw()
    (axes,) = figure.axes
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xydata(), [[50, 0], [100, 5], [200, 20]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Amplitude (pA)", "Rate (Hz)")
    assert axes.get_title() == "Cell"
    assert axes.get_legend() is None
    assert line.get_marker() == "o"
    low, high = axes.get_ylim()
    assert low < 0.0
    assert high > 20.0


def test_families_have_a_name_and_a_colour_each():
    rates = np.arange(24.0).reshape(8, 3)
    names = [f"tau = {n} ms" for n in range(8)]
    figure = fi_curve(np.array([1.0, 2.0, 3.0]), rates, families=names, quantity="Threshold")
    figure.canvas.draw()
    (axes,) = figure.axes
    assert axes.get_xlabel() == "Threshold"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == names
    assert len({line.get_color() for line in axes.lines}) == 8
    np.testing.assert_array_equal([line.get_ydata() for line in axes.lines], rates)
    # The legend stands beside the curves.
    assert axes.get_legend().get_window_extent().x0 > axes.bbox.x1


def test_silence_one_amplitude_and_a_gap():
    figure = fi_curve([1.0], [0.0])
    figure.canvas.draw()
    assert figure.axes[0].get_ylim()[1] == 1.0
    for rates in ([0.0, np.nan, 3.0], [np.nan] * 3):
        figure = fi_curve([1.0, 2.0, 3.0], rates)
        figure.canvas.draw()
        np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), rates)


def test_many_points_have_no_markers():
    assert fi_curve(np.arange(100.0), np.arange(100.0)).axes[0].lines[0].get_marker() == "None"


@pytest.mark.parametrize(
    ("amplitudes", "rates", "families"),
    [
        ([1.0, 2.0], [1.0], ()),
        ([], [], ()),
        ([1.0, 2.0], np.zeros((2, 2)), ()),
        ([1.0, 2.0], np.zeros((3, 2)), ("a", "b")),
    ],
)
def test_refuses_what_does_not_belong_together(amplitudes, rates, families):
    with pytest.raises(ValueError, match=f"{len(amplitudes)} amplitudes and {len(families)} fam"):
        fi_curve(amplitudes, rates, families=families)
