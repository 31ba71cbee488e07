import numpy as np
from jaxtyping import Float

QUIET = 5.0  # ms at the start of a sweep, from which the noise of a measured current is told
APART = 1.0  # ms: stretches of stimulus closer than this are one (noise crosses holding)


def stimulus_windows(
    current: Float[np.ndarray, "time sweeps"], dt: float
) -> tuple[tuple[float, float], ...]:
    """The stretches of time in which the stimulus acts, ms.

    The stimulus acts where the current of any sweep departs from holding (its value at the start
    of the sweep). If these departures differ between the sweeps, only the times at which they do
    count: a prepulse that is the same in all sweeps is no window. Stretches less than 1 ms apart
    are one. A measured current is noisy: it departs beyond six standard deviations of its first
    5 ms.

    **Arguments:**

    - `current`: pA.
    - `dt`: step, ms.

    **Returns:** start and stop of each window, where stop is the time of the first sample after
    it; none when the current never changes.

    >>> import numpy as np
    >>> current = np.zeros((100, 2))
    >>> current[10:20] = -50.0  # the same prepulse in both sweeps
    >>> current[40:80] = [100.0, 200.0]
    >>> stimulus_windows(current, 0.5)
    ((20.0, 40.0),)
    """
    departure, tolerance = _departure(current, dt)
    acts = np.abs(departure).max(axis=1) > tolerance
    # The range over the sweeps is up to twice as wide as one sweep's noise.
    differs = acts & (np.ptp(departure, axis=1) > 2 * tolerance)
    return _stretches(differs if differs.any() else acts, dt)


def first_change(current: Float[np.ndarray, "time sweeps"], dt: float) -> int:
    """Index of the first sample at which the current of any sweep departs from holding.

    The number of samples when none ever does. Arguments and departures are as in
    `stimulus_windows`.
    """
    departure, tolerance = _departure(current, dt)
    acts = np.abs(departure).max(axis=1) > tolerance
    return int(np.argmax(acts)) if acts.any() else len(acts)


def _departure(current: np.ndarray, dt: float) -> tuple[np.ndarray, float]:
    """The current less its holding value in each sweep, and how much of that may be noise."""
    start = current[: max(2, round(QUIET / dt))]
    # 0 for a command, even one that steps here; of white noise, 1.645 sqrt(2) deviations.
    jitter = np.quantile(np.abs(np.diff(start, axis=0)), 0.9, axis=0).max()
    noise = 6 * jitter / (1.645 * np.sqrt(2))
    # Noise from the first sample on, as wide as the current itself, is the stimulus.
    is_command = jitter == 0 or noise > np.ptp(current) / 2
    holding = current[0] if is_command else np.median(start, axis=0)
    rounding = 1e-9 * np.abs(current).max()
    return current - holding, float(rounding if is_command else noise)


def _stretches(inside: np.ndarray, dt: float) -> tuple[tuple[float, float], ...]:
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    windows: list[tuple[float, float]] = []
    for start, stop in edges.reshape(-1, 2).tolist():
        # Rounded because 32937 * 0.05 is 1646.8500000000001.
        begin, end = round(start * dt, 9), round(stop * dt, 9)
        if windows and begin - windows[-1][1] < APART:
            begin = windows.pop()[0]
        windows.append((begin, end))
    return tuple(windows)
