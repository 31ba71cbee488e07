from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ._avalanches import Avalanches


class Profiles(NamedTuple):
    """Mean course of the avalanches of each duration.

    **Attributes:**

    - `durations`: bins, in increasing order.
    - `counts`: of the avalanches of each duration.
    - `values`: mean spikes in each bin of an avalanche; NaN after its end.
    """

    durations: Int[np.ndarray, " durations"]
    counts: Int[np.ndarray, " durations"]
    values: Float[np.ndarray, "durations longest"]


def mean_profiles(
    avalanches: Avalanches, *, shortest: int = 4, longest: int | None = None, least: int = 20
) -> Profiles:
    """Average the course of all avalanches that last equally long.

    **Arguments:**

    - `avalanches`: as from `find_avalanches`; incomplete ones are left out.
    - `shortest`, `longest`: durations, bins; by default there is no longest.
    - `least`: avalanches that a duration needs.

    **Returns:** `Profiles`, of no durations where there are too few avalanches.

    >>> import numpy as np
    >>> from jaxneuro.analysis.criticality import find_avalanches
    >>> found = find_avalanches(np.array([0, 1, 3, 0, 1, 5, 0]), dt=1.0, bin=1.0)
    >>> mean_profiles(found, shortest=1, least=1).values.tolist()
    [[1.0, 4.0]]
    """
    complete = avalanches.is_complete
    starts, durations = avalanches.starts[complete], avalanches.durations[complete]
    times, counts = np.unique(durations, return_counts=True)
    end = np.inf if longest is None else longest
    chosen = (counts >= least) & (times >= shortest) & (times <= end)
    times, counts = times[chosen], counts[chosen]
    values = np.full((len(times), int(times.max(initial=0))), np.nan)
    for row, time in enumerate(times):
        bins = starts[durations == time][:, None] + np.arange(time)
        values[row, :time] = avalanches.counts[bins].mean(axis=0)
    return Profiles(times, counts, values)
