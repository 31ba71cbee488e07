"""Maps over two to four parameters: every point of the grid is where it belongs."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from jaxneuro.plotting import parameter_maps
from jaxneuro.plotting._parameter_maps import KINDS

X, Y, COLUMNS, ROWS = [4.0, 1.0, 2.0], [0.1, 0.3], [1.0, 2.0], ["a", "b"]
VALUES = np.arange(24.0).reshape(3, 2, 2, 2)


def at(axes, x, y):
    """The value that a panel shows at a place."""
    mesh = axes.collections[0]
    edges = mesh.get_coordinates()
    values = mesh.get_array().reshape(edges.shape[0] - 1, edges.shape[1] - 1)
    return values[np.searchsorted(edges[:, 0, 1], y) - 1, np.searchsorted(edges[0, :, 0], x) - 1]


def test_every_point_has_its_cell():
    parameters = {"x (nS)": X, "y": Y, "third (ms)": COLUMNS, "fourth": ROWS}
    figure = parameter_maps(parameters, VALUES, label="Rate (Hz)", title="all")
    *panels, bar = figure.axes
    panels = panels[:2], panels[2:]
    for row, column in np.ndindex(2, 2):
        axes = panels[1 - row][column]
        for i, j in np.ndindex(3, 2):
            assert at(axes, X[i], Y[j]) == VALUES[i, j, column, row]
        assert axes.collections[0].get_clim() == (0.0, 23.0)
    assert [axes.get_title() for axes in panels[0]] == ["third (ms) = 1", "third (ms) = 2"]
    assert [axes.get_ylabel() for axes in (panels[0][0], panels[1][0])] == [
        "fourth = b\ny",
        "fourth = a\ny",
    ]
    assert panels[1][1].get_xlabel() == "x (nS)"
    assert bar.get_ylabel() == "Rate (Hz)"


def test_kinds_have_one_colour_each_and_numbers_are_written():
    kinds = ["silent", "subcritical", "critical"]
    codes, numbers = np.array([[0, 1], [2, 0], [1, 2]]), np.array([[np.nan, 0.5]] * 3)
    failed = np.zeros((3, 2), bool)
    failed[0, 1] = True
    figure = parameter_maps({"x": X, "y": Y}, codes, kinds=kinds, written=numbers, failed=failed)
    (axes,) = figure.axes
    mesh = axes.collections[0]
    for i, j in np.ndindex(3, 2):
        if failed[i, j]:
            assert np.ma.is_masked(at(axes, X[i], Y[j]))
        else:
            colour = to_hex(tuple(mesh.to_rgba(at(axes, X[i], Y[j])))).upper()
            assert colour == KINDS[codes[i, j]].upper()
    assert sorted(text.get_text() for text in axes.texts) == [".50", ".50", "×"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == kinds


def test_the_logarithm_shows_zeros_in_the_lowest_colour():
    values = np.array([[0.0, 1.0], [100.0, np.nan]])
    figure = parameter_maps({"x": [1, 2], "y": [1, 2]}, values, is_log=True)
    axes = figure.axes[0]
    assert axes.collections[0].get_clim() == (1.0, 100.0)
    assert [at(axes, x, y) for x, y in ((1, 1), (1, 2), (2, 1))] == [1.0, 1.0, 100.0]
    assert np.ma.is_masked(at(axes, 2, 2))


def test_constant_and_missing_values_are_drawn():
    for values in (np.full((2, 2), 3.0), np.full((2, 2), np.nan), np.zeros((2, 2))):
        for is_log in (False, True):
            parameter_maps({"x": [1, 2], "y": [1, 2]}, values, is_log=is_log).canvas.draw()


@pytest.mark.parametrize(
    ("parameters", "options", "wanted"),
    [
        ({"x": X}, {}, "there are 1 parameters. Pass 2, 3 or 4"),
        ({"x": X, "y": [1.0]}, {}, r"values have shape \(3, 2\), but the parameters \(3, 1\)"),
        ({"x": X, "y": Y}, {"written": np.zeros(3)}, r"written have shape \(3,\)"),
        ({"x": X, "y": [[1.0]]}, {}, "parameter_maps: 'y' has shape"),
    ],
)
def test_mistakes_are_told(parameters, options, wanted):
    with pytest.raises(ValueError, match=wanted):
        parameter_maps(parameters, np.zeros((3, 2)), **options)
