from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, check_bounds
from jaxneuro.integrators import AbstractIntegrator


class AbstractNeuron(eqx.Module):
    """The dynamics of one cell type, written for any shape of population.

    A neuron knows nothing of edges, batches or time loops. Its state is a module with a leaf (or
    property) `v`; batches are `jax.vmap`.

    **Attributes:**

    - `ports`: names of its ports beside the ordinary one. What edges with `target="exc.base"`
      drive arrives as `drive.port("base")`.
    """

    ports: ClassVar[tuple[str, ...]] = ()

    def __check_init__(self):
        check_bounds(self)

    @abstractmethod
    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Any:
        """The state of a population of this shape before its first step."""

    @abstractmethod
    def advance(self, state: Any, drive: Drive, dt: Any, integrator: AbstractIntegrator) -> Any:
        """The state after `dt` ms under `drive`, before any reset.

        `dt` is a number, or the part of a step that is left for each neuron, of the population's
        shape (`reset_gradient="event"`).
        """

    @abstractmethod
    def margin(self, old: Any, new: Any) -> Float[Array, "..."] | None:
        """Dimensionless distance above threshold: a spike where > 0; None if it never spikes."""

    @abstractmethod
    def reset(self, state: Any, spikes: Float[Array, "..."]) -> Any:
        """The state after the spikes (0 or 1) of this step."""

    def observe(self, state: Any, drive: Drive) -> dict[str, Float[Array, "..."]]:
        """What can be recorded beside the leaves of the state, such as currents, by name.

        It is computed where it is recorded, from the state after the step and its drive.
        """
        return {}


class AbstractODENeuron(AbstractNeuron):
    """A neuron whose state follows a differential equation between spikes."""

    @abstractmethod
    def derivative(self, state: Any, drive: Drive) -> Any:
        """d(state)/dt in 1/ms, a state of the same structure."""

    def advance(self, state: Any, drive: Drive, dt: Any, integrator: AbstractIntegrator) -> Any:
        return integrate(self.derivative, state, drive, dt, integrator)


def integrate(
    derivative: Callable[[Any, Drive], Any],
    state: Any,
    drive: Drive,
    dt: float,
    integrator: AbstractIntegrator,
) -> Any:
    """One step of `integrator`, then the drive's jump added to v."""
    new = integrator.step(lambda y, c: derivative(y, drive.during(c)), state, dt)
    return new if drive.jump is None else eqx.tree_at(lambda s: s.v, new, new.v + drive.jump)
