import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Key

from jaxneuro.neurons import LognormalStart, check_density, thinned

Count = int | tuple[int, ...]
Number = float | Float[Array, ""]


def constant(size: Count, value: Number) -> Float[Array, "..."]:
    """The same number for each synapse.

    **Arguments:**

    - `size`: number of synapses, or the shape of a weight.
    - `value`: that number.

    **Returns:** an array of that size.

    !!! example

        ```python
        topology.constant(100, 0.5)
        ```
    """
    return jnp.full(_shape(size), value, float)


def uniform(key: Key[Array, ""], size: Count, low: Number, high: Number) -> Float[Array, "..."]:
    """Draw each number uniformly from [low, high).

    **Arguments:**

    - `key`: decides which numbers; the same key gives the same ones.
    - `size`: as in `constant`.
    - `low`, `high`: bounds.

    **Returns:** an array of that size.

    **Raises:** `ValueError` for a low bound above the high one.

    !!! example

        ```python
        topology.uniform(jax.random.key(0), 100, 0.003, 0.02)
        ```
    """
    if _known(low, high) and not float(low) <= float(high):
        raise ValueError(f"uniform: low is {low} and high is {high}. Pass the lower one first.")
    return jax.random.uniform(key, _shape(size), float, low, high)


def normal(
    key: Key[Array, ""],
    size: Count,
    mean: Number,
    sd: Number,
    *,
    keeps_sign: bool = False,
) -> Float[Array, "..."]:
    """Draw each number from a normal distribution.

    **Arguments:**

    - `key`, `size`: as in `uniform`.
    - `mean`: mean.
    - `sd`: standard deviation.
    - `keeps_sign`: cuts the distribution off at 0, so that all numbers have the sign of the mean.
      (As if each were drawn again until it has; `mean` and `sd` are those of the whole
      distribution.)

    **Returns:** an array of that size.

    **Raises:** `ValueError` for a negative sd, and for the sign of a mean of 0.

    !!! example

        ```python
        topology.normal(jax.random.key(0), 100, mean=-0.5, sd=0.2, keeps_sign=True)
        ```
    """
    if _known(sd) and not float(sd) >= 0.0:
        raise ValueError(f"normal: sd is {sd}; it must not be negative.")
    if not keeps_sign:
        return mean + sd * jax.random.normal(key, _shape(size), float)
    if _known(mean) and float(mean) == 0.0:
        raise ValueError(
            "normal: keeps_sign=True, but the mean is 0 and has no sign. Pass another mean."
        )
    mean, sd = jnp.asarray(mean, float), jnp.asarray(sd, float)
    # Guarded: without spread nothing is cut off.
    bound = -jnp.abs(mean) / jnp.where(sd > 0, sd, 1.0)
    spread = sd * jax.random.truncated_normal(key, bound, jnp.inf, _shape(size), float)
    return jnp.sign(mean) * (jnp.abs(mean) + spread)


def lognormal(key: Key[Array, ""], size: Count, mean: Number, sd: Number) -> Float[Array, "..."]:
    """Draw each number from a log-normal distribution with this mean and standard deviation.

    Both are those of the numbers themselves, not of their logarithms: these are normal with
    variance log(1 + (sd / mean)^2) and mean log|mean| - variance / 2.

    **Arguments:**

    - `key`, `size`: as in `uniform`.
    - `mean`: mean; all numbers have its sign.
    - `sd`: standard deviation.

    **Returns:** an array of that size.

    **Raises:** `ValueError` for a mean of 0 and a negative sd.

    !!! example

        ```python
        topology.lognormal(jax.random.key(0), 100, mean=0.5, sd=0.6)
        ```
    """
    if _known(mean, sd) and not (float(mean) != 0.0 and float(sd) >= 0.0):
        raise ValueError(
            f"lognormal: mean is {mean} and sd is {sd}; the mean must not be 0, and the sd not "
            "negative."
        )
    return LognormalStart(jnp.asarray(mean, float), jnp.asarray(sd, float))(key, _shape(size))


def thin(
    key: Key[Array, ""],
    values: Float[Array, "..."],
    density: Number | Float[Array, "..."],
) -> Float[Array, "..."]:
    """Keep each number with a probability; the others become 0.

    **Arguments:**

    - `key`: decides which ones; the same key keeps the same ones.
    - `values`: a weight, or any other array.
    - `density`: the probability: one number, one for each row `(rows,)`, or an array of the rank
      of `values` with its lengths or 1, such as `(1, post)` for one per target.

    **Returns:** an array of the shape of `values`.

    **Raises:** `ValueError` for a density that is no probability or of another shape.

    !!! example

        ```python
        topology.thin(jax.random.key(0), topology.constant((100, 50), 0.5), density=0.1)
        ```
    """
    check_density(density, "thin")
    return thinned(key, values, jnp.asarray(density, float))


def signs(
    key: Key[Array, ""],
    size: Count,
    inhibitory_fraction: float,
    *,
    independent: bool = False,
) -> Float[Array, "..."]:
    """Draw which neurons are excitatory, +1, and which inhibitory, -1.

    **Arguments:**

    - `key`: decides which ones; the same key gives the same ones.
    - `size`: number of neurons, or the population's shape.
    - `inhibitory_fraction`: in [0, 1]; exactly `round(inhibitory_fraction * n)` neurons are
      inhibitory.
    - `independent`: each neuron is inhibitory with that probability instead.

    **Returns:** +1 or -1 for each neuron.

    **Raises:** `ValueError` for a fraction outside [0, 1].

    !!! example

        ```python
        Dale(Dense(50), sign=topology.signs(jax.random.key(0), 100, inhibitory_fraction=0.2))
        ```
    """
    if not 0.0 <= inhibitory_fraction <= 1.0:
        raise ValueError(
            f"signs: inhibitory_fraction is {inhibitory_fraction}; a fraction lies in [0, 1]."
        )
    shape = _shape(size)
    if independent:
        is_inhibitory = jax.random.bernoulli(key, inhibitory_fraction, shape)
    else:
        count = math.prod(shape)
        order = jax.random.permutation(key, count).reshape(shape)
        is_inhibitory = order < round(inhibitory_fraction * count)
    return jnp.where(is_inhibitory, -1.0, 1.0)


def _shape(size: Count) -> tuple[int, ...]:
    shape = size if isinstance(size, tuple) else (size,)
    if not all(isinstance(length, int | np.integer) and length >= 0 for length in shape):
        raise ValueError(
            f"The size of the weights is {size!r}; it takes whole numbers, such as the number of "
            "synapses `sparse.pre.size`."
        )
    return tuple(int(length) for length in shape)


def _known(*values: Number) -> bool:
    return not any(isinstance(value, Tracer) for value in values)
