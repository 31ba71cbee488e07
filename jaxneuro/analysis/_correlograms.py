from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

Scale = Literal["counts", "rate", "coefficient"]


class Correlogram(NamedTuple):
    """What one spike train does around the spikes of another.

    **Attributes:**

    - `lags`: ms, from -max_lag to max_lag.
    - `values`: at each lag; spikes of `b` after those of `a` are at positive lags.
    """

    lags: Float[Array | np.ndarray, " lags"]
    values: Float[Array, "lags ..."]


def cross_correlogram(
    a: Shaped[Array | np.ndarray, "time ..."],
    b: Shaped[Array | np.ndarray, "time ..."],
    bin: float,
    max_lag: float,
    *,
    scale: Scale = "counts",
    is_corrected: bool = False,
) -> Correlogram:
    """Count the pairs of a spike of `a` and one of `b` by how much later that of `b` is.

    C(k) = Σ_t a(t) b(t + k). Works under `jax.jit`, and for all pairs of neurons by `jax.vmap`.

    **Arguments:**

    - `a`, `b`: spike counts of each bin, of the same shape, as from `windowed_counts`.
    - `bin`: length of a bin, ms.
    - `max_lag`: ms, a multiple of the bin.
    - `scale`: `"counts"` of pairs; `"rate"`, that of `b` around a spike of `a`, Hz, which is the
      rate of `b` where they do not depend on each other; `"coefficient"`, the correlation
      coefficient of a and b at each lag, (C(k) - T ā b̄) / (T sd(a) sd(b)), T bins in all.
    - `is_corrected`: whether C(k) is multiplied by T / (T - |k|), for the ends without a partner.

    **Returns:** `Correlogram`. A rate without spikes of `a`, or a coefficient of what never
    changes, is NaN.

    **Raises:** `ValueError` for shapes that differ, and a lag that is no multiple of the bin or not
    shorter than the series.

    Reference: Perkel, Gerstein & Moore (1967), Biophys. J. 7:419; Eggermont (2010), in Analysis of
    Parallel Spike Trains, eq. 5.10.

    >>> import numpy as np
    >>> a, b = np.array([1, 0, 0, 1, 0]), np.array([0, 1, 0, 0, 1])
    >>> cross_correlogram(a, b, 1.0, 1.0).values.tolist()
    [0.0, 0.0, 2.0]
    """
    if scale not in get_args(Scale):
        raise ValueError(f"cross_correlogram: scale is {scale!r}. Pass one of {get_args(Scale)}.")
    a, b = _as_floats(a), _as_floats(b)
    reach = _reach(a.shape, b.shape, bin, max_lag)
    lags = np.arange(-reach, reach + 1)
    values = _products(a, b, reach)
    if is_corrected:
        values = values * _column(len(a) / (len(a) - np.abs(lags)), values)
    return Correlogram(lags * float(bin), _scaled(values, a, b, bin, scale))


def autocorrelogram(
    spikes: Shaped[Array | np.ndarray, "time ..."],
    bin: float,
    max_lag: float,
    *,
    scale: Literal["counts", "rate"] = "counts",
    is_corrected: bool = False,
) -> Correlogram:
    """Count the pairs of spikes of one train by how far they are apart.

    As `cross_correlogram` of the train with itself, but no spike is a pair with itself. Works
    under `jax.jit`.

    **Arguments:**

    - `spikes`: counts of each bin, as from `windowed_counts`.
    - `bin`, `max_lag`, `scale`, `is_corrected`: as in `cross_correlogram`.

    **Returns:** `Correlogram`, which is symmetric. A rate without spikes is NaN.

    **Raises:** `ValueError` as `cross_correlogram`.

    >>> import numpy as np
    >>> autocorrelogram(np.array([1, 0, 1, 0, 1]), 1.0, 2.0).values.tolist()
    [2.0, 0.0, 0.0, 0.0, 2.0]
    """
    if scale == "coefficient":
        raise ValueError(
            "autocorrelogram: a coefficient needs each spike's pair with itself. Take "
            "`cross_correlogram` of the train with itself."
        )
    spikes = _as_floats(spikes)
    lags, values = cross_correlogram(
        spikes, spikes, bin, max_lag, scale="counts", is_corrected=is_corrected
    )
    values = values.at[len(lags) // 2].add(-spikes.sum(axis=0))
    return Correlogram(lags, _scaled(values, spikes, spikes, bin, scale))


def _products(a: Array, b: Array, reach: int) -> Array:
    """Σ_t a(t) b(t + k) for the lags k from -reach to reach, one after another."""
    beyond = [(reach, reach)] + [(0, 0)] * (b.ndim - 1)
    padded = jnp.pad(b, beyond)

    def at(shift: Array) -> Array:
        return jnp.sum(a * jax.lax.dynamic_slice_in_dim(padded, shift, len(a)), axis=0)

    return jax.lax.map(at, jnp.arange(2 * reach + 1))


def _scaled(values: Array, a: Array, b: Array, bin: float, scale: Scale) -> Array:
    if scale == "counts":
        return values
    if scale == "rate":
        below = a.sum(axis=0) * (bin / 1000.0)
    else:
        values = values - (len(a) * a.mean(axis=0) * b.mean(axis=0))[None]
        # From the first bin, or rounding would give a variance to what never changes.
        below = len(a) * (a - a[:1]).std(axis=0) * (b - b[:1]).std(axis=0)
    return jnp.where(below > 0, values / jnp.where(below > 0, below, 1.0)[None], jnp.nan)


def _column(factors: np.ndarray, like: Array) -> Array:
    return jnp.asarray(factors, like.dtype).reshape(-1, *(1,) * (like.ndim - 1))


def _as_floats(counts: Shaped[Array | np.ndarray, "time ..."]) -> Array:
    return jnp.asarray(counts).astype(float)


def _reach(a: tuple[int, ...], b: tuple[int, ...], bin: float, max_lag: float) -> int:
    if a != b or not a:
        raise ValueError(
            f"cross_correlogram: a has shape {a}, but b has shape {b}. Pass series of the same "
            "shape, time first."
        )
    if not bin > 0:
        raise ValueError(f"cross_correlogram: bin is {bin} ms. Pass a positive time.")
    reach = round(max_lag / bin)
    if reach < 0 or abs(max_lag / bin - reach) > 1e-6 * max(1, reach):
        raise ValueError(
            f"cross_correlogram: max_lag is {max_lag} ms, which is no multiple of the bin of {bin} "
            f"ms. Take {max(0, reach) * bin:g} ms, say."
        )
    if reach >= a[0]:
        raise ValueError(
            f"cross_correlogram: max_lag is {max_lag} ms, but the series only lasts "
            f"{a[0] * bin:g} ms."
        )
    return reach
