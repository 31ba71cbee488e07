import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Int, Shaped


class Avalanches(NamedTuple):
    """Avalanches of a population, in the order in which they came.

    **Attributes:**

    - `sizes`: spikes in each.
    - `durations`: bins that each lasts; times `bin` it is a duration in ms.
    - `starts`: first bin of each.
    - `is_complete`: False for the first or last one if it touches an end of the series: it may
      have begun before or gone on.
    - `counts`: spikes of the whole population in each bin.
    - `bin`: width of a bin, ms.
    """

    sizes: Int[np.ndarray, " avalanches"]
    durations: Int[np.ndarray, " avalanches"]
    starts: Int[np.ndarray, " avalanches"]
    is_complete: Bool[np.ndarray, " avalanches"]
    counts: Int[np.ndarray, " bins"]
    bin: float


def find_avalanches(
    spikes: Shaped[Array | np.ndarray, "time ..."],
    dt: float,
    bin: float | None = None,
    *,
    threshold: int = 0,
) -> Avalanches:
    """Find avalanches: maximal runs of bins that are not empty.

    The bin decides what is found. One shorter than the delay from spike to spike cuts an avalanche
    into its single spikes (as a bin of one step does), one much longer merges neighbours; the
    mean interval of the population is the usual compromise, and results should be shown for
    some bins around it.

    **Arguments:**

    - `spikes`: 0/1 or counts of each step, of one neuron, any number, or the whole population.
    - `dt`: step, ms.
    - `bin`: width, ms, a multiple of `dt`; by default the `population_interval`, rounded to whole
      steps, at least one.
    - `threshold`: of the count, up to which a bin counts as empty; for activity that never ends.

    **Returns:** `Avalanches`; of a quiet network there are none.

    **Raises:** `ValueError` for spikes that are no counts, and a bin that is no multiple of `dt`.

    Reference: Beggs & Plenz (2003), J. Neurosci. 23:11167.

    >>> import numpy as np
    >>> found = find_avalanches(np.array([0, 1, 3, 0, 0, 2, 0]), dt=1.0, bin=1.0)
    >>> found.sizes.tolist(), found.durations.tolist()
    ([4, 2], [2, 1])
    """
    counts = _population(spikes)
    if bin is None:
        interval = population_interval(counts, dt)
        steps = max(1, round(interval / dt)) if math.isfinite(interval) else 1
    else:
        steps = _whole_steps(bin, dt)
    whole = len(counts) // steps
    counts = counts[: whole * steps].reshape(whole, steps).sum(axis=1)
    edges = np.diff(np.concatenate([[0], counts > threshold, [0]]).astype(np.int8))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    total = np.concatenate([[0], np.cumsum(counts)])
    is_complete = (starts > 0) & (stops < whole)
    sizes = total[stops] - total[starts]
    return Avalanches(sizes, stops - starts, starts, is_complete, counts, steps * float(dt))


def population_interval(spikes: Shaped[Array | np.ndarray, "time ..."], dt: float) -> float:
    """Mean interval from one spike of the population to the next, of whichever neuron.

    Spikes of one step are at an interval of 0.

    **Arguments:**

    - `spikes`, `dt`: as in `find_avalanches`.

    **Returns:** ms; NaN with fewer than two spikes.

    >>> import numpy as np
    >>> population_interval(np.array([1, 0, 0, 2, 0, 0, 1]), dt=0.5)
    1.0
    """
    counts = _population(spikes)
    _check_step(dt)
    times, total = np.flatnonzero(counts), int(counts.sum())
    return float((times[-1] - times[0]) * dt / (total - 1)) if total > 1 else float("nan")


def _population(spikes: Array | np.ndarray) -> np.ndarray:
    """Spikes of all neurons in each step."""
    values = np.asarray(spikes)
    values = values.reshape(len(values), -1) if values.size else values.reshape(len(values), 0)
    counts = values.sum(axis=1, dtype=np.float64)
    if not np.isfinite(counts).all() or (values < 0).any() or (counts != np.round(counts)).any():
        raise ValueError(
            f"Avalanches are of whole numbers of spikes, but these {values.shape[0]} steps have "
            f"values from {values.min()} to {values.max()}. Pass 0/1 or counts."
        )
    return counts.astype(np.int64)


def _check_step(dt: float) -> None:
    if not 0 < dt < math.inf:
        raise ValueError(f"dt is {dt} ms. Pass a positive step.")


def _whole_steps(bin: float, dt: float) -> int:
    _check_step(dt)
    steps = max(1, round(bin / dt))
    if abs(bin / dt - steps) > 1e-6 * steps:
        raise ValueError(
            f"find_avalanches: the bin is {bin} ms, which is no multiple of dt = {dt} ms. Take "
            f"{steps * dt:g} ms, say."
        )
    return steps
