import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Shaped

BLOCKS = 20  # at least, that the confidence interval resamples
MOST_LAGS = 100
GROWTH, DECAY = 0.5, 6.0  # the fastest that are looked for, per bin


class MultistepRegression(NamedTuple):
    """The branching parameter from slopes at many lags.

    The fit is r_k = amplitude m^k + offset. NaN where the 95 % interval of r_1 reaches down to 0:
    then there is no correlation to fit.

    **Attributes:**

    - `branching`: m of one bin.
    - `interval`: 95 % confidence interval of m.
    - `tau`: autocorrelation time -bin / ln m, ms; infinite for m >= 1.
    - `tau_interval`: its 95 % confidence interval, ms.
    - `amplitude`, `offset`: of the fit. The amplitude is 1 for a branching process that is wholly
      seen, and less under subsampling.
    - `lags`: k, bins.
    - `slopes`: r_k, of the regression of A(t + k) on A(t).
    - `errors`: standard error of each slope.
    - `bin`: width of a bin, ms.
    """

    branching: float
    interval: tuple[float, float]
    tau: float
    tau_interval: tuple[float, float]
    amplitude: float
    offset: float
    lags: Int[np.ndarray, " lags"]
    slopes: Float[np.ndarray, " lags"]
    errors: Float[np.ndarray, " lags"]
    bin: float


def multistep_regression(
    counts: Shaped[Array | np.ndarray, "bins ..."],
    bin: float = 1.0,
    *,
    lags: int | None = None,
    has_offset: bool = False,
    bootstraps: int = 200,
    seed: int = 0,
) -> MultistepRegression:
    """Estimate the branching parameter from any part of the neurons.

    The slope r_k of A(t + k) on A(t) is m^k where all is seen, and b m^k where each neuron or event
    is seen by chance: subsampling changes b, not m. So m is taken from how r_k falls with k.

    Whole trials, or 20 blocks where there are fewer, are drawn again with replacement for the
    intervals.

    **Arguments:**

    - `counts`: spikes of the population in each bin, `(bins,)`, or `(bins, trials)`, which share
      one mean.
    - `bin`: width of a bin, ms.
    - `lags`: the largest k, at most half the bins; by default 100, or a 50th of the bins. It should
      reach beyond `tau`, by several times with an offset.
    - `has_offset`: whether r_k may level off at another value than 0, as it does where the drive
      or the rate drifts.
    - `bootstraps`: samples for the intervals; 0 leaves them out (NaN), and keeps every fit.
    - `seed`: of the bootstrap.

    **Returns:** `MultistepRegression`.

    **Raises:** `ValueError` for fewer than 20 bins, and lags that do not fit.

    Reference: Wilting & Priesemann (2018), Nat. Commun. 9:2325; Spitzner et al. (2021), PLoS ONE
    16:e0249447 (stationary mean).

    >>> import jax
    >>> from jaxneuro.analysis.criticality import branching_process, subsample
    >>> series = branching_process(jax.random.key(0), 50_000, branching=0.9, drive=10.0)
    >>> seen = subsample(jax.random.key(1), series, 0.1)
    >>> 0.88 < multistep_regression(seen).branching < 0.92
    True
    """
    series = np.asarray(counts, np.float64)
    series = series[:, None] if series.ndim == 1 else series
    ks = _check_lags(series, lags)
    series = series - series.mean()
    samples, errors = _resampled(series, ks, bootstraps, seed)
    slopes = _slopes(_sums(series, ks).sum(axis=-1))
    is_certain = not samples.size or np.quantile(samples[:, 0], 0.025) > 0
    if not (np.isfinite(slopes).all() and slopes[0] > 0 and is_certain):
        nothing = (np.nan, np.nan)
        return MultistepRegression(
            np.nan, nothing, np.nan, nothing, np.nan, np.nan, ks, slopes, errors, bin
        )
    decays, amplitudes, offsets = _fit(np.vstack([slopes, samples]), ks, has_offset)
    ends = np.quantile(decays[1:], [0.975, 0.025]) if samples.size else np.full(2, np.nan)
    low, high = map(float, np.exp(-ends))
    tau, shortest, longest = (_time(rate, bin) for rate in (decays[0], *ends))
    return MultistepRegression(
        float(np.exp(-decays[0])),
        (low, high),
        tau,
        (shortest, longest),
        float(amplitudes[0]),
        float(offsets[0]),
        ks,
        slopes,
        errors,
        bin,
    )


def _time(decay: float, bin: float) -> float:
    return float(math.inf if decay <= 0 else bin / decay)


def _check_lags(series: np.ndarray, lags: int | None) -> np.ndarray:
    bins = len(series)
    if bins < 20 or series.ndim != 2:
        raise ValueError(
            f"multistep_regression: counts have shape {series.shape}. Pass (bins,) or (bins, "
            "trials) with at least 20 bins."
        )
    most = max(3, min(MOST_LAGS, bins // 50)) if lags is None else lags
    if not 3 <= most <= bins // 2:
        raise ValueError(
            f"multistep_regression: lags is {most}, and there are {bins} bins. Pass at least 3 and "
            f"at most {bins // 2}."
        )
    return np.arange(1, most + 1)


def _sums(series: np.ndarray, ks: np.ndarray) -> np.ndarray:
    """What the slopes are made of, added over time: `(5, lags, trials)`.

    Number of pairs, sums of x = A(t), y = A(t + k), x y and x².
    """
    from scipy.fft import next_fast_len

    bins = len(series)
    size = next_fast_len(bins + len(ks), real=True)
    spectrum = np.fft.rfft(series, size, axis=0)
    products = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=0)[ks]
    first = np.cumsum(series[: len(ks)], axis=0)  # what y lacks
    last = np.cumsum(series[: -len(ks) - 1 : -1], axis=0)  # what x lacks
    squares = np.cumsum(series[: -len(ks) - 1 : -1] ** 2, axis=0)
    pairs = np.broadcast_to((bins - ks)[:, None], products.shape)
    total, square = series.sum(axis=0), (series**2).sum(axis=0)
    return np.stack([pairs, total - last, total - first, products, square - squares])


def _slopes(sums: np.ndarray) -> np.ndarray:
    """Slopes of least squares from the sums of `_sums`, NaN for a constant series."""
    pairs, x, y, xy, xx = sums
    spread = xx - x * x / pairs
    is_flat = spread <= 1e-9 * np.maximum(xx, 1e-300)
    return np.where(is_flat, np.nan, (xy - x * y / pairs) / np.where(is_flat, 1.0, spread))


def _resampled(
    series: np.ndarray, ks: np.ndarray, bootstraps: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of each bootstrap sample, `(samples, lags)`, and their standard deviation."""
    bins, trials = series.shape
    if not bootstraps:
        return np.empty((0, len(ks))), np.full(len(ks), np.nan)
    cuts = max(1, min(-(-BLOCKS // trials), bins // (2 * len(ks))))
    length = bins // cuts
    blocks = series[: cuts * length].reshape(cuts, length, trials).swapaxes(0, 1)
    sums = _sums(blocks.reshape(length, cuts * trials), ks)
    count = sums.shape[-1]
    shares = np.full(count, 1.0 / count)
    draws = np.random.default_rng(seed).multinomial(count, shares, bootstraps)
    slopes = _slopes(np.moveaxis(sums @ draws.T.astype(np.float64), -1, 1))
    slopes = slopes[np.isfinite(slopes).all(axis=1)]  # not those of silent blocks alone
    return slopes, slopes.std(axis=0, ddof=1) if len(slopes) > 1 else np.full(len(ks), np.nan)


def _fit(
    slopes: np.ndarray, ks: np.ndarray, has_offset: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decay, amplitude and offset of each row by least squares.

    For a given decay the other two are linear; the decay is searched on ever finer grids.
    """
    slow = 0.003 / ks[-1]
    growing, falling = -np.geomspace(GROWTH, slow, 40), np.geomspace(slow, DECAY, 120)
    grid = np.concatenate([growing, [0.0], falling])[None]  # the first one serves all rows
    for _ in range(6):
        gain = _project(slopes, ks, grid, has_offset)[0]
        best = np.argmax(gain, axis=1)[:, None]
        grid = np.broadcast_to(grid, gain.shape)
        low = np.take_along_axis(grid, np.maximum(best - 1, 0), 1)[:, 0]
        high = np.take_along_axis(grid, np.minimum(best + 1, grid.shape[1] - 1), 1)[:, 0]
        grid = np.linspace(low, high, 21, axis=1)
    decay = grid[:, [10]]
    _, amplitude, offset = _project(slopes, ks, decay, has_offset)
    return decay[:, 0], amplitude[:, 0], offset[:, 0]


def _project(
    slopes: np.ndarray, ks: np.ndarray, decays: np.ndarray, has_offset: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much of the squares each decay explains, with its best amplitude and offset."""
    curves = np.exp(-decays[..., None] * ks)
    middle, mean = curves.mean(axis=-1), slopes.mean(axis=-1)[:, None]
    if not has_offset:
        middle, mean = np.zeros_like(middle), np.zeros_like(mean)
    apart = curves - middle[..., None]
    power = np.sum(apart**2, axis=-1)
    product = np.matmul(apart, (slopes - mean)[..., None])[..., 0]
    amplitude = np.where(power > 0, product, 0.0) / np.where(power > 0, power, 1.0)
    return amplitude * product, amplitude, mean - amplitude * middle
