import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron
from ._options import check_shapes


class PoissonCellState(eqx.Module):
    """The rate (Hz), and how far the chance of a spike in this step exceeded the draw."""

    rates: Float[Array, "..."]
    act: Float[Array, "..."]
    excess: Float[Array, "..."]

    @property
    def v(self) -> Float[Array, "..."]:
        return self.act


class PoissonCell(AbstractNeuron):
    """Spikes at random, at most once a step, with probability act dt / 1000.

    rates = the parameter plus whatever drives the population (Hz); act follows it at once, or by
    d act/dt = (rates - act) / tau_up where it rises and / tau_down where it falls. The random
    number comes in at the port `"draw"`, from a `UniformDraw` edge; `catalogue.PoissonNeuron` is
    both in one.

    **Arguments:**

    - `rates`: Hz, `()` or of the population's shape.
    - `tau_up`, `tau_down`: ms; None follows at once.

    Reference: CompNeuroPy 1.0.4 (PoissonNeuron, PoissonNeuronUpDown).

    !!! example

        ```python
        cell = Fragment(PoissonCell(rates=20.0), {"draw": UniformDraw(".draw")})
        ```
    """

    rates: Float[Array, "..."] = param(0.0, unit="Hz")
    tau_up: Float[Array, "..."] | None = param(None, unit="ms", lower=0.0)
    tau_down: Float[Array, "..."] | None = param(None, unit="ms", lower=0.0)

    ports = ("draw",)

    def __check_init__(self):
        if (self.tau_up is None) != (self.tau_down is None):
            raise ValueError("PoissonCell: give both tau_up and tau_down, or neither.")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> PoissonCellState:
        check_shapes(self, shape)
        zero = jnp.zeros(shape, self.rates.dtype)
        return PoissonCellState(zero, zero, zero)

    def advance(
        self, state: PoissonCellState, drive: Drive, dt: float, integrator: AbstractIntegrator
    ) -> PoissonCellState:
        rates = jnp.broadcast_to(self.rates, state.act.shape) + drive.at(state.act)
        act = rates
        if self.tau_up is not None and self.tau_down is not None:
            tau = jnp.where(rates > state.act, self.tau_up, self.tau_down)
            act = integrator.step(lambda act, c: (rates - act) / tau, state.act, dt)
        draw = drive.port("draw")
        if draw.current is None:
            raise ValueError(
                "PoissonCell: nothing drives its port 'draw'. Use catalogue.PoissonNeuron, or a "
                "Fragment with the edge UniformDraw('.draw')."
            )
        return PoissonCellState(rates, act, act * (dt / 1000.0) - draw.current)

    def margin(self, old: PoissonCellState, new: PoissonCellState) -> Float[Array, "..."]:
        return new.excess

    def reset(self, state: PoissonCellState, spikes: Float[Array, "..."]) -> PoissonCellState:
        return state
