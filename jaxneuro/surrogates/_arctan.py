import math

from jaxtyping import Array, Float

from jaxneuro.core import param

from ._base import AbstractSurrogate


class Arctan(AbstractSurrogate):
    """Derivative of an arctangent: a Lorentzian of height alpha / 2 and area 1.

    ds/dx = (alpha / 2) / (1 + (π alpha x / 2)²), the derivative of arctan(π alpha x / 2) / π.

    **Arguments:**

    - `alpha`: sharpness, dimensionless, shape `()` or that of the margin. The default makes the
      peak 1.

    Reference: Fang et al. (2021), ICCV, "Incorporating learnable membrane time constant".

    !!! example

        ```python
        import jax
        from jaxneuro.surrogates import Arctan

        slope = jax.grad(Arctan(alpha=2.0))(0.0)  # 1.0
        ```
    """

    alpha: Float[Array, "..."] = param(2.0, lower=0.0)

    def derivative(self, margin: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return 0.5 * self.alpha / (1.0 + (0.5 * math.pi * self.alpha * margin) ** 2)
