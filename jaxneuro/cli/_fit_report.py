"""What a fit says and leaves: the files of a cell, and its summary."""

import math
import time
from pathlib import Path
from typing import Any

from jaxneuro.core import plural
from jaxneuro.network import save

from ._fit_cell import Outcome, Plan, Prepared
from ._fit_figures import draw
from ._fit_files import simulation, trial_table, window_table, write_series
from ._fit_page import write_fit_page
from ._fit_results import Results, collect
from ._info import device_name, versions
from ._report import save_figure
from ._run_folder import RunFolder, as_json, write_atomically


def greet(plan: Plan, cell: Prepared, folder: Path) -> None:
    """Says what is fitted, and what was found in the recording."""
    held_out = f", {len(cell.test)} held out" if cell.test else ""
    print(
        f"{cell.recording.name}: {plural(len(cell.train), 'sweep')} fitted{held_out}; "
        f"{plan.config.neuron.model}, {plural(len(plan.bounds), 'free parameter')}, "
        f"{plural(plan.config.search.starts, 'start')}; {device_name()}; {folder}",
        flush=True,
    )
    for note in cell.notes:
        print(f"note: {note}", flush=True)


def report(
    plan: Plan, cell: Prepared, outcome: Outcome, folder: RunFolder, began: float
) -> dict[str, Any]:
    """Writes everything, the summary last; returns the summary."""
    results = collect(plan, cell, outcome)
    write_series(results, folder.path / "traces.npz")
    write_atomically(folder.path / "windows.csv", window_table(results))
    write_atomically(folder.path / "trials.csv", trial_table(results))
    save(outcome.fitted.model, folder.path / "neuron.npz")
    configuration = simulation(results)
    if configuration is not None:
        write_atomically(folder.path / "simulate.toml", configuration)
    shown = draw(results)
    for one in shown:
        save_figure(one.figure, folder.figures, one.name)
    summary = _summary(results)
    write_fit_page(folder.path / "fit.html", folder.figures, results, shown, summary)
    summary["wall_seconds"] = round(time.perf_counter() - began, 2)
    write_atomically(folder.summary, as_json(summary, indent=2) + "\n")
    return summary


def _summary(results: Results) -> dict[str, Any]:
    plan, cell, fitted = results.plan, results.cell, results.outcome.fitted
    config, determined = plan.config, results.outcome.determined
    labels = cell.recording.labels
    return {
        **results.errors,
        "recording": {
            "name": cell.recording.name,
            "file": None if config.recording is None else str(config.recording),
            "sampling_rate_hz": cell.recording.sampling_rate,
            "windows_ms": [list(window) for window in results.cell.whole.windows],
            "train_sweeps": [labels[place] for place in cell.train],
            "test_sweeps": [labels[place] for place in cell.test],
            "notes": list(cell.notes),
        },
        "model": config.neuron.model,
        "parameters": {row.name: _described(row._asdict()) for row in results.parameters},
        "identifiability": {
            "names": list(determined.names),
            "eigenvalues": determined.eigenvalues.tolist(),
            "eigenvectors": determined.eigenvectors.tolist(),
            "undetermined": determined.undetermined,
            "voltage_sd_mv": determined.voltage_sd,
            "spike_sd_ms": determined.spike_sd,
        },
        "loss": fitted.loss,
        "strategy": config.search.strategy,
        "starts": config.search.starts,
        "generations": len(fitted.evolution),
        "gradient_steps": max(len(fitted.gradient) - 1, 0),
        "fit_seconds": round(results.outcome.seconds, 2),
        "seed": config.seed,
        "device": device_name(),
        "devices": len(plan.devices),
        "versions": versions(),
    }


def _described(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "name" and value is not None}


def last_line(summary: dict[str, Any], folder: Path) -> str:
    """The errors in one line, beside those of the trivial baseline."""
    errors, guess = summary["test"] or summary["train"], summary["baseline"]
    kind = "held out" if summary["test"] else "fitted"

    def one(key: str, unit: str) -> str:
        beside = "" if guess is None or key not in guess else f" (neighbours {_number(guess[key])})"
        return f"{_number(errors[key])}{unit}{beside}"

    parts = [
        f"{kind}: |Δ count| {one('mean_abs_count_error', '')}",
        f"latency {one('latency_error_ms', ' ms')}",
        f"median {one('latency_error_median_ms', ' ms')}",
        f"voltage {one('subthreshold_rmse_mv', ' mV')}",
    ]
    name = summary["recording"]["name"]
    return f"{name}, {', '.join(parts)}; {summary['wall_seconds']:.0f} s; {folder}"


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.2f}"
