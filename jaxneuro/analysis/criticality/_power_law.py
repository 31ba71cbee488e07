import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Shaped

STEEPEST, FLATTEST = 25.0, 1.0 + 1e-6  # exponents that are looked for
STEP = 1e-4  # of the differences, in the logarithm of exponent - 1


class PowerLawFit(NamedTuple):
    """A power law p(x) ~ x^-exponent from xmin on; NaN where there is too little to fit.

    **Attributes:**

    - `exponent`: of greatest likelihood.
    - `error`: its standard error.
    - `xmin`: where the power law begins.
    - `xmax`: where it ends, inclusive; infinite if nowhere.
    - `distance`: of Kolmogorov and Smirnov, the largest difference between the fitted cumulative
      distribution and that of the data in between.
    - `tail`: number of values in between.
    - `is_discrete`: whether on whole numbers.
    - `is_xmin_chosen`: whether xmin was chosen by the distance.
    """

    exponent: float
    error: float
    xmin: float
    xmax: float
    distance: float
    tail: int
    is_discrete: bool
    is_xmin_chosen: bool


def fit_power_law(
    values: Shaped[Array | np.ndarray, " values"],
    *,
    is_discrete: bool,
    xmin: float | None = None,
    xmax: float | None = None,
    least: int = 50,
    candidates: int = 100,
) -> PowerLawFit:
    """Fit a power law by greatest likelihood.

    Sizes and durations are whole numbers: p(x) = x^-a / (zeta(a, xmin) - zeta(a, xmax + 1)). For
    real numbers p(x) = (a - 1) x^-a / (xmin^(1-a) - xmax^(1-a)). A line through a histogram on
    logarithmic axes is no such fit: it is biased, and fits anything.

    **Arguments:**

    - `values`: above 0; those that are not are left out.
    - `is_discrete`: whether they are whole numbers.
    - `xmin`: where the power law begins; by default where its distance from the data is least.
    - `xmax`: where it ends, such as the number of neurons; by default it does not. Values beyond
      are left out.
    - `least`: values from xmin on that a power law needs.
    - `candidates`: for xmin, that are tried at most, equally spaced on a logarithmic scale.

    **Returns:** `PowerLawFit`.

    **Raises:** `ValueError` for values that are not finite, or not whole though discrete, and
    an xmin or xmax that cannot be.

    Reference: Clauset, Shalizi & Newman (2009), SIAM Rev. 51:661.

    >>> import numpy as np
    >>> sizes = np.random.default_rng(0).zipf(1.5, 10_000)
    >>> fit = fit_power_law(sizes, is_discrete=True, xmin=1)
    >>> bool(abs(fit.exponent - 1.5) < 2 * fit.error)
    True
    """
    x = _check_values(values, is_discrete, xmin, xmax)
    end = np.inf if xmax is None else float(xmax)
    support, counts = np.unique(x[(x > 0) & (x <= end)], return_counts=True)
    tails = np.cumsum(counts[::-1])[::-1]
    if xmin is None:
        starts = _thin(support[:-1][tails[:-1] >= least], candidates)
    else:
        starts = np.array([float(xmin)])
    first = np.searchsorted(support, starts)
    is_enough = (support.size - first >= 2) & (np.append(tails, 0)[first] >= least)
    starts, first = starts[is_enough], first[is_enough]
    if not starts.size:
        here = float("nan") if xmin is None else float(xmin)
        nan = float("nan")
        return PowerLawFit(nan, nan, here, end, nan, 0, is_discrete, xmin is None)
    logs = np.cumsum((counts * np.log(support))[::-1])[::-1]
    count = tails[first]
    exponents, errors = _likeliest(logs[first] / count, count, starts, end, is_discrete)
    best, distance = _nearest(support, counts, first, starts, exponents, end, is_discrete)
    return PowerLawFit(
        float(exponents[best]),
        float(errors[best]),
        float(starts[best]),
        end,
        distance,
        int(count[best]),
        is_discrete,
        xmin is None,
    )


def power_law_survival(
    x: Float[np.ndarray, "..."],
    exponent: float,
    xmin: float,
    xmax: float = np.inf,
    *,
    is_discrete: bool,
) -> Float[np.ndarray, "..."]:
    """The probability that a power law gives x or more.

    **Arguments:**

    - `x`: from xmin to xmax.
    - `exponent`, `xmin`, `xmax`, `is_discrete`: as in `PowerLawFit`.

    >>> import numpy as np
    >>> power_law_survival(np.array([1.0, 4.0]), 1.5, 1.0, is_discrete=False).tolist()
    [1.0, 0.5]
    """
    b = float(np.log(exponent - 1.0))
    whole = _log_weight(b, xmin, xmax, is_discrete)
    return np.exp(_log_weight(b, np.asarray(x, np.float64), xmax, is_discrete) - whole)


def _thin(starts: np.ndarray, candidates: int) -> np.ndarray:
    if starts.size <= candidates:
        return starts
    wanted = np.geomspace(starts[0], starts[-1], candidates)
    return starts[np.unique(np.searchsorted(starts, wanted * (1 - 1e-12)))]


def _log_weight(
    b: np.ndarray | float, start: np.ndarray | float, end: float, is_discrete: bool
) -> np.ndarray:
    """Logarithm of the sum or integral of x^-a from start to end, with b = log(a - 1)."""
    a = 1.0 + np.exp(b)
    with np.errstate(divide="ignore"):  # nothing is left beyond the end
        if not is_discrete:
            # expm1 keeps what a near 1 leaves of the difference of two powers.
            share = 1.0 if np.isinf(end) else -np.expm1((1.0 - a) * np.log(end / start))
            return (1.0 - a) * np.log(start) - b + np.log(share)
        from scipy.special import zeta

        beyond = 0.0 if np.isinf(end) else zeta(a, end + 1.0)
        return np.log(zeta(a, start) - beyond)


def _likeliest(
    mean_log: np.ndarray, count: np.ndarray, starts: np.ndarray, end: float, is_discrete: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of greatest likelihood and their errors, by Newton's method in b = log(a - 1)."""

    def loss(b: np.ndarray) -> np.ndarray:
        return _log_weight(b, starts, end, is_discrete) + np.exp(b) * mean_log

    low, high = np.log(FLATTEST - 1.0), np.log(STEEPEST - 1.0)
    shift = 0.5 if is_discrete else 0.0
    b = -np.log(np.maximum(mean_log - np.log(starts - shift), 1e-3))
    bend = np.ones_like(b)
    for _ in range(12):
        b = np.clip(b, low, high)
        below, here, above = loss(b - STEP), loss(b), loss(b + STEP)
        bend = np.maximum((above - 2 * here + below) / STEP**2, 1e-6)
        b = b - np.clip((above - below) / (2 * STEP) / bend, -1.0, 1.0)
    b = np.clip(b, low, high)
    return 1.0 + np.exp(b), np.exp(b) / np.sqrt(count * bend)


def _nearest(
    support: np.ndarray,
    counts: np.ndarray,
    first: np.ndarray,
    starts: np.ndarray,
    exponents: np.ndarray,
    end: float,
    is_discrete: bool,
) -> tuple[int, float]:
    """The start whose power law is nearest to the data, and its distance."""
    distances = np.array(
        [
            _distance(support[index:], counts[index:], start, exponent, end, is_discrete)
            for index, start, exponent in zip(first, starts, exponents, strict=True)
        ]
    )
    best = int(np.argmin(distances))
    return best, float(distances[best])


def _distance(
    support: np.ndarray,
    counts: np.ndarray,
    start: float,
    exponent: float,
    end: float,
    is_discrete: bool,
) -> float:
    """Largest difference of the cumulative distributions, on both sides of every jump."""
    steps = np.cumsum(counts) / counts.sum()
    options = {"is_discrete": is_discrete}
    before = 1.0 - power_law_survival(support, exponent, start, end, **options)
    after = before
    if is_discrete:
        after = 1.0 - power_law_survival(support + 1.0, exponent, start, end, **options)
    low = np.abs(before - np.concatenate([[0.0], steps[:-1]]))
    return float(max(low.max(), np.abs(after - steps).max()))


def _check_values(
    values: Array | np.ndarray, is_discrete: bool, xmin: float | None, xmax: float | None
) -> np.ndarray:
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError(
            f"fit_power_law: values have shape {x.shape} and {np.sum(~np.isfinite(x))} that are "
            "not finite. Pass a vector of finite numbers."
        )
    if is_discrete and (x != np.round(x)).any():
        raise ValueError(
            "fit_power_law: the values are not all whole numbers. Pass is_discrete=False, or "
            "durations in bins."
        )
    ends = [float(end) for end in (xmin, xmax) if end is not None]
    is_ordered = all(low < high for low, high in itertools.pairwise([0.0, *ends, np.inf]))
    if not is_ordered or (is_discrete and not all(end.is_integer() for end in ends)):
        raise ValueError(
            f"fit_power_law: xmin is {xmin} and xmax {xmax}. Pass 0 < xmin < xmax, whole numbers "
            "for discrete values."
        )
    return x
