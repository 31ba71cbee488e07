import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.plotting import raster


def spikes_of(axes):
    """The (time, neuron) pairs that an axes shows."""
    return sorted(
        (float(segment[0, 0]), float(segment[:, 1].mean()))
        for collection in axes.collections
        for segment in collection.get_segments()
    )


def test_a_spike_of_step_i_is_at_the_end_of_step_i():
    spikes = np.zeros((50, 4), np.float32)
    spikes[0, 3] = spikes[49, 1] = 1
    figure = raster({"hidden": jnp.asarray(spikes)}, 0.5, title="one example")
    figure.canvas.draw()
    (axes,) = figure.axes
    assert spikes_of(axes) == [(0.5, 3.0), (25.0, 1.0)]
    assert axes.get_xlim()[1] >= 25.0
    assert axes.get_xlabel() == "Time (ms)"
    assert axes.get_title("left") == "hidden (n = 4): 0.5 spikes per neuron"
    assert figure.get_suptitle() == "one example"


def test_few_steps_are_filled_cells():
    spikes = np.zeros((10, 4), np.float32)
    spikes[0, 3] = spikes[9, 1] = 1
    figure = raster({"hidden": jnp.asarray(spikes)}, 0.5)
    figure.canvas.draw()
    (picture,) = figure.axes[0].images
    filled = ~np.ma.getmaskarray(picture.get_array())
    assert [tuple(cell) for cell in np.argwhere(filled)] == [(1, 9), (3, 0)]
    assert list(picture.get_extent()) == [0.0, 5.0, -0.5, 3.5]


def test_no_spike_is_lost_among_thousands_of_neurons():
    spikes = np.zeros((4, 4608), np.float32)
    spikes[2, 4607] = 1
    (axes,) = raster({"hidden": spikes}, 1.0).axes
    cells = np.ma.filled(axes.images[0].get_array(), 0.0)
    assert np.argwhere(cells).tolist() == [[len(cells) - 1, 2]]
    assert len(cells) <= 64
    np.testing.assert_allclose(cells[-1, 2], 1 / 72)


def test_layers_keep_their_order_beside_the_image():
    layers = {name: np.eye(12)[:, :n] for name, n in (("z", 12), ("a", 3), ("m", 5))}
    image = np.arange(64.0).reshape(8, 8)
    figure = raster(layers, 1.0, image=image)
    figure.canvas.draw()
    assert [axes.get_title("left").split()[0] for axes in figure.axes[:3]] == ["z", "a", "m"]
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), image)
    tops = [axes.get_position().y1 for axes in figure.axes[:3]]
    assert tops == sorted(tops, reverse=True)


def test_graded_values_are_a_heat_map():
    values = np.linspace(0.0, 1.0, 60).reshape(20, 3)
    figure = raster({"input": values, "out": np.zeros((20, 2))}, 1.0)
    figure.canvas.draw()
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), values.T)
    assert "graded values" in figure.axes[0].get_title("left")


@pytest.mark.parametrize("shape", [(1, 1), (30, 10), (30, 2, 3, 4)])
def test_silence_says_so(shape):
    figure = raster({"quiet": np.zeros(shape, bool)}, 1.0)
    figure.canvas.draw()
    assert [text.get_text() for text in figure.axes[0].texts] == ["no spikes"]


def test_a_lone_spike_among_many_neurons_is_seen():
    spikes = np.zeros((50, 5000))
    spikes[20, 2500] = 1
    figure = raster({"conv": spikes}, 1.0)
    figure.canvas.draw()
    (axes,) = figure.axes
    (segment,) = axes.collections[0].get_segments()
    low, high = axes.transData.transform(segment)[:, 1]
    assert high - low > 1.5  # dots of the screen


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,)])
def test_refuses_a_layer_without_steps_or_neurons(shape):
    with pytest.raises(ValueError, match="layer 'odd' has shape"):
        raster({"odd": np.zeros(shape)}, 1.0)


def test_refuses_no_layers():
    with pytest.raises(ValueError, match="there are no layers"):
        raster({}, 1.0)
