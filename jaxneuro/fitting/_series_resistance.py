import dataclasses

import numpy as np

from ._recording import Recording

SMALLEST_STEP = 10.0  # pA
BEFORE, AFTER = 0.5, (0.3, 1.0)  # ms: what is averaged before a step, and what is fitted after it


def series_resistance(recording: Recording) -> float:
    """The resistance in series with the membrane, MΩ, from the jumps at steps of the current.

    Behind an uncompensated electrode the voltage jumps by R I when the current steps by I, before
    the membrane has begun to charge. A line through the voltage 0.3 to 1 ms after each step, drawn
    back to the step, tells the jump; R is the least-squares slope of the jumps over the steps.

    **Raises:** `ValueError` for a recording whose current has no steps to measure it at.

    !!! example

        ```python
        cell = compensate(cell, series_resistance(cell))
        ```
    """
    current, voltage, dt = recording.current, recording.voltage, recording.dt
    before, (first, last) = round(BEFORE / dt), (round(x / dt) for x in AFTER)
    first = max(first, 1)
    jumps, steps = [], []
    for sweep in range(recording.sweeps):
        changes = np.flatnonzero(np.abs(np.diff(current[:, sweep])) >= SMALLEST_STEP) + 1
        for k in changes:
            around = current[max(k - before, 0) : k + last + 1, sweep]
            is_alone = len(set(around.tolist())) == 2 and k >= before
            if not is_alone or k + last >= len(current):
                continue
            times = np.arange(first, last + 1)
            after = voltage[k + times, sweep]
            rest = voltage[k - before : k, sweep]
            if np.isfinite(after).all() and np.isfinite(rest).all() and np.ptp(after) < 10.0:
                jumps.append(np.polyfit(times, after, 1)[1] - rest.mean())
                steps.append(current[k, sweep] - current[k - 1, sweep])
    if not steps or last <= first:
        raise ValueError(
            f"series_resistance: '{recording.name}' has no steps of the current of at least "
            f"{SMALLEST_STEP:g} pA with {AFTER[1]:g} ms after them to measure it at. Give the "
            "resistance, or 0."
        )
    x, y = np.asarray(steps), np.asarray(jumps)
    return float(max(0.0, 1e3 * (x @ y) / (x @ x)))


def compensate(recording: Recording, resistance: float) -> Recording:
    """The recording without the voltage that falls across a series resistance: v - R I.

    **Arguments:**

    - `resistance`: R, MΩ, as from `series_resistance`.

    **Raises:** `ValueError` for a resistance below 0.
    """
    if not resistance >= 0:
        raise ValueError(f"compensate: the resistance is {resistance} MΩ; it must be at least 0.")
    if resistance == 0:
        return recording
    note = f"Less the voltage across a series resistance of {resistance:.3g} MΩ."
    voltage = recording.voltage - 1e-3 * resistance * recording.current
    return dataclasses.replace(recording, voltage=voltage, notes=(*recording.notes, note))
