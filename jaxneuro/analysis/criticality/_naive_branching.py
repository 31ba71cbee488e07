from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Shaped


class NaiveBranching(NamedTuple):
    """Three one-step estimates of the branching parameter; NaN where there is nothing to estimate.

    **Attributes:**

    - `slope`: of the linear regression of A(t + 1) on A(t). Right when the whole population is
      seen, stationary, with or without a drive; too low by a constant factor under subsampling.
    - `ratio_of_sums`: sum of A(t + 1) over sum of A(t), over the bins with A(t) > 0. Right for
      avalanches that start from outside only when all is quiet; a drive in between raises it
      (to 1, whatever m is, once no bin is empty).
    - `mean_of_ratios`: mean of A(t + 1) / A(t) over the bins with A(t) > 0. Not an estimate of m:
      the drive h adds h times the mean of 1 / A, which the smallest A rule, and 1 / A and A(t + 1)
      go with one another only on average. For comparison with papers that use it.
    """

    slope: float
    ratio_of_sums: float
    mean_of_ratios: float


def naive_branching(counts: Shaped[Array | np.ndarray, " bins"]) -> NaiveBranching:
    """Estimate the branching parameter from one bin to the next.

    All of it depends on the bin, which must be as long as one spike takes to cause the next.
    `multistep_regression` is the estimate to trust when only a part of the neurons is seen.

    **Arguments:**

    - `counts`: spikes of the population in each bin.

    **Returns:** `NaiveBranching`.

    **Raises:** `ValueError` for counts that are no vector.

    Reference: Heyde & Seneta (1972), Biometrika 59:680 (slope); Beggs & Plenz (2003), J. Neurosci.
    23:11167 (ratios).

    >>> import numpy as np
    >>> naive_branching(np.array([8, 4, 2, 1, 0, 8, 4, 2, 1, 0]))[1:]
    (0.4666666666666667, 0.375)
    """
    activity = np.asarray(counts, np.float64)
    if activity.ndim != 1:
        raise ValueError(
            f"naive_branching: counts have shape {activity.shape}. Pass those of the whole "
            "population, summed over neurons."
        )
    before, after = activity[:-1], activity[1:]
    spread = np.sum((before - before.mean()) ** 2) if before.size else 0.0
    active = before > 0
    if not spread > 0 or not active.any():
        return NaiveBranching(np.nan, np.nan, np.nan)
    return NaiveBranching(
        float(np.sum((before - before.mean()) * after) / spread),
        float(after[active].sum() / before[active].sum()),
        float(np.mean(after[active] / before[active])),
    )
