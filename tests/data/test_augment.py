import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxneuro.data import affine, random_affine

AMOUNTS = {"shift": 2.0, "rotation": 20.0, "scale": 0.15, "shear": 0.2}


def blob(row, column, width=1.5, side=28):
    """A Gaussian spot whose distance from the middle of the image is (row, column)."""
    axis = np.arange(side) - (side - 1) / 2
    image = np.exp(-((axis[:, None] - row) ** 2 + (axis[None, :] - column) ** 2) / (2 * width**2))
    return image.astype(np.float32)


def centroids(images):
    images = np.asarray(images, np.float64)
    axis = np.arange(images.shape[-1]) - (images.shape[-1] - 1) / 2
    mass = images.sum(axis=(1, 2))
    return (images.sum(axis=2) @ axis) / mass, (images.sum(axis=1) @ axis) / mass


def test_zero_amounts_are_the_identity(getkey):
    images = jax.random.uniform(getkey(), (5, 28, 20))
    np.testing.assert_array_equal(random_affine(getkey(), images), images)


@pytest.mark.parametrize("move", [(0, 0), (3, 0), (0, -2), (-4, 5), (40, 0)])
def test_whole_pixel_shift_is_exact(getkey, move):
    image = np.asarray(jax.random.uniform(getkey(), (28, 20)))
    moved = affine(jnp.asarray(image)[None], jnp.eye(2)[None], jnp.array([move], jnp.float32))[0]
    padded = np.pad(image, 40)
    expected = padded[40 - move[0] : 68 - move[0], 40 - move[1] : 60 - move[1]]
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("side", [7, 28])
def test_quarter_turn_is_exact(getkey, side):
    images = jax.random.uniform(getkey(), (2, side, side))
    quarter = jnp.array([[[0.0, 1.0], [-1.0, 0.0]], [[0.0, -1.0], [1.0, 0.0]]])
    turned = affine(images, quarter, jnp.zeros((2, 2)))
    np.testing.assert_array_equal(turned[0], np.rot90(images[0]))
    np.testing.assert_array_equal(turned[1], np.rot90(images[1], -1))


def test_affine_agrees_with_scipy(getkey):
    images = np.asarray(jax.random.uniform(getkey(), (4, 12, 17)), np.float64)
    linear = np.eye(2) + 0.4 * np.asarray(jax.random.normal(getkey(), (4, 2, 2)), np.float64)
    shift = 2.0 * np.asarray(jax.random.normal(getkey(), (4, 2)), np.float64)
    centre = np.array([5.5, 8.0])
    expected = [
        ndimage.affine_transform(
            image, matrix, centre - matrix @ (centre + move), order=1, mode="grid-constant"
        )
        for image, matrix, move in zip(images, linear, shift, strict=True)
    ]
    with jax.enable_x64(True):
        ours = affine(jnp.asarray(images), jnp.asarray(linear), jnp.asarray(shift))
        assert ours.dtype == jnp.float64
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


def test_mass_is_kept_by_what_keeps_area(getkey):
    images = jnp.stack([jnp.asarray(blob(2.0, -3.0))] * 64)
    out = random_affine(getkey(), images, shift=2.0, rotation=30.0, shear=0.2)
    # Bilinear resampling of a spot 1.5 pixels wide errs by less than 1 %.
    np.testing.assert_allclose(out.sum(axis=(1, 2)), images.sum(axis=(1, 2)), rtol=0.01)


def test_shift_moves_both_ways_up_to_its_limit(getkey):
    images = jnp.stack([jnp.asarray(blob(0.0, 0.0))] * 256)
    for middle in centroids(random_affine(getkey(), images, shift=3.0)):
        assert -3.01 < middle.min() < -2.5
        assert 2.5 < middle.max() < 3.01
        assert abs(middle.mean()) < 0.5


def test_rotation_turns_both_ways_up_to_its_limit(getkey):
    images = jnp.stack([jnp.asarray(blob(0.0, 8.0))] * 256)
    row, column = centroids(random_affine(getkey(), images, rotation=20.0))
    np.testing.assert_allclose(np.hypot(row, column), 8.0, rtol=0.01)
    angle = np.rad2deg(np.arctan2(row, column))
    assert -20.2 < angle.min() < -18.0
    assert 18.0 < angle.max() < 20.2


def test_scale_grows_and_shrinks_up_to_its_limit(getkey):
    images = jnp.stack([jnp.asarray(blob(0.0, 8.0))] * 256)
    row, column = centroids(random_affine(getkey(), images, scale=0.25))
    np.testing.assert_allclose(row, 0.0, atol=1e-3)
    assert 0.749 < column.min() / 8.0 < 0.78
    assert 1.22 < column.max() / 8.0 < 1.251


def test_shear_slants_rows_and_keeps_columns(getkey):
    images = jnp.stack([jnp.asarray(blob(8.0, 0.0))] * 256)
    row, column = centroids(random_affine(getkey(), images, shear=0.25))
    np.testing.assert_allclose(row, 8.0, atol=0.02)
    assert -0.253 < column.min() / 8.0 < -0.22
    assert 0.22 < column.max() / 8.0 < 0.253


def test_one_key_one_result_and_another_key_another(getkey):
    key, images = getkey(), jnp.stack([jnp.asarray(blob(3.0, 5.0))] * 8)
    first, again = (random_affine(key, images, **AMOUNTS) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = random_affine(getkey(), images, **AMOUNTS)
    assert all(float(jnp.abs(a - b).max()) > 0.01 for a, b in zip(first, other, strict=True))
    assert len({np.asarray(image).tobytes() for image in first}) == 8


def test_an_amount_leaves_the_draws_of_the_others_alone(getkey):
    key, images = getkey(), jnp.stack([jnp.asarray(blob(0.0, 0.0))] * 16)
    alone = centroids(random_affine(key, images, shift=3.0))
    together = centroids(random_affine(key, images, shift=3.0, rotation=30.0, scale=0.1))
    # The spot sits on the fixed point of rotation and scale; other draws would differ by pixels,
    # interpolation differs by hundredths.
    np.testing.assert_allclose(together, alone, atol=0.05)


def test_jit_with_traced_amounts_agrees_and_compiles_once(getkey):
    key, images = getkey(), jax.random.uniform(getkey(), (6, 28, 28))
    traces = []

    @jax.jit
    def augment(key, images, amounts):
        traces.append(None)
        return random_affine(key, images, **amounts)

    for factor in (1.0, 0.5):
        amounts = {name: factor * amount for name, amount in AMOUNTS.items()}
        plain = random_affine(key, images, **amounts)
        # The compiled coordinates are rounded differently, 1e-6 pixel times slopes of 1.
        np.testing.assert_allclose(augment(key, images, amounts), plain, atol=2e-5)
    assert len(traces) == 1


@pytest.mark.parametrize("amounts", [{"shift": -1.0}, {"scale": 1.0}, {"rotation": float("nan")}])
def test_refuses_amounts_without_a_meaning(getkey, amounts):
    (name,) = amounts
    with pytest.raises(ValueError, match=f"random_affine: {name} is"):
        random_affine(getkey(), jnp.zeros((1, 4, 4)), **amounts)
