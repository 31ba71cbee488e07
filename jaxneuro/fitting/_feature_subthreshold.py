"""Features of the voltage without spikes: levels, input resistance, time constant, sag."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._feature_spiking import has_spikes
from ._feature_trace import Trace, base, masked_mean, ratio, samples_between, steady

TRANSIENT = 1.0  # ms after the step that a badly compensated electrode may spoil
SHORTEST = 10  # samples of a relaxation that is still fitted


def resting_potential(trace: Trace) -> Float[Array, ""]:
    """Mean voltage from the start of the sweep until the current first changes, mV.

    The current has changed where it is off its first value by a quarter of the most that it ever
    is. Where it does not change before the window, the mean ends at the window.
    """
    departure = jnp.abs(trace.current - trace.current[0])
    changed = departure > 0.25 * jnp.max(departure)
    first = jnp.argmax(changed).astype(trace.voltage.dtype) * trace.dt
    stop = jnp.where(jnp.any(changed), jnp.minimum(first, trace.start), trace.start)
    return masked_mean(trace.voltage, samples_between(trace, 0.0, stop))


def voltage_base(trace: Trace) -> Float[Array, ""]:
    """Mean voltage over the last tenth of the time before the window, mV (eFEL's)."""
    return base(trace, trace.voltage)


def steady_state_voltage(trace: Trace) -> Float[Array, ""]:
    """Mean voltage over the last tenth of the window, mV.

    eFEL's `steady_state_voltage_stimend`.
    """
    return steady(trace, trace.voltage)


def input_resistance(trace: Trace) -> Float[Array, ""]:
    """Change of the voltage over that of the current, MΩ, in a window without spikes.

    Both changes are from before the window (as `voltage_base`) to its end (as
    `steady_state_voltage`): eFEL's `ohmic_input_resistance_vb_ssse`.
    """
    deflection = steady_state_voltage(trace) - voltage_base(trace)
    return ratio(_is_quiet_step(trace), 1000.0 * deflection, _current_step(trace))


def sag_amplitude(trace: Trace) -> Float[Array, ""]:
    """From the lowest voltage of a step downwards up to its steady state, mV (eFEL's)."""
    is_defined = _is_quiet_step(trace) & (_current_step(trace) < 0)
    return jnp.where(is_defined, steady_state_voltage(trace) - _lowest(trace), jnp.nan)


def sag_ratio(trace: Trace) -> Float[Array, ""]:
    """`sag_amplitude` over the greatest deflection (eFEL's `sag_ratio1`): 0 without sag."""
    amplitude = sag_amplitude(trace)
    return ratio(jnp.isfinite(amplitude), amplitude, voltage_base(trace) - _lowest(trace))


def time_constant(trace: Trace) -> Float[Array, ""]:
    """Time constant of the relaxation to the step, ms, in a window without spikes.

    An exponential v(t) = v_inf + c exp(-t / tau) obeys v = const + v_inf t / tau - S / tau with
    S = ∫ v dt, so that -1 / tau is the slope of v on S when a constant and t are regressed out.
    This needs neither v_inf nor a start value, and is smooth in the voltage. It is taken from 1 ms
    after the step to the greatest deflection, so that a sag is left out.

    Reference: Jacquelin (2009), Régressions et équations intégrales, p. 15.
    """
    v, dtype = trace.voltage, trace.voltage.dtype
    index = jnp.arange(v.shape[0], dtype=dtype)
    upwards = jnp.where(_current_step(trace) > 0, v, -v)
    inside = samples_between(trace, trace.start, trace.stop)
    peak = jnp.argmax(jnp.where(inside, upwards, -jnp.inf))
    used = samples_between(trace, trace.start + TRANSIENT, trace.stop) & (index <= index[peak])
    is_long = jnp.sum(used, dtype=jnp.int32) >= SHORTEST

    relative = jnp.where(used, v - v[peak], 0.0)
    integral = jnp.cumsum(relative) - 0.5 * relative  # trapezia, up to a constant; in samples
    left = _without_line(relative, index, used)
    right = _without_line(integral, index, used)
    tau = -trace.dt * ratio(is_long, jnp.sum(right * right), jnp.sum(left * right))
    is_defined = _is_quiet_step(trace) & (tau > 0)
    return jnp.where(is_defined, tau, jnp.nan)


def _without_line(
    series: Float[Array, "time"], index: Float[Array, "time"], used: Bool[Array, "time"]
) -> Float[Array, "time"]:
    """What the best straight line leaves of a series; 0 where it is not used."""
    # One after the other, not by the normal equations, which lose half the digits of float32.
    line = jnp.where(used, index - masked_mean(index, used), 0.0)
    line = line / jnp.maximum(jnp.max(jnp.abs(line)), 1.0)
    rest = jnp.where(used, series - masked_mean(series, used), 0.0)
    slope = jnp.sum(line * rest) / jnp.maximum(jnp.sum(line * line), 1.0)
    return rest - slope * line


def _lowest(trace: Trace) -> Float[Array, ""]:
    inside = samples_between(trace, trace.start, trace.stop)
    return jnp.min(jnp.where(inside, trace.voltage, jnp.inf))


def _current_step(trace: Trace) -> Float[Array, ""]:
    return steady(trace, trace.current) - base(trace, trace.current)


def _is_quiet_step(trace: Trace) -> Bool[Array, ""]:
    """Whether the current differs from before (by more than rounding) and no spike answers."""
    is_step = jnp.abs(_current_step(trace)) > 1e-3 * jnp.max(jnp.abs(trace.current))
    return is_step & ~has_spikes(trace)
