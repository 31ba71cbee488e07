from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Drive, check_bounds, param

from ._arriving import SparseEvents, add_arriving


class AbstractReceptor(eqx.Module):
    """Turns the events that arrive at a neuron into a drive.

    **Attributes:**

    - `accumulates`: whether `step` does nothing with events but `add_arriving(variable, events)`;
      a sparse projection then adds its events in place.
    """

    accumulates: ClassVar[bool] = False

    def __check_init__(self):
        check_bounds(self)

    @abstractmethod
    def init(self, shape: tuple[int, ...]) -> Any:
        """The state before the first event, for a target of this shape."""

    @abstractmethod
    def step(
        self, state: Any, events: Float[Array, "..."], v: Float[Array, "..."], dt: float
    ) -> tuple[Any, Drive]:
        """Events of one step (they arrive at its start) to the drive over that step."""


class Direct(AbstractReceptor):
    """Events are a current that lasts for their step: I = sum of weights."""

    def init(self, shape: tuple[int, ...]) -> None:
        return None

    def step(
        self, state: None, events: Float[Array, "..."], v: Float[Array, "..."], dt: float
    ) -> tuple[None, Drive]:
        return None, Drive(current=events)


class Delta(AbstractReceptor):
    """Events are added to v once, after the step is integrated: v += sum of weights."""

    def init(self, shape: tuple[int, ...]) -> None:
        return None

    def step(
        self, state: None, events: Float[Array, "..."], v: Float[Array, "..."], dt: float
    ) -> tuple[None, Drive]:
        return None, Drive(jump=events)


class ExponentialCurrent(AbstractReceptor):
    """Current that jumps by the weight at each spike and decays.

    di/dt = -i / tau; i += w at each spike. Its decay inside the step reaches the integrator.

    **Arguments:**

    - `tau`: decay time constant, ms, shape `()` or that of the target.

    Reference: Gerstner et al. (2014), Neuronal Dynamics, section 3.1.
    """

    tau: Float[Array, "..."] = param(5.0, unit="ms", lower=0.0)
    accumulates: ClassVar[bool] = True

    def init(self, shape: tuple[int, ...]) -> "SynapticCurrent":
        return SynapticCurrent(jnp.zeros(shape))

    def step(
        self,
        state: "SynapticCurrent",
        events: Float[Array, "..."] | SparseEvents,
        v: Float[Array, "..."],
        dt: float,
    ) -> tuple["SynapticCurrent", Drive]:
        start = add_arriving(state.i, events)
        end = start * jnp.exp(-dt / self.tau)
        return SynapticCurrent(end), Drive(current=start, current_end=end)


class SynapticCurrent(eqx.Module):
    """The state of `ExponentialCurrent`: the current at the end of the last step."""

    i: Float[Array, "..."]
