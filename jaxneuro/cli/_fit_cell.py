"""The fit of one cell: checked first, then run."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxneuro import fitting
from jaxneuro.evolution import Evosax
from jaxneuro.training import Bounds, Checkpoints

from ._cell import INTEGRATORS
from ._fit_config import FitConfig
from ._fit_model import build_bounds, build_model
from ._fit_objective import build_objective
from ._fit_recording import split


class Plan(NamedTuple):
    """What a configuration asks for, whatever the cell.

    **Attributes:**

    - `config`, `model`, `bounds`, `objective`, `evolution`: as built from the configuration.
    - `devices`: over which the starts are spread.
    """

    config: FitConfig
    model: Any
    bounds: dict[str, Bounds]
    objective: fitting.AbstractObjective
    evolution: Evosax
    devices: Sequence[Any]


class Prepared(NamedTuple):
    """A cell whose fit can begin.

    **Attributes:**

    - `recording`: all its sweeps.
    - `train`, `test`: places of those that are fitted and held out.
    - `target`: the fitted ones on the model's grid of time, as far as they are fitted.
    - `whole`: all sweeps there, and all of their time.
    - `notes`: what was found, a sentence each.
    - `truth`: values of the free parameters, if they are known.
    """

    recording: fitting.Recording
    train: list[int]
    test: list[int]
    target: fitting.Target
    whole: fitting.Target
    notes: tuple[str, ...]
    truth: dict[str, float] | None


class Outcome(NamedTuple):
    """A cell that was fitted.

    **Attributes:**

    - `fitted`: the result of `fit`.
    - `simulated`: all its sweeps by the fitted model.
    - `determined`: which combinations of parameters the data determine.
    - `seconds`: that the fit took.
    """

    fitted: fitting.Fitted
    simulated: fitting.Simulated
    determined: fitting.Identifiability
    seconds: float


def build_plan(config: FitConfig, devices: Sequence[Any]) -> Plan:
    """Builds what does not depend on the cell.

    **Raises:** `ValueError` for anything of it that there is not or does not fit together.
    """
    search = config.search
    model = build_model(config.neuron)
    try:
        evolution = Evosax(search.evolution, search.population, sigma=float(search.sigma))
    except ModuleNotFoundError as error:
        raise ValueError(f"search.evolution is {search.evolution!r}. {error}") from None
    return Plan(
        config,
        model,
        build_bounds(config, model),
        build_objective(config.objective, search.strategy),
        evolution,
        devices,
    )


def prepare(
    plan: Plan, recording: fitting.Recording, truth: dict[str, float] | None = None
) -> Prepared:
    """Chooses the sweeps and brings them to the model's grid of time.

    **Raises:** `ValueError` for a recording that cannot be fitted in this way.
    """
    config, sweeps = plan.config, plan.config.sweeps
    train, test = split(recording, sweeps)
    duration = None if sweeps.duration is None else float(sweeps.duration)
    target = _target(plan, recording.select(train), duration)
    whole = whole_target(plan, recording)
    unknown = np.flatnonzero(~np.isfinite(np.asarray(whole.baseline)))
    if config.baseline and len(unknown):
        raise ValueError(
            f"'{recording.name}': sweep {recording.labels[unknown[0]]} has no voltage before the "
            "stimulus, which baseline needs. Leave it out by reading.sweeps, or baseline."
        )
    # What does not fit together is said before there is a folder.
    problem = fitting.make_problem(
        plan.model,
        target,
        plan.bounds,
        plan.objective,
        integrator=INTEGRATORS[config.integrator](),
        baseline=config.baseline or None,
    )
    start = problem.chosen.split(problem.cell)
    jax.eval_shape(plan.evolution.init, start, jax.random.key(0))
    notes = recording.notes
    if not np.asarray(target.spikes).any():
        notes += (
            f"There is no spike above {sweeps.spike_threshold:g} mV in the fitted sweeps: what is "
            "fitted is the voltage below threshold, and that the model stays silent.",
        )
    return Prepared(recording, train, test, target, whole, notes, truth)


def whole_target(plan: Plan, recording: fitting.Recording) -> fitting.Target:
    """All that there is of some sweeps, or as much as shall be fitted, on the model's grid."""
    dt, duration = float(plan.config.dt), plan.config.sweeps.duration
    if duration is None:
        duration = (len(recording.resample(dt).time) - 1) * dt
    return _target(plan, recording, float(duration))


def _target(plan: Plan, recording: fitting.Recording, duration: float | None) -> fitting.Target:
    return fitting.make_target(
        recording,
        dt=float(plan.config.dt),
        duration=duration,
        spike_threshold=float(plan.config.sweeps.spike_threshold),
    )


def fit_cell(
    plan: Plan, cell: Prepared, folder: Path, show: Callable[[fitting.FitProgress], None]
) -> Outcome:
    """Fits; goes on from the checkpoints in `folder`, if there are some.

    **Raises:** `Diverged` when nothing that was tried has a finite loss.
    """
    config, search = plan.config, plan.config.search
    began = time.perf_counter()
    fitted = fitting.fit(
        plan.model,
        cell.target,
        plan.bounds,
        plan.objective,
        strategy=search.strategy,
        key=jax.random.key(config.seed),
        baseline=config.baseline or None,
        integrator=INTEGRATORS[config.integrator](),
        trim=float(search.trim),
        select=search.select,
        starts=search.starts,
        evolution=plan.evolution,
        generations=search.generations,
        patience=search.patience,
        steps=search.steps,
        devices=plan.devices,
        checkpoints=Checkpoints(folder, float(search.checkpoint_seconds)),
        on_progress=show,
    )
    seconds = time.perf_counter() - began
    simulated = fitting.simulate_recording(fitted, cell.whole)
    return Outcome(fitted, simulated, fitting.identify(fitted), seconds)
