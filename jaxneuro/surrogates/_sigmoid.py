import jax
from jaxtyping import Array, Float

from jaxneuro.core import param

from ._base import AbstractSurrogate


class Sigmoid(AbstractSurrogate):
    """Derivative of a logistic function: a bell of height slope / 4 and area 1.

    ds/dx = slope σ (1 - σ), with σ = 1 / (1 + exp(-slope x)).

    **Arguments:**

    - `slope`: sharpness, dimensionless, shape `()` or that of the margin. The default makes the
      peak 1; a steeper one makes gradients grow from layer to layer.

    Reference: Neftci, Mostafa & Zenke (2019), IEEE Signal Process. Mag. 36(6):51.

    !!! example

        ```python
        import jax
        from jaxneuro.surrogates import Sigmoid

        slope = jax.grad(Sigmoid(slope=4.0))(0.0)  # 1.0
        ```
    """

    slope: Float[Array, "..."] = param(4.0, lower=0.0)

    def derivative(self, margin: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        scaled = self.slope * margin
        # σ(-x), not 1 - σ(x): the difference is 0 in float32 from x = 17 on.
        return self.slope * jax.nn.sigmoid(scaled) * jax.nn.sigmoid(-scaled)
