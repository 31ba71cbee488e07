"""Figures of a ring of neurons: rate map and population vector."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.plotting import population_vector, rate_map

CUES = [(10.0, 30.0, "cue"), (40.0, 45.0, "probe")]


def cells(axes):
    """The value that a heat map shows at a time and height."""
    mesh = axes.collections[0]
    edges = mesh.get_coordinates()
    values = mesh.get_array().reshape(edges.shape[0] - 1, edges.shape[1] - 1)

    def at(t, y):
        return float(
            values[np.searchsorted(edges[:, 0, 1], y) - 1, np.searchsorted(edges[0, :, 0], t) - 1]
        )

    return at


@pytest.mark.parametrize("offset", [0.0, 0.2, -0.2, 0.6])
def test_every_direction_shows_its_own_neuron_also_across_0(offset):
    n = 5
    theta = np.arange(n) * 2 * np.pi / n + offset
    mixed = np.random.default_rng(0).permutation(n)
    rates = np.stack([np.arange(n), 10.0 + np.arange(n)])[:, mixed]
    figure = rate_map(jnp.asarray(rates), 20.0, theta[mixed], start=100.0)
    figure.canvas.draw()
    at = cells(figure.axes[0])
    for y in np.linspace(0.01, 2 * np.pi - 0.01, 50):
        nearest = int(np.argmax(np.cos(theta - y)))
        assert at(110.0, y) == nearest
        assert at(130.0, y) == 10 + nearest
    assert figure.axes[0].get_ylim() == (0.0, 2 * np.pi)
    assert figure.axes[0].get_xlim() == (100.0, 140.0)


def test_without_directions_it_goes_by_index():
    figure = rate_map(np.arange(12.0).reshape(3, 4), 10.0, title="rates")
    figure.canvas.draw()
    at = cells(figure.axes[0])
    assert [at(5.0, y) for y in range(4)] == [0.0, 1.0, 2.0, 3.0]
    assert figure.axes[0].get_ylabel() == "Neuron"
    assert figure.axes[1].get_ylabel() == "Rate (Hz)"
    assert figure.get_suptitle() == "rates"


def test_the_angle_is_a_line_that_is_cut_at_0():
    angle = np.array([0.5, 0.1, 6.2, np.nan, -1.0])
    figure = rate_map(np.ones((5, 4)), 10.0, np.arange(4.0), angle=angle, cues=CUES)
    figure.canvas.draw()
    strip, axes, _ = figure.axes
    t, y = axes.lines[0].get_data()
    np.testing.assert_allclose(y, [0.5, 0.1, np.nan, 6.2, np.nan, 2 * np.pi - 1.0])
    np.testing.assert_allclose(t, [5.0, 15.0, 25.0, 25.0, 35.0, 45.0])
    assert sorted(text.get_text() for text in strip.texts) == ["cue", "probe"]
    dashed = [c for c in axes.collections[1:] if len(c.get_segments()) == 4]
    assert {float(s[0, 0]) for s in dashed[0].get_segments()} == {10.0, 30.0, 40.0, 45.0}


def test_angle_and_length_over_time():
    t = np.arange(5) * 10.0 + 5.0
    angle, length = jnp.asarray([3.0, 3.1, 3.2, 3.1, np.nan]), np.linspace(0.0, 1.0, 5)
    figure = population_vector(t, angle, length, cues=CUES, targets=[np.pi, -1.0], title="ring")
    figure.canvas.draw()
    _, above, below = figure.axes
    *dashed, line = above.lines
    np.testing.assert_allclose(line.get_ydata(), angle, rtol=1e-6)
    np.testing.assert_allclose([d.get_ydata()[0] for d in dashed], [np.pi, 2 * np.pi - 1.0])
    np.testing.assert_array_equal(below.lines[0].get_ydata(), length)
    assert above.get_xlim() == (0.0, 50.0)
    assert [tick.get_text() for tick in above.get_yticklabels()][2] == "π"
    population_vector(t[:1], angle[:1], length[:1]).canvas.draw()


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"rates have shape \(3,\)"):
        rate_map(np.zeros(3), 1.0)
    with pytest.raises(ValueError, match=r"there are 4 neurons\. Pass one direction"):
        rate_map(np.zeros((3, 4)), 1.0, np.zeros(3))
    with pytest.raises(ValueError, match=r"there are 3 bins\. Pass one angle"):
        rate_map(np.zeros((3, 4)), 1.0, np.zeros(4), angle=np.zeros(4))
    with pytest.raises(ValueError, match="the directions of the neurons"):
        rate_map(np.zeros((3, 4)), 1.0, angle=np.zeros(3))
    with pytest.raises(ValueError, match="cue 'A' is from"):
        rate_map(np.zeros((3, 4)), 1.0, cues=[(1.0, 1.0, "A")])
    with pytest.raises(ValueError, match=r"angle \(2,\), length \(3,\)"):
        population_vector(np.zeros(3), np.zeros(2), np.zeros(3))
