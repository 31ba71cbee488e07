import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Shaped


class Crackling(NamedTuple):
    """How the mean size of avalanches grows with their duration, and what criticality predicts.

    **Attributes:**

    - `slope`: of log mean size over log duration.
    - `error`: its standard error.
    - `predicted`: (duration exponent - 1) / (size exponent - 1).
    - `deviation`: |predicted - slope|, the deviation from criticality (DCC): about 0 at a critical
      point, but by chance elsewhere too, where both exponents are steep.
    - `durations`: that occur, bins.
    - `mean_sizes`: of the avalanches of each duration.
    - `counts`: of the avalanches of each duration.
    - `limits`: shortest and longest duration that were fitted.
    """

    slope: float
    error: float
    predicted: float
    deviation: float
    durations: Int[np.ndarray, " durations"]
    mean_sizes: Float[np.ndarray, " durations"]
    counts: Int[np.ndarray, " durations"]
    limits: tuple[float, float]


def crackling_relation(
    sizes: Shaped[Array | np.ndarray, " avalanches"],
    durations: Shaped[Array | np.ndarray, " avalanches"],
    size_exponent: float,
    duration_exponent: float,
    *,
    shortest: float = 1.0,
    longest: float = math.inf,
) -> Crackling:
    """Compare the growth of size with duration with what the exponents predict.

    At a critical point sizes fall with exponent τ, durations with α, and
    <S>(T) ~ T^((α - 1) / (τ - 1)). Heavy tails alone are no sign of criticality, this relation is a
    stronger one. The line is fitted to log <S> by least squares, each duration with the weight of
    its avalanches (the variance of its mean falls as their number grows).

    **Arguments:**

    - `sizes`, `durations`: as in `Avalanches`.
    - `size_exponent`, `duration_exponent`: τ and α, as from `fit_power_law`.
    - `shortest`, `longest`: durations that are fitted, bins. Take the range in which they follow
      their power law.

    **Returns:** `Crackling`; NaN where fewer than two durations are in the range, or an exponent
    is 1 or less.

    **Raises:** `ValueError` for sizes and durations of unequal number.

    Reference: Sethna, Dahmen & Myers (2001), Nature 410:242; Ma et al. (2019), Neuron 104:655
    (DCC).

    >>> import numpy as np
    >>> durations = np.array([1, 1, 2, 2, 4])
    >>> found = crackling_relation(3 * durations**2, durations, 1.5, 2.0)
    >>> round(found.slope, 6), round(found.deviation, 6)
    (2.0, 0.0)
    """
    size, duration = np.asarray(sizes, np.float64), np.asarray(durations)
    if size.ndim != 1 or size.shape != duration.shape:
        raise ValueError(
            f"crackling_relation: sizes have shape {size.shape}, durations {duration.shape}. Pass "
            "one of each for every avalanche."
        )
    times, which, counts = np.unique(duration, return_inverse=True, return_counts=True)
    means = np.bincount(which, size, len(times)) / np.maximum(counts, 1)
    here = (times >= shortest) & (times <= longest)
    slope, error = _weighted_slope(np.log(times[here]), np.log(means[here]), counts[here])
    can_predict = size_exponent > 1 and duration_exponent > 1
    predicted = (duration_exponent - 1) / (size_exponent - 1) if can_predict else math.nan
    return Crackling(
        slope,
        error,
        predicted,
        abs(predicted - slope),
        times.astype(np.int64),
        means,
        counts,
        (shortest, longest),
    )


def _weighted_slope(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    if len(x) < 2:
        return math.nan, math.nan
    x = x - np.average(x, weights=weight)
    y = y - np.average(y, weights=weight)
    spread = np.sum(weight * x**2)
    slope = np.sum(weight * x * y) / spread
    if len(x) == 2:
        return float(slope), math.nan
    noise = np.sum(weight * (y - slope * x) ** 2) / (len(x) - 2)
    return float(slope), float(np.sqrt(noise / spread))
