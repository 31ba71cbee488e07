from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jaxneuro.core import component_key, param


class Constant(eqx.Module):
    """The same value in every step; a projection multiplies it once for the whole run.

    **Arguments:**

    - `value`: of the node's shape.

    !!! example

        ```python
        simulate(net, {"input": Constant(image)}, dt=1.0, steps=25, key=key)
        ```
    """

    value: Float[Array, "..."] = param()


class AbstractSource(eqx.Module):
    """An input drawn inside the run, block by block, so that it is never stored whole."""

    @abstractmethod
    def sample(
        self, key: Key[Array, ""], step: Int[Array, ""], shape: tuple[int, ...], dt: float
    ) -> Float[Array, "..."]:
        """The input of one step for a node of this shape; `key` is that of step and node."""


class Poisson(AbstractSource):
    """Independent spikes, at most one per channel and step, with probability rate dt / 1000.

    The probability is resolved to 2^-16 and capped at 1.

    **Arguments:**

    - `rate`: Hz, shape `()` or that of the node.

    !!! example

        ```python
        simulate(net, {"input": Poisson(100.0 * image)}, dt=1.0, steps=25, key=key)
        ```
    """

    rate: Float[Array, "..."] = param(unit="Hz", lower=0.0)

    def sample(
        self, key: Key[Array, ""], step: Int[Array, ""], shape: tuple[int, ...], dt: float
    ) -> Float[Array, "..."]:
        levels = jnp.round(jnp.clip(self.rate * (dt / 1000.0), 0.0, 1.0) * 2**16)
        bits = jax.random.bits(key, shape, jnp.uint16).astype(jnp.uint32)
        return (bits < levels.astype(jnp.uint32)).astype(levels.dtype)


class Function(AbstractSource):
    """A function of time.

    **Arguments:**

    - `function`: from t (ms, the start of the step) to a value of the node's shape.

    !!! example

        ```python
        Function(lambda t: jnp.where(t < 50.0, 0.0, 2.0))
        ```
    """

    function: Callable[[Float[Array, ""]], Float[Array, "..."]]

    def sample(
        self, key: Key[Array, ""], step: Int[Array, ""], shape: tuple[int, ...], dt: float
    ) -> Float[Array, "..."]:
        return jnp.broadcast_to(self.function(step.astype(float) * dt), shape)


def sample_block(
    source: AbstractSource,
    name: str,
    key: Key[Array, ""],
    steps: Int[Array, "time"],
    shape: tuple[int, ...],
    dt: float,
) -> Float[Array, "time ..."]:
    """The source's values in the absolute `steps`, for the node `name`."""
    return jax.vmap(lambda i: source.sample(component_key(key, i, name), i, shape, dt))(steps)
