from collections.abc import Sequence

import numpy as np

from ._traces import Traces
from ._units import KINDS

SMALLEST_VOLTAGE = 1.0  # mV: a membrane that never leaves this band is volts called millivolts
LARGEST_VOLTAGE = 500.0  # mV: no membrane spends half its time beyond this
RESPONSES = (2e-3, 40.0)  # mV over pA (GΩ): from giant neurons to the tightest of small cells
USUAL_RESPONSE = 0.3  # mV over pA: 100 mV of spikes and sag from 300 pA


def refuse_unlike_sweeps(traces: Traces) -> None:
    """Refuses sweeps of unlike lengths or steps, of no samples, or unlike their stimulus."""
    groups: dict[tuple[int, float], list[int]] = {}
    for label, step, voltage in zip(traces.labels, traces.steps, traces.voltage, strict=True):
        groups.setdefault((len(voltage), round(step, 9)), []).append(label)
    if len(groups) > 1:
        found = "; ".join(
            f"{length} samples of {step:g} ms in {numbered(labels)}"
            for (length, step), labels in groups.items()
        )
        raise ValueError(
            f"{traces.path}: the sweeps are not alike: {found}. Choose those of one kind by "
            "sweeps=."
        )
    if len(traces.voltage[0]) < 2:
        raise ValueError(
            f"{traces.path}: the sweeps are empty ({len(traces.voltage[0])} samples each). "
            "Pass a recording with samples in it."
        )
    if traces.current is None:
        return
    for label, voltage, current in zip(traces.labels, traces.voltage, traces.current, strict=True):
        if len(voltage) != len(current):
            raise ValueError(
                f"{traces.path}: sweep {label} has {len(voltage)} samples of voltage but "
                f"{len(current)} of current. Leave it out by sweeps=, or pass stimulus=."
            )


def refuse_lost_current(traces: Traces, current: np.ndarray) -> None:
    """Refuses a current that is not known at every sample."""
    unknown = _labels(traces, np.logical_not(np.isfinite(current).all(axis=0)))
    if unknown:
        raise ValueError(
            f"{traces.path}: the current has values that are not finite in {numbered(unknown)}, "
            "but a model must know its input. Leave these out by sweeps=, or pass stimulus=."
        )


def refuse_no_stimulus(traces: Traces, current: np.ndarray) -> None:
    """Refuses a current that never changes."""
    if (current == current[:1]).all():
        held = float(current[0, 0])
        raise ValueError(
            f"{traces.path}: has no stimulus: the current stays at {held:g} pA. If there was one, "
            f"pass it as stimulus=, an array in pA; if there was none, pass stimulus={held:g}."
        )


def refuse_empty_sweeps(traces: Traces, voltage: np.ndarray, current: np.ndarray) -> None:
    """Refuses sweeps in which no voltage was recorded."""
    # A noiseless model at rest is constant too: only a stimulus or zeros tell that it is empty.
    is_flat = (voltage == voltage[:1]).all(axis=0)
    is_empty = is_flat & ((current != current[:1]).any(axis=0) | (voltage[0] == 0))
    empty = _labels(traces, is_empty | np.isnan(voltage).all(axis=0))
    if empty:
        raise ValueError(
            f"{traces.path}: {numbered(empty)} of {len(traces.labels)} are empty: one voltage "
            "throughout, or none. Leave them out by sweeps=."
        )


def refuse_voltage_clamp(traces: Traces, voltage: np.ndarray, current: np.ndarray) -> None:
    """Refuses a voltage that moves in steps while the current does not."""
    still = np.mean(np.diff(voltage, axis=0) == 0), np.mean(np.diff(current, axis=0) == 0)
    if still[0] > 0.95 and still[1] < 0.5:
        raise ValueError(
            f"{traces.path}: is a voltage clamp: the voltage moves in steps and the current "
            "follows. Pass a current clamp, or exchange voltage= and current= if they were "
            "confused."
        )


def refuse_voltage_unit(traces: Traces, voltage: np.ndarray) -> None:
    """Refuses a voltage (mV) so small or large that it must be in another unit than declared."""
    largest, typical = float(np.nanmax(np.abs(voltage))), float(np.nanmedian(np.abs(voltage)))
    if largest >= SMALLEST_VOLTAGE and typical <= LARGEST_VOLTAGE:
        return
    declared, other = traces.voltage_unit, "V" if largest < SMALLEST_VOLTAGE else "mV"
    factor = KINDS["voltage"][declared.strip().lower()]
    raise ValueError(
        f"{traces.path}: declares its voltage in {declared}, but its numbers look like {other}: "
        f"they lie around {typical / factor:.3g} and at most {largest / factor:.3g} from 0. Pass "
        f"voltage_unit='{other}', or '{declared}' if that is right."
    )


def refuse_current_unit(traces: Traces, voltage: np.ndarray, current: np.ndarray) -> None:
    """Refuses a current (pA) so small or large, for what it does to the voltage, likewise."""
    moved, drive = float(np.nanmax(voltage) - np.nanmin(voltage)), float(np.ptp(current))
    if RESPONSES[0] < moved / drive < RESPONSES[1]:
        return
    declared = traces.current_unit
    numbers = drive / KINDS["current"][declared.strip().lower()]
    responses = {
        unit: moved / numbers / KINDS["current"][unit.lower()] for unit in ("A", "nA", "pA")
    }
    other = min(responses, key=lambda unit: abs(np.log(responses[unit] / USUAL_RESPONSE)))
    raise ValueError(
        f"{traces.path}: declares its current in {declared}, but its numbers look like {other}: "
        f"the voltage spans {moved:.3g} mV while the current spans {numbers:.3g}. Pass "
        f"current_unit='{other}', or '{declared}' if that is right."
    )


def numbered(labels: Sequence[int]) -> str:
    """Such as `sweeps 0, 1, … 29 (30 of them)`."""
    if len(labels) == 1:
        return f"sweep {labels[0]}"
    if len(labels) <= 6:
        return f"sweeps {', '.join(map(str, labels))}"
    return f"sweeps {labels[0]}, {labels[1]}, … {labels[-1]} ({len(labels)} of them)"


def _labels(traces: Traces, chosen: np.ndarray) -> list[int]:
    return [label for label, is_chosen in zip(traces.labels, chosen, strict=True) if is_chosen]
