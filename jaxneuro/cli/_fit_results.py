"""What is known of a fitted cell: errors, features, parameters and series, of all sweeps."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxneuro import fitting
from jaxneuro.core import resolve_path

from ._fit_cell import Outcome, Plan, Prepared, whole_target
from ._fit_model import NODE, start_values

AT_BOUND = 0.01  # part of the range, as `plotting.fit_parameters` marks it
SHAPELESS = tuple(name for name, one in fitting.FEATURES.items() if not one.needs_spike_shape)


class FeatureRow(NamedTuple):
    """A feature in each window of each sweep, `(windows, sweeps)`; NaN where there is none."""

    name: str
    unit: str
    recorded: np.ndarray
    simulated: np.ndarray


class ParameterRow(NamedTuple):
    """A free parameter: what was found, from where, and how sure that is."""

    name: str
    unit: str
    value: float
    start: float
    lower: float
    upper: float
    scale: str
    uncertainty: float
    is_at_bound: bool
    truth: float | None


class Results(NamedTuple):
    """A fitted cell.

    **Attributes:**

    - `plan`, `cell`, `outcome`: what was fitted, and how it ended.
    - `recorded`: voltage of all sweeps on the model's grid of time, mV, `(time, sweeps)`; NaN where
      there is none.
    - `recorded_spikes`: times of each sweep, ms.
    - `held_out`: which sweeps the fit has not seen, `(sweeps,)`.
    - `labels`: what was injected into each sweep, pA.
    - `windows`: spikes in each window of each sweep.
    - `neighbour_counts`: what the fitted neighbours tell of a held-out sweep, NaN for the others,
      `(windows, sweeps)`; None where sweeps have no neighbours in their stimulus.
    - `errors`: by name: of the fitted sweeps (`train`), the held-out ones (`test`), and of the
      trivial baseline for these (`baseline`); None where there are none.
    - `features`, `parameters`: a row for each.
    """

    plan: Plan
    cell: Prepared
    outcome: Outcome
    recorded: np.ndarray
    recorded_spikes: list[np.ndarray]
    held_out: np.ndarray
    labels: list[float | str]
    windows: fitting.Windows
    neighbour_counts: np.ndarray | None
    errors: dict[str, dict[str, float] | None]
    features: list[FeatureRow]
    parameters: list[ParameterRow]


def collect(plan: Plan, cell: Prepared, outcome: Outcome) -> Results:
    """Compares model and recording."""
    target = cell.whole
    fine = cell.recording.resample(target.dt)
    recorded = fine.voltage[1 : target.steps + 1]
    spikes = [column[np.isfinite(column)] for column in np.asarray(target.spike_times).T]
    held_out = np.isin(np.arange(target.sweeps), cell.test)
    windows = fitting.window_table(target, outcome.simulated)
    neighbours = _neighbour_counts(windows, cell)
    errors: dict[str, dict[str, float] | None] = {
        "train": _errors(plan, cell, outcome, cell.train),
        "test": _errors(plan, cell, outcome, cell.test),
        "baseline": None
        if neighbours is None
        else fitting.neighbour_baseline(target, cell.train, cell.test),
    }
    return Results(
        plan,
        cell,
        outcome,
        recorded,
        spikes,
        held_out,
        _labels(windows.amplitude),
        windows,
        neighbours,
        errors,
        _features(target, recorded, spikes, outcome.simulated),
        _parameters(plan, cell, outcome),
    )


def _errors(
    plan: Plan, cell: Prepared, outcome: Outcome, places: Sequence[int]
) -> dict[str, float] | None:
    if not places:
        return None
    simulated = outcome.simulated
    part = simulated._replace(
        voltage=simulated.voltage[:, list(places)],
        spike_times=[simulated.spike_times[place] for place in places],
    )
    return fitting.compare(whole_target(plan, cell.recording.select(places)), part)


def _neighbour_counts(windows: fitting.Windows, cell: Prepared) -> np.ndarray | None:
    rises = np.diff(windows.amplitude, axis=1)
    is_ordered = ((rises >= 0).all(axis=1) | (rises <= 0).all(axis=1)).all()
    if not cell.test or not is_ordered:
        return None
    guess = np.full(windows.recorded_count.shape, np.nan)
    for sweep in cell.test:
        near = [i for i in cell.train if i < sweep][-1:] + [i for i in cell.train if i > sweep][:1]
        guess[:, sweep] = windows.recorded_count[:, near].mean(axis=1)
    return guess


def _labels(amplitude: np.ndarray) -> list[float | str]:
    """One number where all windows of a sweep have the same current."""
    rounded = np.round(amplitude, 3) + 0.0  # no -0
    return [
        float(column[0]) if len(set(column)) == 1 else f"{', '.join(f'{x:g}' for x in column)} pA"
        for column in rounded.T
    ]


def _features(
    target: fitting.Target,
    recorded: np.ndarray,
    spikes: list[np.ndarray],
    simulated: fitting.Simulated,
) -> list[FeatureRow]:
    """Those that a model which resets can have, and that are somewhere defined."""
    # As many for both, so that one program measures both.
    capacity = max(1, *map(len, (*spikes, *simulated.spike_times)))
    found = [
        fitting.extract(
            voltage,
            np.asarray(target.current),
            target.dt,
            target.windows,
            spike_times=fitting.pad_spike_times(times, capacity),
            names=SHAPELESS,
            first=target.dt,
        )
        for voltage, times in ((recorded, spikes), (simulated.voltage, simulated.spike_times))
    ]
    theirs, own = ({name: np.asarray(x) for name, x in one.items()} for one in found)
    return [
        FeatureRow(name, fitting.FEATURES[name].unit, theirs[name], own[name])
        for name in SHAPELESS
        if (np.isfinite(theirs[name]) | np.isfinite(own[name])).any()
    ]


def _parameters(plan: Plan, cell: Prepared, outcome: Outcome) -> list[ParameterRow]:
    starts = start_values(plan.config, plan.model, plan.bounds)
    rows = []
    for name, bounds in plan.bounds.items():
        value, (lower, upper, scale) = outcome.fitted.values[name], bounds
        assert lower is not None
        assert upper is not None
        ends = np.array([lower, value, upper])
        low, at, high = np.log(ends) if scale == "log" else ends
        part = (at - low) / (high - low)
        rows.append(
            ParameterRow(
                name,
                _unit(plan.model, name),
                value,
                starts[name],
                lower,
                upper,
                scale,
                outcome.determined.uncertainty[name],
                not AT_BOUND <= part <= 1 - AT_BOUND,
                None if cell.truth is None else cell.truth[name],
            )
        )
    return rows


def _unit(model: Any, name: str) -> str:
    """The unit that the innermost field on the way to a parameter declares."""
    node, unit = model, ""
    for part in resolve_path({NODE: model}, f"{NODE}.{name}").split(".")[1:]:
        if dataclasses.is_dataclass(node):
            field = next(field for field in dataclasses.fields(node) if field.name == part)
            unit = field.metadata.get("unit", "")
            node = getattr(node, part)
        else:
            node = node[int(part)] if isinstance(node, (list, tuple)) else node[part]
    return unit
