import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxneuro.core import check_bounds


class AbstractSurrogate(eqx.Module):
    """A spike: the step function of a dimensionless margin, with a smooth stand-in derivative.

    s = 1 where margin > 0, else 0; ds/dmargin := derivative(margin).

    Its own parameters get no gradient. A subclass gives `derivative`, which must be 0 (never NaN)
    at margin = ±inf: that is how a neuron says that it cannot spike.

    Reference: Neftci, Mostafa & Zenke (2019), IEEE Signal Process. Mag. 36(6):51.

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxtyping import Array, Float
        from jaxneuro.core import param
        from jaxneuro.surrogates import AbstractSurrogate

        class Exponential(AbstractSurrogate):
            decay: Float[Array, "..."] = param(5.0, lower=0.0)

            def derivative(self, margin):
                return jnp.exp(-self.decay * jnp.abs(margin))

        spikes = Exponential()(jnp.array([-0.1, 0.0, 0.1]))  # [0., 0., 1.]
        ```
    """

    @abc.abstractmethod
    def derivative(self, margin: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The derivative that stands in for that of the step, dimensionless like `margin`."""

    def __call__(self, margin: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Spikes, 1 or 0 in the dtype of `margin`; a margin of exactly 0 is no spike.

        **Raises:** `TypeError` if `margin` is not floating-point.
        """
        margin = jnp.asarray(margin)
        if not jnp.issubdtype(margin.dtype, jnp.floating):
            raise TypeError(
                f"{type(self).__name__}: margin has dtype {margin.dtype}, which has no derivative. "
                "Pass a floating-point margin."
            )
        return _spike(self, margin)

    def __check_init__(self):
        check_bounds(self)


# A custom JVP, not `hard + stop_gradient(slope) * (x - stop_gradient(x))`: that is NaN at ±inf.
@jax.custom_jvp
def _spike(surrogate: AbstractSurrogate, margin: Array) -> Array:
    # The root of 0 and 1 is 0 and 1. XLA computes cheap operations again in each kernel that uses
    # them, the whole step of a neuron in each that uses its spikes; a root it computes once.
    return jnp.sqrt((margin > 0).astype(margin.dtype))


@_spike.defjvp
def _spike_jvp(primals, tangents):
    surrogate, margin = primals
    _, margin_tangent = tangents
    derivative = _cast(surrogate, margin.dtype).derivative(margin)
    return _spike(surrogate, margin), derivative * margin_tangent


def _cast(surrogate: AbstractSurrogate, dtype: np.dtype) -> AbstractSurrogate:
    """The same surrogate with its parameters in the precision of the margin."""
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf, surrogate
    )
