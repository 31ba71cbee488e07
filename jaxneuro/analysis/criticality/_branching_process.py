import math

import numpy as np
from jaxtyping import Array, Int, Key, Shaped

from ._random import generator


def branching_process(
    key: Key[Array, ""],
    steps: int,
    branching: float,
    drive: float,
    *,
    trials: int | None = None,
    start: int | None = None,
) -> Int[np.ndarray, "time ..."]:
    """Draw a branching process with immigration: activity whose branching parameter is known.

    A(t + 1) = sum of A(t) Poisson numbers of mean m, plus a Poisson number of mean h; the mean of
    A is h / (1 - m), its autocorrelation m^k. It is what a measure of criticality can be
    calibrated on.

    **Arguments:**

    - `key`: decides the draws.
    - `steps`: length of the series.
    - `branching`: m, the mean number of descendants of one event.
    - `drive`: h, the mean number of events that come from outside in one step.
    - `trials`: number of independent series; by default one, without an axis of its own.
    - `start`: A before the first step; by default the rounded mean, which needs m < 1.

    **Returns:** A, `(time,)` or `(time, trials)`.

    **Raises:** `ValueError` for a negative or infinite m or h, m >= 1 without a start, and
    activity that grows beyond 10^12.

    Reference: Harris (1963), The Theory of Branching Processes; Wilting & Priesemann (2018), Nat.
    Commun. 9:2325.

    >>> import jax
    >>> series = branching_process(jax.random.key(0), 20_000, branching=0.9, drive=10.0)
    >>> series.shape, bool(90.0 < series.mean() < 110.0)
    ((20000,), True)
    """
    _check_process("branching_process", branching, drive)
    if start is None and branching >= 1:
        raise ValueError(
            f"branching_process: with branching {branching:g} there is no mean to start from. "
            "Pass start=."
        )
    rng = generator(key, "branching_process")
    first = round(drive / (1.0 - branching)) if start is None else start
    series = np.empty((steps, 1 if trials is None else trials), np.int64)
    activity = np.full(series.shape[1], first, np.int64)
    for step in range(steps):
        mean = branching * activity + drive
        if mean.max(initial=0.0) > 1e12:
            raise ValueError(
                f"branching_process: the activity grew beyond 10^12 at step {step}. Pass fewer "
                f"steps or a branching below {branching:g}."
            )
        activity = series[step] = rng.poisson(mean)
    return series[:, 0] if trials is None else series


def galton_watson(
    key: Key[Array, ""],
    avalanches: int,
    branching: float,
    *,
    longest: int = 10_000,
) -> Int[np.ndarray, " time"]:
    """Draw avalanches that each start from one event, an empty step between any two.

    The branching process of `branching_process` without a drive, started anew whenever it has died
    out: time scales are separated, so that avalanches never merge. At m = 1 sizes follow a power
    law of exponent 3/2, durations one of exponent 2, and the mean size grows with the square of
    the duration.

    **Arguments:**

    - `key`, `branching`: as in `branching_process`.
    - `avalanches`: how many.
    - `longest`: steps after which an avalanche is cut off.

    **Returns:** activity, one avalanche after another.

    **Raises:** `ValueError` as `branching_process`.

    Reference: Harris (1963), The Theory of Branching Processes.

    >>> import jax
    >>> series = galton_watson(jax.random.key(0), 1000, branching=0.5)
    >>> bool(1.8 < series.sum() / 1000 < 2.2)  # the mean size is 1 / (1 - m)
    True
    """
    _check_process("galton_watson", branching, 0.0)
    rng = generator(key, "galton_watson")
    alive, activity = np.arange(avalanches), np.ones(avalanches, np.int64)
    generations = []
    while alive.size and len(generations) < longest:
        generations.append((alive, activity))
        if activity.max() > 1e12:
            raise ValueError(
                f"galton_watson: an avalanche grew beyond 10^12 events. Pass longest= below "
                f"{len(generations)}, or a branching below {branching:g}."
            )
        children = rng.poisson(branching * activity)
        alive, activity = alive[children > 0], children[children > 0]
    durations = np.bincount(
        np.concatenate([which for which, _ in generations]), minlength=avalanches
    )
    ends = np.cumsum(durations + 1)
    series = np.zeros(int(ends[-1]), np.int64)
    for step, (which, counts) in enumerate(generations):
        series[ends[which] - durations[which] - 1 + step] = counts
    return series


def subsample(
    key: Key[Array, ""], counts: Shaped[Array | np.ndarray, "time ..."], probability: float
) -> Int[np.ndarray, "time ..."]:
    """See each event with a probability only, as a few electrodes see a large network.

    **Arguments:**

    - `key`: decides which events are seen.
    - `counts`: events of each step, whole numbers.
    - `probability`: of each event, independently.

    **Returns:** events that are seen, of the same shape.

    >>> import jax
    >>> import numpy as np
    >>> seen = subsample(jax.random.key(0), np.full(1000, 50), 0.1)
    >>> bool(4.8 < seen.mean() < 5.2)
    True
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"subsample: the probability is {probability:g}. Pass one in [0, 1].")
    return generator(key, "subsample").binomial(np.asarray(counts).astype(np.int64), probability)


def _check_process(name: str, branching: float, drive: float) -> None:
    if not (0 <= branching < math.inf and 0 <= drive < math.inf):
        raise ValueError(
            f"{name}: branching is {branching:g} and the drive {drive:g}. Pass finite numbers, 0 "
            "or more."
        )
