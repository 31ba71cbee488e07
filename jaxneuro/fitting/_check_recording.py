import dataclasses
from collections.abc import Sequence

import numpy as np

from ._protocol import stimulus_windows
from ._recording import Recording
from ._refusals import (
    numbered,
    refuse_current_unit,
    refuse_empty_sweeps,
    refuse_lost_current,
    refuse_no_stimulus,
    refuse_unlike_sweeps,
    refuse_voltage_clamp,
    refuse_voltage_unit,
)
from ._saturation import saturated_samples
from ._traces import Traces
from ._units import unit_factor


def checked_recording(
    traces: Traces,
    *,
    sweeps: Sequence[int] | None,
    stimulus: float | np.ndarray | None,
    windows: Sequence[tuple[float, float]] | None,
    voltage_unit: str | None,
    current_unit: str | None,
) -> Recording:
    """The `Recording` in what a reader found, in mV and pA, or why there is none.

    Arguments, notes and errors are as in `read_recording`.
    """
    traces = _chosen(traces, sweeps)
    refuse_unlike_sweeps(traces)
    notes = list(traces.notes)
    voltage = _in_units(traces, "voltage", voltage_unit, notes)
    voltage[~np.isfinite(voltage)] = np.nan
    if stimulus is None:
        current = _in_units(traces, "current", current_unit, notes)
        refuse_lost_current(traces, current)
        refuse_no_stimulus(traces, current)
    else:
        current = _given(traces, stimulus, voltage.shape)
        refuse_lost_current(traces, current)
    refuse_empty_sweeps(traces, voltage, current)
    refuse_voltage_clamp(traces, voltage, current)
    # A unit that the caller states is taken at his word.
    if voltage_unit is None:
        refuse_voltage_unit(traces, voltage)
    if current_unit is None and stimulus is None:
        refuse_current_unit(traces, voltage, current)
    dt = traces.steps[0]
    return Recording(
        np.arange(len(voltage)) * dt,
        voltage,
        current,
        stimulus_windows(current, dt)
        if windows is None
        else tuple((float(start), float(stop)) for start, stop in windows),
        traces.path.stem,
        traces.labels,
        (*notes, *_findings(traces, voltage)),
    )


def _chosen(traces: Traces, sweeps: Sequence[int] | None) -> Traces:
    wanted = traces.labels if sweeps is None else tuple(int(label) for label in sweeps)
    unknown = [label for label in wanted if label not in traces.labels]
    if unknown or not wanted:
        raise ValueError(
            f"{traces.path}: has {len(traces.labels)} sweeps ({numbered(traces.labels)}), but "
            f"sweeps={unknown or list(wanted)} were asked for. Pass at least one that it has."
            if traces.labels
            else f"{traces.path}: holds no sweeps. Pass a recording with at least one."
        )
    places = [traces.labels.index(label) for label in wanted]
    return dataclasses.replace(
        traces,
        labels=wanted,
        steps=tuple(traces.steps[place] for place in places),
        voltage=tuple(traces.voltage[place] for place in places),
        current=traces.current and tuple(traces.current[place] for place in places),
    )


def _in_units(traces: Traces, kind: str, given: str | None, notes: list[str]) -> np.ndarray:
    """A copy in mV or pA, shape `(time, sweeps)`."""
    columns, declared, wanted = (
        (traces.voltage, traces.voltage_unit, "mV")
        if kind == "voltage"
        else (traces.current, traces.current_unit, "pA")
    )
    if columns is None:
        raise ValueError(
            f"{traces.path}: has no stimulus: {traces.missing}. Pass stimulus= in pA: one number, "
            "or an array of shape (time,) or (time, sweeps)."
        )
    unit = given or declared
    factor = unit_factor(unit, kind, str(traces.path))
    if given and given.strip().lower() != declared.strip().lower():
        notes.append(f"The {kind} was read as {given}; the file declares '{declared}'.")
    if factor != 1:
        notes.append(f"The {kind} was converted from {unit} to {wanted}.")
    return np.stack(columns, axis=1).astype(np.float64) * factor


def _given(traces: Traces, stimulus: float | np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    given = np.asarray(stimulus, np.float64)
    if given.shape not in ((), shape[:1], shape):
        raise ValueError(
            f"{traces.path}: the stimulus has shape {given.shape}, but the voltage {shape}. Pass "
            f"one number, or an array of shape {shape[:1]} or {shape}."
        )
    return np.broadcast_to(given[:, None] if given.ndim == 1 else given, shape).copy()


def _findings(traces: Traces, voltage: np.ndarray) -> list[str]:
    notes = []
    missing = np.isnan(voltage)
    if missing.any():
        labels = [traces.labels[place] for place in np.flatnonzero(missing.any(axis=0))]
        notes.append(
            f"{missing.sum()} samples of the voltage in {numbered(labels)} are no finite number; "
            "they stay NaN and count for nothing."
        )
    for word, extreme in (("highest", np.nanmax(voltage)), ("lowest", np.nanmin(voltage))):
        count = saturated_samples(voltage, float(extreme))
        if count:
            notes.append(
                f"{count} samples stand still at the {word} voltage, {extreme:.4g} mV, like those "
                "of a saturated amplifier: the true voltage may lie beyond."
            )
    return notes
