from abc import abstractmethod

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key

from jaxneuro.core import param


class AbstractStart(eqx.Module):
    """Draws the start values of a variable, anew in each run: `Population(..., initial=...)`."""

    @abstractmethod
    def __call__(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
        """One value for each neuron of a population of this shape."""


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
