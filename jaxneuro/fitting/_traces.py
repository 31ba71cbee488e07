from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Traces:
    """What a reader found in a file, in the file's own units and not yet checked.

    **Arguments:**

    - `path`: the file.
    - `labels`: number of each sweep in the file.
    - `steps`: step of each sweep, ms.
    - `voltage`, `current`: one array a sweep; no current when the file tells no stimulus.
    - `voltage_unit`, `current_unit`: as the file declares them.
    - `notes`: what the reader had to decide, a sentence each.
    - `missing`: why there is no current.
    """

    path: Path
    labels: tuple[int, ...]
    steps: tuple[float, ...]
    voltage: tuple[np.ndarray, ...]
    current: tuple[np.ndarray, ...] | None
    voltage_unit: str
    current_unit: str
    notes: tuple[str, ...] = ()
    missing: str = "the file holds no current"


def step_of(times: np.ndarray, where: str) -> float:
    """The step of regular times, in their unit.

    Rounded times are regular: each must lie within half a step of its place.

    **Raises:** `ValueError` when samples are missing, doubled or irregular, which names the first.
    """
    if len(times) < 2 or not np.isfinite(times).all():
        bad = np.flatnonzero(~np.isfinite(times))
        found = f"no number for sample {bad[0]}" if len(bad) else f"{len(times)} samples"
        raise ValueError(f"{where}: the time has {found}. Pass a recording with regular times.")
    steps = np.diff(times)
    usual = float(np.median(steps))
    odd = np.flatnonzero(np.abs(steps - usual) > 0.5 * abs(usual)) if usual else np.array([0])
    if usual <= 0 or len(odd):
        at = int(odd[0]) if len(odd) else 0
        raise ValueError(
            f"{where}: the times are not regular: sample {at + 1} comes {steps[at]:.6g} after the "
            f"one before, at {times[at]:.6g}, but the usual step is {usual:.6g}"
            f"{f' ({len(odd)} such places)' if len(odd) > 1 else ''}. A gap cannot be fitted "
            "across; cut the recording there, or resample it at regular times."
        )
    step = float(times[-1] - times[0]) / len(steps)
    drift = np.abs(times - times[0] - step * np.arange(len(times)))
    if drift.max() > 0.5 * step:
        at = int(np.argmax(drift))
        raise ValueError(
            f"{where}: the times drift: sample {at} is {drift[at] / step:.1f} steps from where a "
            f"regular step of {step:.6g} puts it. Resample the recording at regular times."
        )
    return step
