import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, Integer, Real, Shaped


def array_to_events(
    spikes: Shaped[Array | np.ndarray, "time neuron"],
) -> tuple[Int32[np.ndarray, " events"], Int32[np.ndarray, " events"]]:
    """List the spikes of a series as (neuron, step) events, in the order of time.

    **Arguments:**

    - `spikes`: 0/1 of each step; a count of k gives k equal events.

    **Returns:** `(neurons, steps)`. A spike of step i is stamped `(i + 1) * dt` ms.

    **Raises:** `ValueError` when a value is not a whole number of spikes.

    >>> import numpy as np
    >>> neurons, steps = array_to_events(np.array([[0, 1], [0, 0], [1, 1]]))
    >>> neurons.tolist(), steps.tolist()
    ([1, 0, 1], [0, 2, 2])
    """
    spikes = np.asarray(spikes)
    wrong = ~((spikes >= 0) & (spikes < np.inf) & (spikes == np.round(spikes)))
    if wrong.any():
        raise ValueError(
            f"array_to_events: spikes hold {spikes[wrong][0]}, which is no number of spikes. "
            "Pass a series of 0 and 1 (or of counts)."
        )
    steps, neurons = np.nonzero(spikes)
    counts = spikes[steps, neurons].astype(np.int64)
    return (
        np.repeat(neurons, counts).astype(np.int32),
        np.repeat(steps, counts).astype(np.int32),
    )


def events_to_array(
    neurons: Integer[Array | np.ndarray, " events"],
    times: Real[Array | np.ndarray, " events"],
    *,
    n: int,
    steps: int,
    dt: float,
) -> Float[Array, "steps n"]:
    """Put spike events on the grid of a simulation.

    An event at t in (i dt, (i + 1) dt] is a spike of step i, so that the stamps (i + 1) dt of a
    simulation's own spikes lead back to the same series exactly. Events of one neuron in one
    step add up.

    **Arguments:**

    - `neurons`: index of the neuron of each event, 0 to `n` - 1.
    - `times`: time of each event, ms, in (0, steps dt].
    - `n`: number of neurons.
    - `steps`: number of steps.
    - `dt`: step, ms.

    **Returns:** the number of spikes in each step, in JAX's default float type.

    **Raises:** `ValueError` when the lengths differ, a neuron is out of range, or a time is not
    in the window.

    >>> import numpy as np
    >>> events_to_array(np.array([1, 0]), np.array([0.5, 0.6]), n=2, steps=3, dt=0.5).tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    """
    neurons, times = np.asarray(neurons), np.asarray(times)
    _check_neurons(neurons, times, n)
    index = _steps_of(times, dt)
    _check_times(times, index, steps, dt)
    counts = np.zeros((steps, n))
    np.add.at(counts, (index, neurons), 1)
    return jnp.asarray(counts, float)


def _steps_of(times: np.ndarray, dt: float) -> np.ndarray:
    if not dt > 0:
        raise ValueError(f"events_to_array: dt is {dt} ms. Pass a positive step.")
    precision = np.finfo(times.dtype if times.dtype.kind == "f" else np.float64).eps
    grid = (times.astype(np.float64) / dt).clip(-1, 2**62)
    # 3 * 0.1 / 0.1 is above 3 by rounding: a stamp of the grid has to stay on it.
    nearest = np.round(grid)
    on_grid = np.abs(grid - nearest) <= 2 * precision * grid
    last = np.where(on_grid, nearest, np.ceil(grid)) - 1
    return np.nan_to_num(last, nan=-1.0).astype(np.int64)


def _check_neurons(neurons: np.ndarray, times: np.ndarray, n: int) -> None:
    if neurons.shape != times.shape or neurons.ndim != 1:
        raise ValueError(
            f"events_to_array: neurons have shape {neurons.shape}, times {times.shape}. "
            "Pass two lists of the same length."
        )
    wrong = np.flatnonzero((neurons < 0) | (neurons >= n))
    if len(wrong):
        raise ValueError(
            f"events_to_array: event {wrong[0]} is of neuron {neurons[wrong[0]]}, but there are "
            f"{n} neurons. Pass indices from 0 to {n - 1}."
        )


def _check_times(times: np.ndarray, index: np.ndarray, steps: int, dt: float) -> None:
    wrong = np.flatnonzero((index < 0) | (index >= steps))
    if not len(wrong):
        return
    time = times[wrong[0]]
    if time > 0:
        raise ValueError(
            f"events_to_array: event {wrong[0]} is at {time} ms, beyond the window of {steps} "
            f"steps of {dt} ms ({steps * dt:g} ms). Pass more steps, or leave late events out."
        )
    raise ValueError(
        f"events_to_array: event {wrong[0]} is at {time} ms, but times must be above 0 (a spike "
        f"of the first step lies in (0, {dt}] ms). Leave such events out, or shift all times."
    )
