from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Key

from jaxneuro.core import fits, param


class AbstractStart(eqx.Module):
    """Draws values: the start of a variable, anew in each run (`Population(..., initial=...)`), or
    the first weights of a projection (`network.initialise`).
    """

    @abstractmethod
    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
        """An array of this shape: one value for each neuron or synapse."""


class ConstantStart(AbstractStart):
    """The same value everywhere, or one for each neuron.

    !!! example

        ```python
        net = initialise(net, key, {"ei": SparseStart(ConstantStart(0.5), density=0.1)})
        ```
    """

    value: Float[Array, "..."] = param(1.0)

    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
        return jnp.broadcast_to(self.value, shape)


class UniformStart(AbstractStart):
    """Start values between `low` and `high`, each `()` or of the population's shape.

    !!! example

        ```python
        cells = Population(LIF(tau=20.0), 100, initial={"v": UniformStart(0.0, 1.0)})
        ```
    """

    low: Float[Array, "..."] = param(0.0)
    high: Float[Array, "..."] = param(1.0)

    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
        return self.low + (self.high - self.low) * jax.random.uniform(key, shape, self.low.dtype)


class NormalStart(AbstractStart):
    """Start values of mean `mean` and standard deviation `sd`.

    !!! example

        ```python
        cells = Population(LIF(tau=20.0), 100, initial={"v": NormalStart(0.5, 0.1)})
        ```
    """

    mean: Float[Array, "..."] = param(0.0)
    sd: Float[Array, "..."] = param(1.0)

    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
        return self.mean + self.sd * jax.random.normal(key, shape, self.mean.dtype)


class LognormalStart(AbstractStart):
    """Log-normal values of mean `mean` and standard deviation `sd`, with the sign of the mean.

    Both are those of the values themselves, not of their logarithms: these are normal with
    variance log(1 + (sd / mean)^2) and mean log|mean| - variance / 2.

    !!! example

        ```python
        net = initialise(net, key, {"ei": LognormalStart(mean=0.5, sd=0.3)})
        ```
    """

    mean: Float[Array, "..."] = param(1.0)
    sd: Float[Array, "..."] = param(1.0)

    def __check_init__(self):
        values = (self.mean, self.sd)
        if any(isinstance(value, Tracer) for value in values):
            return
        if not (np.all(np.asarray(self.mean) != 0) and np.all(np.asarray(self.sd) >= 0)):
            raise ValueError(
                f"LognormalStart: mean is {self.mean} and sd is {self.sd}; the mean must not be 0, "
                "and the sd not negative."
            )

    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
        variance = jnp.log1p((self.sd / self.mean) ** 2)
        centre = jnp.log(jnp.abs(self.mean)) - 0.5 * variance
        drawn = jax.random.normal(key, shape, self.mean.dtype)
        return jnp.sign(self.mean) * jnp.exp(centre + jnp.sqrt(variance) * drawn)


class SparseStart(AbstractStart):
    """Values of another kind, each kept with a probability and else 0, times a scale.

    **Arguments:**

    - `values`: what is kept.
    - `density`: the probability: one number, one for each row (each source of a weight)
      `(rows,)`, or an array with the values' lengths or 1, such as `(1, post)`.
    - `scale`: multiplies them.

    **Raises:** `ValueError` for a density that is no probability or does not fit.

    !!! example

        ```python
        cells = Population(LIF(), 100, initial={"v": SparseStart(UniformStart(), density=0.01)})
        ```
    """

    values: AbstractStart
    density: Float[Array, "..."] = param(1.0)
    scale: Float[Array, "..."] = param(1.0)

    def __check_init__(self):
        check_density(self.density, "SparseStart")

    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
        where, how_much = jax.random.split(key)
        return self.scale * thinned(where, self.values(how_much, shape), self.density)


def check_density(density: Any, what: str) -> None:
    """Refuses what is no probability. A traced one is not checked."""
    if isinstance(density, Tracer):
        return
    if not np.all((np.asarray(density) >= 0.0) & (np.asarray(density) <= 1.0)):
        raise ValueError(f"{what}: density is {density}; a probability lies in [0, 1].")


def thinned(key: Key[Array, ""], values: Float[Array, "..."], density: Array) -> Array:
    """The values, each kept with the probability `density` and else 0; a vector is one per row."""
    if density.ndim == 1 and values.ndim > 1:
        density = density.reshape(-1, *[1] * (values.ndim - 1))
    if not fits(density.shape, values.shape):
        raise ValueError(
            f"A density of shape {density.shape} does not fit values of shape {values.shape}. "
            "Pass one number, or one for each row."
        )
    return jnp.where(jax.random.bernoulli(key, density, values.shape), values, 0.0)
