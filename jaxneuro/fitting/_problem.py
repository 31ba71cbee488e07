import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxneuro.core import get_leaf, map_leaves, resolve_path
from jaxneuro.integrators import AbstractIntegrator, Euler
from jaxneuro.neurons import AbstractNeuron, Fragment, Population, Refractory
from jaxneuro.simulation import Checkpointed, Simulation, simulate
from jaxneuro.training import Bounds, Parameters, Trainable, trainable

from ._objective import AbstractObjective, Record
from ._target import Target

NODE = "neuron"
Free = Mapping[str, Bounds | tuple[float, float] | tuple[float, float, str]]


class Cell(eqx.Module):
    """What a fit changes: the neuron, and how far its leak potential is from the baseline."""

    neuron: AbstractNeuron | Fragment
    offset: Float[Array, ""]


class Options(NamedTuple):
    """How candidates are simulated.

    **Attributes:**

    - `integrator`: method for the neuron's differential equation.
    - `baseline`: path of the leaf that takes each sweep's baseline, if there is one.
    - `trimmed`: how many windows of sweeps, those with the largest losses, do not count.
    """

    integrator: AbstractIntegrator
    baseline: str | None
    trimmed: int


class Problem(eqx.Module):
    """A cell, what it shall do, and how that is judged: the loss of a set of parameters.

    Candidates are searched for with spikes on the grid of time, which is fast; they are polished,
    compared and reported with spikes and resets at their exact times (`is_exact`).
    """

    cell: Cell
    target: Target
    objective: AbstractObjective
    chosen: Trainable
    names: dict[str, str]  # by exact path, those the user chose
    options: Options = eqx.field(static=True)

    def losses(self, parameters: Parameters, is_exact: bool) -> Float[Array, "windows sweeps"]:
        """The distance of each window and sweep; NaN where a voltage ended as no finite number.

        A parameter may have a value for each sweep.
        """
        run = self._simulate(parameters, self.objective.record(NODE, self.target), is_exact)
        losses = self.objective.loss(run.records, self.target)
        # An objective of spikes alone would take such a cell for a silent one.
        is_finite = jnp.isfinite(run.state.nodes[NODE].v)
        return jnp.where(jnp.broadcast_to(is_finite, losses.shape), losses, jnp.nan)

    def loss(self, parameters: Parameters, is_exact: bool) -> Float[Array, ""]:
        """The total of a set of parameters."""
        return self.total(self.losses(parameters, is_exact))

    def total(self, losses: Float[Array, "windows sweeps"]) -> Float[Array, ""]:
        """Mean over the windows that count; infinity where one is not a number."""
        total = jnp.mean(losses, where=self.counts(losses))
        return jnp.where(jnp.isfinite(losses).all(), total, jnp.inf)

    def counts(self, losses: Float[Array, "windows sweeps"]) -> Bool[Array, "windows sweeps"]:
        """Which windows count: all but the `trimmed` worst."""
        if not self.options.trimmed:
            return jnp.ones(losses.shape, bool)
        kept = losses.size - self.options.trimmed
        return (jnp.argsort(jnp.argsort(losses, axis=None)) < kept).reshape(losses.shape)

    def with_target(self, target: Target) -> "Problem":
        """The same question asked of other sweeps."""
        return dataclasses.replace(self, target=target)

    def run(self, parameters: Parameters, record: Record, is_exact: bool) -> Mapping[str, Any]:
        """What is recorded of all sweeps, side by side, as one population."""
        return self._simulate(parameters, record, is_exact).records

    def _simulate(self, parameters: Parameters, record: Record, is_exact: bool) -> Simulation:
        cell = self.chosen.merge(self.cell, parameters)
        target = self.target
        return simulate(
            self.population(cell, target, is_exact),
            {NODE: target.current},
            dt=target.dt,
            key=jax.random.key(0),
            record=record,
            gradient=Checkpointed(segment(target.steps)) if is_exact else None,
            block=1,
            spike_times="interpolated" if is_exact else "grid",
        )

    def population(self, cell: Cell, target: Target, is_exact: bool) -> Population:
        """One neuron for each sweep."""
        neuron, initial = timed(cell.neuron, is_exact), {}
        if self.options.baseline is not None:
            rest = target.baseline + cell.offset
            path = resolve_path({NODE: neuron}, f"{NODE}.{self.options.baseline}")
            neuron = map_leaves({NODE: neuron}, [path], lambda *_: rest)[NODE]
            initial = {"v": target.baseline}
        return Population(
            neuron,
            target.sweeps,
            integrator=self.options.integrator,
            reset_gradient="event" if is_exact else "detached",
            initial=initial,
        )

    def finished(self, parameters: Parameters) -> Any:
        """The neuron with these parameters, and with the median baseline in the place of each."""
        cell = self.chosen.merge(self.cell, parameters)
        if self.options.baseline is None:
            return cell.neuron
        tree = {NODE: cell.neuron}
        path = resolve_path(tree, f"{NODE}.{self.options.baseline}")
        rest = jnp.median(self.target.baseline) + cell.offset
        return map_leaves(tree, [path], lambda *_: rest)[NODE]

    def values(self, parameters: Parameters) -> dict[str, Float[Array, "..."]]:
        """The parameters as numbers within their bounds, by the user's names."""
        bounds = self.chosen.bounds
        return {self.names[path]: bounds[path].bounded(x) for path, x in parameters.items()}


def make_problem(
    model: AbstractNeuron | Fragment | Population,
    target: Target,
    free: Free,
    objective: AbstractObjective,
    *,
    integrator: AbstractIntegrator | None = None,
    baseline: str | None = None,
    trim: float = 0.0,
) -> Problem:
    """Checks what a fit is asked for; arguments as in `fit`."""
    if isinstance(model, Population):
        if model.start != "original" or model.initial:
            raise ValueError(
                "fit: the population has a start or initial values of its own, which a fit does "
                "not take over. Leave them out; baseline= lets each sweep begin at its own voltage."
            )
        integrator = model.integrator if integrator is None else integrator
        model = model.neuron
    windows = len(target.windows) * target.sweeps
    trimmed = round(trim * windows)
    if not 0 <= trim < 1 or trimmed >= windows:
        raise ValueError(
            f"fit: trim is {trim}, which leaves none of {windows} windows. Pass a share from 0 to "
            "below 1, such as 0.1."
        )
    if not free:
        raise ValueError("fit: no free parameter. Pass free={path: (lower, upper)}.")
    objective.record(NODE, target)  # objectives check here whether the target suits them
    cell = Cell(model, jnp.asarray(0.0))
    own = None
    if baseline is not None:
        own = resolve_path(cell, f"{NODE}.{baseline}")  # a field of `Cell` has the node's name
        check_baseline(target, baseline)
    names, bounds = {}, {}
    for name, interval in free.items():
        path = resolve_path(cell, f"{NODE}.{name}")
        path = "offset" if path == own else path
        if path in names:
            raise ValueError(f"fit: {names[path]!r} and {name!r} are the same parameter.")
        if jnp.ndim(get_leaf(cell, path)) != 0:
            shape = jnp.shape(get_leaf(cell, path))
            raise ValueError(f"fit: {name!r} has shape {shape}; a free parameter is one number.")
        names[path], bounds[path] = name, _bounds(name, interval)
    chosen = trainable(cell, list(names), bounds)
    return Problem(
        cell, target, objective, chosen, names, Options(integrator or Euler(), baseline, trimmed)
    )


def check_baseline(target: Target, baseline: str) -> None:
    """**Raises:** `ValueError` for sweeps without a voltage before the stimulus."""
    unknown = np.flatnonzero(~np.isfinite(np.asarray(target.baseline)))
    if len(unknown):
        raise ValueError(
            f"fit: baseline={baseline!r} needs a voltage before the stimulus, but sweeps "
            f"{unknown.tolist()} have none. Leave them out, or baseline."
        )


def timed(neuron: Any, is_exact: bool) -> Any:
    """The neuron with every refractory period in whole steps, or ending at its exact time."""
    if not isinstance(neuron, Refractory):
        return neuron
    inner = timed(neuron.neuron, is_exact)
    return dataclasses.replace(neuron, neuron=inner, whole_steps=not is_exact)


def segment(steps: int) -> int:
    """Steps from one kept state to the next: about the root of all."""
    return max(1, round(steps**0.5))


def _bounds(name: str, interval: Any) -> Bounds:
    found = Bounds() if interval is None else Bounds(*interval)
    found.check(f"fit: the bounds of {name!r}")
    if found.lower is None or found.upper is None:
        raise ValueError(
            f"fit: the bounds of {name!r} are {tuple(found)[:2]}; starts are drawn between them, "
            "so both must be given."
        )
    return found
