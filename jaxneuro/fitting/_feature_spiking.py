"""Features of the spike times in a window: how many, when, how regular."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._feature_trace import Trace, masked_mean, ratio


def spikes_inside(trace: Trace) -> Bool[Array, "capacity"]:
    """Which spikes lie from the start of the window up to but without its stop."""
    return (trace.spike_times >= trace.start) & (trace.spike_times < trace.stop)


def has_spikes(trace: Trace) -> Bool[Array, ""]:
    return jnp.any(spikes_inside(trace))


def spike_count(trace: Trace) -> Float[Array, ""]:
    """Number of spikes in the window."""
    return jnp.sum(spikes_inside(trace), dtype=trace.voltage.dtype)


def mean_rate(trace: Trace) -> Float[Array, ""]:
    """Spikes in the window over its length, Hz.

    (eFEL's `mean_frequency` divides by the time up to the last spike instead.)
    """
    return 1000.0 * spike_count(trace) / (trace.stop - trace.start)


def latency(trace: Trace) -> Float[Array, ""]:
    """First spike after the start of the window, ms."""
    inside = spikes_inside(trace)
    first = jnp.min(jnp.where(inside, trace.spike_times, jnp.inf), initial=jnp.inf)
    is_defined = jnp.any(inside)
    return jnp.where(is_defined, jnp.where(is_defined, first, 0.0) - trace.start, jnp.nan)


def first_isi(trace: Trace) -> Float[Array, ""]:
    """First interval between spikes, ms."""
    intervals, valid = _intervals(trace)
    return masked_mean(intervals, _first(valid))


def mean_isi(trace: Trace) -> Float[Array, ""]:
    """Mean interval between spikes, ms."""
    return masked_mean(*_intervals(trace))


def isi_cv(trace: Trace) -> Float[Array, ""]:
    """Standard deviation of the intervals over their mean, from two intervals on.

    The deviation divides by their number n, as in `analysis.isi_cv`; eFEL's by n - 1.
    """
    intervals, valid = _intervals(trace)
    mean = masked_mean(intervals, valid)
    # A mean that is NaN would make the gradient so, even behind the mask.
    departure = intervals - jnp.where(jnp.isfinite(mean), mean, 0.0)
    variance = masked_mean(jnp.square(departure), valid)
    # The root of 0 has no derivative: a regular train gets 0 for it.
    spreads = variance > 0
    deviation = jnp.where(spreads, jnp.sqrt(jnp.where(spreads, variance, 1.0)), 0.0)
    return ratio(jnp.sum(valid, dtype=jnp.int32) >= 2, deviation, mean)


def adaptation_index(trace: Trace) -> Float[Array, ""]:
    """Mean over neighbouring intervals of (later - earlier) / (later + earlier).

    The first interval, short where a cell starts with a burst, is left out, so four spikes are
    needed: eFEL's `adaptation_index2`.
    """
    intervals, valid = _intervals(trace)
    used = valid & ~_first(valid)
    earlier, later = intervals[:-1], intervals[1:]
    used = used[:-1] & used[1:]
    difference = jnp.where(used, later - earlier, 0.0) / jnp.where(used, later + earlier, 1.0)
    return masked_mean(difference, used)


def _intervals(trace: Trace) -> tuple[Float[Array, "gaps"], Bool[Array, "gaps"]]:
    """Intervals, and which of them lie between two spikes of the window."""
    times = jnp.where(jnp.isfinite(trace.spike_times), trace.spike_times, 0.0)
    inside = spikes_inside(trace)
    return times[1:] - times[:-1], inside[1:] & inside[:-1]


def _first(valid: Bool[Array, "gaps"]) -> Bool[Array, "gaps"]:
    return valid & (jnp.cumsum(valid, dtype=jnp.int32) == 1)
