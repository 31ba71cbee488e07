"""First- and second-order kinetics of synaptic gating variables."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import check_bounds, param


class AbstractKinetics(eqx.Module):
    """How the open fraction s of a receptor's channels follows the events that reach it.

    A module of its own, so that any kinetics goes with any receptor, which turns s into a
    conductance or a current.
    """

    def __check_init__(self):
        check_bounds(self)

    @abstractmethod
    def init(self, shape: tuple[int, ...]) -> Any:
        """The state before the first event, for a target of this shape; `s` is a leaf of it."""

    @abstractmethod
    def step(
        self, state: Any, events: Float[Array, "..."], dt: float
    ) -> tuple[Any, Float[Array, "..."], Float[Array, "..."]]:
        """Events (sums of weights) arrive at the start of the step of `dt` ms.

        **Returns:** the new state, and s at the start (after the events) and at the end of the
        step; the drive is the ramp between the two.
        """


class Opening(eqx.Module):
    """The state of kinetics of first order: s at the end of the last step."""

    s: Float[Array, "..."]


class TwoStageOpening(eqx.Module):
    """The state of kinetics of second order: s, and the variable x that opens it."""

    x: Float[Array, "..."]
    s: Float[Array, "..."]


class FirstOrder(AbstractKinetics):
    """Jumps at each event and decays exponentially, without bound.

    ds/dt = -s / tau; s += alpha w at each event. Exact at any dt.

    **Arguments:**

    - `tau`: decay time constant, ms.
    - `alpha`: jump per unit of weight.

    Each of shape `()` or that of the target, as for all kinetics.

    Reference: Destexhe, Mainen & Sejnowski (1994), J. Comput. Neurosci. 1:195.

    !!! example

        ```python
        receptor = ConductanceReceptor(FirstOrder(tau=2.0), g_max=0.7, e_rev=0.0)
        ```
    """

    tau: Float[Array, "..."] = param(2.0, unit="ms", lower=0.0)
    alpha: Float[Array, "..."] = param(1.0)

    def init(self, shape: tuple[int, ...]) -> Opening:
        return Opening(jnp.zeros(shape))

    def step(
        self, state: Opening, events: Float[Array, "..."], dt: float
    ) -> tuple[Opening, Float[Array, "..."], Float[Array, "..."]]:
        start = state.s + self.alpha * events
        end = start * jnp.exp(-dt / self.tau)
        return Opening(end), start, end


class Bounded(AbstractKinetics):
    """Each event opens a part of the channels that are still closed; they close exponentially.

    ds/dt = -s / tau; s += alpha w (1 - s) at each event.

    The events of one step count as one of the sum of their weights, and open all channels where
    alpha times that exceeds 1, so that s stays between 0 and 1. Weights must not be negative.

    **Arguments:**

    - `tau`: decay time constant, ms.
    - `alpha`: the part that a unit of weight opens.

    !!! example

        ```python
        receptor = ConductanceReceptor(Bounded(tau=10.0, alpha=0.5), e_rev=-70.0)
        ```
    """

    tau: Float[Array, "..."] = param(2.0, unit="ms", lower=0.0)
    alpha: Float[Array, "..."] = param(1.0)

    def init(self, shape: tuple[int, ...]) -> Opening:
        return Opening(jnp.zeros(shape))

    def step(
        self, state: Opening, events: Float[Array, "..."], dt: float
    ) -> tuple[Opening, Float[Array, "..."], Float[Array, "..."]]:
        opened = self.alpha * events
        # Not `minimum`, whose gradient is halved at 1: an event may well open everything.
        start = state.s + jnp.where(opened > 1.0, 1.0, opened) * (1.0 - state.s)
        end = start * jnp.exp(-dt / self.tau)
        return Opening(end), start, end


class SecondOrder(AbstractKinetics):
    """Rises with a transmitter variable x, saturates at 1, and decays slowly: NMDA.

    dx/dt = -x / tau_rise; x += alpha_x w at each event;
    ds/dt = alpha_s x (1 - s) - s / tau_decay.

    x is exact; s relaxes exponentially under the mean of x over the step, which is of second order
    in dt and keeps s between 0 and 1 at any dt.

    **Arguments:**

    - `tau_rise`, `tau_decay`: time constants of x and of s, ms.
    - `alpha_x`: jump of x per unit of weight.
    - `alpha_s`: rate at which a unit of x opens channels, 1 / ms.

    Reference: Wang (1999), J. Neurosci. 19:9587.

    !!! example

        ```python
        receptor = ConductanceReceptor(SecondOrder(tau_rise=2.0, tau_decay=80.0), g_max=0.07)
        ```
    """

    tau_rise: Float[Array, "..."] = param(2.0, unit="ms", lower=0.0)
    tau_decay: Float[Array, "..."] = param(80.0, unit="ms", lower=0.0)
    alpha_x: Float[Array, "..."] = param(1.0)
    alpha_s: Float[Array, "..."] = param(1.0, unit="1 / ms")

    def init(self, shape: tuple[int, ...]) -> TwoStageOpening:
        return TwoStageOpening(jnp.zeros(shape), jnp.zeros(shape))

    def step(
        self, state: TwoStageOpening, events: Float[Array, "..."], dt: float
    ) -> tuple[TwoStageOpening, Float[Array, "..."], Float[Array, "..."]]:
        x = state.x + self.alpha_x * events
        mean = -x * self.tau_rise / dt * jnp.expm1(-dt / self.tau_rise)
        opening = self.alpha_s * mean
        rate = opening + 1.0 / self.tau_decay
        end = state.s - (opening / rate - state.s) * jnp.expm1(-rate * dt)
        return TwoStageOpening(x * jnp.exp(-dt / self.tau_rise), end), state.s, end
