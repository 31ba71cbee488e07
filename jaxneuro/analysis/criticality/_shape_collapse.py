from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Shaped

POINTS = 100  # of relative time, at which the profiles are compared


class ShapeCollapse(NamedTuple):
    """Profiles of all durations on top of one another.

    **Attributes:**

    - `gamma`: exponent of the mean size over the duration, <S>(T) ~ T^gamma, that makes them agree
      best; NaN with fewer than two durations.
    - `error`: variance across durations that is left, mean over time, in units of the squared
      height of the mean profile.
    - `durations`: bins.
    - `times`: t / T.
    - `curves`: profiles divided by T^(gamma - 1).
    """

    gamma: float
    error: float
    durations: Shaped[np.ndarray, " durations"]
    times: Float[np.ndarray, " points"]
    curves: Float[np.ndarray, "durations points"]


def shape_collapse(
    durations: Shaped[Array | np.ndarray, " durations"],
    profiles: Shaped[Array | np.ndarray, "durations longest"],
    *,
    bounds: tuple[float, float] = (0.5, 4.0),
) -> ShapeCollapse:
    """Find the exponent that scales mean profiles of different durations to one shape.

    At a critical point A(t, T) = T^(gamma - 1) F(t / T), with the gamma of the crackling relation.
    The value of bin i stands at (i + 1/2) / T; between two bins it is interpolated, and nothing
    beyond the first and last bin of the shortest is used.

    **Arguments:**

    - `durations`, `profiles`: as in `Profiles`.
    - `bounds`: of gamma.

    **Returns:** `ShapeCollapse`.

    **Raises:** `ValueError` for shapes that do not belong together.

    Reference: Marshall et al. (2016), Front. Physiol. 7:250.

    >>> import numpy as np
    >>> durations = np.array([4, 8])
    >>> rows = [[0.5, 0.75, 0.75, 0.5] + [np.nan] * 4, [1.0] * 8]
    >>> shape_collapse(durations, np.array(rows)).curves.shape
    (2, 100)
    """
    from scipy.optimize import minimize_scalar

    lengths, values = np.asarray(durations), np.asarray(profiles, np.float64)
    if lengths.ndim != 1 or values.ndim != 2 or len(values) != len(lengths):
        raise ValueError(
            f"shape_collapse: durations have shape {lengths.shape}, profiles {values.shape}. Pass "
            "one profile for each duration, as mean_profiles does."
        )
    if len(lengths) < 2:
        return ShapeCollapse(np.nan, np.nan, lengths, np.empty(0), np.empty((len(lengths), 0)))
    edge = 0.5 / lengths.min()
    times = np.linspace(edge, 1.0 - edge, POINTS)
    curves = np.stack(
        [
            np.interp(times, (np.arange(length) + 0.5) / length, row[:length])
            for length, row in zip(lengths, values, strict=True)
        ]
    )
    lengths = lengths.astype(np.float64)
    best: Any = minimize_scalar(
        lambda gamma: _spread(_scaled(curves, lengths, gamma)),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-6},
    )
    gamma = float(best.x)
    return ShapeCollapse(
        gamma, float(best.fun), np.asarray(durations), times, _scaled(curves, lengths, gamma)
    )


def _scaled(curves: np.ndarray, lengths: np.ndarray, gamma: float) -> np.ndarray:
    return curves * lengths[:, None] ** (1.0 - gamma)


def _spread(curves: np.ndarray) -> float:
    """Variance across the curves, relative to the height of their mean."""
    height = np.ptp(curves.mean(axis=0))
    return float(curves.var(axis=0).mean() / max(height**2, 1e-300))
