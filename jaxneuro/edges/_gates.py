"""Gates of synaptic conductances: what fraction of an open channel conducts at a voltage."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import check_bounds, param


class AbstractGate(eqx.Module):
    """An instantaneous function of the target's voltage that scales a receptor's conductance."""

    def __check_init__(self):
        check_bounds(self)

    @abstractmethod
    def __call__(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        """The open fraction at v, mV, 0 to 1."""


class MagnesiumBlock(AbstractGate):
    """The block of NMDA receptors by extracellular magnesium.

    gate(v) = 1 / (1 + mg / half exp(-slope v))

    **Arguments:**

    - `mg`: concentration of magnesium, mM (without any there is no gate: leave it out).
    - `half`: the concentration that blocks half of the channels at 0 mV, mM.
    - `slope`: 1 / mV.

    Each of shape `()` or that of the target.

    Reference: Jahr & Stevens (1990), J. Neurosci. 10:3178.

    !!! example

        ```python
        receptor = ConductanceReceptor(SecondOrder(), g_max=0.07, e_rev=0.0, gate=MagnesiumBlock())
        ```
    """

    mg: Float[Array, "..."] = param(1.0, unit="mM", lower=0.0)
    half: Float[Array, "..."] = param(3.57, unit="mM", lower=0.0)
    slope: Float[Array, "..."] = param(0.062, unit="1 / mV")

    def __call__(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        # The same as a sigmoid, which neither overflows nor has a NaN in its gradient.
        return jax.nn.sigmoid(self.slope * v - jnp.log(self.mg / self.half))
