import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped


def fano_factor(
    counts: Shaped[Array | np.ndarray, "samples ..."],
) -> Float[Array | np.ndarray, "..."]:
    """Variability of spike counts: their variance over their mean, 1 for a Poisson process.

    The variance divides by the number of counts. Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `counts`: of each neuron in windows or trials (the first axis), as from `windowed_counts`.

    **Returns:** one value for each neuron, NaN where there is no spike at all.

    Reference: Fano (1947), Phys. Rev. 72:26.

    >>> import numpy as np
    >>> fano_factor(np.array([[1, 2, 0], [3, 2, 0]])).tolist()
    [0.5, 0.0, nan]
    """
    counts = _as_floats("fano_factor", counts, axes=1)
    mean = counts.mean(axis=0)
    return _ratio(counts.var(axis=0), mean)


def count_covariance(
    counts: Shaped[Array | np.ndarray, "samples neurons"],
) -> Float[Array | np.ndarray, "neurons neurons"]:
    """Covariance of the spike counts of each two neurons; variances are on the diagonal.

    Divides by the number of samples less one. Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `counts`: in windows or trials (the first axis), as from `windowed_counts`.

    **Returns:** a symmetric matrix, NaN with a single sample.

    >>> import numpy as np
    >>> count_covariance(np.array([[0, 2], [1, 1], [2, 0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    counts = _as_floats("count_covariance", counts, axes=2)
    offsets = _from_first(counts)
    offsets = offsets - offsets.mean(axis=0, keepdims=True)
    if len(counts) < 2:
        return offsets.__array_namespace__().full((counts.shape[1],) * 2, np.nan)
    if isinstance(offsets, np.ndarray):
        return offsets.T @ offsets / (len(counts) - 1)
    # By default some devices round the factors of a product.
    return jnp.matmul(offsets.T, offsets, precision="highest") / (len(counts) - 1)


def count_correlation(
    counts: Shaped[Array | np.ndarray, "samples neurons"],
) -> Float[Array | np.ndarray, "neurons neurons"]:
    """Correlation coefficient (Pearson's) of the spike counts of each two neurons.

    Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `counts`: as in `count_covariance`.

    **Returns:** a symmetric matrix, NaN in the row and column of a neuron whose count never
    changes.

    >>> import numpy as np
    >>> count_correlation(np.array([[0, 2, 0], [1, 1, 0], [2, 0, 0]]))[0].round(6).tolist()
    [1.0, -1.0, nan]
    """
    covariance = count_covariance(counts)
    variance = covariance.diagonal()
    return _ratio(covariance, (variance[:, None] * variance[None, :]) ** 0.5)


def synchrony_index(
    values: Shaped[Array | np.ndarray, "time neurons"],
) -> Float[Array | np.ndarray, ""]:
    """How much neurons go up and down together (Golomb's χ): 1 if all do the same.

    χ² = variance over time of the neurons' mean / mean of each neuron's variance over time. N
    neurons without any relation have χ = 1 / √N. Works under `jax.jit` on JAX arrays.

    **Arguments:**

    - `values`: membrane potentials, mV, or spike counts (`windowed_counts`), whose window then is
      the precision that is asked for.

    **Returns:** χ, NaN where nothing changes.

    Reference: Golomb & Rinzel (1994), Physica D 72:259; Golomb (2007), Scholarpedia 2(1):1347.

    >>> import numpy as np
    >>> synchrony_index(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])).item()
    1.0
    """
    values = _from_first(_as_floats("synchrony_index", values, axes=2))
    return _ratio(values.mean(axis=1).var(axis=0), values.var(axis=0).mean()) ** 0.5


def _from_first(values: Array | np.ndarray) -> Array | np.ndarray:
    """Differences to the first sample: what never changes then has no variance by rounding."""
    return values - values[:1]


def _ratio(above: Array | np.ndarray, below: Array | np.ndarray) -> Array | np.ndarray:
    xp = below.__array_namespace__()
    return xp.where(below > 0, above / xp.where(below > 0, below, 1.0), xp.nan)


def _as_floats(
    function: str, values: Shaped[Array | np.ndarray, "..."], axes: int
) -> Array | np.ndarray:
    shape = values.shape
    if len(shape) < axes or not shape[0] or (axes == 2 and (len(shape) != 2 or not shape[1])):
        wanted = "(samples, ...)" if axes == 1 else "(samples, neurons)"
        raise ValueError(
            f"{function}: an array has shape {shape}. Pass one of shape {wanted}, at least one of "
            "each."
        )
    return values.astype(float) if values.dtype.kind in "biu" else values
