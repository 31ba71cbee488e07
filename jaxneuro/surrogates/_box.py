import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import param

from ._base import AbstractSurrogate


class Box(AbstractSurrogate):
    """A rectangle of area 1 around the threshold.

    ds/dx = 1 / (2 width) where |x| < width, else 0: the derivative of a ramp from 0 to 1.

    **Arguments:**

    - `width`: half of the base, dimensionless, shape `()` or that of the margin. The default
      makes the height 1.

    Reference: Wu et al. (2018), Front. Neurosci. 12:331, with a₁ = 2 width.

    !!! example

        ```python
        import jax
        from jaxneuro.surrogates import Box

        slope = jax.grad(Box(width=0.25))(0.1)  # 2.0
        ```
    """

    width: Float[Array, "..."] = param(0.5, lower=0.0)

    def derivative(self, margin: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.where(jnp.abs(margin) < self.width, 0.5 / self.width, 0.0)
