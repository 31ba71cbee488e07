import jax.numpy as jnp
from jaxtyping import Array, Float


def smooth_branching(
    spikes: Float[Array, "time ..."],
    *,
    steps: int = 1,
    lags: int = 1,
    ridge: float = 1e-3,
) -> Float[Array, ""]:
    """A branching parameter with a gradient everywhere, to train a network towards criticality.

    r_k = Σ a(t) A(t + k) / (Σ a(t)² + ridge) with the activity A of each bin and a = A - mean, over
    the t that all k share, is the slope of A(t + k) on A(t). With one lag m = r_1. With more,
    m = Σ r_k r_{k+1} / (Σ r_k² + ridge²) over k < lags, the ratio of one r to the one before: if
    r_k = b m^k it is m whatever b is, so that a part of the neurons will do. A silent network has
    m = 0, and a gradient of 0. Works under `jax.jit`, `jax.vmap` and `jax.grad`.

    Take `(smooth_branching(spikes, ...) - 0.98) ** 2` as a loss, on spikes with a surrogate
    gradient, and `multistep_regression` for what is reported.

    **Arguments:**

    - `spikes`: of each step, or any soft count of them, of one neuron or any number.
    - `steps`: that make a bin; at least the delay from one spike to the next. What is left after
      the last whole bin is left out.
    - `lags`: bins; 1 where the whole population is seen, else about its autocorrelation time.
    - `ridge`: squared spikes, that keep the ratio finite in a silent network. Let it be small
      beside the variance of A times the number of bins.

    **Returns:** m of one bin.

    **Raises:** `ValueError` for a series with fewer than two more bins than lags.

    Reference: Wilting & Priesemann (2018), Nat. Commun. 9:2325.

    >>> import jax.numpy as jnp
    >>> pulse = 8.0 * 0.9 ** jnp.arange(200.0)
    >>> round(float(smooth_branching(pulse)), 2), round(float(smooth_branching(pulse, lags=5)), 2)
    (0.9, 0.9)
    """
    bins = spikes.shape[0] // steps
    if not 1 <= lags <= bins - 2:
        raise ValueError(
            f"smooth_branching: lags is {lags}, and {spikes.shape[0]} steps make {bins} bins. Pass "
            f"at least 1 lag and {max(lags, 1) + 2} bins."
        )
    activity = spikes[: bins * steps].reshape(bins, -1).sum(axis=1)
    activity = activity - activity.mean()  # keeps digits; no slope depends on it
    before = activity[: bins - lags]
    before = before - before.mean()
    # Fourier's correlation is circular, but no t of `before` plus a lag reaches beyond the end.
    spectrum = jnp.conj(jnp.fft.rfft(before, bins)) * jnp.fft.rfft(activity)
    products = jnp.fft.irfft(spectrum, bins)[1 : lags + 1]
    slopes = products / (jnp.sum(before**2) + ridge)
    if lags == 1:
        return slopes[0]
    return jnp.sum(slopes[:-1] * slopes[1:]) / (jnp.sum(slopes[:-1] ** 2) + ridge**2)
