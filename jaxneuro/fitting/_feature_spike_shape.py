"""Features of the shape of spikes, each the mean over the spikes of the window."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ._feature_spiking import spikes_inside
from ._feature_subthreshold import voltage_base
from ._feature_trace import Trace, masked_mean, ratio, samples_between

BEFORE, AFTER = 5.0, 10.0  # ms around a spike time: where its shape is looked for
ONSET = 10.0  # mV/ms, where a spike begins: eFEL's `DerivativeThreshold`
LASTING = 3  # samples for which the voltage must rise so: eFEL's `DerivativeWindow`


def spike_threshold(trace: Trace) -> Float[Array, ""]:
    """Voltage where dv/dt last exceeds 10 mV/ms before a spike, mV.

    As eFEL's `AP_begin_voltage`, but interpolated between the two samples.
    """
    return _mean(trace, _shapes(trace).threshold)


def spike_peak(trace: Trace) -> Float[Array, ""]:
    """Highest voltage of a spike, of the parabola through three samples, mV."""
    return _mean(trace, _shapes(trace).peak)


def spike_amplitude(trace: Trace) -> Float[Array, ""]:
    """From the threshold to the peak of a spike, mV (eFEL's `AP_amplitude`)."""
    shapes = _shapes(trace)
    return _mean(trace, shapes.peak - shapes.threshold)


def spike_half_width(trace: Trace) -> Float[Array, ""]:
    """How long a spike is above the middle between its threshold and its peak, ms.

    As eFEL's `AP_duration_half_width`, but interpolated between samples.
    """
    return _mean(trace, _shapes(trace).half_width)


def ahp_voltage(trace: Trace) -> Float[Array, ""]:
    """Lowest voltage between a spike and the next or the end of the window, mV.

    A spike after which the voltage still falls at the end of the window does not count. eFEL's
    `min_between_peaks_values`; its `AHP_depth_abs` stops at the first local minimum, which noise
    puts anywhere.
    """
    v, inside = trace.voltage, samples_between(trace, trace.start, trace.stop)
    capacity, samples = trace.spike_times.shape[0], v.shape[0]
    index = jnp.arange(samples, dtype=jnp.int32)
    latest = jnp.searchsorted(_first_sample(trace), index, side="right")  # 0 before the first
    masked = jax.lax.stop_gradient(jnp.where(inside, v, jnp.inf))
    lowest = jax.ops.segment_min(masked, latest, capacity + 1)
    # `segment_min` has no derivative, so find the place and read the voltage there.
    place = jnp.where(masked == lowest[latest], index, samples)
    place = jax.ops.segment_min(place, latest, capacity + 1)[1:]
    last = jnp.max(jnp.where(inside, index, -1))
    found = place < last
    return masked_mean(v[jnp.where(found, place, 0)], found & spikes_inside(trace))


def ahp_depth(trace: Trace) -> Float[Array, ""]:
    """`ahp_voltage` less `voltage_base`, mV: negative where it is below rest."""
    return ahp_voltage(trace) - voltage_base(trace)


class _Shapes(NamedTuple):
    """Of each spike, NaN where it is not found."""

    threshold: Float[Array, "capacity"]
    peak: Float[Array, "capacity"]
    half_width: Float[Array, "capacity"]


def _mean(trace: Trace, values: Float[Array, "capacity"]) -> Float[Array, ""]:
    found = jnp.isfinite(values)
    return masked_mean(jnp.where(found, values, 0.0), found & spikes_inside(trace))


def _first_sample(trace: Trace) -> Int[Array, "capacity"]:
    """The sample at or after each spike time; the number of samples where there is none."""
    times = jnp.where(jnp.isfinite(trace.spike_times), trace.spike_times, 0.0)
    index = jnp.ceil(times / trace.dt - 1e-3).astype(jnp.int32)
    return jnp.where(jnp.isfinite(trace.spike_times), index, trace.voltage.shape[0])


def _shapes(trace: Trace) -> _Shapes:
    before, after = (round(span / trace.dt) for span in (BEFORE, AFTER))
    first = _first_sample(trace)
    samples = jnp.full(1, trace.voltage.shape[0], jnp.int32)
    previous = jnp.concatenate([jnp.zeros(1, jnp.int32), first[:-1]])
    following = jnp.concatenate([first[1:], samples])
    offsets = jnp.arange(-before, after, dtype=jnp.int32)

    def measure(here: Array, previous: Array, following: Array) -> _Shapes:
        index = here + offsets
        voltage = trace.voltage[jnp.clip(index, 0, trace.voltage.shape[0] - 1)]
        own = (index >= previous) & (index < following)
        return _shape(voltage, own, offsets, trace.dt)

    return jax.vmap(measure)(first, previous, following)


def _shape(
    v: Float[Array, "samples"],
    own: Bool[Array, "samples"],
    offsets: Int[Array, "samples"],
    dt: float,
) -> _Shapes:
    """Threshold, peak and half-width of a spike that is detected at offset 0."""
    top = jnp.argmax(jnp.where(own & (offsets >= 0), v, -jnp.inf)).astype(jnp.int32)
    peak = _parabola_top(v[top - 1], v[top], v[top + 1])
    place = jnp.arange(v.shape[0], dtype=jnp.int32)
    upstroke = own & (place <= top) & (place > 0)
    threshold = _threshold(v, upstroke, dt)

    half = 0.5 * (peak + threshold)
    is_above = v > half
    rises, rise = _last(upstroke & is_above & ~jnp.roll(is_above, 1))
    falls = own & (place > top) & ~is_above
    fall = jnp.argmax(falls).astype(jnp.int32)
    width = (
        (fall - rise).astype(v.dtype)
        + _fraction(half, v[fall - 1], v[fall])
        - _fraction(half, v[rise - 1], v[rise])
    )
    is_whole = rises & jnp.any(falls)
    return _Shapes(threshold, peak, jnp.where(is_whole, width * dt, jnp.nan))


def _threshold(
    v: Float[Array, "samples"], allowed: Bool[Array, "samples"], dt: float
) -> Float[Array, ""]:
    """Voltage where the derivative rises through `ONSET` for at least `LASTING` samples."""
    slope = jnp.pad(v[2:] - v[:-2], 1) / (2.0 * dt)
    is_steep = slope >= ONSET
    starts = allowed & ~jnp.roll(is_steep, 1)
    for later in range(LASTING):
        starts = starts & jnp.roll(is_steep, -later)
    found, place = _last(starts)
    fraction = _fraction(jnp.asarray(ONSET, v.dtype), slope[place - 1], slope[place])
    value = v[place - 1] + fraction * (v[place] - v[place - 1])
    return jnp.where(found, value, jnp.nan)


def _last(mask: Bool[Array, "n"]) -> tuple[Bool[Array, ""], Int[Array, ""]]:
    """Whether any is true, and where the last one is (1 where there is none)."""
    found = jnp.any(mask)
    place = mask.shape[0] - 1 - jnp.argmax(mask[::-1]).astype(jnp.int32)
    return found, jnp.where(found, place, 1)


def _fraction(
    level: Float[Array, ""], before: Float[Array, ""], after: Float[Array, ""]
) -> Float[Array, ""]:
    """Where between two samples a level is reached: 0 at the first, 1 at the second."""
    fraction = ratio(jnp.isfinite(level), level - before, after - before)
    return jnp.where(jnp.isfinite(fraction), fraction, 0.0)


def _parabola_top(
    before: Float[Array, ""], top: Float[Array, ""], after: Float[Array, ""]
) -> Float[Array, ""]:
    # The highest sample alone jumps up and down as the spike moves past the grid.
    bend = before - 2.0 * top + after
    is_top = bend < 0
    rise = jnp.square(after - before) / jnp.where(is_top, -8.0 * bend, 1.0)
    return top + jnp.where(is_top, rise, 0.0)
