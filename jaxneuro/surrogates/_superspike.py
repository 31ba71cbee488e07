import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import param

from ._base import AbstractSurrogate


class SuperSpike(AbstractSurrogate):
    """Derivative of a fast sigmoid: a sharp peak of height 1 with long tails.

    ds/dx = 1 / (1 + slope |x|)², the derivative of x / (1 + slope |x|).

    **Arguments:**

    - `slope`: sharpness, dimensionless, shape `()` or that of the margin. The default is the one
      of the fast sigmoid in snnTorch and of SuperSpike in Spyx.

    Reference: Zenke & Ganguli (2018), Neural Comput. 30:1514.

    !!! example

        ```python
        import jax
        from jaxneuro.surrogates import SuperSpike

        slope = jax.grad(SuperSpike(slope=10.0))(0.1)  # 0.25
        ```
    """

    slope: Float[Array, "..."] = param(25.0, lower=0.0)

    def derivative(self, margin: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return 1.0 / (1.0 + self.slope * jnp.abs(margin)) ** 2
