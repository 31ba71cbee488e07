import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jaxtyping import Array, Float, Shaped

from ._spike_times import Trains, as_padded


def instantaneous_rate(
    times: Trains,
    at: Shaped[Array | np.ndarray, " points"],
    smoothing: float,
    *,
    span: tuple[float, float] | None = None,
) -> Float[Array, "points ..."]:
    """Rate at any time, Hz: the sum of a Gaussian around each spike, without bins.

    rate(t) = 1000 Σ_i exp(-(t - t_i)² / (2 smoothing²)) / (√(2π) smoothing). Works under `jax.jit`
    on padded arrays, and can be differentiated in the spike times. (`rate_map` smooths the counts
    of bins, and is quicker for long series.)

    **Arguments:**

    - `times`: as in `interspike_intervals`.
    - `at`: where the rate is asked for, ms.
    - `smoothing`: standard deviation of the Gaussian, ms.
    - `span`: from when to when spikes were observed, ms. The rate is then divided by the part of
      the Gaussian that is inside, so that it does not fall towards the ends.

    **Returns:** rates, time first; 0 where there are no spikes.

    **Raises:** `ValueError` when the smoothing is not positive or the span has no length.

    Reference: Nawrot, Aertsen & Rotter (1999), J. Neurosci. Methods 94:81.

    >>> import numpy as np
    >>> instantaneous_rate([np.array([20.0])], np.array([20.0, 50.0]), 10.0).round(2).tolist()
    [[39.88999938964844], [0.4399999976158142]]
    """
    if not smoothing > 0:
        raise ValueError(f"instantaneous_rate: smoothing is {smoothing} ms. Pass a positive time.")
    padded = jnp.asarray(as_padded(times)).astype(float)
    at = jnp.asarray(at).astype(float)
    known = jnp.isfinite(padded)
    # Infinity would make the gradient NaN.
    padded = jnp.where(known, padded, 0.0)
    apart = (at.reshape(-1, *(1,) * padded.ndim) - padded[None]) / smoothing
    height = 1000.0 / (np.sqrt(2.0 * np.pi) * smoothing)
    rates = jnp.sum(jnp.where(known[None], jnp.exp(-0.5 * apart**2), 0.0), axis=1) * float(height)
    if span is None:
        return rates
    start, stop = span
    if not stop > start:
        raise ValueError(
            f"instantaneous_rate: the span is from {start} to {stop} ms. Pass a stop after start."
        )
    inside = ndtr((stop - at) / smoothing) - ndtr((start - at) / smoothing)
    return rates / inside.reshape(-1, *(1,) * (padded.ndim - 1))
