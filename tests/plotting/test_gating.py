import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.neurons import HodgkinHuxley
from jaxneuro.plotting import gating_curves

V = np.linspace(-100.0, 40.0, 141)


def test_the_gates_of_a_neuron():
    gates = HodgkinHuxley().gates(jnp.asarray(V))
    figure = gating_curves(V, gates, title="Squid axon")
    figure.canvas.draw()
    steady, time = figure.axes
    for which, axes in enumerate((steady, time)):
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines) == ["m", "h", "n"]
        for name, line in lines.items():
            np.testing.assert_array_equal(line.get_xdata(), V)
            np.testing.assert_allclose(line.get_ydata(), gates[name][which], rtol=1e-6)
        assert axes.get_xlabel() == "v (mV)"
    assert time.get_ylabel() == "Time constant (ms)"
    assert time.get_yscale() == "log"  # from 0.04 to 8.6 ms
    assert figure.get_suptitle() == "Squid axon"
    legend = time.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["m", "h", "n"]
    assert legend.get_window_extent().x0 > time.bbox.x1


def test_constants_are_lines_and_near_ones_start_at_0():
    figure = gating_curves(V, {"a": (np.linspace(0, 1, 141), 3.0), "b": (0.5, 5.0)}, unit="")
    figure.canvas.draw()
    steady, time = figure.axes
    assert set(time.lines[0].get_ydata()) == {3.0}
    assert set(steady.lines[1].get_ydata()) == {0.5}
    assert time.get_yscale() == "linear"
    assert time.get_ylim()[0] == 0.0
    assert steady.get_xlabel() == "v"


def test_many_gates_have_a_colour_each():
    gates = {f"g{n}": (0.1 * n, 1.0 + n) for n in range(9)}
    assert len({line.get_color() for line in gating_curves(V, gates).axes[0].lines}) == 9


def test_refuses_what_does_not_belong_together():
    with pytest.raises(ValueError, match="nothing to draw"):
        gating_curves(V, {})
    with pytest.raises(ValueError, match=r"gate 'm' has values of shape \(3,\), but v has 141"):
        gating_curves(V, {"m": (np.zeros(3), 1.0)})
