import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import AveragePool, Conv, MaxPool


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def correlate(image, weight, stride, padding):
    """Two-dimensional correlation by its definition: a sum over the window at each output."""
    kernel = weight.shape[:2]
    lengths = [-(-n // stride) for n in image.shape[:2]]
    if padding == "SAME":
        total = [
            max((m - 1) * stride + k - n, 0)
            for m, k, n in zip(lengths, kernel, image.shape, strict=False)
        ]
        image = np.pad(image, [(t // 2, t - t // 2) for t in total] + [(0, 0)])
    else:
        lengths = [(n - k) // stride + 1 for n, k in zip(image.shape, kernel, strict=False)]
    output = np.zeros((*lengths, weight.shape[-1]))
    for i in range(lengths[0]):
        for j in range(lengths[1]):
            window = image[i * stride :, j * stride :][: kernel[0], : kernel[1]]
            output[i, j] = np.einsum("hwc,hwco->o", window, weight)
    return output


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4)])
def test_two_axes(kernel, stride, padding, rng, x64):
    series, weight = rng.normal(size=(2, 7, 8, 3)), rng.normal(size=(*kernel, 3, 5))
    conv = Conv(5, kernel, stride, padding)
    events = conv.propagate(jnp.asarray(weight), jnp.asarray(series))
    wanted = np.stack([correlate(image, weight, stride, padding) for image in series])
    np.testing.assert_allclose(events, wanted, rtol=1e-12, atol=1e-13)
    assert conv.output_shape((7, 8, 3)) == wanted.shape[1:]


@pytest.mark.parametrize(("stride", "padding"), [(1, "VALID"), (1, "SAME"), (2, "SAME")])
def test_one_axis(stride, padding, rng, x64):
    series, weight = rng.normal(size=(3, 9, 2)), rng.normal(size=(4, 2, 5))
    events = Conv(5, 4, stride, padding).propagate(jnp.asarray(weight), jnp.asarray(series))
    wanted = [correlate(s[:, None], weight[:, None], stride, padding)[:, 0] for s in series]
    np.testing.assert_allclose(events, np.stack(wanted), rtol=1e-12, atol=1e-13)


def test_a_missing_channel_axis_is_one_channel(rng):
    series = jnp.asarray(rng.normal(size=(2, 5, 5)), float)
    conv, weight = Conv(3, (2, 2)), jnp.asarray(rng.normal(size=(2, 2, 1, 3)), float)
    assert conv.weight_shape((5, 5)) == conv.weight_shape((5, 5, 1)) == weight.shape
    with_axis = conv.propagate(weight, series[..., None])
    np.testing.assert_array_equal(conv.propagate(weight, series), with_axis)
    assert with_axis.shape == (2, 4, 4, 3)


@pytest.mark.parametrize(("pool", "of"), [(AveragePool, np.mean), (MaxPool, np.max)])
@pytest.mark.parametrize(
    ("window", "shape"), [((2, 3), (5, 7, 2)), ((2, 2), (4, 4)), (3, (10, 2)), ((4,), (4,))]
)
def test_pools(pool, of, window, shape, rng, x64):
    series = rng.normal(size=(2, *shape))
    lengths = window if isinstance(window, tuple) else (window,)
    wanted = series
    for axis, w in enumerate(lengths, start=1):
        count = wanted.shape[axis] // w  # what is left over is dropped
        cut = np.take(wanted, range(count * w), axis)
        split = cut.reshape(*cut.shape[:axis], count, w, *cut.shape[axis + 1 :])
        wanted = of(split, axis=axis + 1)
    events = pool(window).propagate(None, jnp.asarray(series))
    np.testing.assert_allclose(events, wanted, rtol=1e-12)
    assert pool(window).output_shape(shape) == wanted.shape[1:]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv(2, (3, 3, 3)), r"kernel \(3, 3, 3\) has 3 axes, not 1 or 2"),
        (lambda: Conv(2, (3, 3), padding="same"), "padding is 'same', not one of .*'SAME'"),
        (lambda: Conv(2, (3, 3), stride=0), "stride is 0; it takes whole numbers >= 1"),
        (lambda: Conv(2, (3, 0)), "kernel is 0"),
        (lambda: Conv(0, (3, 3)), "channels is 0"),
        (lambda: Conv(2, (9, 3)).output_shape((8, 8)), r"\(9, 3\) is larger than .*\(8, 8\)"),
        # The likeliest misuse: one length for an image.
        (
            lambda: Conv(2, 5).output_shape((28, 28, 1)),
            r"its kernel has 1 axes, .*\(28, 28, 1\)\. For images pass a kernel such as \(5, 5\)",
        ),
        (
            lambda: MaxPool(2).output_shape((28, 28, 1)),
            r"MaxPool: its window has 1 axes.* window such as \(2, 2\)",
        ),
        (lambda: Conv(2, (3, 3)).output_shape((5,)), r"kernel has 2 axes, .* is \(5,\)\.$"),
        (lambda: AveragePool((5, 2)).output_shape((4, 4)), r"\(5, 2\) is larger"),
        (lambda: AveragePool((0, 2)), r"AveragePool: window is \(0, 2\)"),
        (lambda: MaxPool(0), r"MaxPool: window is \(0,\)"),
    ],
)
def test_misuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()
