import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxneuro import plotting
from jaxneuro.analysis import cv
from jaxneuro.core import plural, whole_steps

from ._cell import build_population, record_paths
from ._errors import fail, told, users_mistakes
from ._info import device_name, versions
from ._parse import parse, read_table
from ._report import save_figure
from ._run_folder import RunFolder, as_json, free_folder, write_atomically
from ._simulation_config import SimulateArguments, SimulationConfig
from ._stimulus import Protocol, build_stimulus
from ._trial import Outcome, run_trial

NETWORK_TABLES = ("catalogue", "populations", "receptors", "projections", "noise", "inputs")


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro simulate CONFIG.toml [--run-dir DIR] [--any.field VALUE]`."""
    if _is_network(arguments):
        from ._simulate_network import simulate_network

        simulate_network(arguments, began)
        return
    with users_mistakes():
        path, config = parse(SimulateArguments, arguments, "simulate")
        if config.run_dir:
            RunFolder(Path(config.run_dir)).check_free("")
        steps = whole_steps(float(config.duration), float(config.dt), "duration")
        every = _every(config)
        protocol = build_stimulus(config, steps)
        population = build_population(config, len(protocol.labels))
        paths = record_paths(population, config.neuron.model, config.record)
        outcome = run_trial(
            population, protocol.series, paths, dt=float(config.dt), every=every, seed=config.seed
        )
        folder = Path(config.run_dir) if config.run_dir else free_folder(Path("runs"), path.stem)
    try:
        _write(config, RunFolder(folder), protocol, outcome, began)
    except OSError as error:
        fail(told(error))


def _is_network(arguments: list[str]) -> bool:
    """Whether the configuration file has populations, not one neuron under several stimuli."""
    files = [argument for argument in arguments[:2] if not argument.startswith("-")]
    if not files or not Path(files[0]).is_file():
        return False
    table = read_table(Path(files[0]))
    # A misspelt name too, so that the message is about networks.
    found = [key for key in table if key.startswith("pop") or key in NETWORK_TABLES]
    if found and "neuron" in table:
        fail(
            f"{files[0]} has both [neuron] and [{found[0]}]. A configuration is of one neuron "
            "model under a stimulus, with [neuron], or of a network, with [populations.NAME]."
        )
    return bool(found)


def _every(config: SimulationConfig) -> int:
    """Steps from one value of the traces to the next."""
    if not config.record_every:
        return 1
    every = whole_steps(float(config.record_every), float(config.dt), "record_every")
    if config.record_every > config.duration:
        raise ValueError(f"record_every is {config.record_every:g} ms, longer than the run.")
    return every


def _write(
    config: SimulationConfig, folder: RunFolder, protocol: Protocol, outcome: Outcome, began: float
) -> None:
    folder.start(config)
    np.savez(folder.path / "traces.npz", t=outcome.times, **outcome.traces)  # pyright: ignore
    write_atomically(folder.path / "spikes.csv", _spike_table(outcome.spikes))
    summary = _summary(config, protocol, outcome)
    _draw(config, protocol, outcome, summary["rate_hz"], folder.figures)
    summary["wall_seconds"] = round(time.perf_counter() - began, 2)
    write_atomically(folder.summary, as_json(summary, indent=2) + "\n")
    _tell(summary, protocol, folder.path)


def _spike_table(spikes: Sequence[np.ndarray]) -> str:
    """Lines `neuron,time_ms`, in order of time."""
    pairs = sorted((float(t), index) for index, times in enumerate(spikes) for t in times)
    return "neuron,time_ms\n" + "".join(f"{index},{t:.4f}\n" for t, index in pairs)


def _summary(config: SimulationConfig, protocol: Protocol, outcome: Outcome) -> dict[str, Any]:
    """Rates, first spikes and irregularity, all within the stimulus."""
    start, stop = float(config.stimulus.start), config.stop
    within = [times[(times >= start) & (times <= stop)] for times in outcome.spikes]
    is_file = config.stimulus.kind == "csv"
    return {
        "model": config.neuron.model,
        "columns" if is_file else "amplitudes": list(protocol.labels),
        "rate_hz": [len(times) / (stop - start) * 1000.0 for times in within],
        "first_spike_ms": [float(times[0]) if len(times) else None for times in within],
        "isi_cv": [_variation(times) for times in within],
        "spikes": [len(times) for times in outcome.spikes],
        "not_finite": np.flatnonzero(~outcome.is_finite).tolist(),
        "integrator": config.integrator,
        "dt": float(config.dt),
        "simulated_ms": float(config.duration),
        "stimulus_ms": [start, stop],
        "seed": config.seed,
        "device": device_name(),
        "versions": versions(),
    }


def _variation(times: np.ndarray) -> float | None:
    """Coefficient of variation of the intervals between spikes; None for fewer than two."""
    variation = float(cv(np.diff(times)))
    return None if np.isnan(variation) else variation


def _draw(
    config: SimulationConfig,
    protocol: Protocol,
    outcome: Outcome,
    rates: Sequence[float],
    folder: Path,
) -> None:
    """Traces, and rates over amplitudes where there are several."""
    unit, model = config.stimulus.unit, config.neuron.model
    every = _every(config)
    is_step = config.stimulus.kind == "step"  # which the window shows
    traces = plotting.traces(
        outcome.times,
        outcome.traces,
        _labels(config, protocol),
        unit=unit,
        spikes=outcome.spikes,
        stimulus=None if is_step else protocol.series[every - 1 :: every],
        window=(float(config.stimulus.start), config.stop),
        title=model,
    )
    save_figure(traces, folder, "traces")
    amplitudes = config.stimulus.amplitudes
    if len(set(amplitudes)) > 1:
        save_figure(plotting.fi_curve(amplitudes, rates, unit, title=model), folder, "fi_curve")


def _labels(config: SimulationConfig, protocol: Protocol) -> Sequence[float | str]:
    """What tells the neurons apart where the amplitudes do not: the parameter that differs."""
    if len(set(protocol.labels)) > 1:
        return protocol.labels
    values = {**config.neuron.parameters, **config.neuron.initial}
    lists = {name: value for name, value in values.items() if isinstance(value, list)}
    if len(lists) != 1:
        return protocol.labels
    ((name, value),) = lists.items()
    return [f"{name} = {x:g}" for x in value]


def _tell(summary: dict[str, Any], protocol: Protocol, folder: Path) -> None:
    rates = ", ".join(f"{rate:.1f}" for rate in summary["rate_hz"][:12])
    more = ", ..." if len(protocol.labels) > 12 else ""
    print(
        f"{summary['model']}: {plural(len(protocol.labels), 'neuron')}, "
        f"{summary['simulated_ms']:g} ms in {summary['wall_seconds']:.1f} s; "
        f"rates {rates}{more} Hz; {folder}"
    )
    broken = [str(protocol.labels[index]) for index in summary["not_finite"]]
    if broken:
        print(
            f"warning: the neurons of {', '.join(broken)} did not stay finite. "
            "Take a smaller dt or amplitude."
        )
