import numpy as np
import pytest

from jaxneuro.plotting import receptive_fields


def test_every_neuron_is_an_image_in_the_order_of_the_classes():
    weights = np.zeros((6, 3))
    weights[:, 0], weights[:, 1], weights[:, 2] = 1.0, 2.0, 3.0
    figure = receptive_fields(weights, (2, 3), np.array([2, 0, -1]))
    (axes, _) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["–", "0", "2"]
    mosaic = np.asarray(axes.images[0].get_array().filled(np.nan))
    assert mosaic.shape == (5, 7)
    assert mosaic[0, 0] == 3.0
    assert mosaic[0, 4] == 2.0
    assert mosaic[3, 0] == 1.0
    assert np.isnan(mosaic[2]).all()


def test_pixels_that_are_no_image_are_refused():
    with pytest.raises(ValueError, match="6 pixels, but an image of 2 x 2 has 4"):
        receptive_fields(np.zeros((6, 2)), (2, 2))
