import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.contour import QuadContourSet
from matplotlib.quiver import Quiver

from jaxneuro.plotting import phase_plane

V = np.linspace(-2.5, 2.5, 101)
W = np.linspace(-1.0, 2.0, 81)


def fitzhugh_nagumo(v, w):
    return v - v**3 / 3.0 - w + 0.5, 0.08 * (v + 0.7 - 0.8 * w)


def parts(axes, kind):
    return [part for part in axes.collections if isinstance(part, kind)]


def vertices(contour):
    return np.concatenate([path.vertices for path in contour.get_paths()])


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_nullclines_are_where_the_derivatives_vanish():
    figure = phase_plane(V, W, fitzhugh_nagumo, units=("", "mV"), title="FitzHugh-Nagumo")
    figure.canvas.draw()
    (axes,) = figure.axes
    for contour, which in zip(parts(axes, QuadContourSet), (0, 1), strict=True):
        points = vertices(contour)
        assert len(points) > 50
        # Linear between the points of the grid.
        np.testing.assert_allclose(fitzhugh_nagumo(*points.T)[which], 0.0, atol=3e-3)
    assert legend(axes) == ["dv/dt = 0", "dw/dt = 0"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("v", "w (mV)")
    assert (axes.get_xlim(), axes.get_ylim()) == ((-2.5, 2.5), (-1.0, 2.0))
    assert axes.get_legend().get_window_extent().x0 > axes.bbox.x1


def test_arrays_are_as_good_as_a_function():
    arrays = tuple(jnp.asarray(x) for x in fitzhugh_nagumo(*np.meshgrid(V, W)))
    one, two = (phase_plane(V, W, flow).axes[0] for flow in (fitzhugh_nagumo, arrays))
    for first, second in zip(*(parts(axes, QuadContourSet) for axes in (one, two)), strict=True):
        np.testing.assert_allclose(vertices(first), vertices(second), atol=1e-5)


def test_arrows_point_along_the_flow():
    # x grows everywhere, four times as fast at the right; y shrinks: on a plane of 10 by 1, a
    # derivative of (10, -1) goes down at 45 degrees.
    x, y = np.linspace(0.0, 10.0, 51), np.linspace(0.0, 1.0, 21)
    speed = np.where(x > 5.0, 4.0, 1.0) * np.ones((21, 1))
    axes = phase_plane(x, y, (10.0 * speed, -speed)).axes[0]
    (arrows,) = parts(axes, Quiver)
    np.testing.assert_allclose(arrows.U, -arrows.V)
    assert 1.0 < arrows.U.max() / arrows.U.min() < 1.5
    assert not parts(axes, QuadContourSet)  # no derivative vanishes
    assert legend(axes) == ["dv/dt = 0", "dw/dt = 0"]


def test_a_trajectory_with_its_ends_and_a_reset():
    path = np.array([[0.0, 0.0], [1.0, 0.5], [np.nan, np.nan], [-1.0, 1.0], [-0.5, 1.5]])
    figure = phase_plane(V, W, fitzhugh_nagumo, jnp.asarray(path), names=("v", "u"))
    figure.canvas.draw()
    axes = figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["trajectory"].get_xydata(), path)
    np.testing.assert_array_equal(lines["start"].get_xydata(), path[:1])
    np.testing.assert_array_equal(lines["end"].get_xydata(), path[-1:])
    assert legend(axes) == ["dv/dt = 0", "du/dt = 0", "trajectory", "start", "end"]


def test_what_explodes_or_stands_still_is_drawn():
    with np.errstate(over="ignore"):
        phase_plane(V, W, lambda v, w: (np.exp(400 * v) - 2, w)).canvas.draw()
    phase_plane(V, W, lambda v, w: (0 * v, 0 * w)).canvas.draw()
    phase_plane(V, W, lambda v, w: (np.nan * v, w)).canvas.draw()


def test_refuses_other_shapes():
    arrays = fitzhugh_nagumo(*np.meshgrid(V, W))
    with pytest.raises(ValueError, match=r"arrays of shape \(81, 101\)"):
        phase_plane(V, W, tuple(x.T for x in arrays))
    with pytest.raises(ValueError, match="x has 1 values"):
        phase_plane(V[:1], W, fitzhugh_nagumo)
