from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Shaped

LEAST_WIDTH = 0.02  # of the logistic, in steps between neighbouring x: what no data can tell apart


class LogisticFit(NamedTuple):
    """A logistic curve: lower + (upper - lower) / (1 + exp(-slope (x - midpoint))).

    **Attributes:**

    - `midpoint`: x of half height.
    - `slope`: of the exponent, per unit of x; negative where the curve falls.
    - `lower`, `upper`: height far to the left and right of a rising curve.
    - `error`: root of the mean squared distance of the points.
    """

    midpoint: float
    slope: float
    lower: float
    upper: float
    error: float

    def __call__(self, x: Shaped[Array | np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """The curve's height at x."""
        share = _logistic(self.slope * (np.asarray(x, np.float64) - self.midpoint))
        return self.lower + (self.upper - self.lower) * share


class StepFit(NamedTuple):
    """A Heaviside step: `before` below the edge, `after` from it on.

    **Attributes:**

    - `edge`: x of the step, halfway between two neighbouring points.
    - `before`, `after`: heights.
    - `error`: root of the mean squared distance of the points.
    """

    edge: float
    before: float
    after: float
    error: float

    def __call__(self, x: Shaped[Array | np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """The step's height at x."""
        return np.where(np.asarray(x, np.float64) < self.edge, self.before, self.after)


def fit_logistic(
    x: Shaped[Array | np.ndarray, " points"],
    y: Shaped[Array | np.ndarray, " points"],
    *,
    lower: float | None = 0.0,
    upper: float | None = 1.0,
) -> LogisticFit:
    """The logistic curve of least squares, such as choices over the strength of a cue.

    A curve of a step-like course gets a steep slope, limited where the points could no longer tell.

    **Arguments:**

    - `x`, `y`: at least three points, in any order; a y that is not finite is left out.
    - `lower`, `upper`: the curve's limits, known; None fits that limit too.

    **Returns:** a `LogisticFit`.

    **Raises:** `ValueError` for lengths that differ, or fewer than three different x.

    Reference: Wichmann & Hill (2001), Percept. Psychophys. 63:1293.

    >>> import numpy as np
    >>> x = np.linspace(-3.0, 3.0, 13)
    >>> fit = fit_logistic(x, 1.0 / (1.0 + np.exp(-2.0 * (x - 0.5))))
    >>> round(fit.midpoint, 4), round(fit.slope, 4)
    (0.5, 2.0)
    """
    from scipy.optimize import least_squares

    x, y = _clean("fit_logistic", x, y, least=3)
    middle, scale = x.mean(), np.ptp(x)
    steepest = 1.0 / (LEAST_WIDTH * np.diff(np.unique(x)).min())

    # In units of the range of x; limits that are not known are linear, so they follow from these.
    def residuals(shape: np.ndarray) -> np.ndarray:
        share = _logistic(shape[1] / scale * (x - middle - shape[0] * scale))
        low, high = _limits(share, y, lower, upper)
        return low + (high - low) * share - y

    bounds = np.array([1.0, steepest * scale])
    starts = [
        np.array([midpoint, sign * slope])
        for midpoint in np.linspace(-0.5, 0.5, 9)
        for slope in np.geomspace(0.5, 0.9 * bounds[1], 6)
        for sign in ((1.0,) if lower is None and upper is None else (1.0, -1.0))
    ]
    starts.sort(key=lambda start: float(np.sum(residuals(start) ** 2)))
    results = [least_squares(residuals, start, bounds=(-bounds, bounds)) for start in starts[:5]]
    best = min(results, key=lambda result: result.cost).x
    midpoint, slope = float(middle + best[0] * scale), float(best[1] / scale)
    low, high = _limits(_logistic(slope * (x - midpoint)), y, lower, upper)
    return LogisticFit(midpoint, slope, low, high, float(np.sqrt(np.mean(residuals(best) ** 2))))


def fit_step(
    x: Shaped[Array | np.ndarray, " points"],
    y: Shaped[Array | np.ndarray, " points"],
) -> StepFit:
    """The Heaviside step of least squares: its edge and the mean of y on both sides.

    Exact: every edge between two neighbouring x is tried; of equally good ones the first is taken.

    **Arguments:**

    - `x`, `y`: at least two points, as in `fit_logistic`.

    **Returns:** a `StepFit`.

    **Raises:** `ValueError` for lengths that differ, or fewer than two different x.

    >>> import numpy as np
    >>> fit_step(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 0.2, 0.9, 1.1]))[:3]
    (2.5, 0.1, 1.0)
    """
    x, y = _clean("fit_step", x, y, least=2)
    first = np.flatnonzero(np.diff(x) > 0) + 1  # the first point right of each edge
    total, square = np.cumsum(y), np.sum(y**2)
    left, right = total[first - 1], total[-1] - total[first - 1]
    gain = left**2 / first + right**2 / (len(x) - first)
    best = int(np.argmax(np.round(gain, 12)))
    index = int(first[best])
    return StepFit(
        float((x[index - 1] + x[index]) / 2),
        float(left[best] / index),
        float(right[best] / (len(x) - index)),
        float(np.sqrt(max(0.0, square - gain[best]) / len(x))),
    )


def _logistic(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * z))  # never overflows


def _limits(
    share: np.ndarray, y: np.ndarray, lower: float | None, upper: float | None
) -> tuple[float, float]:
    """y = lower (1 - share) + upper share, with the limits of least squares where none is given."""
    columns = np.stack([1.0 - share, share], axis=1)
    known = [lower, upper]
    free = [index for index in (0, 1) if known[index] is None]
    rest = y - columns @ np.array([value or 0.0 for value in known])
    found = np.linalg.lstsq(columns[:, free], rest)[0] if free else []
    for index, value in zip(free, found, strict=True):
        known[index] = value
    return tuple(map(float, known))  # pyright: ignore


def _clean(
    name: str, x: Array | np.ndarray, y: Array | np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"{name}: x has shape {x.shape}, y {y.shape}. Pass one y for each x.")
    known = np.isfinite(x) & np.isfinite(y)
    order = np.argsort(x[known], kind="stable")
    x, y = x[known][order], y[known][order]
    if len(np.unique(x)) < least:
        raise ValueError(
            f"{name}: there are finite points at {len(np.unique(x))} different x. "
            f"Pass at least {least}."
        )
    return x, y
