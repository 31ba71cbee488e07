from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron, AbstractODENeuron, integrate
from ._options import check_shapes


class VoltageClamp(AbstractNeuron):
    """Holds a neuron at its start voltage; its other variables go on, and it never spikes.

    Recordable: `I_inf` = C dv/dt as it would be without the clamp: what flows into the cell
    (inward positive), beside whatever the neuron lets record itself.

    **Arguments:**

    - `neuron`: a neuron with a differential equation.
    - `C`: its capacitance, in the unit that makes C dv/dt a current of the neuron's unit.
    - `v_clamp`: mV, `()` or of the population's shape; None holds the neuron's own start value.

    !!! example

        ```python
        cell = VoltageClamp(HHneuronCorbit(), C=1.0, v_clamp=[-80.0, -60.0, -40.0])
        run = simulate(Population(cell, 3), dt=0.1, steps=9000, key=key, record=("neuron.I_inf",))
        ```
    """

    neuron: AbstractODENeuron
    C: Float[Array, "..."] = param(1.0, lower=0.0)
    v_clamp: Float[Array, "..."] | None = param(None, unit="mV")

    @property
    def ports(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.neuron.ports

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Any:
        check_shapes(self, shape)
        state = self.neuron.init(shape, key)
        if self.v_clamp is None:
            return state
        return eqx.tree_at(lambda s: s.v, state, jnp.broadcast_to(self.v_clamp, shape))

    def derivative(self, state: Any, drive: Drive) -> Any:
        rates = self.neuron.derivative(state, drive)
        return eqx.tree_at(lambda s: s.v, rates, jnp.zeros_like(state.v))

    def advance(self, state: Any, drive: Drive, dt: float, integrator: AbstractIntegrator) -> Any:
        still = eqx.tree_at(lambda d: d.jump, drive, None, is_leaf=lambda x: x is None)
        return integrate(self.derivative, state, still, dt, integrator)

    def margin(self, old: Any, new: Any) -> None:
        return None

    def reset(self, state: Any, spikes: Float[Array, "..."]) -> Any:
        return state

    def observe(self, state: Any, drive: Drive) -> dict[str, Float[Array, "..."]]:
        flowing = self.C * self.neuron.derivative(state, drive).v
        return {"I_inf": flowing, **self.neuron.observe(state, drive)}
