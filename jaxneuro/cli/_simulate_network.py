import time
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro.analysis import cv
from jaxneuro.core import plural, whole_steps

from ._errors import fail, told, users_mistakes
from ._info import device_name, versions
from ._network_build import Built, build_network
from ._network_config import NetworkArguments, NetworkSimulationConfig
from ._network_figures import draw_animation, draw_network, in_groups
from ._network_page import write_network_page
from ._network_run import NetworkOutcome, run_network
from ._parse import parse
from ._run_folder import RunFolder, as_json, free_folder, write_atomically


def simulate_network(arguments: list[str], began: float) -> None:
    """`jaxneuro simulate CONFIG.toml` of a configuration with populations."""
    with users_mistakes():
        path, config = parse(NetworkArguments, arguments, "simulate")
        if config.run_dir:
            RunFolder(Path(config.run_dir)).check_free("")
        steps = whole_steps(float(config.duration), float(config.dt), "duration")
        built = build_network(config)
        outcome = run_network(
            built,
            config.record,
            dt=float(config.dt),
            steps=steps,
            every=_every(config),
            neurons=config.record_neurons,
            is_exact=config.spike_times == "interpolated",
        )
        folder = Path(config.run_dir) if config.run_dir else free_folder(Path("runs"), path.stem)
    try:
        _write(config, RunFolder(folder), built, outcome, began)
    except OSError as error:
        fail(told(error))


def _every(config: NetworkSimulationConfig) -> int:
    """Steps from one value of the traces to the next."""
    if not config.record_every:
        return 1
    return whole_steps(float(config.record_every), float(config.dt), "record_every")


def _write(
    config: NetworkArguments,
    folder: RunFolder,
    built: Built,
    outcome: NetworkOutcome,
    began: float,
) -> None:
    folder.start(config)
    if outcome.traces:
        _save_traces(folder.path / "traces.npz", outcome)
    write_atomically(folder.path / "spikes.csv", _spike_table(outcome.spikes))
    summary = _summary(config, built, outcome)
    drawn = draw_network(config, built, outcome, folder.figures)
    film = draw_animation(config, built, outcome, folder.figures)
    summary["wall_seconds"] = round(time.perf_counter() - began, 2)
    write_atomically(folder.summary, as_json(summary, indent=2) + "\n")
    write_network_page(folder.path, built, summary, drawn, film)
    _tell(summary, folder.path)


def _save_traces(path: Path, outcome: NetworkOutcome) -> None:
    """The traces by path; which neurons they are of is under `PATH:neurons`."""
    kept = {f"{name}:neurons": which for name, which in outcome.kept.items()}
    np.savez(path, t=outcome.times, **outcome.traces, **kept)  # pyright: ignore


def _spike_table(spikes: dict[str, list[np.ndarray]]) -> str:
    """Lines `population,neuron,time_ms`, in order of time."""
    rows = [
        (float(time), place, neuron)
        for place, each in enumerate(spikes.values())
        for neuron, times in enumerate(each)
        for time in times
    ]
    names = list(spikes)
    lines = [f"{names[place]},{neuron},{time:.4f}\n" for time, place, neuron in sorted(rows)]
    return "population,neuron,time_ms\n" + "".join(lines)


def _summary(
    config: NetworkSimulationConfig, built: Built, outcome: NetworkOutcome
) -> dict[str, Any]:
    start, stop = float(config.measure_from), float(config.duration)

    def measured(each: list[np.ndarray]) -> dict[str, Any]:
        return _statistics([times[times > start] for times in each], stop - start)

    return {
        "populations": {
            name: measured(each)
            | {
                "spikes": int(sum(map(len, each))),
                "not_finite": outcome.not_finite[name],
                "model": _model(name, config),
                "integrator": type(built.network.populations[name].integrator).__name__,
            }
            for name, each in outcome.spikes.items()
        },
        "groups": {
            name: measured(each)
            for name, each in in_groups(built, outcome).items()
            if name not in outcome.spikes
        },
        "synapses": {name: joined.synapses for name, joined in built.joined.items()},
        "dt": float(config.dt),
        "simulated_ms": stop,
        "measured_ms": [start, stop],
        "seed": config.seed,
        "device": device_name(),
        "versions": versions(),
    }


def _model(population: str, config: NetworkSimulationConfig) -> str:
    """What its neurons are called."""
    if population in config.populations:
        return config.populations[population].model
    return f"ConductanceLIF in {config.catalogue.network}"


def _statistics(times: list[np.ndarray], duration: float) -> dict[str, Any]:
    """Size, mean rate, mean irregularity of the neurons with three spikes, part without any."""
    counts = np.array([len(each) for each in times])
    intervals = [np.diff(each) for each in times if len(each) > 2]
    variations = [float(cv(each)) for each in intervals]
    return {
        "size": len(times),
        "rate_hz": float(counts.mean()) / duration * 1000.0,
        "isi_cv": float(np.mean(variations)) if variations else None,
        "silent_fraction": float(np.mean(counts == 0)),
    }


def _tell(summary: dict[str, Any], folder: Path) -> None:
    populations = summary["populations"]
    rates = ", ".join(f"{name} {one['rate_hz']:.1f} Hz" for name, one in populations.items())
    neurons = sum(one["size"] for one in populations.values())
    synapses = sum(summary["synapses"].values())
    print(
        f"{plural(neurons, 'neuron')}, {plural(synapses, 'synapse')}, "
        f"{summary['simulated_ms']:g} ms in {summary['wall_seconds']:.1f} s; {rates}; {folder}"
    )
    for name, one in populations.items():
        if one["not_finite"]:
            print(
                f"warning: {one['not_finite']} of {plural(one['size'], 'neuron')} of {name} did "
                "not stay finite. Take a smaller dt or weaker synapses."
            )
