import math
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._connectivity import AbstractConnectivity
from ._patches import patch_convolution

Padding = Literal["VALID", "SAME"]
_LETTERS = {1: "W", 2: "HW"}


def _lengths(value: Any) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


class Conv(AbstractConnectivity):
    """Convolution over one or two spatial axes, channels last; weight `(*kernel, in, out)`.

    A source without a channel axis, such as `(28, 28)`, counts as one channel.

    **Arguments:**

    - `channels`: number of output channels.
    - `kernel`: its lengths: `5` or `(5,)` for one axis, `(5, 5)` for two.
    - `stride`: the same for all axes.
    - `padding`: `"VALID"` or `"SAME"`.
    """

    channels: int = eqx.field(static=True)
    kernel: tuple[int, ...] = eqx.field(static=True, converter=_lengths)
    stride: int = eqx.field(static=True, default=1)
    padding: Padding = eqx.field(static=True, default="VALID")

    def __check_init__(self):
        if len(self.kernel) not in _LETTERS:
            raise ValueError(f"Conv: kernel {self.kernel} has {len(self.kernel)} axes, not 1 or 2.")
        if self.padding not in get_args(Padding):
            raise ValueError(f"Conv: padding is {self.padding!r}, not one of {get_args(Padding)}.")
        numbers = {"channels": self.channels, "kernel": min(self.kernel), "stride": self.stride}
        for name, number in numbers.items():
            if not isinstance(number, int) or number < 1:
                raise ValueError(f"Conv: {name} is {number!r}; it takes whole numbers >= 1.")

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        spatial = _with_channels(source_shape, len(self.kernel), "Conv")[:-1]
        return (*_windows(spatial, self.kernel, self.stride, self.padding), self.channels)

    def weight_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        channels = _with_channels(source_shape, len(self.kernel), "Conv")[-1]
        return (*self.kernel, channels, self.channels)

    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        return math.prod(self.weight_shape(source_shape)[:-1])

    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*(1,) * len(self.kernel), self.channels)

    def propagate(
        self, weight: Float[Array, "..."], signals: Float[Array, "time ..."]
    ) -> Float[Array, "time ..."]:
        axes = len(self.kernel)
        letters = _LETTERS[axes]
        shape = _with_channels(signals.shape[1:], axes, "Conv")
        if jax.default_backend() == "cpu":
            return patch_convolution(signals.reshape(-1, *shape), weight, self.stride, self.padding)
        return jax.lax.conv_general_dilated(
            signals.reshape(-1, *shape),
            weight,
            window_strides=(self.stride,) * axes,
            padding=self.padding,
            dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        )


class AveragePool(AbstractConnectivity):
    """Mean over windows of the spatial axes, channels last; no weight.

    **Arguments:**

    - `window`: its lengths, one per spatial axis; also the stride. What is left over at the
      far border is dropped.
    """

    window: tuple[int, ...] = eqx.field(static=True, converter=_lengths)

    def __check_init__(self):
        _check_window(self.window, "AveragePool")

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return _pooled_shape(source_shape, self.window, "AveragePool")

    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.output_shape(source_shape)

    def weight_shape(self, source_shape: tuple[int, ...]) -> None:
        return None

    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        return 1

    def propagate(
        self, weight: None, signals: Float[Array, "time ..."]
    ) -> Float[Array, "time ..."]:
        return _grouped(signals, self.window, "AveragePool").mean(_window_axes(self.window))


class MaxPool(AbstractConnectivity):
    """Maximum over windows of the spatial axes, channels last; no weight.

    **Arguments:** as in `AveragePool`.
    """

    window: tuple[int, ...] = eqx.field(static=True, converter=_lengths)

    def __check_init__(self):
        _check_window(self.window, "MaxPool")

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return _pooled_shape(source_shape, self.window, "MaxPool")

    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.output_shape(source_shape)

    def weight_shape(self, source_shape: tuple[int, ...]) -> None:
        return None

    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        return 1

    def propagate(
        self, weight: None, signals: Float[Array, "time ..."]
    ) -> Float[Array, "time ..."]:
        return _grouped(signals, self.window, "MaxPool").max(_window_axes(self.window))


def _with_channels(shape: tuple[int, ...], axes: int, what: str) -> tuple[int, ...]:
    if len(shape) == axes:
        return (*shape, 1)
    if len(shape) == axes + 1:
        return shape
    kind, other = ("kernel", "(5, 5)") if what == "Conv" else ("window", "(2, 2)")
    hint = f" For images pass a {kind} such as {other}." if axes == 1 else ""
    raise ValueError(
        f"{what}: its {kind} has {axes} axes, so the source must have as many, with or without a "
        f"last axis of channels, but its shape is {shape}.{hint}"
    )


def _windows(
    spatial: tuple[int, ...], kernel: tuple[int, ...], stride: int, padding: Padding
) -> tuple[int, ...]:
    if padding == "SAME":
        return tuple(-(-length // stride) for length in spatial)
    lengths = tuple((n - k) // stride + 1 for n, k in zip(spatial, kernel, strict=True))
    if min(lengths) < 1:
        raise ValueError(f"Conv: kernel {kernel} is larger than the source {spatial}.")
    return lengths


def _check_window(window: tuple[int, ...], what: str) -> None:
    if not window or not all(isinstance(length, int) and length >= 1 for length in window):
        raise ValueError(f"{what}: window is {window}; it takes whole numbers >= 1, one per axis.")


def _pooled_shape(shape: tuple[int, ...], window: tuple[int, ...], what: str) -> tuple[int, ...]:
    full = _with_channels(shape, len(window), what)
    lengths = tuple(n // w for n, w in zip(full[:-1], window, strict=True))
    if min(lengths) < 1:
        raise ValueError(f"{what}: window {window} is larger than the source {shape}.")
    return (*lengths, full[-1]) if len(shape) > len(window) else lengths


def _grouped(signals: Array, window: tuple[int, ...], what: str) -> Array:
    """`(time, h, w, c)` to `(time, h/a, a, w/b, b, c)`, the rest at the border cut off."""
    pooled = _pooled_shape(signals.shape[1:], window, what)
    split: list[int] = []
    for axis, w in enumerate(window):
        signals = jax.lax.slice_in_dim(signals, 0, pooled[axis] * w, axis=axis + 1)
        split += [pooled[axis], w]
    return jnp.reshape(signals, (signals.shape[0], *split, *pooled[len(window) :]))


def _window_axes(window: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(2 + 2 * axis for axis in range(len(window)))
