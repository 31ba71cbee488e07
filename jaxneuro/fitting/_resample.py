from fractions import Fraction

import numpy as np
from jaxtyping import Float64, Shaped

DRIFT = 1e-7  # of the ratio: a tenth of a step after a million
LARGEST = 1000  # terms of the ratio of two steps: 20 kHz to 0.1 ms is 2, 48 kHz to 0.1 ms 24/5


def step_ratio(old: float, new: float, name: str) -> Fraction:
    """How many old steps make a new one, exactly.

    **Raises:** `ValueError` when `new` is not positive or no simple fraction of `old`.
    """
    if not 0 < new < float("inf"):
        raise ValueError(f"Recording '{name}': resample got dt={new} ms. Pass a positive step.")
    ratio = Fraction(new / old).limit_denominator(LARGEST)
    if ratio == 0 or ratio.numerator > LARGEST or abs(float(ratio) * old / new - 1) > DRIFT:
        near = old * max(ratio, Fraction(1, LARGEST))
        raise ValueError(
            f"Recording '{name}': resample got dt={new} ms, which is no simple fraction of its "
            f"step of {old:g} ms. Pass for example {float(near):.9g}."
        )
    return ratio


def resample_voltage(
    voltage: Float64[np.ndarray, "time sweeps"], ratio: Fraction
) -> Float64[np.ndarray, "new_time sweeps"]:
    """The voltage at every `ratio`-th old sample, from the first on.

    A ratio above 1 goes through a symmetric low-pass, which delays nothing, of half amplitude at
    the new Nyquist frequency. Up to 0.75 of it and beyond 1.25 the error is below 1e-4; a sharper
    one would ring further around spikes. A ratio below 1 joins the samples by lines, which cannot
    ring. The new neighbours of a sample that is NaN are NaN.
    """
    count = int((len(voltage) - 1) / ratio) + 1
    old_places, new_places = np.arange(len(voltage)), np.arange(count) * float(ratio)
    if ratio <= 1:
        columns = [np.interp(new_places, old_places, column) for column in voltage.T]
        return np.stack(columns, axis=1)
    # Where the package is used without recordings it needs no SciPy.
    from scipy.signal import resample_poly

    up, down = ratio.denominator, ratio.numerator
    filled = _filled(voltage)
    # SciPy's own beta of 5 leaves ripples of 1/1000, which are 0.05 mV at rest.
    window = ("kaiser", 8.0)
    resampled = resample_poly(filled, up, down, axis=0, window=window, padtype="edge")[:count]
    sample, sweep = np.nonzero(np.isnan(voltage))
    for place in (np.floor(sample / float(ratio)), np.ceil(sample / float(ratio))):
        resampled[np.minimum(place.astype(int), count - 1), sweep] = np.nan
    return resampled


def resample_current(
    current: Float64[np.ndarray, "time sweeps"], ratio: Fraction, count: int
) -> Float64[np.ndarray, "new_time sweeps"]:
    """The mean of the current over each of `count` steps of `ratio` old ones.

    So the charge is kept; a step of the current that falls within a new step leaves its mean there
    and every other level exact.
    """
    # The last step may reach beyond the last sample, which is held for one old step.
    edges = np.minimum(np.arange(count + 1) * ratio.numerator / ratio.denominator, len(current))
    charge = np.concatenate([np.zeros_like(current[:1]), np.cumsum(current, axis=0)])
    grid = np.arange(len(charge))
    at_edges = np.stack([np.interp(edges, grid, column) for column in charge.T], axis=1)
    return np.diff(at_edges, axis=0) / np.diff(edges)[:, None]


def _filled(voltage: Shaped[np.ndarray, "time sweeps"]) -> np.ndarray:
    """With lines across what is NaN."""
    filled = voltage.copy()
    for column in filled.T:
        known = np.isfinite(column)
        if known.any() and not known.all():
            column[~known] = np.interp(np.flatnonzero(~known), np.flatnonzero(known), column[known])
    return filled
