import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Drive

from ._conductance import ExponentialConductance, SynapticConductance
from ._receptors import AbstractReceptor


class NonNegative(AbstractReceptor):
    """Keeps a conductance from falling below 0 where events may be negative, as noise is.

    g <- max(0, g + sum of events) at the start of each step; all else is left to the receptor.

    **Arguments:**

    - `receptor`: the conductance.

    !!! example

        ```python
        receptor = NonNegative(ExponentialConductance(tau=3.0, e_rev=0.0))
        ```
    """

    receptor: ExponentialConductance

    def init(self, shape: tuple[int, ...]) -> SynapticConductance:
        return self.receptor.init(shape)

    def step(
        self,
        state: SynapticConductance,
        events: Float[Array, "..."],
        v: Float[Array, "..."],
        dt: float,
    ) -> tuple[SynapticConductance, Drive]:
        return self.receptor.step(state, jnp.maximum(events, -state.g), v, dt)
