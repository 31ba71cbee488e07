import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import param

from ._base import AbstractSurrogate


class MultiGaussian(AbstractSurrogate):
    """A Gaussian with wide negative lobes, which keep silent neurons from dying.

    ds/dx = (1 + h) N(x; 0, sigma) - h N(x; sigma, s sigma) - h N(x; -sigma, s sigma),
    with N(x; m, d) the normal density of mean m and standard deviation d.

    **Arguments:**

    - `h`: weight of each negative lobe; 0 leaves a plain Gaussian.
    - `s`: how many times wider the lobes are than the peak.
    - `sigma`: standard deviation of the peak. All dimensionless, shape `()` or that of the margin.

    Reference: Yin, Corradi & Bohté (2021), Nat. Mach. Intell. 3:905. (Its code also multiplies
    by 0.5, which its equation does not have.)

    !!! example

        ```python
        import jax
        from jaxneuro.surrogates import MultiGaussian

        far = jax.grad(MultiGaussian())(2.0)  # negative
        ```
    """

    h: Float[Array, "..."] = param(0.15)
    s: Float[Array, "..."] = param(6.0, lower=0.0)
    sigma: Float[Array, "..."] = param(0.5, lower=0.0)

    def derivative(self, margin: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        wide = self.s * self.sigma
        lobes = _normal(margin - self.sigma, wide) + _normal(margin + self.sigma, wide)
        return (1.0 + self.h) * _normal(margin, self.sigma) - self.h * lobes


def _normal(x: Array, sigma: Array) -> Array:
    return jnp.exp(-0.5 * (x / sigma) ** 2) / (math.sqrt(2.0 * math.pi) * sigma)
