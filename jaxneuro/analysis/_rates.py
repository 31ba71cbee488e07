import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped


def windowed_counts(
    spikes: Shaped[Array | np.ndarray, "time ..."], dt: float, window: float
) -> Shaped[Array | np.ndarray, "windows ..."]:
    """Count the spikes of each neuron in windows one after another.

    Steps after the last whole window are left out. Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `spikes`: 0/1 (or counts) of each step.
    - `dt`: step, ms.
    - `window`: length of a window, ms, a multiple of `dt`.

    **Returns:** counts, time first: window k holds the steps from k window / dt on.

    **Raises:** `ValueError` when the window is no multiple of `dt` or longer than the series.

    >>> import numpy as np
    >>> windowed_counts(np.array([[1, 0], [1, 0], [0, 1], [0, 0], [1, 1]]), 0.5, 1.0).tolist()
    [[2, 0], [0, 1]]
    """
    steps = _window_steps(spikes.shape[0], dt, window)
    count = spikes.shape[0] // steps
    return spikes[: count * steps].reshape(count, steps, *spikes.shape[1:]).sum(axis=1)


def rate_map(
    spikes: Shaped[Array | np.ndarray, "time ..."],
    dt: float,
    bin: float,
    smoothing: float = 0.0,
) -> Float[Array, "bins ..."]:
    """Rate of each neuron over time, Hz.

    The counts of `windowed_counts` divided by the length of a bin, then smoothed over time by a
    Gaussian. Beyond the first and last bin nothing is assumed: the Gaussian is normalised over the
    bins there are, so that a constant rate stays constant. Works under `jax.jit`.

    **Arguments:**

    - `spikes`, `dt`: as in `windowed_counts`.
    - `bin`: length of a bin, ms, a multiple of `dt`.
    - `smoothing`: standard deviation of the Gaussian, ms; 0 leaves the rates as they are.

    **Returns:** rates, time first; bin k is from k bin to (k + 1) bin.

    **Raises:** `ValueError` as `windowed_counts`, or for a negative smoothing.

    >>> import numpy as np
    >>> rate_map(np.array([[1, 0], [1, 0], [0, 1], [0, 0]]), 0.5, 1.0).tolist()
    [[2000.0, 0.0], [0.0, 1000.0]]
    """
    if not smoothing >= 0:
        raise ValueError(f"rate_map: smoothing is {smoothing} ms. Pass 0 or more.")
    counts = jnp.asarray(windowed_counts(spikes, dt, bin)).astype(float)
    rates = counts * (1000.0 / bin)
    if smoothing == 0:
        return rates
    apart = np.subtract.outer(np.arange(len(rates)), np.arange(len(rates))) * (bin / smoothing)
    kernel = np.exp(-0.5 * apart**2)
    kernel = jnp.asarray(kernel / kernel.sum(axis=1, keepdims=True), rates.dtype)
    return jnp.tensordot(kernel, rates, axes=1)


def _window_steps(steps: int, dt: float, window: float) -> int:
    if not dt > 0:
        raise ValueError(f"windowed_counts: dt is {dt} ms. Pass a positive step.")
    ratio = window / dt
    whole = round(ratio)
    if whole < 1 or abs(ratio - whole) > 1e-6 * ratio:
        raise ValueError(
            f"windowed_counts: the window is {window} ms, which is no multiple of dt = {dt} ms. "
            f"Take {max(1, whole) * dt:g} ms, say."
        )
    if whole > steps:
        raise ValueError(
            f"windowed_counts: the window is {window:g} ms, but the series only lasts "
            f"{steps * dt:g} ms."
        )
    return whole
