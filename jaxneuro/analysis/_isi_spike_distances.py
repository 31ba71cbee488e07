from typing import NamedTuple

import numpy as np

from ._spike_distances import Train, as_train


def isi_distance(a: Train, b: Train, start: float, stop: float) -> float:
    """How different the local rates of two spike trains are, without any parameter.

    The mean over time of |I_a - I_b| / max(I_a, I_b), where I(t) is the interval between the
    spikes before and after t: 0 where both are regular with the same rate. Exact.

    **Arguments:**

    - `a`, `b`: spike times, ms.
    - `start`, `stop`: from when to when both were observed, ms. The interval before the first spike
      is as long as the one after it, or reaches to the start if that is longer; likewise at the
      end. A train without spikes has one interval, from start to stop.

    **Raises:** `ValueError` when a time is not finite or not from start to stop.

    Reference: Kreuz, Haas, Morelli, Abarbanel & Politi (2007), J. Neurosci. Methods 165:151; edges
    as Mulansky & Kreuz (2016), SoftwareX 5:183.

    >>> import numpy as np
    >>> round(isi_distance(np.arange(0.0, 101.0, 10.0), np.arange(0.0, 101.0, 20.0), 0.0, 100.0), 6)
    0.5
    """
    a, b = _both("isi_distance", a, b, start, stop)
    edges = _edges(a, b, start, stop)
    middles = (edges[1:] + edges[:-1]) / 2
    one, other = _around(a, b, middles).interval, _around(b, a, middles).interval
    values = np.abs(one - other) / np.maximum(one, other)
    return float(values @ np.diff(edges) / (stop - start))


def spike_distance(a: Train, b: Train, start: float, stop: float) -> float:
    """How far apart the spikes of two trains are, relative to their intervals, without parameter.

    The SPIKE-distance, the mean over time of S(t) = (S_a I_b + S_b I_a) / (2 ⟨I⟩²), where I_a is
    the interval of a around t, ⟨I⟩ the mean of I_a and I_b, and S_a goes linearly from
    the distance that the spike of a before t has to the nearest spike of b, to that of the spike
    after t. S(t) is linear between the spikes of both, so that the integral is exact. It is 0 for
    equal trains.

    **Arguments:**

    - `a`, `b`, `start`, `stop`: as in `isi_distance`. Beyond the first and last spike of a train,
      S_a stays what it is there.

    **Raises:** `ValueError` as `isi_distance`.

    Reference: Kreuz, Chicharro, Houghton, Andrzejak & Mormann (2013), J. Neurophysiol. 109:1457;
    edges as Mulansky & Kreuz (2016), SoftwareX 5:183.

    >>> round(spike_distance([10.0, 20.0, 30.0], [12.0, 22.0, 32.0], 5.0, 35.0), 6)
    0.2
    """
    a, b = _both("spike_distance", a, b, start, stop)
    edges = _edges(a, b, start, stop)
    left, right = edges[:-1], edges[1:]
    one, other = _around(a, b, (left + right) / 2), _around(b, a, (left + right) / 2)
    weight = 0.5 / ((one.interval + other.interval) / 2) ** 2

    def dissimilarity(time: np.ndarray) -> np.ndarray:
        return weight * (one.at(time) * other.interval + other.at(time) * one.interval)

    values = (dissimilarity(left) + dissimilarity(right)) / 2
    return float(values @ (right - left) / (stop - start))


class _Surroundings(NamedTuple):
    """The spikes of a train before and after some times, and how far the other train's are."""

    before: np.ndarray
    after: np.ndarray
    distance_before: np.ndarray
    distance_after: np.ndarray

    @property
    def interval(self) -> np.ndarray:
        return self.after - self.before

    def at(self, time: np.ndarray) -> np.ndarray:
        fading, growing = self.after - time, time - self.before
        return (self.distance_before * fading + self.distance_after * growing) / self.interval


def _around(train: np.ndarray, other: np.ndarray, times: np.ndarray) -> _Surroundings:
    """Of two trains from `_with_ends`, whose first and last spikes are not real."""
    spikes = train[1:-1]
    place = np.searchsorted(other, spikes).clip(1, len(other) - 1)
    distance = np.minimum(np.abs(spikes - other[place - 1]), np.abs(spikes - other[place]))
    distance = np.pad(distance, 1, mode="edge")
    index = np.searchsorted(spikes, times, side="right")
    return _Surroundings(train[index], train[index + 1], distance[index], distance[index + 1])


def _edges(a: np.ndarray, b: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Where an interval of either begins or ends, from start to stop."""
    return np.unique(np.concatenate([[start, stop], a[1:-1], b[1:-1]]))


def _both(
    function: str, a: Train, b: Train, start: float, stop: float
) -> tuple[np.ndarray, np.ndarray]:
    if not stop > start:
        raise ValueError(
            f"{function}: start is {start} ms and stop is {stop} ms. Pass a stop after start."
        )
    return (
        _with_ends(function, "a", as_train(function, "a", a), start, stop),
        _with_ends(function, "b", as_train(function, "b", b), start, stop),
    )


def _with_ends(
    function: str, name: str, train: np.ndarray, start: float, stop: float
) -> np.ndarray:
    """The train with a spike before the start and one after the stop (see `isi_distance`)."""
    if len(train) and not (start <= train[0] and train[-1] <= stop):
        raise ValueError(
            f"{function}: spikes of {name} are from {train[0]} to {train[-1]} ms, but the trains "
            f"were observed from {start} to {stop} ms. Leave out the others, or widen it."
        )
    if not len(train):
        train = np.array([start, stop], np.float64)
    before, after = start, stop
    if len(train) > 1:
        before, after = 2 * train[0] - train[1], 2 * train[-1] - train[-2]
    return np.concatenate([[min(start, before)], train, [max(stop, after)]])
