"""The figures of a simulated network."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from jaxneuro import plotting
from jaxneuro.analysis import population_vector, rate_map
from jaxneuro.edges import (
    AbstractReceptor,
    ConductanceReceptor,
    ExponentialConductance,
    SharedReceptor,
)

from ._network_build import Built
from ._network_config import NetworkSimulationConfig
from ._network_projections import Joined
from ._network_run import NetworkOutcome
from ._report import save_figure

BINS = 60  # of what is drawn of rings


def draw_network(
    config: NetworkSimulationConfig, built: Built, outcome: NetworkOutcome, folder: Path
) -> None:
    """Whatever the configuration wants and the run has."""
    cues = find_cues(config)
    window = (0.0, float(config.duration))
    if "raster" in config.figures:
        raster = plotting.population_raster(outcome.spikes, window, cues=cues)
        save_figure(raster, folder, "raster")
    if "traces" in config.figures:
        for name in config.populations:
            _draw_traces(name, config, outcome, folder)
    if "conductances" in config.figures:
        for name in config.populations:
            _draw_conductances(name, config, built, outcome, cues, folder)
    if "synapses" in config.figures:
        for name, joined in built.joined.items():
            _draw_synapses(name, joined, folder)
    for name, population in config.populations.items():
        if population.layout == "ring":
            _draw_ring(name, config, built, outcome, cues, folder)


def find_cues(config: NetworkSimulationConfig) -> list[tuple[float, float, str]]:
    """When inputs were on, and what they are called."""
    end, found = float(config.duration), []
    for name, one in config.inputs.items():
        if one.kind == "step" and one.start is not None and one.stop is not None:
            found.append((float(one.start), float(one.stop), name))
        found += [(float(cue.start), float(cue.stop), cue.label or name) for cue in one.cues]
    return sorted((start, min(stop, end), label) for start, stop, label in found if start < end)


def _own_traces(name: str, outcome: NetworkOutcome) -> dict[str, np.ndarray]:
    """What was recorded of a population and its receptors, without its name."""
    own = {}
    for path, values in outcome.traces.items():
        owner, _, rest = path.partition("/" if path.startswith(f"{name}/") else ".")
        if owner == name and rest not in ("spikes", "spike_times"):
            own[rest] = values
    return own


def _recorded_neurons(name: str, outcome: NetworkOutcome) -> np.ndarray:
    return next(
        which for path, which in outcome.kept.items() if path.startswith((f"{name}.", f"{name}/"))
    )


def _draw_traces(
    name: str, config: NetworkSimulationConfig, outcome: NetworkOutcome, folder: Path
) -> None:
    series = _own_traces(name, outcome)
    if not series:
        return
    which = _recorded_neurons(name, outcome)
    series = {key: values for key, values in series.items() if values.shape[1] == len(which)}
    figure = plotting.traces(
        outcome.times,
        series,
        [f"neuron {index}" for index in which],
        units={key: config.units.get(key.rpartition(".")[2], "") for key in series},
        spikes=[outcome.spikes[name][index] for index in which],
        title=name,
    )
    save_figure(figure, folder, f"traces_{name}")


def _draw_conductances(
    name: str,
    config: NetworkSimulationConfig,
    built: Built,
    outcome: NetworkOutcome,
    cues: list[tuple[float, float, str]],
    folder: Path,
) -> None:
    """Of the recorded neuron with the most spikes, if its voltage and a conductance are there."""
    v = outcome.traces.get(f"{name}.v")
    found: dict[str, np.ndarray] = {}
    e_rev: dict[str, float] = {}
    for path, values in outcome.traces.items():
        edge_name, _, variable = path.partition(".")
        edge = built.network.edges.get(edge_name)
        if (
            v is None
            or not edge_name.startswith(f"{name}/")
            or not isinstance(edge, SharedReceptor)
        ):
            continue
        g = _conductance(edge.receptor, variable, values, v)
        if g is not None:
            own = edge_name.removeprefix(f"{name}/")
            found[own], e_rev[own] = g, float(edge.receptor.e_rev)  # pyright: ignore
    if v is None or not found:
        return
    which = _recorded_neurons(name, outcome)
    index = int(np.argmax([len(outcome.spikes[name][neuron]) for neuron in which]))
    figure = plotting.conductances(
        outcome.times,
        v[:, index],
        {key: values[:, index] for key, values in found.items()},
        e_rev,
        spikes=outcome.spikes[name][which[index]],
        units=tuple(config.units.get(key, "") for key in "vgI"),  # pyright: ignore
        cues=cues,
        title=f"{name}, neuron {which[index]}",
    )
    save_figure(figure, folder, f"conductances_{name}")


def _conductance(
    receptor: AbstractReceptor, variable: str, values: np.ndarray, v: np.ndarray
) -> np.ndarray | None:
    """The conductance that a recorded variable stands for at voltages v, None if for none."""
    if not isinstance(receptor, ExponentialConductance | ConductanceReceptor):
        return None
    if np.ndim(receptor.e_rev) or values.shape != v.shape:
        return None
    if isinstance(receptor, ExponentialConductance):
        return values if variable == "g" else None
    if np.ndim(receptor.g_max) or variable.rpartition(".")[2] != "s":
        return None
    gate = 1.0 if receptor.gate is None else np.asarray(receptor.gate(jnp.asarray(v)))
    return float(receptor.g_max) * values * gate


def _draw_synapses(name: str, joined: Joined, folder: Path) -> None:
    """The weights and delays of a projection, if they differ from synapse to synapse."""
    if (joined.weights is None and joined.delays is None) or not joined.synapses:
        return
    weights = joined.weights
    if weights is None:
        weights = np.full(joined.synapses, joined.weight)
    figure = plotting.synapse_distributions(weights, joined.delays, title=name)
    save_figure(figure, folder, f"synapses_{name}")


def _draw_ring(
    name: str,
    config: NetworkSimulationConfig,
    built: Built,
    outcome: NetworkOutcome,
    cues: list[tuple[float, float, str]],
    folder: Path,
) -> None:
    """Rates by preferred direction, and where their sum points."""
    directions = np.asarray(built.places[name].positions)
    counts, bin = _binned(outcome.spikes[name], float(config.duration), float(config.dt))
    angle, length = (np.asarray(x) for x in population_vector(counts, directions))
    if "rate_map" in config.figures:
        rates = rate_map(counts, bin, bin, smoothing=bin)
        figure = plotting.rate_map(rates, bin, directions, angle=angle, cues=cues, title=name)
        save_figure(figure, folder, f"rate_map_{name}")
    if "population_vector" in config.figures:
        times = (np.arange(len(counts)) + 0.5) * bin
        targets = sorted(_directions_of(config))
        figure = plotting.population_vector(
            times, angle, length, cues=cues, targets=targets, title=name
        )
        save_figure(figure, folder, f"population_vector_{name}")


def _binned(spikes: list[np.ndarray], duration: float, dt: float) -> tuple[np.ndarray, float]:
    """Counts `(bins, neurons)` in about so many bins, and their length in ms."""
    bin = max(1, round(duration / BINS / dt)) * dt
    bins = max(1, int(duration / bin + 1e-6))
    counts = np.zeros((bins, len(spikes)))
    for neuron, times in enumerate(spikes):
        # A spike at the end of a step belongs to the bin that the step is in.
        index = np.ceil(times / bin - 1e-6).astype(int) - 1
        np.add.at(counts[:, neuron], index[(index >= 0) & (index < bins)], 1.0)
    return counts, bin


def _directions_of(config: NetworkSimulationConfig) -> set[float]:
    cues = [cue for one in config.inputs.values() for cue in one.cues]
    return {float(cue.direction) for cue in cues if cue.direction is not None}
