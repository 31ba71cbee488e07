import jax
import jax.core
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, PRNGKeyArray, Real

Amount = float | int | Real[Array, ""]


def affine(
    images: Float[Array, "batch height width"],
    linear: Float[Array, "batch 2 2"],
    shift: Float[Array, "batch 2"],
) -> Float[Array, "batch height width"]:
    """Resample each image through an affine map of its own, bilinear, zero outside.

    out[p] = in[linear (p - centre - shift) + centre], with p = (row, column) and the centre
    between the middle pixels. `linear` leads from the new image to the old one: it is the inverse
    of what the content is seen to do.

    **Arguments:**

    - `images`: the batch.
    - `linear`: the linear part of the map of each image.
    - `shift`: how far the content moves (down, right), pixels.

    **Returns:** the new images, of the same shape and type.

    >>> import jax.numpy as jnp
    >>> image = jnp.arange(4.0).reshape(1, 2, 2)
    >>> affine(image, jnp.eye(2)[None], jnp.array([[1.0, 0.0]]))[0].tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    return jax.vmap(_resample)(images, linear, shift)


def random_affine(
    key: PRNGKeyArray,
    images: Float[Array, "batch height width"],
    *,
    shift: Amount = 0.0,
    rotation: Amount = 0.0,
    scale: Amount = 0.0,
    shear: Amount = 0.0,
) -> Float[Array, "batch height width"]:
    """Move, turn, resize and slant each image at random, each by a map of its own.

    The content is sheared along its rows, x + h y, resized by the factor z, turned, then moved,
    with h, z - 1, the angle and both shifts uniform in ± the amounts given. One amount does not
    change what is drawn for the others. All amounts may be traced.

    **Arguments:**

    - `key`: the same key gives the same maps.
    - `images`: as in `affine`.
    - `shift`: largest movement along each axis, pixels.
    - `rotation`: largest angle, degrees.
    - `scale`: largest change of size, as a fraction in [0, 1).
    - `shear`: largest slant, columns per row.

    **Returns:** as in `affine`.

    **Raises:** `ValueError` when an amount is negative or `scale` is not below 1.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> images = jnp.ones((5, 28, 28))
    >>> random_affine(jax.random.key(0), images, shift=2.0, rotation=15.0).shape
    (5, 28, 28)
    """
    _check_amounts(shift=shift, rotation=rotation, scale=scale, shear=shear)
    dtype = images.dtype
    draws = jax.random.uniform(key, (len(images), 5), dtype, minval=-1.0, maxval=1.0).T
    angle = draws[0] * jnp.deg2rad(jnp.asarray(rotation, dtype))
    zoom = 1.0 + draws[1] * jnp.asarray(scale, dtype)
    slant = draws[2] * jnp.asarray(shear, dtype)
    movement = draws[3:].T * jnp.asarray(shift, dtype)
    return affine(images, _inverse_map(angle, zoom, slant), movement)


def _inverse_map(
    angle: Float[Array, " batch"], zoom: Float[Array, " batch"], slant: Float[Array, " batch"]
) -> Float[Array, "batch 2 2"]:
    cos, sin = jnp.cos(angle) / zoom, jnp.sin(angle) / zoom
    rows = jnp.stack([cos, -sin], axis=-1)
    columns = jnp.stack([sin, cos], axis=-1)
    return jnp.stack([rows, columns - slant[:, None] * rows], axis=-2)


def _resample(
    image: Float[Array, "height width"], linear: Float[Array, "2 2"], shift: Float[Array, "2"]
) -> Float[Array, "height width"]:
    height, width = image.shape
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    row = (jnp.arange(height, dtype=image.dtype) - middle_row - shift[0])[:, None]
    column = (jnp.arange(width, dtype=image.dtype) - middle_column - shift[1])[None, :]
    old_row = linear[0, 0] * row + linear[0, 1] * column + middle_row
    old_column = linear[1, 0] * row + linear[1, 1] * column + middle_column
    # On XLA:CPU faster than gathers from padded images, interpolation matrices and two passes;
    # gathers of complex pixel pairs are as fast when called alone, but slower inside a scan.
    return map_coordinates(image, [old_row, old_column], order=1, mode="constant", cval=0.0)


def _check_amounts(**amounts: Amount) -> None:
    for name, amount in amounts.items():
        if isinstance(amount, jax.core.Tracer):
            continue
        limit = 1 if name == "scale" else jnp.inf
        if not 0 <= float(amount) < limit:
            raise ValueError(
                f"random_affine: {name} is {amount}. Pass a number in [0, {limit}); it is the "
                "largest change, in either direction."
            )
