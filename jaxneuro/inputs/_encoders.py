import math
from typing import Literal

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PRNGKeyArray


def rate_encode(
    key: PRNGKeyArray,
    values: Float[Array, "*shape"],
    *,
    steps: int,
    dt: float,
    max_rate: float,
) -> Float[Array, "time *shape"]:
    """Independent random spikes whose rate is proportional to the value.

    P(spike in a step) = values · max_rate · dt / 1000.

    Probabilities are resolved to 2⁻¹⁶ within a step and are dithered over steps, so that the mean
    rate is not rounded. Each step has its own key, so a longer series begins with the shorter one.

    **Arguments:**

    - `key`: random key.
    - `values`: intensities in [0, 1]. Values that are traced are not checked but clipped.
    - `steps`: number of steps.
    - `dt`: length of a step, ms.
    - `max_rate`: rate at value 1, Hz.

    **Returns:** spikes, 0 or 1, in the dtype of `values`.

    **Raises:** `ValueError` if a probability could exceed 1 or a value is outside [0, 1].

    !!! example

        ```python
        import jax
        import jax.numpy as jnp
        from jaxneuro.inputs import rate_encode

        pixels = jnp.array([0.0, 0.5, 1.0])
        spikes = rate_encode(jax.random.key(0), pixels, steps=1000, dt=1.0, max_rate=100.0)
        counts = spikes.sum(0)  # about [0, 50, 100]
        ```
    """
    highest = max_rate * dt / 1000.0
    if not 0.0 <= highest <= 1.0:
        raise ValueError(
            f"rate_encode: max_rate = {max_rate:g} Hz at dt = {dt:g} ms makes {highest:g} spikes "
            "a step, but a step holds between 0 and 1. Take a lower rate or a shorter dt."
        )
    _check_unit_interval("rate_encode", values)
    scaled = values.astype(jnp.float32) * (highest * 2**16)

    def draw(step):
        limit = jnp.floor(scaled + dither(step)).astype(jnp.int32)
        bits = _random_uint16(jax.random.fold_in(key, step), values.shape)
        return (bits.astype(jnp.int32) < limit).astype(values.dtype)

    return jax.vmap(draw)(jnp.arange(steps, dtype=jnp.uint32))


def latency_encode(
    values: Float[Array, "*shape"],
    *,
    steps: int,
    dt: float,
    tau: float,
    threshold: float,
    is_linear: bool = False,
) -> Float[Array, "time *shape"]:
    """One spike per value, the earlier the larger the value.

    t = tau log(x / (x - threshold)), the time a leaky integrator driven by x needs to reach
    threshold; linear: t = tau (1 - x), for values up to 1.

    The spike is put into the step that starts nearest to t. A value at or below threshold, or with
    t beyond the last step, gives none.

    **Arguments:**

    - `values`: intensities.
    - `steps`, `dt`: as in `rate_encode`.
    - `tau`: time constant, ms; in the linear code the latency of value 0.
    - `threshold`: in the unit of `values`, positive (0 is allowed in the linear code).
    - `is_linear`: whether latencies are linear in the value.

    **Returns:** spikes, 0 or 1, in the dtype of `values`.

    **Raises:** `ValueError` if `tau` or `threshold` is out of range.

    Reference: Zenke & Vogels (2021), Neural Comput. 33:899; Eshraghian et al. (2023), Proc. IEEE
    111:1016 (snnTorch).

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxneuro.inputs import latency_encode

        pixels = jnp.array([0.1, 0.5, 1.0])
        spikes = latency_encode(pixels, steps=20, dt=1.0, tau=20.0, threshold=0.2)
        first = spikes.argmax(0)  # [0 (no spike), 10, 4]
        ```
    """
    if not tau > 0 or not (threshold > 0 or (is_linear and threshold == 0)):
        raise ValueError(
            f"latency_encode: tau is {tau:g} ms and threshold {threshold:g}; both must be positive "
            "(a threshold of 0 is allowed with is_linear=True)."
        )
    is_reached = values > threshold
    reached = jnp.where(is_reached, values, 1.0 + threshold)
    latency = tau * (1.0 - reached) if is_linear else -tau * jnp.log1p(-threshold / reached)
    index = jnp.clip(jnp.round(latency / dt), 0, steps).astype(jnp.int32)
    index = jnp.where(is_reached, index, steps)
    clock = jnp.arange(steps, dtype=jnp.int32).reshape((steps,) + (1,) * values.ndim)
    return (clock == index[None]).astype(values.dtype)


def population_encode(
    values: Float[Array, "*shape"],
    *,
    neurons: int,
    lower: float,
    upper: float,
    width: float | None = None,
) -> Float[Array, "*shape neurons"]:
    """Each value as the activities of neurons with overlapping Gaussian receptive fields.

    a_i = exp(-(x - c_i)² / (2 width²)), c_i = lower + (2 i - 3) / 2 · (upper - lower) /
    (neurons - 2) for i = 1 … neurons: the first and last centre lie outside the range.

    **Arguments:**

    - `values`: values between `lower` and `upper`.
    - `neurons`: number of receptive fields per value, at least 3.
    - `lower`, `upper`: the range, in the unit of `values`.
    - `width`: standard deviation of a field, same unit; by default the distance between centres
      divided by 1.5, as in the reference.

    **Returns:** activities in [0, 1], to be given to `rate_encode` or `latency_encode`.

    **Raises:** `ValueError` if there are too few neurons, the range is empty or the width is not
    positive.

    Reference: Bohte, La Poutré & Kok (2002), IEEE Trans. Neural Netw. 13:426.

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxneuro.inputs import population_encode

        activity = population_encode(jnp.array([0.1, 0.9]), neurons=8, lower=0.0, upper=1.0)
        best = activity.argmax(-1)  # [1, 6]
        ```
    """
    if neurons < 3:
        raise ValueError(f"population_encode: neurons is {neurons}, but the code needs at least 3.")
    spacing = (upper - lower) / (neurons - 2)
    width = spacing / 1.5 if width is None else width
    if not (spacing > 0 and width > 0):
        raise ValueError(
            f"population_encode: lower = {lower:g}, upper = {upper:g}, width = {width:g}; "
            "upper must exceed lower, and the width must be positive."
        )
    centres = lower + (jnp.arange(neurons, dtype=values.dtype) - 0.5) * spacing
    distance = values[..., None] - centres.reshape((1,) * values.ndim + (neurons,))
    return jnp.exp(-0.5 * (distance / width) ** 2)


def delta_encode(
    series: Float[Array, "time *shape"],
    *,
    threshold: float,
    polarity: Literal["on", "signed", "split"] = "on",
) -> Float[Array, "time ..."]:
    """Spikes where a series changes by at least `threshold` from one step to the next.

    on = [x(t) - x(t-1) ≥ threshold], off = [x(t-1) - x(t) ≥ threshold]; the first step has none.

    **Arguments:**

    - `series`: the signal, time first.
    - `threshold`: change per step, in the unit of `series`, positive.
    - `polarity`: `"on"` gives rises only, `"signed"` on - off, `"split"` both as the two channels
      of a new last axis.

    **Returns:** the shape of `series`, with two more channels `(..., 2)` for `"split"`.

    **Raises:** `ValueError` for a threshold that is not positive or an unknown polarity.

    Reference: Eshraghian et al. (2023), Proc. IEEE 111:1016 (snnTorch, `spikegen.delta`).

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxneuro.inputs import delta_encode

        signal = jnp.array([0.0, 1.0, 1.0, -1.0])
        spikes = delta_encode(signal, threshold=0.5, polarity="signed")  # [0., 1., 0., -1.]
        ```
    """
    if not threshold > 0:
        raise ValueError(f"delta_encode: threshold is {threshold:g}; it must be positive.")
    change = jnp.diff(series, axis=0, prepend=series[:1])
    on = (change >= threshold).astype(series.dtype)
    off = (change <= -threshold).astype(series.dtype)
    if polarity == "on":
        return on
    if polarity == "signed":
        return on - off
    if polarity == "split":
        return jnp.stack([on, off], axis=-1)
    raise ValueError(f"delta_encode: polarity is {polarity!r}; take 'on', 'signed' or 'split'.")


def dither(step: Int[Array, ""]) -> Float[Array, ""]:
    """A number in [0, 1) that fills the interval evenly over steps.

    It is added before a probability in units of 2⁻¹⁶ is floored, so that over steps the floor
    averages to the probability itself (1 Hz at 0.1 ms would otherwise be 7 % off).
    """
    # 40503 / 2¹⁶ is the golden ratio: a Weyl sequence.
    return ((step.astype(jnp.uint32) * 40503) & 0xFFFF).astype(jnp.float32) / 2**16


def _random_uint16(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    """Uniform 16-bit integers, two from each 32-bit draw: half the hashing of `random.bits`."""
    size = math.prod(shape)
    words = jax.random.bits(key, (-(-size // 2),), jnp.uint32)
    halves = jax.lax.bitcast_convert_type(words, jnp.uint16)
    return halves.reshape(-1)[:size].reshape(shape)


def _check_unit_interval(name: str, values: Array) -> None:
    if isinstance(values, Tracer) or values.size == 0:
        return
    # A concrete array may be met inside a trace, where `min` would be staged out.
    with jax.ensure_compile_time_eval():
        low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(
            f"{name}: values range from {low:g} to {high:g}, but must lie in [0, 1]. "
            "Scale them first (pixels: divide by 255)."
        )
