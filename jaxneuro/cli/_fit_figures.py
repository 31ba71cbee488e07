"""The figures of a fit, each with what it shows for those who cannot see it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxneuro import plotting

from ._fit_results import Results

DETERMINED = 1.0  # eigenvalue below which `fitting.Identifiability` calls nothing determined
CLOSE = 1.2  # losses of other good candidates, in parts of the best


class Shown(NamedTuple):
    """A figure and the words to it.

    **Attributes:**

    - `name`: of the file, without its suffix.
    - `heading`: of its section in the report.
    - `figure`: of matplotlib.
    - `alt`: what is to be seen.
    - `caption`: how to read it.
    """

    name: str
    heading: str
    figure: Any
    alt: str
    caption: str = ""


def draw(results: Results) -> list[Shown]:
    """All figures, in the order of the report."""
    return [one(results) for one in FIGURES]


def _sweeps(results: Results) -> Shown:
    simulated = results.outcome.simulated
    figure = plotting.fit_sweeps(
        simulated.time,
        results.recorded,
        simulated.voltage,
        labels=results.labels,
        held_out=results.held_out,
        windows=results.cell.whole.windows,
        spikes=simulated.spike_times,
    )
    return Shown(
        "sweeps",
        "Every sweep",
        figure,
        "Membrane potential of each sweep, recorded and simulated over each other.",
        "A model that resets makes no spikes of its own: they are drawn as strokes.",
    )


def _raster(results: Results) -> Shown:
    simulated = results.outcome.simulated
    figure = plotting.fit_raster(
        results.recorded_spikes,
        simulated.spike_times,
        labels=results.labels,
        span=(0.0, float(simulated.time[-1])),
        held_out=results.held_out,
        windows=results.cell.whole.windows,
    )
    alt = "Times of recorded and simulated spikes, a row for each sweep."
    return Shown("raster", "Spikes", figure, alt)


def _rates(results: Results) -> Shown:
    bounds, windows = results.cell.whole.windows, results.windows
    figure = plotting.fit_rates(
        windows.amplitude,
        windows.recorded_count,
        windows.simulated_count,
        held_out=results.held_out,
        baseline=results.neighbour_counts,
        names=[f"{start:g} to {stop:g} ms" for start, stop in bounds] if len(bounds) > 1 else (),
    )
    return Shown(
        "rates",
        "Spikes over current",
        figure,
        "Number of spikes over the injected current, recorded and simulated.",
    )


def _features(results: Results) -> Shown:
    rows = results.features
    figure = plotting.fit_features(
        [row.name for row in rows],
        [row.unit for row in rows],
        np.stack([row.recorded.ravel() for row in rows]),
        np.stack([row.simulated.ravel() for row in rows]),
        held_out=np.tile(results.held_out, len(results.cell.whole.windows)),
    )
    return Shown(
        "features",
        "Features",
        figure,
        "Features of the simulated over those of the recorded sweeps.",
        "A point for each window of each sweep.",
    )


def _parameters(results: Results) -> Shown:
    rows, trials = results.parameters, results.outcome.fitted.trials
    is_close = trials["loss"] <= CLOSE * trials["loss"][0]
    others = np.stack([trials[row.name][is_close][1:] for row in rows], axis=1)
    figure = plotting.fit_parameters(
        [row.name for row in rows],
        [row.value for row in rows],
        [row.lower for row in rows],
        [row.upper for row in rows],
        [row.uncertainty for row in rows],
        units=[row.unit for row in rows],
        scales=[row.scale for row in rows],
        others=others if len(others) else None,
        truth=None if results.cell.truth is None else [results.cell.truth[r.name] for r in rows],
    )
    return Shown(
        "parameters",
        "Parameters",
        figure,
        "Fitted parameters within their bounds, with their uncertainties.",
        f"Other candidates have a loss of at most {CLOSE:g} times the best.",
    )


def _convergence(results: Results) -> Shown:
    fitted, search = results.outcome.fitted, results.plan.config.search
    evolution, gradient = fitted.evolution, fitted.gradient
    steps = np.arange(len(gradient))
    if len(evolution):
        tried = (1 + np.arange(len(evolution))) * search.starts * search.population
        polish = (steps, gradient) if len(gradient) > 1 else None
        figure = plotting.fit_convergence(
            tried, evolution, polish=polish, label="Candidates simulated"
        )
    else:
        figure = plotting.fit_convergence(steps, gradient, label="Gradient steps")
    alt = "Loss of each start as the search goes on."
    return Shown("convergence", "Convergence", figure, alt)


def _identifiability(results: Results) -> Shown:
    found = results.outcome.determined
    figure = plotting.identifiability(
        found.names,
        found.eigenvalues,
        found.eigenvectors,
        floor=DETERMINED,
        label="Fisher information",
    )
    return Shown(
        "identifiability",
        "What the data determine",
        figure,
        "Fisher information about combinations of parameters, and what these are made of.",
        "Below the line the bounds say more about a combination than the data. Parameters are "
        "counted in unbounded numbers, of which their whole intervals are a few units wide.",
    )


FIGURES: tuple[Callable[[Results], Shown], ...] = (
    _sweeps,
    _raster,
    _rates,
    _features,
    _parameters,
    _convergence,
    _identifiability,
)
