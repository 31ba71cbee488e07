import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.plotting import conductances

T = np.arange(1.0, 101.0)
V = -60.0 + 5.0 * np.sin(T / 9.0)
G = {"exc": 2.0 + np.cos(T / 5.0), "inh": jnp.linspace(0.0, 4.0, 100)}
E_REV = {"exc": 0.0, "inh": -62.0}


def test_currents_are_conductance_times_driving_force():
    figure = conductances(T, V, G, E_REV, spikes=[20.0, 70.0], threshold=-50.0, title="cell")
    figure.canvas.draw()
    top, middle, bottom = figure.axes
    np.testing.assert_array_equal(top.lines[0].get_ydata(), V)
    by_name = {line.get_label(): line.get_ydata() for line in bottom.lines}
    for name, g in G.items():
        np.testing.assert_allclose(by_name[name], np.asarray(g) * (E_REV[name] - V), rtol=1e-6)
    np.testing.assert_allclose(by_name["sum"], by_name["exc"] + by_name["inh"])
    np.testing.assert_array_equal(middle.lines[0].get_ydata(), G["exc"])
    assert [axes.get_ylabel() for axes in figure.axes] == ["v (mV)", "g (nS)", "I (pA)"]
    # Spikes begin at the threshold, above the trace.
    segments = top.collections[0].get_segments()
    assert [(s[0, 0], s[:, 1].min()) for s in segments] == [(20.0, -50.0), (70.0, -50.0)]
    # Only the reversal potential in view is marked.
    assert sorted(text.get_text() for text in top.texts) == ["E inh", "threshold"]
    for axes in (middle, bottom):
        assert axes.get_legend().get_window_extent().x0 > axes.get_window_extent().x1
    assert figure.get_suptitle() == "cell"


def test_one_conductance_without_units_and_a_cue():
    figure = conductances(
        T, V, {"g": G["exc"]}, {"g": 0.0}, units=("mV", "", ""), cues=[(5.0, 9.0, "cue")]
    )
    figure.canvas.draw()
    strip, _, middle, bottom = figure.axes
    assert middle.get_ylabel() == "g"
    assert "sum" not in [line.get_label() for line in bottom.lines]
    assert [text.get_text() for text in strip.texts] == ["cue"]


def test_a_constant_potential_and_a_single_time_are_drawn():
    conductances(T, np.full(100, -60.0), G, E_REV, spikes=[3.0]).canvas.draw()
    conductances(T[:1], V[:1], {"g": G["exc"][:1]}, {"g": 0.0}).canvas.draw()


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"t has shape \(100,\), v \(100, 2\)"):
        conductances(T, np.zeros((100, 2)), G, E_REV)
    with pytest.raises(ValueError, match=r"'exc' has shape \(99,\), but t \(100,\)"):
        conductances(T, V, {"exc": np.zeros(99)}, E_REV)
    with pytest.raises(ValueError, match="'inh' has no reversal potential; e_rev has exc"):
        conductances(T, V, G, {"exc": 0.0})
    with pytest.raises(ValueError, match="at least one conductance"):
        conductances(T, V, {}, {})
