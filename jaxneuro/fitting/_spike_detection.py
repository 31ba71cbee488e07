import numpy as np
from jaxtyping import Array, Float, Real


def spike_times(
    voltage: Real[Array | np.ndarray, "time sweeps"], dt: float, threshold: float = -20.0
) -> list[Float[np.ndarray, "_"]]:
    """When the voltage of each sweep crosses the threshold upwards, ms.

    Sample k is at k dt, and the crossing lies on the straight line between the sample before it,
    at or below the threshold, and the one above. A sweep that starts above has no spike there.

    **Arguments:**

    - `voltage`: mV.
    - `dt`: time between samples, ms.
    - `threshold`: mV.

    **Returns:** one ascending array of times for each sweep, empty where there was no spike.

    **Raises:** `ValueError` when the voltage is not `(time, sweeps)` or `dt` is not positive.

    >>> import numpy as np
    >>> voltage = np.array([[-60.0, -60.0], [-40.0, -60.0], [0.0, -60.0], [-60.0, -60.0]])
    >>> [times.tolist() for times in spike_times(voltage, 0.5)]
    [[0.75], []]
    """
    voltage = np.asarray(voltage)
    if voltage.ndim != 2:
        raise ValueError(
            f"spike_times: the voltage has shape {voltage.shape}, but (time, sweeps) was wanted. "
            "Pass one sweep as voltage[:, None]."
        )
    if dt <= 0:
        raise ValueError(f"spike_times: dt is {dt} ms. Pass a positive step.")
    return [_crossings(column, dt, threshold) for column in voltage.T]


def _crossings(voltage: np.ndarray, dt: float, threshold: float) -> np.ndarray:
    before, after = voltage[:-1].astype(np.float64), voltage[1:].astype(np.float64)
    index = np.flatnonzero((before <= threshold) & (after > threshold))
    fraction = (threshold - before[index]) / (after[index] - before[index])
    return (index + fraction) * dt
