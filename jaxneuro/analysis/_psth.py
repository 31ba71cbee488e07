from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from ._rates import rate_map


class PSTH(NamedTuple):
    """Mean rate around an event, over trials.

    **Attributes:**

    - `edges`: of the bins, ms.
    - `rate`: mean over the trials, Hz.
    - `error`: its standard error, Hz; NaN with a single trial.
    """

    edges: Float[Array | np.ndarray, " edges"]
    rate: Float[Array, "bins ..."]
    error: Float[Array, "bins ..."]


def psth(
    spikes: Shaped[Array | np.ndarray, "time trials ..."],
    dt: float,
    bin: float,
    *,
    smoothing: float = 0.0,
    start: float = 0.0,
) -> PSTH:
    """Peri-stimulus time histogram: the rate in each bin, averaged over trials.

    Works under `jax.jit`. Around events of one long series, take `align_to_events` and
    `bin_spike_times` first.

    **Arguments:**

    - `spikes`: 0/1 (or counts) of each step, time first, then trials.
    - `dt`, `bin`, `smoothing`: as in `rate_map`.
    - `start`: time of the first step, ms; below 0 where the series begins before the event.

    **Returns:** `PSTH`. Without spikes its rates are 0.

    **Raises:** `ValueError` without trials, or as `rate_map`.

    Reference: Gerstein & Kiang (1960), Biophys. J. 1:15.

    >>> import numpy as np
    >>> psth(np.array([[1, 1], [0, 1], [0, 0], [0, 0]]), 0.5, 1.0).rate.tolist()
    [1500.0, 0.0]
    """
    if spikes.ndim < 2 or not spikes.shape[1]:
        raise ValueError(
            f"psth: spikes have shape {spikes.shape}. Pass (time, trials) or more axes, with at "
            "least one trial."
        )
    rates = rate_map(spikes, dt, bin, smoothing)
    trials = rates.shape[1]
    error = jnp.full(rates[:, 0].shape, jnp.nan)
    if trials > 1:
        error = rates.std(axis=1, ddof=1) / trials**0.5
    return PSTH(start + np.arange(len(rates) + 1) * float(bin), rates.mean(axis=1), error)


def align_to_events(
    times: Shaped[Array | np.ndarray, " _"],
    events: Shaped[Array | np.ndarray, " trials"] | Sequence[float],
    start: float,
    stop: float,
) -> list[Float[np.ndarray, " _"]]:
    """Cut a spike train into trials around events.

    **Arguments:**

    - `times`: of one neuron's spikes, ms, as one of `spike_times`.
    - `events`: when they were, ms.
    - `start`, `stop`: what is kept, from `start` (below 0 is before the event) to `stop`, ms.

    **Returns:** the spike times of each trial, counted from its event, in increasing order.

    **Raises:** `ValueError` when `stop` is not after `start`.

    >>> import numpy as np
    >>> trials = align_to_events(np.array([5.0, 12.0, 31.0]), [10.0, 30.0], -5.0, 5.0)
    >>> [trial.tolist() for trial in trials]
    [[2.0], [1.0]]
    """
    if not stop > start:
        raise ValueError(
            f"align_to_events: start is {start} ms and stop is {stop} ms. Pass a stop after start."
        )
    times = np.sort(np.asarray(times, np.float64))
    trials = [times - float(event) for event in np.asarray(events, np.float64)]
    # As `bin_spike_times` counts: a spike belongs to what ends with it.
    return [trial[(trial > start) & (trial <= stop)] for trial in trials]
