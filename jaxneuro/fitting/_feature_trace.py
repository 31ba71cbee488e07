import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

# Windows lie on the grid of samples, but start / dt is rounded, most in float32.
SLACK = 0.1  # samples


class Trace(eqx.Module):
    """One sweep and one stimulus window of it: what a feature is measured on.

    Sample k is at k dt. All but `dt` may be traced, so that `jax.vmap` goes over windows, sweeps
    and candidates.

    **Arguments:**

    - `voltage`: mV, `(time,)`.
    - `current`: pA, `(time,)`.
    - `spike_times`: ms, `(capacity,)`, ascending, and infinity after the last spike. They are
      those of the whole sweep; each feature takes the ones from `start` up to `stop`.
    - `start`, `stop`: the window, ms.
    - `dt`: time between samples, ms.

    **Raises:** `ValueError` when `dt` is not positive.

    >>> import jax.numpy as jnp
    >>> from jaxneuro.fitting import FEATURES, Trace
    >>> times = jnp.asarray([3.0, 12.0, 32.0, jnp.inf])
    >>> rest = jnp.full(400, -70.0)
    >>> trace = Trace(rest, jnp.zeros(400), times, start=10.0, stop=40.0, dt=0.1)
    >>> float(FEATURES["latency"].function(trace)), float(FEATURES["mean_isi"].function(trace))
    (2.0, 20.0)
    """

    voltage: Float[Array, "time"]
    current: Float[Array, "time"]
    spike_times: Float[Array, "capacity"]
    start: Float[Array, ""] | float
    stop: Float[Array, ""] | float
    dt: float = eqx.field(static=True)

    def __check_init__(self):
        if not self.dt > 0:
            raise ValueError(f"Trace: dt is {self.dt} ms. Pass a positive step.")


def samples_between(
    trace: Trace, start: Float[Array, ""] | float, stop: Float[Array, ""] | float
) -> Bool[Array, "time"]:
    """Which samples lie from `start` up to but without `stop`, ms."""
    index = jnp.arange(trace.voltage.shape[0], dtype=trace.voltage.dtype)
    return (index >= start / trace.dt - SLACK) & (index < stop / trace.dt - SLACK)


def masked_mean(values: Float[Array, "n"], mask: Bool[Array, "n"]) -> Float[Array, ""]:
    """Mean of the values under the mask, NaN where there are none."""
    if not values.shape[0]:
        return jnp.asarray(jnp.nan, values.dtype)
    # Only what departs from one of them is summed up: in float32, 10,000 times -65 mV is not exact.
    one = jnp.where(jnp.any(mask), values[jnp.argmax(mask)], 0.0)
    total = jnp.sum(jnp.where(mask, values - one, 0.0))
    return one + ratio(jnp.any(mask), total, jnp.sum(mask, dtype=values.dtype))


def ratio(
    is_defined: Bool[Array, ""], numerator: Float[Array, ""], denominator: Float[Array, ""]
) -> Float[Array, ""]:
    """The quotient where it is defined and finite, else NaN, with a gradient of 0 there."""
    finite = jnp.isfinite(numerator) & jnp.isfinite(denominator)
    is_defined = is_defined & finite & (denominator != 0)
    value = jnp.where(is_defined, numerator, 0.0) / jnp.where(is_defined, denominator, 1.0)
    return jnp.where(is_defined, value, jnp.nan)


def base(trace: Trace, series: Float[Array, "time"]) -> Float[Array, ""]:
    """Mean of a series over the last tenth of the time before the window."""
    return masked_mean(series, samples_between(trace, 0.9 * trace.start, trace.start))


def steady(trace: Trace, series: Float[Array, "time"]) -> Float[Array, ""]:
    """Mean of a series over the last tenth of the window."""
    last = trace.stop - 0.1 * (trace.stop - trace.start)
    return masked_mean(series, samples_between(trace, last, trace.stop))
