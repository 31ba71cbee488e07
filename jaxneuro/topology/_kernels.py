from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import check_bounds, param


class AbstractKernel(eqx.Module):
    """A function of distance: a probability for `distance_dependent`, or a factor of weights."""

    @abstractmethod
    def __call__(self, distance: Float[Array, "..."]) -> Float[Array, "..."]:
        """The value at each distance."""


class Exponential(AbstractKernel):
    """amplitude * exp(-distance / length).

    **Arguments:**

    - `length`: where it has fallen to 1/e; the inverse of the rate lambda of exp(-lambda x).
    - `amplitude`: value at distance 0.

    !!! example

        ```python
        nearby = topology.Exponential(length=3.0)(jnp.asarray([0.0, 1.0, 10.0]))
        ```
    """

    length: Float[Array, ""] = param(lower=0.0)
    amplitude: Float[Array, ""] = param(1.0)

    def __check_init__(self):
        check_bounds(self)

    def __call__(self, distance: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.amplitude * jnp.exp(-distance / self.length)


class Gaussian(AbstractKernel):
    """amplitude * exp(-distance^2 / (2 sd^2)).

    **Arguments:**

    - `sd`: standard deviation.
    - `amplitude`: value at distance 0.

    !!! example

        ```python
        nearby = topology.Gaussian(sd=2.0, amplitude=0.8)(jnp.asarray([0.0, 1.0, 10.0]))
        ```
    """

    sd: Float[Array, ""] = param(lower=0.0)
    amplitude: Float[Array, ""] = param(1.0)

    def __check_init__(self):
        check_bounds(self)

    def __call__(self, distance: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.amplitude * jnp.exp(-0.5 * (distance / self.sd) ** 2)


class VonMises(AbstractKernel):
    """amplitude * exp(concentration (cos(distance) - 1)): a bump of one period of a ring.

    **Arguments:**

    - `concentration`: sharpness; near the top it is a Gaussian of variance 1 / concentration.
    - `amplitude`: value at distance 0.

    !!! example

        ```python
        bump = topology.VonMises(concentration=8.0)(topology.ring(64))
        ```
    """

    concentration: Float[Array, ""] = param(lower=0.0)
    amplitude: Float[Array, ""] = param(1.0)

    def __check_init__(self):
        check_bounds(self)

    def __call__(self, distance: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.amplitude * jnp.exp(self.concentration * (jnp.cos(distance) - 1.0))
