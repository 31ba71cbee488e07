from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ._recording import Recording
from ._simulate_recording import Simulated
from ._target import SPIKE_MASK, Target, make_target


class Windows(NamedTuple):
    """Spikes of recording and model in each stimulus window of each sweep, `(windows, sweeps)`.

    **Attributes:**

    - `amplitude`: median current in the window, pA.
    - `recorded_count`, `simulated_count`: spikes.
    - `recorded_latency`, `simulated_latency`: of the first spike, ms; NaN without one.
    - `recorded_isi`, `simulated_isi`: mean interval, ms; NaN with fewer than two spikes.
    """

    amplitude: Float[np.ndarray, "windows sweeps"]
    recorded_count: Int[np.ndarray, "windows sweeps"]
    simulated_count: Int[np.ndarray, "windows sweeps"]
    recorded_latency: Float[np.ndarray, "windows sweeps"]
    simulated_latency: Float[np.ndarray, "windows sweeps"]
    recorded_isi: Float[np.ndarray, "windows sweeps"]
    simulated_isi: Float[np.ndarray, "windows sweeps"]


def window_table(target: Target, simulated: Simulated) -> Windows:
    """Counts, latencies and intervals, window by window."""
    current = np.asarray(target.current)
    bounds = np.round(np.asarray(target.windows) / target.dt).astype(int)
    amplitude = np.stack([np.median(current[a:b], axis=0) for a, b in bounds])
    columns = np.asarray(target.spike_times).T
    recorded = [column[np.isfinite(column)] for column in columns]
    theirs, own = (
        np.array([[_measured(times, window) for times in train] for window in target.windows])
        for train in (recorded, simulated.spike_times)
    )
    return Windows(
        amplitude,
        theirs[..., 0].astype(int),
        own[..., 0].astype(int),
        theirs[..., 1],
        own[..., 1],
        theirs[..., 2],
        own[..., 2],
    )


def compare(recording: Recording | Target, simulated: Simulated) -> dict[str, float]:
    """How far a model is from a recording, in numbers to report.

    **Returns:**

    - `mean_abs_count_error`: spikes, mean over windows and sweeps; both silent is 0.
    - `latency_error_ms`, `latency_error_median_ms`: mean and median over the windows in which both
      fire, NaN if there are none.
    - `isi_error`: ms, mean difference of the mean intervals where both have one.
    - `subthreshold_rmse_mv`: root mean squared error of the voltage, without the time near a spike
      (2 ms before to 5 ms after) of either.
    - `windows`, `windows_both_fire`: how many of them there are.

    **Raises:** `ValueError` when the two have different sweeps or lengths.
    """
    target = recording
    if isinstance(recording, Recording):
        duration = len(simulated.time) * simulated.dt
        target = make_target(recording, dt=simulated.dt, duration=duration)
    assert isinstance(target, Target)
    if simulated.voltage.shape != target.voltage.shape:
        raise ValueError(
            f"compare: the model's voltage has shape {simulated.voltage.shape}, but the "
            f"recording's {target.voltage.shape}. Simulate this recording."
        )
    table = window_table(target, simulated)
    latency = np.abs(table.simulated_latency - table.recorded_latency)
    latency = latency[np.isfinite(latency)]
    isi = np.abs(table.simulated_isi - table.recorded_isi)
    isi = isi[np.isfinite(isi)]
    counts = np.abs(table.simulated_count - table.recorded_count)
    return {
        "mean_abs_count_error": float(counts.mean()),
        "latency_error_ms": _or_nan(np.mean, latency),
        "latency_error_median_ms": _or_nan(np.median, latency),
        "isi_error": _or_nan(np.mean, isi),
        "subthreshold_rmse_mv": _rmse(target, simulated),
        "windows": counts.size,
        "windows_both_fire": latency.size,
    }


def neighbour_baseline(
    recording: Recording | Target, train: Sequence[int], test: Sequence[int]
) -> dict[str, float]:
    """What the trivial model would score: the average of the two fitted sweeps next to each other.

    A held-out sweep between two fitted ones gets the mean of their counts and of their latencies;
    one at an end, those of its only neighbour. Stimuli must rise or fall from sweep to sweep.

    **Returns:** `mean_abs_count_error`, `latency_error_ms` and `latency_error_median_ms` as in
    `compare`, over the held-out sweeps.

    **Raises:** `ValueError` without a fitted or without a held-out sweep.
    """
    target = recording if isinstance(recording, Target) else make_target(recording)
    columns = np.asarray(target.spike_times).T
    times = [column[np.isfinite(column)] for column in columns]
    measured = np.array([[_measured(one, w) for one in times] for w in target.windows])
    fitted = sorted(train)
    if not fitted or not len(test):
        raise ValueError(
            f"neighbour_baseline: got train={list(train)} and test={list(test)}. Pass at least one "
            "sweep of each."
        )
    counts, latencies = [], []
    for sweep in test:
        below = [i for i in fitted if i < sweep][-1:]
        above = [i for i in fitted if i > sweep][:1]
        guess = measured[:, below + above].mean(axis=1)
        counts += np.abs(guess[:, 0] - measured[:, sweep, 0]).tolist()
        latencies += np.abs(guess[:, 1] - measured[:, sweep, 1]).tolist()
    latency = np.asarray(latencies)
    latency = latency[np.isfinite(latency)]
    return {
        "mean_abs_count_error": float(np.mean(counts)),
        "latency_error_ms": _or_nan(np.mean, latency),
        "latency_error_median_ms": _or_nan(np.median, latency),
    }


def _measured(times: np.ndarray, window: tuple[float, float]) -> tuple[float, float, float]:
    """Count, latency and mean interval."""
    inside = times[(times >= window[0]) & (times < window[1])]
    latency = inside[0] - window[0] if len(inside) else np.nan
    interval = (inside[-1] - inside[0]) / (len(inside) - 1) if len(inside) > 1 else np.nan
    return len(inside), latency, interval


def _rmse(target: Target, simulated: Simulated) -> float:
    counted = np.asarray(target.is_subthreshold) > 0
    for sweep, times in enumerate(simulated.spike_times):
        for time in times:
            near = (simulated.time >= time - SPIKE_MASK[0]) & (
                simulated.time <= time + SPIKE_MASK[1]
            )
            counted[near, sweep] = False
    error = (simulated.voltage - np.asarray(target.voltage))[counted]
    return _or_nan(lambda x: np.sqrt(np.mean(x**2)), error)


def _or_nan(function, values: np.ndarray) -> float:
    return float(function(values)) if values.size else float("nan")
