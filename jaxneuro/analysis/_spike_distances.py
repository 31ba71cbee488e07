from collections.abc import Sequence

import numpy as np
from jaxtyping import Array, Real

Train = Real[Array | np.ndarray, " spikes"] | Sequence[float]


def victor_purpura(a: Train, b: Train, cost: float) -> float:
    """The least that it costs to change one spike train into the other.

    To add or to take away a spike costs 1, to move it by t costs `cost` |t|. Exact.

    **Arguments:**

    - `a`, `b`: spike times, ms.
    - `cost`: of moving a spike by 1 ms, 1/ms. With 0 only the counts matter; spikes further apart
      than 2 / cost are never worth moving.

    **Raises:** `ValueError` when a time is not finite or the cost is negative or not finite.

    Reference: Victor & Purpura (1996), J. Neurophysiol. 76:1310.

    >>> victor_purpura([10.0, 50.0], [12.0], cost=0.1)
    1.2
    """
    a, b = as_train("victor_purpura", "a", a), as_train("victor_purpura", "b", b)
    if not 0 <= cost < np.inf:
        raise ValueError(f"victor_purpura: the cost is {cost} per ms. Pass 0 or more.")
    # Entry j: the distance of the spikes of a so far and the first j of b.
    count = np.arange(len(b) + 1)
    distance = count.astype(np.float64)
    for time in a:
        moved = distance[:-1] + cost * np.abs(time - b)
        kept = np.append(distance[0] + 1, np.minimum(distance[1:] + 1, moved))
        distance = np.minimum.accumulate(kept - count) + count  # or add spikes of b from there on
    return float(distance[-1])


def van_rossum(a: Train, b: Train, tau: float) -> float:
    """Distance of two spike trains after an exponential is put in the place of each spike.

    D² = 2 / tau ∫ (f - g)² dt, where f(t) is the sum of exp(-(t - t_i) / tau) over the spikes
    t_i < t of one train and g of the other. A spike more or less far from all others adds 1 to D².
    (The first paper has half of this D².) The integral is taken in closed form:
    D² = Σ exp(-|a_i - a_j| / tau) + Σ exp(-|b_i - b_j| / tau) - 2 Σ exp(-|a_i - b_j| / tau).

    **Arguments:**

    - `a`, `b`: spike times, ms.
    - `tau`: time constant, ms.

    **Returns:** D.

    **Raises:** `ValueError` when a time is not finite or tau is not positive.

    Reference: van Rossum (2001), Neural Comput. 13:751; Houghton & Kreuz (2012), Network 23:48.

    >>> round(van_rossum([10.0], [15.0], tau=5.0) ** 2, 4)  # 2 - 2 / e
    1.2642
    """
    a, b = as_train("van_rossum", "a", a), as_train("van_rossum", "b", b)
    if not 0 < tau < np.inf:
        raise ValueError(f"van_rossum: tau is {tau} ms. Pass a positive time.")
    times = np.concatenate([a, b])
    sign = np.append(np.ones(len(a)), -np.ones(len(b)))
    overlap = np.exp(-np.abs(times[:, None] - times) / tau)
    return float(np.sqrt(max(sign @ overlap @ sign, 0.0)))


def gamma_factor(data: Train, model: Train, window: float, duration: float) -> float:
    """Share of spikes that coincide, beyond what chance gives: 1 for all, 0 for no more.

    Γ = 2 / (1 - 2 ν window) (N_coinc - 2 ν window N_data) / (N_data + N_model), ν = N_model /
    duration. Two spikes coincide when at most the window apart, each with one other at most; the
    term taken away is how many of the data would coincide with a Poisson train of the model's rate.

    **Arguments:**

    - `data`, `model`: spike times, ms.
    - `window`: ms. The correction counts 2 window of time for each spike of the data, so it holds
      only while these do not overlap.
    - `duration`: how long both were observed, ms.

    **Returns:** Γ, at most 1, and NaN where neither has a spike.

    **Raises:** `ValueError` when the window is not shorter than half the shortest interval of the
    data, the model fires so fast that every time is near a spike (2 ν window >= 1), the spikes
    span more than the duration, or a time is not finite.

    Reference: Kistler, Gerstner & van Hemmen (1997), Neural Comput. 9:1015; Jolivet et al. (2008),
    J. Neurosci. Methods 169:417.

    >>> round(gamma_factor([10.0, 60.0], [11.0, 90.0], window=2.0, duration=200.0), 4)
    0.4792
    """
    data, model = as_train("gamma_factor", "data", data), as_train("gamma_factor", "model", model)
    _check_window(data, model, window, duration)
    if not len(data) + len(model):
        return float("nan")
    share = 2.0 * window * len(model) / duration
    chance = share * len(data)
    excess = _coincidences(data, model, window) - chance
    return float(2.0 / (1.0 - share) * excess / (len(data) + len(model)))


def _coincidences(a: np.ndarray, b: np.ndarray, window: float) -> int:
    """The most pairs that can be made. (To pair the earliest that can be is never worse.)"""
    i = j = count = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= window:
            i, j, count = i + 1, j + 1, count + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return count


def _check_window(data: np.ndarray, model: np.ndarray, window: float, duration: float) -> None:
    span = max((np.ptp(train) for train in (data, model) if len(train)), default=0.0)
    if not 0 < duration < np.inf or span > duration:
        raise ValueError(
            f"gamma_factor: the duration is {duration} ms, and the spikes span {span} ms. "
            "Pass how long both trains were observed."
        )
    if not 0 < window < np.inf:
        raise ValueError(f"gamma_factor: the window is {window} ms. Pass a positive time.")
    shortest = np.diff(data).min(initial=np.inf)
    if window >= 0.5 * shortest:
        raise ValueError(
            f"gamma_factor: the window is {window} ms, but the shortest interval of the data is "
            f"{shortest} ms. Pass a window shorter than half of it, or the expected number of "
            "coincidences is wrong."
        )
    if 2.0 * window * len(model) >= duration:
        raise ValueError(
            f"gamma_factor: {len(model)} spikes of the model with a window of {window} ms on both "
            f"sides fill the duration of {duration} ms. Pass a shorter window."
        )


def as_train(function: str, name: str, times: Train) -> np.ndarray:
    times = np.asarray(times, np.float64)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ValueError(
            f"{function}: {name} must be a vector of finite times, but has shape {times.shape} "
            f"and {np.sum(~np.isfinite(times))} values that are not finite. Take out the padding "
            "with times[np.isfinite(times)]."
        )
    return np.sort(times)
