"""The figures of a simulated network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxneuro import plotting, topology
from jaxneuro.analysis import population_vector, rate_map
from jaxneuro.catalogue import ConductanceNetwork
from jaxneuro.edges import (
    AbstractReceptor,
    ConductanceReceptor,
    ExponentialConductance,
    NonNegative,
    SharedReceptor,
)

from ._network_build import Built
from ._network_catalogue import CELLS
from ._network_config import NetworkSimulationConfig
from ._network_projections import Joined
from ._network_run import NetworkOutcome
from ._report import save_figure

BINS = 60  # of what is drawn of rings


class Drawn(NamedTuple):
    """A figure that was written, and the words to it.

    **Attributes:**

    - `name`: of the file, without its suffix.
    - `heading`: of its section in the report.
    - `alt`: what is to be seen.
    - `caption`: how to read it.
    """

    name: str
    heading: str
    alt: str
    caption: str = ""


def draw_network(
    config: NetworkSimulationConfig, built: Built, outcome: NetworkOutcome, folder: Path
) -> list[Drawn]:
    """Whatever the configuration wants and the run has, in the order of the report."""
    cues = find_cues(config)
    drawn: list[Drawn] = []

    def save(figure: Any, *words: str) -> None:
        if figure is not None:
            drawn.append(Drawn(*words))
            save_figure(figure, folder, drawn[-1].name)

    window = (0.0, float(config.duration))
    spikes = in_groups(built, outcome)
    if "raster" in config.figures:
        raster = plotting.population_raster(spikes, window, cues=cues)
        save(raster, "raster", "Spikes", "Times of the spikes of each neuron, and mean rates.")
    if "activity" in config.figures:
        stimuli = {name: each for name, each in outcome.stimuli.items() if any(map(len, each))}
        activity = plotting.network_activity(spikes, window, stimuli=stimuli, cues=cues)
        save(activity, "activity", "Activity", "Rates of the network and its parts over time.")
    if built.made is not None and "graph" in config.figures:
        graph = _graph(built.made)
        save(graph, "graph", "Network", "Neurons and synapses, coloured by type.")
    if "synapses" in config.figures:
        _draw_synapses(built, save)
    for name in built.network.populations:
        if "traces" in config.figures:
            alt = f"Recorded variables of neurons of {name} over time."
            save(_traces(name, config, outcome), f"traces_{name}", f"Traces: {name}", alt)
        if "conductances" in config.figures:
            panel = _conductances(name, config, built, outcome, cues)
            alt = f"Potential, conductances and synaptic currents of a neuron of {name}."
            caption = "The recorded neuron with the most spikes; inward currents are positive."
            save(panel, f"conductances_{name}", f"Conductances: {name}", alt, caption)
    for name, population in config.populations.items():
        if population.layout == "ring":
            _draw_ring(name, config, built, outcome, cues, save)
    return drawn


def draw_animation(
    config: NetworkSimulationConfig, built: Built, outcome: NetworkOutcome, folder: Path
) -> Path | None:
    """The film of the activity, if it is wanted and neurons have places in a plane."""
    made = built.made
    if made is None or "animation" not in config.figures:
        return None
    stimulated = None
    for name in made.network.inputs:
        if name in outcome.stimuli:
            others = len(made.layer) - len(outcome.stimuli[name])  # of layers that have no input
            stimulated = outcome.stimuli[name] + [np.empty(0)] * others
    return plotting.activity_animation(
        folder / "animation.gif",
        _blocks(np.asarray(made.layer)) if _has_layers(made) else np.asarray(made.positions),
        outcome.spikes[CELLS],
        (0.0, float(config.duration)),
        is_inhibitory=np.asarray(made.is_inhibitory),
        stimulated=stimulated,
    )


def in_groups(built: Built, outcome: NetworkOutcome) -> dict[str, list[np.ndarray]]:
    """The times of spikes by the groups of the network, such as its layers."""
    return {
        name: [outcome.spikes[population][neuron] for neuron in which]
        for name, (population, which) in built.groups.items()
    }


def _has_layers(made: ConductanceNetwork) -> bool:
    return bool(np.asarray(made.layer).max() > 0)


def _blocks(layer: np.ndarray) -> np.ndarray:
    """Each layer as a square, side by side: columns of single neurons are too fine for a film."""
    places, left = [], 0.0
    for size in np.bincount(layer):
        block = np.asarray(topology.grid(int(size)))
        places.append(block - [-left, block[:, 1].mean()])
        left += block[:, 0].max() + 3.0
    return np.concatenate(places)


def _graph(made: ConductanceNetwork) -> Any:
    synapses, is_layered = made.synapses(), _has_layers(made)
    return plotting.network_graph(
        synapses.pre,
        synapses.post,
        positions=None if is_layered else made.positions,
        layer=made.layer if is_layered else None,
        is_inhibitory=made.is_inhibitory,
    )


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


def _traces(name: str, config: NetworkSimulationConfig, outcome: NetworkOutcome) -> Any:
    series = _own_traces(name, outcome)
    if not series:
        return None
    which = _recorded_neurons(name, outcome)
    series = {key: values for key, values in series.items() if values.shape[1] == len(which)}
    return plotting.traces(
        outcome.times,
        series,
        [f"neuron {index}" for index in which],
        units={key: config.units.get(key.rpartition(".")[2], "") for key in series},
        spikes=[outcome.spikes[name][index] for index in which],
        title=name,
    )


def _conductances(
    name: str,
    config: NetworkSimulationConfig,
    built: Built,
    outcome: NetworkOutcome,
    cues: list[tuple[float, float, str]],
) -> Any:
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
        receptor = edge.receptor
        receptor = receptor.receptor if isinstance(receptor, NonNegative) else receptor
        g = _conductance(receptor, variable, values, v)
        if g is not None:
            own = edge_name.removeprefix(f"{name}/")
            found[own], e_rev[own] = g, float(receptor.e_rev)  # pyright: ignore
    if v is None or not found:
        return None
    which = _recorded_neurons(name, outcome)
    index = int(np.argmax([len(outcome.spikes[name][neuron]) for neuron in which]))
    return plotting.conductances(
        outcome.times,
        v[:, index],
        {key: values[:, index] for key, values in found.items()},
        e_rev,
        spikes=outcome.spikes[name][which[index]],
        units=tuple(config.units.get(key, "") for key in "vgI"),  # pyright: ignore
        cues=cues,
        title=f"{name}, neuron {which[index]}",
    )


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


def _draw_synapses(built: Built, save: Callable[..., None]) -> None:
    alt = "Weights and delays of the synapses{}."
    if built.made is not None:
        synapses = built.made.synapses()
        if synapses.weight.size:
            figure = plotting.synapse_distributions(
                synapses.weight, synapses.delay, distances=synapses.distance, unit="1/ms"
            )
            save(figure, "synapses", "Synapses", alt.format(", and both over distance"))
    for name, joined in built.joined.items():
        if built.made is None or name not in built.made.network.edges:
            figure = _synapses(name, joined)
            save(figure, f"synapses_{name}", f"Synapses: {name}", alt.format(f" of {name}"))


def _synapses(name: str, joined: Joined) -> Any:
    """The weights and delays of a projection, if they differ from synapse to synapse."""
    if (joined.weights is None and joined.delays is None) or not joined.synapses:
        return None
    weights = joined.weights
    if weights is None:
        weights = np.full(joined.synapses, joined.weight)
    return plotting.synapse_distributions(weights, joined.delays, title=name)


def _draw_ring(
    name: str,
    config: NetworkSimulationConfig,
    built: Built,
    outcome: NetworkOutcome,
    cues: list[tuple[float, float, str]],
    save: Callable[..., None],
) -> None:
    """Rates by preferred direction, and where their sum points."""
    directions = np.asarray(built.places[name].positions)
    counts, bin = _binned(outcome.spikes[name], float(config.duration), float(config.dt))
    angle, length = (np.asarray(x) for x in population_vector(counts, directions))
    if "rate_map" in config.figures:
        rates = rate_map(counts, bin, bin, smoothing=bin)
        figure = plotting.rate_map(rates, bin, directions, angle=angle, cues=cues, title=name)
        alt = f"Rates of neurons of {name} over time, by preferred direction."
        save(figure, f"rate_map_{name}", f"Rates by direction: {name}", alt)
    if "population_vector" in config.figures:
        times = (np.arange(len(counts)) + 0.5) * bin
        targets = sorted(_directions_of(config))
        figure = plotting.population_vector(
            times, angle, length, cues=cues, targets=targets, title=name
        )
        alt = f"Angle and length of the population vector of {name} over time."
        save(figure, f"population_vector_{name}", f"Population vector: {name}", alt)


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
