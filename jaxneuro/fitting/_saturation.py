import numpy as np
from jaxtyping import Float

SHORTEST = 3  # samples in a row at an extreme of the recording
EDGE = 8  # quantisation steps: a clipped trace arrives by more, a rounded peak by less than 3


def saturated_samples(voltage: Float[np.ndarray, "time sweeps"], extreme: float) -> int:
    """How many samples stand still at the highest or lowest voltage of a recording.

    A trace cut off by the range of its amplifier runs into that value at full speed and stays. A
    true peak sampled so finely that it has several equal samples is rounded: if its top c k² (k
    samples from the peak) stays within one quantisation step for three samples or more, the one
    before is less than (1 + 2 / 3)² = 2.8 steps away. So a run counts that the trace entered by
    a jump of more than 8 steps.

    **Arguments:**

    - `voltage`: mV, or any unit.
    - `extreme`: its largest or its smallest value.

    **Returns:** the number of samples in such runs, over all sweeps.

    >>> import numpy as np
    >>> wave = 80.0 * np.sin(np.arange(0.0, 60.0, 0.1))[:, None]
    >>> saturated_samples(wave, wave.max()), saturated_samples(wave.clip(max=40.0), 40.0)
    (0, 210)
    """
    levels = np.unique(voltage[np.isfinite(voltage)])
    quantum = float(np.diff(levels).min()) if len(levels) > 1 else 0.0
    count = 0
    for column in voltage.T[(voltage == extreme).any(axis=0)]:
        edges = np.flatnonzero(np.diff(column == extreme, prepend=False, append=False))
        for start, stop in edges.reshape(-1, 2):
            is_long = stop - start >= SHORTEST
            if is_long and start > 0 and abs(column[start - 1] - extreme) > EDGE * quantum:
                count += int(stop - start)
    return count
