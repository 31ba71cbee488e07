from typing import ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Drive, check_option, param

from ._arriving import SparseEvents, add_arriving
from ._receptors import AbstractReceptor

Rectify = Literal["none", "depolarising", "hyperpolarising"]


class SynapticConductance(eqx.Module):
    """The state of `ExponentialConductance`: the conductance at the end of the last step."""

    g: Float[Array, "..."]


class ExponentialConductance(AbstractReceptor):
    """Conductance that jumps by the weight at each spike and decays: AMPA, GABA-A.

    dg/dt = -g / tau, g += w at each spike; I = g (e_rev - v). Its decay inside the step reaches the
    integrator.

    **Arguments:**

    - `tau`: decay time constant, ms, shape `()` or that of the target.
    - `e_rev`: reversal potential, in the target's unit of v.
    - `rectify`: `"depolarising"` drops the current where v is above e_rev, `"hyperpolarising"`
      where it is below (as all synapses of CompNeuroPy do: AMPA never hyperpolarises there);
      v is taken at the start of the step for this.

    Reference: Destexhe, Mainen & Sejnowski (1994), J. Comput. Neurosci. 1:195.

    !!! example

        ```python
        edge = Projection("exc", "inh", weight, receptor=ExponentialConductance(tau=5.0, e_rev=0.0))
        ```
    """

    tau: Float[Array, "..."] = param(5.0, unit="ms", lower=0.0)
    e_rev: Float[Array, "..."] = param(0.0, unit="mV")
    rectify: Rectify = eqx.field(static=True, default="none")
    accumulates: ClassVar[bool] = True

    def __check_init__(self):
        check_option(self.rectify, Rectify, "ExponentialConductance: rectify")

    def init(self, shape: tuple[int, ...]) -> SynapticConductance:
        return SynapticConductance(jnp.zeros(shape))

    def step(
        self,
        state: SynapticConductance,
        events: Float[Array, "..."] | SparseEvents,
        v: Float[Array, "..."],
        dt: float,
    ) -> tuple[SynapticConductance, Drive]:
        start = add_arriving(state.g, events)
        end = start * jnp.exp(-dt / self.tau)
        open_start, open_end = start, end
        if self.rectify != "none":
            is_open = v < self.e_rev if self.rectify == "depolarising" else v > self.e_rev
            open_start, open_end = jnp.where(is_open, start, 0.0), jnp.where(is_open, end, 0.0)
        drive = Drive(
            current=open_start * self.e_rev,
            conductance=open_start,
            current_end=open_end * self.e_rev,
            conductance_end=open_end,
        )
        return SynapticConductance(end), drive
