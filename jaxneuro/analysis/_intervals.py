from collections.abc import Callable

import numpy as np
from jaxtyping import Array, Float, Shaped

from ._spike_times import Trains, as_padded


def interspike_intervals(times: Trains) -> Float[Array | np.ndarray, "intervals ..."]:
    """The time from each spike to the next, ms, with NaN after the last of a train.

    Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `times`: ms, in any order: a list of trains, as from `spike_times`, or a padded array (of
      one train, or `(capacity, ...)`), as from `first_spike_times` or `SpikeTimes` of `simulate`.

    **Returns:** intervals in their order, NaN where there are none.

    >>> import numpy as np
    >>> interspike_intervals([np.array([1.0, 3.0, 7.0]), np.array([2.0])]).tolist()
    [[2.0, nan], [4.0, nan]]
    """
    padded = _as_floats(as_padded(times))
    xp = padded.__array_namespace__()
    padded = xp.sort(padded, axis=0)
    known = xp.isfinite(padded)
    padded = xp.where(known, padded, 0.0)
    return xp.where(known[1:], padded[1:] - padded[:-1], xp.nan)


def cv(intervals: Float[Array | np.ndarray, "intervals ..."]) -> Float[Array | np.ndarray, "..."]:
    """Coefficient of variation: the standard deviation of the intervals over their mean.

    0 is a regular train, 1 a Poisson process; slow changes of the rate raise it too. The deviation
    divides by the number of intervals. Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `intervals`: as from `interspike_intervals`; NaN is left out.

    **Returns:** one value for each train, NaN with fewer than two intervals.

    >>> import numpy as np
    >>> cv(np.array([1.0, 3.0, np.nan])).item()
    0.5
    """
    intervals = _as_floats(intervals)
    xp = intervals.__array_namespace__()
    known = ~xp.isnan(intervals)
    # A NaN that is masked after it was squared would still be the gradient.
    intervals = xp.where(known, intervals, 0.0)
    mean = _masked_mean(intervals, known)
    variance = _masked_mean((intervals - mean[None]) ** 2, known)
    is_defined = (xp.sum(known, axis=0) >= 2) & (mean > 0)
    # The slope of the root at 0 is infinite.
    is_varied = variance > 0
    deviation = xp.where(is_varied, xp.sqrt(xp.where(is_varied, variance, 1.0)), 0.0)
    return xp.where(is_defined, deviation / xp.where(is_defined, mean, 1.0), xp.nan)


def cv2(intervals: Float[Array | np.ndarray, "intervals ..."]) -> Float[Array | np.ndarray, "..."]:
    """Irregularity from one interval to the next, which slow changes of the rate do not raise.

    CV2 = mean of 2 |I_{k+1} - I_k| / (I_{k+1} + I_k): 0 is a regular train, 1 a Poisson process.
    Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `intervals`: as in `cv`. Next to a NaN there is no pair.

    **Returns:** one value for each train, NaN with fewer than two intervals.

    Reference: Holt, Softky, Koch & Douglas (1996), J. Neurophysiol. 75:1806.

    >>> import numpy as np
    >>> cv2(np.array([1.0, 3.0, 3.0])).item()
    0.5
    """
    return _mean_contrast(intervals, lambda contrast: 2.0 * abs(contrast))


def lv(intervals: Float[Array | np.ndarray, "intervals ..."]) -> Float[Array | np.ndarray, "..."]:
    """Local variation of the intervals, which slow changes of the rate do not raise.

    LV = mean of 3 (I_{k+1} - I_k)² / (I_{k+1} + I_k)²: 0 is a regular train, 1 a Poisson process.
    Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `intervals`: as in `cv2`.

    **Returns:** one value for each train, NaN with fewer than two intervals.

    Reference: Shinomoto, Shima & Tanji (2003), Neural Comput. 15:2823.

    >>> import numpy as np
    >>> lv(np.array([1.0, 3.0, 3.0])).item()
    0.375
    """
    return _mean_contrast(intervals, lambda contrast: 3.0 * contrast**2)


def _mean_contrast(
    intervals: Array | np.ndarray, measure: Callable[[Array | np.ndarray], Array | np.ndarray]
) -> Array | np.ndarray:
    """Mean of a measure of the difference of two neighbours over their sum."""
    intervals = _as_floats(intervals)
    xp = intervals.__array_namespace__()
    total = intervals[1:] + intervals[:-1]
    known = total > 0  # not where one is NaN
    difference = xp.where(known, intervals[1:] - intervals[:-1], 0.0)
    contrast = difference / xp.where(known, total, 1.0)
    mean = _masked_mean(measure(contrast), known)
    return xp.where(xp.any(known, axis=0), mean, xp.nan)


def _masked_mean(values: Array | np.ndarray, known: Array | np.ndarray) -> Array | np.ndarray:
    """Mean over the first axis of what is known, 0 where nothing is."""
    xp = values.__array_namespace__()
    count = xp.maximum(xp.sum(known, axis=0), 1)
    return xp.sum(xp.where(known, values, 0.0), axis=0) / xp.astype(count, values.dtype)


def _as_floats(values: Shaped[Array | np.ndarray, "..."]) -> Array | np.ndarray:
    return values.astype(float) if values.dtype.kind in "biu" else values
