from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Shaped


class SpatialCorrelation(NamedTuple):
    """Correlation of pairs of neurons over their distance, with C(r) = A exp(-r / ξ) + B.

    **Attributes:**

    - `length`: ξ, in the unit of the positions; NaN where the fit failed.
    - `length_error`: its standard error.
    - `amplitude`, `offset`: A and B.
    - `edges`: of the bins of distance.
    - `distances`: mean distance of the pairs in each bin; NaN in an empty one.
    - `correlations`: their mean Pearson correlation.
    - `errors`: standard deviation of the correlation over the root of the number of pairs. Pairs
      that share a neuron are not independent, so the true error is larger.
    - `counts`: pairs in each bin.
    """

    length: float
    length_error: float
    amplitude: float
    offset: float
    edges: Float[np.ndarray, " edges"]
    distances: Float[np.ndarray, " bins"]
    correlations: Float[np.ndarray, " bins"]
    errors: Float[np.ndarray, " bins"]
    counts: Int[np.ndarray, " bins"]


def spatial_correlation(
    counts: Shaped[Array | np.ndarray, "time neurons"],
    positions: Shaped[Array | np.ndarray, "neurons dimensions"],
    *,
    bins: int | Float[np.ndarray, " edges"] = 20,
    has_offset: bool = True,
) -> SpatialCorrelation:
    """Measure how correlations of spike counts fall with distance.

    Neurons whose count never changes have no correlation and are left out. The curve is fitted to
    the bins by least squares, each with the weight of its pairs.

    **Arguments:**

    - `counts`: spikes of each neuron in windows of some ms, as from `windowed_counts`. (In single
      steps hardly any two spikes coincide.)
    - `positions`: of the neurons, in any unit.
    - `bins`: of distance, their number, from 0 to half the largest distance, or their edges.
    - `has_offset`: whether B is fitted; otherwise it is 0.

    **Returns:** `SpatialCorrelation`, with a length of NaN where fewer than five bins have pairs
    or the fit fails.

    **Raises:** `ValueError` for shapes that do not belong together.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = spatial_correlation(rng.poisson(2.0, (500, 30)), rng.random((30, 2)))
    >>> bool(abs(np.nanmean(found.correlations)) < 0.05)
    True
    """
    from scipy.spatial.distance import pdist

    series, places = np.asarray(counts, np.float64), np.asarray(positions, np.float64)
    if series.ndim != 2 or places.ndim != 2 or len(places) != series.shape[1]:
        raise ValueError(
            f"spatial_correlation: counts have shape {series.shape}, positions {places.shape}. "
            "Pass (time, neurons) and (neurons, dimensions)."
        )
    changes = np.ptp(series, axis=0) > 0 if len(series) else np.zeros(len(places), bool)
    distance = pdist(places[changes])
    largest = distance.max(initial=0.0) or 1.0
    edges = np.linspace(0.0, largest / 2, bins + 1) if isinstance(bins, int) else np.asarray(bins)
    correlation = _correlations(series[:, changes])
    binned = _bin_means(distance, correlation, edges)
    fit = _fit_decay(*binned, has_offset)
    return SpatialCorrelation(*fit, edges, *binned)


def _correlations(series: np.ndarray) -> np.ndarray:
    """Pearson's correlation of all pairs, in the order of `pdist`."""
    apart = series - series.mean(axis=0)
    apart = apart / np.linalg.norm(apart, axis=0)
    return (apart.T @ apart)[np.triu_indices(series.shape[1], 1)]


def _bin_means(
    distance: np.ndarray, correlation: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean distance, mean correlation, its standard error and number of pairs of each bin."""
    size = len(edges) - 1
    place = np.searchsorted(edges, distance, side="right") - 1
    place[distance == edges[-1]] = size - 1
    inside = (place >= 0) & (place < size)
    place, distance, correlation = place[inside], distance[inside], correlation[inside]
    counts = np.bincount(place, minlength=size)
    some = np.where(counts > 0, counts, np.nan)
    means = [np.bincount(place, x, size) / some for x in (distance, correlation, correlation**2)]
    errors = np.sqrt(np.maximum(means[2] - means[1] ** 2, 0.0) / some)
    return means[0], means[1], errors, counts


def _fit_decay(
    distances: np.ndarray,
    correlations: np.ndarray,
    errors: np.ndarray,
    counts: np.ndarray,
    has_offset: bool,
) -> tuple[float, float, float, float]:
    """Length, its error, amplitude and offset."""
    from scipy.optimize import curve_fit

    known = counts > 0
    r, c = distances[known], correlations[known]
    if len(r) < 5:
        return np.nan, np.nan, np.nan, np.nan
    start = [max(c[0] - c[-1], 1e-3), (r[-1] + r[0]) / 4, c[-1]]
    low, high = [-np.inf, 1e-6 * r[-1], -1.0], [np.inf, 1e3 * r[-1], 1.0]
    free = slice(3 if has_offset else 2)

    def decay(x: np.ndarray, amplitude: float, length: float, offset: float = 0.0) -> np.ndarray:
        return amplitude * np.exp(-x / length) + offset

    try:
        best, spread = curve_fit(
            decay,
            r,
            c,
            start[free],
            sigma=1.0 / np.sqrt(counts[known]),
            bounds=(low[free], high[free]),
        )
    except RuntimeError:  # scipy's way to say that it found none
        return np.nan, np.nan, np.nan, np.nan
    offset = float(best[2]) if has_offset else 0.0
    return float(best[1]), float(np.sqrt(spread[1, 1])), float(best[0]), offset
