import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

Trains = Shaped[Array | np.ndarray, "capacity ..."] | Sequence[Shaped[Array | np.ndarray, " _"]]


def spike_times(
    spikes: Shaped[Array | np.ndarray, "time ..."], dt: float
) -> list[Float[np.ndarray, " _"]]:
    """The times of each neuron's spikes, ms.

    A spike of step i is at (i + 1) dt, where the step ends.

    **Arguments:**

    - `spikes`: as in `firing_rate`; whatever is above 0 is a spike.
    - `dt`: step, ms.

    **Returns:** one array for each neuron, in increasing order; further axes are flattened.

    >>> import numpy as np
    >>> [times.tolist() for times in spike_times(np.array([[0, 1], [0, 0], [0, 1]]), 0.5)]
    [[], [0.5, 1.5]]
    """
    fired = np.asarray(spikes) > 0
    fired = fired.reshape(len(fired), math.prod(fired.shape[1:]))
    return [(np.flatnonzero(column) + 1) * float(dt) for column in np.ascontiguousarray(fired.T)]


def counts_between(
    times: Sequence[Shaped[Array | np.ndarray, " _"]], start: float, stop: float
) -> Int[np.ndarray, " neurons"]:
    """Count each neuron's spikes in [start, stop).

    **Arguments:**

    - `times`: of each neuron's spikes, ms, as from `spike_times`, in any order.
    - `start`, `stop`: ms.

    **Returns:** one count for each neuron.

    **Raises:** `ValueError` when `stop` is not after `start`.

    >>> import numpy as np
    >>> counts_between([np.array([1.0, 2.0, 3.0]), np.array([])], 1.0, 3.0).tolist()
    [2, 0]
    """
    if not stop > start:
        raise ValueError(
            f"counts_between: start is {start} ms and stop is {stop} ms. Pass a stop after start."
        )
    inside = [np.asarray(each) for each in times]
    return np.array([np.sum((each >= start) & (each < stop)) for each in inside], np.int64)


def first_spike_times(
    spikes: Shaped[Array | np.ndarray, "time ..."], dt: float, capacity: int
) -> Float[Array, "capacity ..."]:
    """The first spike times of each neuron in one array, ms, with infinity after the last.

    What `spike_times` gives, in the shape of `SpikeTimes` of `simulate`. Works under `jax.jit`.

    **Arguments:**

    - `spikes`, `dt`: as in `spike_times`.
    - `capacity`: how many of each neuron are kept, the first ones; as many as there are steps
      always suffice.

    **Raises:** `ValueError` when the capacity is below 1.

    >>> import numpy as np
    >>> first_spike_times(np.array([[0, 1], [0, 0], [0, 1]]), 0.5, capacity=2).tolist()
    [[inf, 0.5], [inf, 1.5]]
    """
    if capacity < 1:
        raise ValueError(f"first_spike_times: capacity is {capacity}. Pass at least 1.")
    steps, *shape = spikes.shape
    fired = jnp.asarray(spikes).astype(float).reshape(steps, math.prod(shape)) > 0
    # Steps without a spike are sent beyond the last row, which drops them.
    rows = jnp.where(fired, jnp.cumsum(fired, axis=0) - 1, capacity)
    columns = jnp.arange(fired.shape[1])[None]
    times = (jnp.arange(steps)[:, None] + 1).astype(float) * dt
    padded = jnp.full((capacity, fired.shape[1]), jnp.inf)
    return padded.at[rows, columns].set(times, mode="drop").reshape(capacity, *shape)


def pad_spike_times(
    times: Sequence[Shaped[Array | np.ndarray, " _"]], capacity: int | None = None
) -> Float[np.ndarray, "capacity trains"]:
    """Several spike trains as one array, with infinity after the last spike of each.

    **Arguments:**

    - `times`: of each train, ms, as from `spike_times`.
    - `capacity`: how many fit; as many as the longest has if left out, and at least one.

    **Raises:** `ValueError` when a train has more than `capacity`.

    >>> import numpy as np
    >>> pad_spike_times([np.array([4.0, 9.0]), np.array([])]).tolist()
    [[4.0, inf], [9.0, inf]]
    """
    most = max((len(train) for train in times), default=0)
    if capacity is None:
        capacity = max(most, 1)
    if most > capacity:
        raise ValueError(
            f"pad_spike_times: a train has {most} spikes, but the capacity is {capacity}. "
            "Raise the capacity, or leave it out."
        )
    precision = np.result_type(np.float32, *(np.asarray(train) for train in times if len(train)))
    padded = np.full((capacity, len(times)), np.inf, precision)
    for index, train in enumerate(times):
        padded[: len(train), index] = train
    return padded


def unpad_spike_times(
    times: Shaped[Array | np.ndarray, "capacity ..."],
) -> list[Float[np.ndarray, " _"]]:
    """The spike trains of a padded array, such as `SpikeTimes` of `simulate` records.

    **Arguments:**

    - `times`: ms; what is not finite is padding.

    **Returns:** one array for each train; further axes are flattened.

    >>> import numpy as np
    >>> [train.tolist() for train in unpad_spike_times(np.array([[4.0, np.inf], [9.0, np.inf]]))]
    [[4.0, 9.0], []]
    """
    times = np.asarray(times)
    columns = times.reshape(len(times), math.prod(times.shape[1:])).T
    return [column[np.isfinite(column)] for column in columns]


def bin_spike_times(
    times: Trains, dt: float, duration: float, *, start: float = 0.0
) -> Int[np.ndarray, "time ..."]:
    """Count the spikes of each step: the way back from `spike_times`.

    Step i counts what is after start + i dt, up to and with start + (i + 1) dt, so that a spike
    is in the step that ends with it. Times outside of the duration are left out.

    **Arguments:**

    - `times`: ms, a list of trains or a padded array (one train, or `(capacity, ...)`).
    - `dt`: step, ms.
    - `duration`: ms, a multiple of `dt`.
    - `start`: of the first step, ms.

    **Returns:** counts, time first.

    **Raises:** `ValueError` when `dt` is not positive or the duration is no multiple of it.

    >>> import numpy as np
    >>> bin_spike_times([np.array([]), np.array([0.5, 1.5])], 0.5, 1.5).tolist()
    [[0, 1], [0, 0], [0, 1]]
    """
    steps = _whole_steps(duration, dt)
    padded = np.asarray(as_padded(times))
    precision = padded.dtype if np.issubdtype(padded.dtype, np.floating) else np.float64
    flat = padded.reshape(len(padded), math.prod(padded.shape[1:])).astype(np.float64)
    flat = np.where(np.isfinite(flat), flat, start)  # at the start is before the first step
    # A time on the grid may be off by rounding, which float32 has more of.
    slack = 1e-6 + 2 * np.finfo(precision).eps * np.abs(flat) / dt
    step = np.ceil((flat - start) / dt - slack).astype(np.int64) - 1
    inside = (step >= 0) & (step < steps)
    column = np.broadcast_to(np.arange(flat.shape[1]), flat.shape)
    places = (step * flat.shape[1] + column)[inside]
    counts = np.bincount(places, minlength=steps * flat.shape[1])
    return counts.reshape(steps, *padded.shape[1:])


def as_padded(times: Trains) -> Shaped[Array | np.ndarray, "capacity ..."]:
    """A padded array as it is, a list of trains as `pad_spike_times` makes one of it."""
    return times if isinstance(times, Array | np.ndarray) else pad_spike_times(times)


def _whole_steps(duration: float, dt: float) -> int:
    if not dt > 0:
        raise ValueError(f"bin_spike_times: dt is {dt} ms. Pass a positive step.")
    steps = round(duration / dt)
    if steps < 1 or abs(duration / dt - steps) > 1e-6 * steps:
        raise ValueError(
            f"bin_spike_times: the duration is {duration} ms, which is no multiple of dt = {dt} "
            f"ms. Take {max(1, steps) * dt:g} ms, say."
        )
    return steps
