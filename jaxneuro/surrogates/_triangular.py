import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import param

from ._base import AbstractSurrogate


class Triangular(AbstractSurrogate):
    """A triangle around the threshold, exactly 0 farther away than its width.

    ds/dx = height max(0, 1 - |x| / width).

    **Arguments:**

    - `height`: the derivative at threshold, dimensionless; below 1 it damps gradients through
      time (the dampening factor γ of the reference).
    - `width`: half of the base, dimensionless. Shapes `()` or that of the margin.

    Reference: Bellec et al. (2018), NeurIPS, arXiv:1803.09574; height 1 is the one of
    Esser et al. (2016), PNAS 113:11441.

    !!! example

        ```python
        import jax
        from jaxneuro.surrogates import Triangular

        slope = jax.grad(Triangular(height=0.3, width=1.0))(0.5)  # 0.15
        ```
    """

    height: Float[Array, "..."] = param(0.3, lower=0.0)
    width: Float[Array, "..."] = param(1.0, lower=0.0)

    def derivative(self, margin: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.height * jnp.maximum(0.0, 1.0 - jnp.abs(margin) / self.width)
