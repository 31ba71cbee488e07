import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from jaxneuro.plotting import network_graph
from jaxneuro.plotting._palette import EXCITATORY, INHIBITORY

PLACES = np.asarray([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]])
PRE, POST = np.asarray([0, 1, 2, 3, 0]), np.asarray([1, 0, 3, 1, 2])


def ends_of(axes):
    """Start, end and colour of each line that an axes shows."""
    (lines,) = [c for c in axes.collections if hasattr(c, "get_segments")]
    colours = [tuple(colour[:3]) for colour in lines.get_colors()]
    segments = lines.get_segments()
    return sorted(
        (*map(float, s[0]), *map(float, s[-1]), c) for s, c in zip(segments, colours, strict=True)
    )


def test_every_synapse_runs_from_its_source_to_its_target_in_the_source_s_colour():
    is_inhibitory = np.asarray([False, True, False, False])
    figure = network_graph(
        jnp.asarray(PRE),
        jnp.asarray(POST),
        positions=jnp.asarray(PLACES),
        is_inhibitory=is_inhibitory,
        title="four",
    )
    figure.canvas.draw()
    (axes,) = figure.axes
    colours = [to_rgba(INHIBITORY if kind else EXCITATORY)[:3] for kind in is_inhibitory]
    wanted = sorted((*PLACES[a], *PLACES[b], colours[a]) for a, b in zip(PRE, POST, strict=True))
    assert ends_of(axes) == wanted
    assert axes.get_title("left") == "5 of 5 synapses drawn"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["excitatory (n = 3)", "inhibitory (n = 1)"]
    assert figure.get_suptitle() == "four"
    assert axes.get_aspect() == 1.0


def test_both_ways_are_apart():
    (axes,) = network_graph(PRE[:2], POST[:2], positions=PLACES).axes
    one, two = axes.collections[0].get_segments()
    # The middles of 0 -> 1 and 1 -> 0 lie on both sides of the straight line.
    assert one[6, 1] * two[6, 1] < 0
    assert not network_graph(PRE, POST, positions=PLACES).legends


def test_layers_are_columns():
    layer = np.asarray([1, 0, 1, 1, 0, 1])
    figure = network_graph(PRE, POST, layer=layer, names=("in", "out"))
    figure.canvas.draw()
    (axes,) = figure.axes
    (dots,) = [c for c in axes.collections if not hasattr(c, "get_segments")]
    places = np.asarray(dots.get_offsets())
    np.testing.assert_array_equal(places[:, 0], layer)
    # In each column from the top down; the largest from 1 to 0.
    assert places[layer == 1, 1].tolist() == pytest.approx([1.0, 2 / 3, 1 / 3, 0.0])
    assert np.diff(places[layer == 0, 1]) == pytest.approx([-np.sqrt(0.5)])
    assert [text.get_text() for text in axes.texts] == ["in\nn = 2", "out\nn = 4"]


def test_a_share_of_the_synapses():
    rng = np.random.default_rng(0)
    pre, post = rng.integers(0, 50, (2, 5000))
    places = rng.random((50, 2))

    def drawn(**options):
        return ends_of(network_graph(pre, post, positions=places, **options).axes[0])

    assert len(drawn()) == 2000
    assert len(drawn(share=1.0)) == 5000
    assert len(drawn(share=0.1)) == 500
    assert drawn(share=0.1) == drawn(share=0.1)
    (axes,) = network_graph(pre, post, positions=places, share=0.1).axes
    assert axes.get_title("left") == "500 of 5,000 synapses drawn"
    none = np.zeros(0, int)
    figure = network_graph(none, none, positions=places)
    figure.canvas.draw()
    assert figure.axes[0].get_title("left") == "0 of 0 synapses drawn"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "pass either the positions of the neurons or their layers"),
        ({"positions": PLACES, "layer": PRE}, "pass either the positions"),
        ({"positions": PLACES[:, 0]}, r"positions have shape \(4,\); pass x and y"),
        ({"layer": PLACES}, r"layer has shape \(4, 2\)"),
        ({"layer": PLACES[:, 0]}, r"layer has shape \(4,\) and dtype float64"),
        ({"positions": PLACES[:3]}, "a synapse joins neuron 3, but there are 3 neurons"),
        ({"positions": PLACES, "share": 0.0}, r"share is 0\.0; it must be in \(0, 1\]"),
        ({"positions": PLACES, "is_inhibitory": np.ones(4)}, "is_inhibitory has shape .* float64"),
        ({"positions": PLACES, "is_inhibitory": np.ones(3, bool)}, r"each of the 4 neurons"),
        ({"layer": np.asarray([0, 0, 1, 1]), "names": ("a",)}, "there are 1 names for 2 layers"),
    ],
)
def test_refuses_what_does_not_fit(options, message):
    with pytest.raises(ValueError, match=f"network_graph: .*{message}|network_graph: {message}"):
        network_graph(PRE, POST, **options)


def test_refuses_lists_of_unequal_length():
    with pytest.raises(ValueError, match=r"pre has shape \(5,\) and post \(4,\)"):
        network_graph(PRE, POST[:4], positions=PLACES)
