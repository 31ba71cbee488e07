from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param
from jaxneuro.integrators import AbstractIntegrator

from ._base import AbstractNeuron
from ._options import check_shapes


class AdaptiveThresholdState(eqx.Module):
    """The wrapped neuron's state and how far its threshold has risen, in the unit of v."""

    inner: Any
    theta: Float[Array, "..."]

    @property
    def v(self) -> Any:  # an array, or what `eqx.tree_at` puts in its place
        return self.inner.v


class AdaptiveThreshold(AbstractNeuron):
    """Intrinsic plasticity: the threshold of any neuron rises at its spikes, and falls slowly.

    dtheta/dt = -theta / tau - increase rate; at a spike theta += increase. The neuron spikes where
    v is theta above its own threshold, of which its reset knows nothing. With `rate` above 0 and a
    tau that is long beside its inverse, theta stays where the neuron fires at `rate`: it then
    finds the threshold at which it does, whatever drives it.

    theta is part of the state, which a next run takes up: `simulate(..., state=run.state)`. It is
    for neurons whose spike is a crossing of a threshold by v, not for those with an upstroke of
    their own (`AdEx` from v_t on), which a shifted threshold would only cut later.

    **Arguments:**

    - `neuron`: the neuron to wrap.
    - `increase`: rise of theta at a spike, in the unit of v.
    - `tau`: time constant of its decay, ms; 1e7 is longer than most runs.
    - `rate`: at which the threshold neither rises nor falls, Hz; 0 lets it decay alone.

    Each of shape `()` or that of the population.

    Reference: Diehl & Cook (2015), Front. Comput. Neurosci. 9:99; with a rate: Zhang & Linden
    (2003), Nat. Rev. Neurosci. 4:885.

    !!! example

        ```python
        neuron = Refractory(AdaptiveThreshold(LIF(tau=100.0), increase=0.05, tau=1e7), period=5.0)
        ```
    """

    neuron: AbstractNeuron
    increase: Float[Array, "..."] = param(0.05)
    tau: Float[Array, "..."] = param(1e7, unit="ms", lower=0.0)
    rate: Float[Array, "..."] = param(0.0, unit="Hz")

    @property
    def ports(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.neuron.ports

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> AdaptiveThresholdState:
        check_shapes(self, shape)
        inner = self.neuron.init(shape, key)
        return AdaptiveThresholdState(inner, jnp.zeros(shape, inner.v.dtype))

    def advance(
        self, state: AdaptiveThresholdState, drive: Drive, dt: Any, integrator: AbstractIntegrator
    ) -> AdaptiveThresholdState:
        inner = self.neuron.advance(state.inner, drive, dt, integrator)
        end = -self.increase * self.rate * self.tau / 1000.0
        theta = state.theta + (state.theta - end) * jnp.expm1(-dt / self.tau)
        return AdaptiveThresholdState(inner, theta)

    def margin(
        self, old: AdaptiveThresholdState, new: AdaptiveThresholdState
    ) -> Float[Array, "..."] | None:
        return self.neuron.margin(_lowered(old), _lowered(new))

    def observe(
        self, state: AdaptiveThresholdState, drive: Drive
    ) -> dict[str, Float[Array, "..."]]:
        return self.neuron.observe(state.inner, drive)

    def reset(
        self, state: AdaptiveThresholdState, spikes: Float[Array, "..."]
    ) -> AdaptiveThresholdState:
        inner = self.neuron.reset(state.inner, spikes)
        return AdaptiveThresholdState(inner, state.theta + spikes * self.increase)


def _lowered(state: AdaptiveThresholdState) -> Any:
    """The neuron's state with v as far below the neuron's own threshold as below the risen one."""
    return eqx.tree_at(lambda s: s.v, state.inner, state.v - state.theta)
