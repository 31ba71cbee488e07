import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import same_color, to_rgba

from jaxneuro.plotting import population_raster
from jaxneuro.plotting._palette import EXCITATORY, GREEN, INHIBITORY

SPIKES = {
    "exc": [np.array([3.0, 8.0]), jnp.asarray([5.0]), np.array([])],
    "inh": [np.array([5.5, 10.0])],
}


def points(axes):
    (line,) = axes.lines
    return sorted(zip(*(np.asarray(x, float).tolist() for x in line.get_data()), strict=True))


def test_each_population_has_a_panel_and_a_colour():
    figure = population_raster(SPIKES, (0.0, 10.0), bin=2.5, title="two")
    figure.canvas.draw()
    exc, inh, rates = figure.axes
    assert points(exc) == [(3.0, 0.0), (5.0, 1.0), (8.0, 0.0)]
    assert points(inh) == [(5.5, 0.0), (10.0, 0.0)]
    assert exc.get_title("left") == "exc (n = 3): 100 Hz"
    assert rates.get_xlabel() == "Time (ms)"
    assert figure.get_suptitle() == "two"
    values, edges, _ = rates.patches[0].get_data()
    np.testing.assert_allclose(edges, [0.0, 2.5, 5.0, 7.5, 10.0])
    # Spikes of 3 neurons in 2.5 ms; the last bin holds its end.
    np.testing.assert_allclose(values, np.array([0, 1, 1, 1]) / 3 * 400.0)
    np.testing.assert_allclose(rates.patches[1].get_data()[0], [0, 0, 400, 400])
    for axes, patch in zip((exc, inh), rates.patches, strict=True):
        assert same_color(axes.lines[0].get_color(), patch.get_edgecolor())
    tops = [axes.get_position().y1 for axes in figure.axes]
    assert tops == sorted(tops, reverse=True)


def test_the_window_cuts_spikes_and_rates():
    exc, _, rates = population_raster(SPIKES, (4.0, 9.0)).axes
    assert points(exc) == [(5.0, 1.0), (8.0, 0.0)]
    assert rates.get_xlim() == (4.0, 9.0)
    assert "exc (n = 3): 133 Hz" in exc.get_title("left")


def test_cues_are_bands_in_every_panel_with_their_labels_above():
    cues = [(1.0, 2.0, "A"), (4.0, 6.0, "X"), (7.0, 8.0, "A")]
    figure = population_raster(SPIKES, (0.0, 10.0), cues=cues)
    figure.canvas.draw()
    strip, *panels = figure.axes
    assert sorted(text.get_text() for text in strip.texts) == ["A", "A", "X"]
    for axes in panels:
        bands = [patch for patch in axes.patches if hasattr(patch, "get_width")]
        assert [(band.get_x(), band.get_width()) for band in bands] == [(1, 1), (4, 2), (7, 1)]
        assert same_color(bands[0].get_facecolor(), bands[2].get_facecolor())
        assert not same_color(bands[0].get_facecolor(), bands[1].get_facecolor())
    assert strip.get_position().y0 > panels[0].get_position().y1


def test_labels_of_neighbouring_cues_do_not_overlap():
    cues = [(i * 1.0, i + 0.5, f"stimulus {i}") for i in range(4)]
    figure = population_raster(SPIKES, (0.0, 40.0), cues=cues[:2])
    figure.canvas.draw()
    one, two = (text.get_window_extent() for text in figure.axes[0].texts)
    assert not one.overlaps(two)


def test_thousands_of_neurons_are_thinned_and_it_says_so():
    rng = np.random.default_rng(0)
    many = {"exc": [np.sort(rng.uniform(0, 1000, 40)) for _ in range(8000)]}
    axes, rates = population_raster(many, (0.0, 1000.0)).axes
    assert len(axes.lines[0].get_xdata()) <= 150_000
    assert axes.get_title("left") == "exc (n = 8,000, every 3rd drawn): 40 Hz"
    np.testing.assert_allclose(rates.patches[0].get_data()[0].mean(), 40.0)


def test_silence_is_drawn():
    figure = population_raster({"quiet": [np.array([])] * 4}, (0.0, 5.0))
    figure.canvas.draw()
    assert figure.axes[0].get_title("left") == "quiet (n = 4): 0 Hz"


def test_misuse_is_named():
    with pytest.raises(ValueError, match="at least one population"):
        population_raster({}, (0.0, 1.0))
    with pytest.raises(ValueError, match="with neurons in each"):
        population_raster({"exc": []}, (0.0, 1.0))
    with pytest.raises(ValueError, match=r"window is from 2\.0 to 1\.0 ms"):
        population_raster(SPIKES, (2.0, 1.0))
    with pytest.raises(ValueError, match=r"bin is 20\.0 ms, but the window lasts 10 ms"):
        population_raster(SPIKES, (0.0, 10.0), bin=20.0)
    with pytest.raises(ValueError, match=r"cue 'A' is from 3\.0 to 1\.0 ms"):
        population_raster(SPIKES, (0.0, 10.0), cues=[(3.0, 1.0, "A")])


def test_the_first_two_have_the_colours_of_excitatory_and_inhibitory_neurons():
    spikes = {name: [np.array([1.0])] for name in ("exc", "inh", "other")}
    last = population_raster(spikes, (0.0, 2.0)).axes[-1]
    found = [to_rgba(patch.get_edgecolor()) for patch in last.patches]
    assert found == [to_rgba(colour) for colour in (EXCITATORY, INHIBITORY, GREEN)]
