import numpy as np
import pytest

from jaxneuro.data import pool


def test_whole_squares_are_averaged():
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    wanted = images.reshape(3, 7, 4, 7, 4).mean((2, 4))
    np.testing.assert_allclose(pool(images, 7), wanted, rtol=1e-6)


def test_a_pixel_between_two_rectangles_is_shared():
    line = np.array([[[1.0, 2.0, 4.0]]]).repeat(3, axis=1)
    # 1.5 pixels each: a whole one, and half of the middle one.
    np.testing.assert_allclose(pool(line, 2)[0, 0], [(1 + 1) / 1.5, (1 + 4) / 1.5], rtol=1e-6)


def test_the_mean_is_kept():
    images = np.random.default_rng(1).random((5, 8, 11))
    for side in (1, 3, 7, 8):
        np.testing.assert_allclose(pool(images, side).mean((1, 2)), images.mean((1, 2)), rtol=1e-6)


def test_images_do_not_grow():
    with pytest.raises(ValueError, match="8 x 8 pixels cannot be averaged to a side of 9"):
        pool(np.zeros((1, 8, 8)), 9)
