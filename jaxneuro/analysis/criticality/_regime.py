import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Array, Shaped

from ._avalanches import Avalanches, find_avalanches
from ._crackling import crackling_relation
from ._multistep import multistep_regression
from ._power_law import fit_power_law

Regime = Literal["silent", "subcritical", "critical", "supercritical"]


class Criticality(NamedTuple):
    """The measures of one recording; NaN where there is too little to measure.

    **Attributes:**

    - `bin`: of the avalanches, ms.
    - `spikes`: in all.
    - `avalanches`: their number.
    - `size_exponent`, `duration_exponent`: of the power laws.
    - `slope`, `predicted`, `deviation`: as in `Crackling`.
    - `branching`, `branching_low`, `branching_high`: m by multistep regression, with its 95 %
      interval.
    - `longest_share`: part of the recording that the longest avalanche lasts.
    - `system_share`: part of the spikes that are in avalanches of at least as many spikes as there
      are neurons; NaN if their number is unknown.
    """

    bin: float
    spikes: int
    avalanches: int
    size_exponent: float
    duration_exponent: float
    slope: float
    predicted: float
    deviation: float
    branching: float
    branching_low: float
    branching_high: float
    longest_share: float
    system_share: float


def measure_criticality(
    spikes: Shaped[Array | np.ndarray, "time ..."],
    dt: float,
    bin: float | None = None,
    *,
    neurons: int | None = None,
    threshold: int = 0,
    branching_bin: float | None = None,
    least: int = 50,
    bootstraps: int = 200,
) -> Criticality:
    """Measure avalanches, exponents and branching at once, as for the points of a sweep.

    A quiet network gives NaN, never an error. The slope of the mean size is fitted from the xmin of
    the durations on.

    **Arguments:**

    - `spikes`, `dt`, `bin`, `threshold`: as in `find_avalanches`.
    - `neurons`: how many there are, if the spikes are those of the whole population; by default
      the number of columns.
    - `branching_bin`: width of the bins of the branching parameter, ms, a multiple of `dt`; by
      default that of the avalanches. m belongs to it: give the time from one spike to those that
      it causes where bins vary along a sweep.
    - `least`: avalanches from xmin on that an exponent needs, and spikes that a branching parameter
      needs.
    - `bootstraps`: as in `multistep_regression`.

    **Returns:** `Criticality`.

    >>> import jax
    >>> from jaxneuro.analysis.criticality import galton_watson
    >>> series = galton_watson(jax.random.key(0), 5000, branching=1.0, longest=500)
    >>> classify_regime(measure_criticality(series, dt=1.0))
    'critical'
    """
    found = find_avalanches(spikes, dt, bin, threshold=threshold)
    shape = np.shape(spikes)
    if neurons is None and len(shape) > 1:
        neurons = math.prod(shape[1:])
    size = fit_power_law(found.sizes, is_discrete=True, least=least)
    duration = fit_power_law(found.durations, is_discrete=True, least=least)
    crackling = crackling_relation(
        found.sizes,
        found.durations,
        size.exponent,
        duration.exponent,
        shortest=duration.xmin if math.isfinite(duration.xmin) else 1.0,
    )
    counts = found.counts
    if branching_bin is not None:
        counts = find_avalanches(spikes, dt, branching_bin).counts
    branching, (low, high) = math.nan, (math.nan, math.nan)
    if len(counts) >= 20 and counts.sum() >= least:
        branching, (low, high) = multistep_regression(counts, bootstraps=bootstraps)[:2]
    return Criticality(
        found.bin,
        int(found.counts.sum()),
        len(found.sizes),
        size.exponent,
        duration.exponent,
        crackling.slope,
        crackling.predicted,
        crackling.deviation,
        branching,
        low,
        high,
        *_shares(found, neurons),
    )


def classify_regime(
    measures: Criticality,
    *,
    least_spikes: int = 50,
    most_share: float = 0.5,
    size_exponents: tuple[float, float] = (1.2, 1.8),
    most_deviation: float = 0.3,
    least_branching: float = 0.9,
) -> Regime:
    """Name the regime by a rule, the first that holds.

    1. "silent": fewer than `least_spikes` spikes.
    2. "supercritical" (tonic or seizure-like): the longest avalanche lasts `most_share` of the
       recording or more, or avalanches that are as large as the whole population hold
       `most_share` of the spikes or more, or the interval of the branching parameter lies above 1.
    3. "critical": all of: a size exponent within `size_exponents`, a deviation from the crackling
       relation of at most `most_deviation`, a branching parameter of at least `least_branching`.
    4. "subcritical": everything else, asynchronous activity among it.

    The limits are conventions; report the measures too. A large population that fires
    asynchronously leaves no bin of one step empty, and would be tonic by rule 2: measure it with a
    threshold, or a part of its neurons.

    **Arguments:**

    - `measures`: of `measure_criticality`.
    - `least_spikes`, `most_share`, `size_exponents`, `most_deviation`, `least_branching`: as above.

    **Returns:** the regime. What is NaN fulfils no condition.

    >>> import numpy as np
    >>> classify_regime(measure_criticality(np.zeros((1000, 20)), dt=0.1))
    'silent'
    """
    low, high = size_exponents
    if measures.spikes < least_spikes:
        return "silent"
    if (
        measures.longest_share >= most_share
        or measures.system_share >= most_share
        or measures.branching_low > 1
    ):
        return "supercritical"
    if (
        low <= measures.size_exponent <= high
        and measures.deviation <= most_deviation
        and measures.branching >= least_branching
    ):
        return "critical"
    return "subcritical"


def _shares(found: Avalanches, neurons: int | None) -> tuple[float, float]:
    """`longest_share` and `system_share`."""
    if not found.sizes.size:
        return math.nan, math.nan
    longest = float(found.durations.max() / len(found.counts))
    if neurons is None:
        return longest, math.nan
    return longest, float(found.sizes[found.sizes >= neurons].sum() / found.sizes.sum())
