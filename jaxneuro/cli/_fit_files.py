"""The tables and series of a fitted cell, and its neuron as `jaxneuro simulate` takes it."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from jaxneuro.catalogue import MODELS
from jaxneuro.core import get_leaf
from jaxneuro.fitting import pad_spike_times

from ._cell import known_parameters
from ._fit_model import NODE, PERIOD
from ._fit_results import Results


def write_series(results: Results, path: Path) -> None:
    """All sweeps, recorded and simulated, as arrays; time is axis 0."""
    simulated = results.outcome.simulated
    np.savez(
        path,
        time=simulated.time,
        recorded=results.recorded.astype(np.float32),
        simulated=simulated.voltage.astype(np.float32),
        current=np.asarray(results.cell.whole.current),
        recorded_spikes=pad_spike_times(results.recorded_spikes),
        simulated_spikes=pad_spike_times(simulated.spike_times),
        sweeps=np.asarray(results.cell.recording.labels),
        held_out=results.held_out,
        windows=np.asarray(results.cell.whole.windows),
    )


def window_table(results: Results) -> str:
    """A line for each window of each sweep."""
    windows, cell = results.windows, results.cell
    own = windows._asdict()
    lines = []
    for place, label in enumerate(cell.recording.labels):
        part = "train" if place in cell.train else "test" if place in cell.test else ""
        for index, (start, stop) in enumerate(results.cell.whole.windows):
            values = [values[index, place] for values in own.values()]
            lines.append([label, part, start, stop, *values])
    units = {"amplitude": "_pA", "count": "", "latency": "_ms", "isi": "_ms"}
    names = [name + units[name.rpartition("_")[2]] for name in own]
    return as_csv(["sweep", "part", "start_ms", "stop_ms", *names], lines)


def trial_table(results: Results) -> str:
    """A line for each start, best first."""
    trials = results.outcome.fitted.trials
    return as_csv(list(trials), zip(*trials.values(), strict=True))


def as_csv(header: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    """Lines of numbers and texts; what is not finite, or None, is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, (float, np.floating)):
        return f"{value:.7g}" if np.isfinite(value) else ""
    return "" if value is None else value


def simulation(results: Results) -> str | None:
    """A configuration of `jaxneuro simulate` with the fitted neuron.

    None where a fitted parameter is of a part that such a configuration cannot name.
    """
    config, target = results.plan.config, results.cell.whole
    known = known_parameters(MODELS[config.neuron.model])
    parameters, refractory = dict(config.neuron.parameters), float(config.neuron.refractory)
    # The baseline of each sweep is no part of the model; what stands in its place is.
    names = [*results.plan.bounds, *([config.baseline] if config.baseline else [])]
    for name in names:
        value = float(get_leaf({NODE: results.outcome.fitted.model}, f"{NODE}.{name}"))
        last = name.rpartition(".")[2]
        if last in known:
            parameters[last] = float(f"{value:.7g}")
        elif last == PERIOD:
            refractory = float(f"{value:.7g}")
        else:
            return None
    start, stop = target.windows[0]
    table = {
        "dt": float(config.dt),
        "duration": round(target.steps * target.dt, 6),
        "integrator": config.integrator,
        "neuron": {
            "model": config.neuron.model,
            "refractory": refractory,
            "parameters": parameters,
        },
        "stimulus": {
            "start": start,
            "stop": stop,
            "amplitudes": np.round(results.windows.amplitude[0], 6).tolist(),
            "unit": "pA",
        },
    }
    return (
        f"# The neuron fitted to {results.cell.recording.name}, under the steps of the first "
        f"window: jaxneuro simulate.\n{tomli_w.dumps(table)}"
    )
