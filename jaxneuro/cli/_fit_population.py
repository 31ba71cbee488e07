"""`jaxneuro fit` of every recording in a folder: a run folder for each cell, and one table."""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxneuro.core import plural
from jaxneuro.training import Diverged

from ._errors import fail, told
from ._fit_cell import Plan, Prepared, fit_cell, prepare
from ._fit_files import as_csv
from ._fit_progress import fit_display
from ._fit_recording import read
from ._fit_report import greet, last_line, report
from ._info import device_name, versions
from ._run_folder import RunFolder, as_json, write_atomically

Cells = Iterator[tuple[str, Prepared | dict[str, Any] | str]]
MEASURES = (
    "mean_abs_count_error",
    "latency_error_ms",
    "latency_error_median_ms",
    "isi_error",
    "subthreshold_rmse_mv",
)
SHOWN_REASONS = 2  # why files could not be fitted, where none could


def prepare_population(plan: Plan, source: Path, folder: RunFolder) -> Callable[[], None]:
    """Looks for the first cell that can be fitted; returns what runs.

    **Raises:** `ValueError` for a folder without a recording that can be fitted.
    """
    began = time.perf_counter()
    cells, seen = _cells(plan, source, folder), []
    for name, cell in cells:
        seen.append((name, cell))
        if not isinstance(cell, str):
            return lambda: _fit_all(plan, itertools.chain(seen, cells), folder, began)
    reasons = " ".join(str(reason) for _, reason in seen[:SHOWN_REASONS]) or "It has no files."
    more = f" And {len(seen) - SHOWN_REASONS} more." if len(seen) > SHOWN_REASONS else ""
    raise ValueError(f"{source} holds no recording that can be fitted. {reasons}{more}")


def _cells(plan: Plan, source: Path, folder: RunFolder) -> Cells:
    """For each file by name: its cell, the summary of a fit that has ended, or why there is none.

    One after another, so that no more than one recording is in memory.
    """
    files = [f for f in sorted(source.iterdir()) if f.is_file() and not f.name.startswith(".")]
    stems = [file.stem for file in files]
    for file in files:
        name = file.stem if stems.count(file.stem) == 1 else file.name
        done = RunFolder(folder.path / name).summary
        if done.is_file():  # of the run that is resumed
            yield name, json.loads(done.read_text(encoding="utf-8"))
            continue
        try:
            yield name, prepare(plan, read(file, plan.config.reading))
        except (ValueError, OSError) as error:
            yield name, " ".join(told(error).split())


def _fit_all(plan: Plan, cells: Cells, folder: RunFolder, began: float) -> None:
    summaries: dict[str, dict[str, Any]] = {}
    problems: dict[str, str] = {}
    for name, cell in cells:
        if isinstance(cell, Prepared):
            cell = _fit_one(plan, cell, RunFolder(folder.path / name))
        elif isinstance(cell, dict):
            print(f"{name}: fitted before", flush=True)
        if isinstance(cell, str):
            print(f"{name}: not fitted. {cell}", flush=True)
            problems[name] = cell
        else:
            summaries[name] = cell
        write_atomically(folder.path / "cells.csv", _table(summaries, problems))
    _finish(plan, summaries, problems, folder, began)


def _fit_one(plan: Plan, cell: Prepared, folder: RunFolder) -> dict[str, Any] | str:
    """The summary, or why there is none."""
    began = time.perf_counter()
    folder.path.mkdir(exist_ok=True)
    greet(plan, cell, folder.path)
    try:
        with fit_display() as show:
            outcome = fit_cell(plan, cell, folder.checkpoints, show)
    except (Diverged, ValueError) as error:
        return " ".join(str(error).split())
    summary = report(plan, cell, outcome, folder, began)
    print(last_line(summary, folder.path), flush=True)
    # The programs of a cell serve no other one, and a process cannot keep those of hundreds.
    jax.clear_caches()
    return summary


def _table(summaries: Mapping[str, dict[str, Any]], problems: Mapping[str, str]) -> str:
    """A line for each cell: errors, parameters, or the problem."""
    parameters = list(next(iter(summaries.values()))["parameters"]) if summaries else []
    parts = [(part, key) for part in ("test", "train", "baseline") for key in MEASURES]
    measured = [f"{part}_{key}" for part, key in parts]
    header = ["cell", *measured, "loss", "seconds", *parameters]
    header += [f"{name}_sd" for name in parameters] + ["problem"]
    lines = []
    for name, one in summaries.items():
        found = [one["parameters"][parameter] for parameter in parameters]
        lines.append(
            [
                name,
                *((one[part] or {}).get(key) for part, key in parts),
                one["loss"],
                one["wall_seconds"],
                *(parameter["value"] for parameter in found),
                *(parameter["uncertainty"] for parameter in found),
                None,
            ]
        )
    lines += [[name, *[None] * (len(header) - 2), reason] for name, reason in problems.items()]
    return as_csv(header, sorted(lines, key=lambda line: line[0]))


def _finish(
    plan: Plan,
    summaries: Mapping[str, dict[str, Any]],
    problems: Mapping[str, str],
    folder: RunFolder,
    began: float,
) -> None:
    if not summaries:
        fail(f"none of {plural(len(problems), 'cell')} could be fitted; {folder.path}", code=1)
    kept = ("train", "test", "baseline", "parameters", "loss", "wall_seconds")
    summary = {
        "cells": {name: {key: one[key] for key in kept} for name, one in summaries.items()},
        "problems": dict(problems),
        "median": {
            part: {key: _median(summaries.values(), part, key) for key in MEASURES}
            for part in ("train", "test", "baseline")
        },
        "model": plan.config.neuron.model,
        "seed": plan.config.seed,
        "device": device_name(),
        "versions": versions(),
        "wall_seconds": round(time.perf_counter() - began, 2),
    }
    write_atomically(folder.summary, as_json(summary, indent=2) + "\n")
    for name, one in summaries.items():
        print(last_line(one, folder.path / name))
    failed = f", {len(problems)} not" if problems else ""
    print(f"{plural(len(summaries), 'cell')} fitted{failed}; {folder.path / 'cells.csv'}")


def _median(summaries: Sequence[dict[str, Any]] | Any, part: str, key: str) -> float | None:
    values = [(one[part] or {}).get(key) for one in summaries]
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.median(known)) if known else None
