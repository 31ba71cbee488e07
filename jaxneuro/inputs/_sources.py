from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key

from jaxneuro.core import component_key, param

from ._encoders import dither


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

    The probability is capped at 1; it is resolved to 2^-16 within a step and dithered over steps,
    so that the mean rate is not rounded.

    **Arguments:**

    - `rate`: Hz, shape `()` or that of the node.

    !!! example

        ```python
        simulate(net, {"input": Poisson(100.0 * image)}, dt=1.0, steps=25, key=key)
        ```
    """

    rate: Float[Array, "..."] = param(unit="Hz", lower=0.0)

    def __check_init__(self):
        if not isinstance(self.rate, Tracer) and not np.all(np.asarray(self.rate) >= 0):
            raise ValueError("Poisson: rate must be 0 Hz or more everywhere.")

    def sample(
        self, key: Key[Array, ""], step: Int[Array, ""], shape: tuple[int, ...], dt: float
    ) -> Float[Array, "..."]:
        if self.rate.shape not in ((), shape):
            raise ValueError(
                f"Poisson: rate has shape {self.rate.shape}, but its node {shape}. "
                f"Pass one number, or an array of shape {shape}."
            )
        levels = jnp.clip(self.rate * (dt / 1000.0), 0.0, 1.0) * 2**16
        limit = jnp.floor(levels + dither(step).astype(levels.dtype)).astype(jnp.uint32)
        bits = jax.random.bits(key, shape, jnp.uint16).astype(jnp.uint32)
        return (bits < limit).astype(levels.dtype)


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
        value = jnp.asarray(self.function(step.astype(float) * dt))
        if value.shape not in ((), shape):
            raise ValueError(
                f"Function: it returned shape {value.shape}, but its node has {shape}. Return one "
                f"number, or an array of shape {shape}."
            )
        is_float = jnp.issubdtype(value.dtype, jnp.inexact)
        return jnp.broadcast_to(value if is_float else value.astype(float), shape)


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
