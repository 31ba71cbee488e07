import jax.numpy as jnp
from jaxtyping import Array, Float

from ._base import AbstractSurrogate


class StraightThrough(AbstractSurrogate):
    """The identity in the backward pass: every finite margin gets the full gradient.

    ds/dx = 1 where x is finite, 0 at ±inf (a neuron that cannot spike).

    Reference: Bengio, Léonard & Courville (2013), arXiv:1308.3432.

    !!! example

        ```python
        import jax
        from jaxneuro.surrogates import StraightThrough

        slope = jax.grad(StraightThrough())(-3.0)  # 1.0
        ```
    """

    def derivative(self, margin: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.where(jnp.isinf(margin), jnp.zeros_like(margin), jnp.ones_like(margin))
