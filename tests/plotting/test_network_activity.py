import numpy as np
import pytest

from jaxneuro.plotting import network_activity

SPIKES = {"exc": [np.array([0.1, 2.0, 3.5]), np.array([2.0])], "inh": [np.array([2.0, 2.1])]}


def heights(axes):
    return [patch.get_data().values for patch in axes.patches if hasattr(patch, "get_data")]


def test_rates_are_those_of_the_bins():
    (axes,) = network_activity(SPIKES, (0.0, 4.0), bin=1.0, title="one").axes
    whole, exc, inh = heights(axes)
    # A spike at 2 ms ends the step before it: it belongs to the second ms.
    np.testing.assert_allclose(exc, np.array([1, 2, 0, 1]) / 2 * 1000.0)
    np.testing.assert_allclose(inh, np.array([0, 1, 1, 0]) * 1000.0)
    np.testing.assert_allclose(whole, np.array([1, 3, 1, 1]) / 3 * 1000.0)
    assert axes.get_title("left") == "1 ms bins; all neurons: mean 500 Hz"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["all", "exc", "inh"]


def test_stimuli_have_a_panel_of_their_own_and_cues_a_strip():
    stimuli = {"light": [np.array([0.1, 3.1]), np.array([0.1])]}
    figure = network_activity(SPIKES, (0.0, 4.0), stimuli=stimuli, cues=[(1.0, 2.0, "tone")])
    figure.canvas.draw()
    strip, rates, events = figure.axes
    assert [text.get_text() for text in strip.texts] == ["tone"]
    np.testing.assert_array_equal(heights(events)[0], [2, 0, 0, 1])
    assert events.get_ylabel() == "Stimuli"
    assert rates.get_ylabel() == "Rate (Hz)"
    assert rates.get_xlim() == (0.0, 4.0)


def test_long_windows_have_longer_bins_and_one_population_no_total():
    (axes,) = network_activity({"exc": [np.array([])] * 3}, (0.0, 3000.0)).axes
    (rate,) = heights(axes)
    assert len(rate) == 600
    assert not rate.any()


def test_misuse_is_named():
    with pytest.raises(ValueError, match="network_activity: pass at least one population"):
        network_activity({}, (0.0, 1.0))
    with pytest.raises(ValueError, match=r"window from 2\.0 to 1\.0 ms has no bins"):
        network_activity(SPIKES, (2.0, 1.0))
    with pytest.raises(ValueError, match=r"has no bins of 9\.0 ms"):
        network_activity(SPIKES, (0.0, 4.0), bin=9.0)
    with pytest.raises(ValueError, match="cue 'a' is from"):
        network_activity(SPIKES, (0.0, 4.0), cues=[(2.0, 1.0, "a")])
