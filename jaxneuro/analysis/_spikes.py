import numpy as np
from jaxtyping import Array, Float, Shaped

from ._intervals import cv, interspike_intervals
from ._spike_times import spike_times


def firing_rate(
    spikes: Shaped[Array | np.ndarray, "time ..."], dt: float
) -> Float[Array | np.ndarray, "..."]:
    """Mean rate of each neuron over the whole series, Hz.

    rate = 1000 / dt * mean over time of the spikes. Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `spikes`: 0/1 (or counts) of each step.
    - `dt`: step, ms.

    **Returns:** one rate for each neuron, of the shape of one step.

    **Raises:** `ValueError` when the series has no steps or `dt` is not positive.

    >>> import numpy as np
    >>> firing_rate(np.array([[1, 0], [0, 0], [1, 0], [0, 0]]), 0.5).tolist()
    [1000.0, 0.0]
    """
    if spikes.shape[0] == 0:
        raise ValueError(
            f"firing_rate: spikes have shape {spikes.shape}, which is no time at all. "
            "Pass a series of at least one step."
        )
    if dt <= 0:
        raise ValueError(f"firing_rate: dt is {dt} ms. Pass a positive step.")
    rates = spikes.mean(axis=0) * (1000.0 / dt)
    return rates if isinstance(rates, Array) else np.asarray(rates)


def isi_cv(
    spikes: Shaped[Array | np.ndarray, "time ..."],
) -> Float[np.ndarray, "..."]:
    """Irregularity of each neuron: standard deviation of its interspike intervals over their mean.

    0 is a regular train, 1 a Poisson process. Independent of the step. (`cv` is the same
    of intervals, and works under `jax.jit`.)

    **Arguments:**

    - `spikes`: as in `firing_rate`; whatever is above 0 is a spike.

    **Returns:** one value for each neuron, NaN with fewer than three spikes (two intervals).

    >>> import numpy as np
    >>> isi_cv(np.array([1, 0, 1, 0, 0, 0, 1])).item()  # intervals of 2 and 4 steps
    0.3333333333333333
    """
    irregularity = cv(interspike_intervals(spike_times(spikes, 1.0)))
    return np.asarray(irregularity).reshape(spikes.shape[1:])
