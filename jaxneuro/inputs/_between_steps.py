import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, Real


def spread_events(
    neurons: Integer[Array | np.ndarray, " events"],
    times: Real[Array | np.ndarray, " events"],
    n: int,
    steps: int,
    dt: float,
) -> Float[Array, "steps n"]:
    """Put events between the steps of a simulation, by sharing each among the two next to it.

    Edges deliver events at the start of a step. One at the fraction c of step k counts 1 - c there
    and c in step k + 1: number and mean time are kept, so that what it causes is off by order dt²
    once both have arrived, and is a continuous function of its time. (`events_to_array` moves each
    to a step, which is off by order dt.)

    Deliver the series by a projection with `delay=0.0`: step k of the series acts at k dt.

    **Arguments:**

    - `neurons`: index of the neuron of each event, 0 to `n` - 1.
    - `times`: time of each event, ms, from 0 to (steps - 1) dt.
    - `n`: number of neurons.
    - `steps`: number of steps.
    - `dt`: step, ms.

    **Returns:** what arrives at the start of each step, in JAX's default float type.

    **Raises:** `ValueError` when the lengths differ, a neuron is out of range, or a time is.

    >>> import numpy as np
    >>> spread_events(np.array([1, 0]), np.array([0.5, 1.125]), n=2, steps=4, dt=0.5).tolist()
    [[0.0, 0.0], [0.0, 1.0], [0.75, 0.0], [0.25, 0.0]]
    """
    neurons, times = np.asarray(neurons), np.asarray(times, np.float64)
    _check(neurons, times, n, steps, dt)
    place = np.clip(times / dt, 0.0, steps - 1)
    first = np.minimum(np.floor(place).astype(np.int64), max(steps - 2, 0))
    late = place - first
    series = np.zeros((steps, n))
    np.add.at(series, (first, neurons), 1.0 - late)
    np.add.at(series, (np.minimum(first + 1, steps - 1), neurons), late)
    return jnp.asarray(series, float)


def _check(neurons: np.ndarray, times: np.ndarray, n: int, steps: int, dt: float) -> None:
    if not dt > 0 or steps < 1:
        raise ValueError(
            f"spread_events: dt is {dt} ms and steps is {steps}. Pass a positive step, and at "
            "least one."
        )
    if neurons.shape != times.shape or neurons.ndim != 1:
        raise ValueError(
            f"spread_events: neurons have shape {neurons.shape}, times {times.shape}. "
            "Pass two lists of the same length."
        )
    wrong = np.flatnonzero((neurons < 0) | (neurons >= n))
    if len(wrong):
        raise ValueError(
            f"spread_events: event {wrong[0]} is of neuron {neurons[wrong[0]]}, but there are "
            f"{n} neurons. Pass indices from 0 to {n - 1}."
        )
    last = (steps - 1) * dt
    # The last step's own time may be beyond itself by rounding.
    wrong = np.flatnonzero(~((times >= 0) & (times <= last * (1.0 + 1e-6))))
    if len(wrong):
        raise ValueError(
            f"spread_events: event {wrong[0]} is at {times[wrong[0]]} ms, but the last step begins "
            f"at {last:g} ms. Pass times from 0 on, and one step more than the last of them needs."
        )
