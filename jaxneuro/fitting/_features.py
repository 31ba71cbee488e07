import difflib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxneuro.analysis import pad_spike_times

from . import _feature_spike_shape as spike_shape
from . import _feature_spiking as spiking
from . import _feature_subthreshold as subthreshold
from ._feature_trace import Trace
from ._spike_detection import spike_times as find_spike_times


class Feature(NamedTuple):
    """A number that sums up one aspect of a response.

    **Attributes:**

    - `name`: its key in `FEATURES`.
    - `function`: measures it on a `Trace`; NaN where the trace does not define it.
    - `unit`: "" where it has none.
    - `sd`: how far apart repeats of one cell may lie, in the unit. This is a starting value, of
      the size that recordings show: put that of your own repeats in its place.
    - `is_smooth`: whether its gradient says anything; that of a count is 0 everywhere. Those of
      the spike shape are exact for the samples, but what is interpolated between these wobbles as
      the spike moves past the grid: trust them where dt is small against the rise of a spike.
    - `needs_spike_shape`: whether a model must make the course of spikes itself. Integrate-and-fire
      models do not.
    """

    name: str
    function: Callable[[Trace], Float[Array, ""]]
    unit: str
    sd: float
    is_smooth: bool = True
    needs_spike_shape: bool = False


_ALL = (
    Feature("spike_count", spiking.spike_count, "", 1.0, is_smooth=False),
    Feature("mean_rate", spiking.mean_rate, "Hz", 2.0, is_smooth=False),
    Feature("latency", spiking.latency, "ms", 3.0),
    Feature("first_isi", spiking.first_isi, "ms", 5.0),
    Feature("mean_isi", spiking.mean_isi, "ms", 5.0),
    Feature("isi_cv", spiking.isi_cv, "", 0.1),
    Feature("adaptation_index", spiking.adaptation_index, "", 0.02),
    Feature("resting_potential", subthreshold.resting_potential, "mV", 1.0),
    Feature("voltage_base", subthreshold.voltage_base, "mV", 1.0),
    Feature("steady_state_voltage", subthreshold.steady_state_voltage, "mV", 2.0),
    Feature("input_resistance", subthreshold.input_resistance, "MΩ", 10.0),
    Feature("time_constant", subthreshold.time_constant, "ms", 3.0),
    Feature("sag_amplitude", subthreshold.sag_amplitude, "mV", 1.0),
    Feature("sag_ratio", subthreshold.sag_ratio, "", 0.05),
    Feature("ahp_voltage", spike_shape.ahp_voltage, "mV", 2.0),
    Feature("ahp_depth", spike_shape.ahp_depth, "mV", 2.0),
    Feature("spike_threshold", spike_shape.spike_threshold, "mV", 2.0, needs_spike_shape=True),
    Feature("spike_peak", spike_shape.spike_peak, "mV", 4.0, needs_spike_shape=True),
    Feature("spike_amplitude", spike_shape.spike_amplitude, "mV", 4.0, needs_spike_shape=True),
    Feature("spike_half_width", spike_shape.spike_half_width, "ms", 0.1, needs_spike_shape=True),
)
FEATURES: dict[str, Feature] = {feature.name: feature for feature in _ALL}


def extract(
    voltage: Float[Array | np.ndarray, "time sweeps"],
    current: Float[Array | np.ndarray, "time sweeps"],
    dt: float,
    windows: Sequence[tuple[float, float]] | Float[Array | np.ndarray, "windows 2"],
    *,
    spike_times: Float[Array | np.ndarray, "capacity sweeps"] | list[np.ndarray] | None = None,
    names: Sequence[str] | None = None,
    first: float = 0.0,
) -> dict[str, Float[Array, "windows sweeps"]]:
    """Features of every window of every sweep, of a recording or of a run of a model.

    **Arguments:**

    - `voltage`: mV.
    - `current`: pA.
    - `dt`: time between samples, ms.
    - `windows`: start and stop of each stimulus window, ms.
    - `spike_times`: ms, as `pad_spike_times` or a `SpikeTimes` of `simulate` gives them, or as a
      list for each sweep. If left out, `fitting.spike_times` finds them in the voltage, at its
      default threshold and outside of `jax.jit`.
    - `names`: keys of `FEATURES`, all if left out. A model that resets has no spike shape, so
      leave out what `needs_spike_shape` there.
    - `first`: time of the first sample, ms: 0 for a recording, `dt` for what `simulate` records,
      which is the voltage at the end of each step.

    **Returns:** values by name; NaN where a window does not define the feature, or the voltage that
    it reads is NaN.

    **Raises:** `ValueError` for an unknown name, shapes that do not match, no window or one whose
    stop is not after its start.

    >>> import jax.numpy as jnp
    >>> current = jnp.where(jnp.arange(4000) < 2000, 0.0, -100.0)[:, None]
    >>> after = jnp.maximum(jnp.arange(4000) - 2000, 0) * 0.1
    >>> voltage = (-70.0 - 15.0 * (1 - jnp.exp(-after / 20.0)))[:, None]
    >>> values = extract(voltage, current, 0.1, [(200.0, 400.0)])
    >>> round(float(values["input_resistance"][0, 0])), round(float(values["time_constant"][0, 0]))
    (150, 20)
    """
    names = tuple(FEATURES) if names is None else tuple(names)
    for name in names:
        _check_name(name)
    _check_inputs(voltage, current, windows)
    if spike_times is None:
        spike_times = _detected(voltage, dt)
    elif isinstance(spike_times, list):
        spike_times = pad_spike_times(spike_times)
    if spike_times.ndim != 2 or spike_times.shape[1] != voltage.shape[1]:
        raise ValueError(
            f"extract: the spike times have shape {spike_times.shape}, but the voltage has "
            f"{voltage.shape[1]} sweeps. Pass (capacity, sweeps), or a list of one array a sweep."
        )
    voltage = jnp.asarray(voltage)
    dtype = voltage.dtype
    values = _measure(
        voltage,
        jnp.asarray(current, dtype),
        jnp.asarray(spike_times, dtype) - first,
        jnp.asarray(windows, dtype) - first,
        dt,
        tuple(FEATURES[name].function for name in names),
    )
    return dict(zip(names, values, strict=True))


@eqx.filter_jit
def _measure(
    voltage: Array,
    current: Array,
    spike_times: Array,
    windows: Array,
    dt: float,
    functions: tuple[Callable[[Trace], Array], ...],
) -> tuple[Array, ...]:
    def of_one(voltage: Array, current: Array, times: Array, window: Array) -> tuple[Array, ...]:
        trace = Trace(voltage, current, times, window[0], window[1], dt)
        return tuple(function(trace) for function in functions)

    of_sweeps = jax.vmap(of_one, in_axes=(1, 1, 1, None))
    of_windows = jax.vmap(of_sweeps, in_axes=(None, None, None, 0))
    return of_windows(voltage, current, spike_times, windows)


def _detected(voltage: Array | np.ndarray, dt: float) -> np.ndarray:
    if isinstance(voltage, Tracer):
        raise ValueError(
            "extract: spikes are not looked for under jax.jit, jax.grad or jax.vmap. Pass "
            "spike_times, as SpikeTimes in the record of simulate gives them."
        )
    return pad_spike_times(find_spike_times(voltage, dt))


def _check_name(name: str) -> None:
    if name not in FEATURES:
        near = difflib.get_close_matches(name, FEATURES, n=2)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "None is near it."
        raise ValueError(f"extract: there is no feature {name!r}. {hint} All: {list(FEATURES)}.")


def _check_inputs(voltage: Array | np.ndarray, current: Array | np.ndarray, windows: Any) -> None:
    if voltage.ndim != 2 or voltage.shape != current.shape:
        raise ValueError(
            f"extract: the voltage has shape {voltage.shape} and the current {current.shape}, but "
            "both must be (time, sweeps). Pass one sweep as voltage[:, None]."
        )
    if any(isinstance(edge, Tracer) for edge in jax.tree.leaves(windows)):
        return
    spans = np.asarray(windows, np.float64)
    if spans.ndim != 2 or spans.shape[1] != 2 or not len(spans):
        raise ValueError(
            f"extract: windows have shape {spans.shape}. Pass one or more (start, stop) in ms."
        )
    if not (spans[:, 1] > spans[:, 0]).all():
        start, stop = spans[~(spans[:, 1] > spans[:, 0])][0]
        raise ValueError(
            f"extract: the window ({start}, {stop}) ms does not stop after its start. "
            "Pass (start, stop), in ms."
        )
