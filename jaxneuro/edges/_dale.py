import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int8

from ._connectivity import AbstractConnectivity
from ._low_rank import LowRank


class Dale(AbstractConnectivity):
    """Sources that are either excitatory or inhibitory towards all their targets (Dale's law).

    The weight holds magnitudes: events are those of the connectivity inside with weight |w| and
    signals times the sign of their source. Whatever an optimiser, an evolution or a plasticity
    rule makes of the weight, no synapse changes its sign. The signs are integers, which none of
    them touches.

    The derivative with respect to w is that of |w|, with 1 at w = 0, so that a weight of 0 can
    still grow. A weight that a step takes below 0 is as strong as one above it, and grows again
    from there. Weights that are drawn around 0 thus become the absolute values: those of a normal
    distribution of standard deviation s have the mean 0.8 s.

    **Arguments:**

    - `connectivity`: `Dense`, `Sparse`, `OneToOne` or another.
    - `sign`: +1 (excitatory) or -1 (inhibitory) for each source neuron, flat or of the
      population's shape, as from `topology.signs`.

    **Raises:** `ValueError` for other numbers (traced ones are not checked), and where the number
    of source neurons is another.

    !!! example

        ```python
        projection = Projection(
            "hidden", "out", connectivity=Dale(Dense(10), sign=[1, 1, 1, 1, -1])
        )
        ```
    """

    connectivity: AbstractConnectivity
    sign: Int8[Array, "..."] = eqx.field(converter=lambda sign: _as_signs(sign))

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.sign.shape != source_shape and self.sign.shape != (math.prod(source_shape),):
            raise ValueError(
                f"Dale: sign has shape {self.sign.shape}, but the source has shape "
                f"{source_shape}. Pass one sign for each of its neurons."
            )
        return self.connectivity.output_shape(source_shape)

    def weight_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...] | None:
        return self.connectivity.weight_shape(source_shape)

    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.connectivity.bias_shape(source_shape)

    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        return self.connectivity.fan_in(source_shape)

    def propagate(
        self, weight: Float[Array, "..."] | LowRank | None, signals: Float[Array, "time ..."]
    ) -> Float[Array, "time ..."]:
        return self.connectivity.propagate(*self.signed(weight, signals))

    def signed(
        self, weight: Float[Array, "..."] | LowRank | None, signals: Float[Array, "time ..."]
    ) -> tuple[Float[Array, "..."] | None, Float[Array, "time ..."]]:
        """The magnitudes of the weight, and the signals with the signs of their sources."""
        if isinstance(weight, LowRank):
            weight = weight.dense()  # the magnitude of a sum is not that of its parts
        if weight is not None:
            weight = jnp.where(weight < 0, -weight, weight)
        sign = self.sign.astype(signals.dtype).reshape(1, *signals.shape[1:])
        return weight, signals * sign


def _as_signs(sign: Any) -> Int8[Array, "..."]:
    """As integers: neither gradients nor mutations change them."""
    if not isinstance(sign, Tracer):
        values = np.asarray(sign)
        is_wrong = np.abs(values) != 1
        if not values.ndim or is_wrong.any():
            came = values[is_wrong][0] if values.ndim else values
            raise ValueError(
                f"Dale: sign has {came}; pass +1 (excitatory) or -1 (inhibitory) for each source "
                "neuron."
            )
    return jnp.asarray(sign, jnp.int8)
