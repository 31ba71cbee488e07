"""The report of a fitted cell as one HTML page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ._fit_figures import Shown
from ._fit_results import FeatureRow, Results
from ._html import Part, Picture, Table, write_page

MEASURES = {
    "mean_abs_count_error": "|Δ count| a window, mean",
    "latency_error_ms": "latency error, mean (ms)",
    "latency_error_median_ms": "latency error, median (ms)",
    "isi_error": "interval error, mean (ms)",
    "subthreshold_rmse_mv": "voltage below threshold, RMSE (mV)",
    "windows": "windows",
    "windows_both_fire": "windows in which both fire",
}


def write_fit_page(
    path: Path, figures: Path, results: Results, shown: Sequence[Shown], summary: Mapping[str, Any]
) -> None:
    """Writes the page, with the figures from their folder in it."""
    sections: dict[str, list[Part]] = {"Errors": [_about(results, summary), _errors(results)]}
    sections["Errors"] += list(results.cell.notes)
    for one in shown:
        picture = Picture(figures / f"{one.name}.png", one.alt, one.caption)
        sections[one.heading] = [picture, *_tables(one.name, results)]
    write_page(path, f"{summary['model']} fitted to {results.cell.recording.name}", sections)


def _about(results: Results, summary: Mapping[str, Any]) -> str:
    cell = results.cell
    windows = ", ".join(f"{start:g} to {stop:g}" for start, stop in results.cell.whole.windows)
    return (
        f"{len(cell.train)} sweeps were fitted and {len(cell.test)} held out; stimulus windows "
        f"{windows} ms. {len(results.parameters)} free parameters, strategy "
        f"{summary['strategy']}, {summary['starts']} starts, {summary['fit_seconds']:.0f} s on "
        f"{summary['device']}; loss {summary['loss']:.4g}."
    )


def _errors(results: Results) -> Table:
    columns = {"fitted": "train", "held out": "test", "neighbours": "baseline"}
    errors = {name: results.errors[key] for name, key in columns.items()}
    present = {name: one for name, one in errors.items() if one is not None}
    rows = [[told, *(one.get(key) for one in present.values())] for key, told in MEASURES.items()]
    caption = "Errors of the model" + (
        "; neighbours: the average of the two fitted sweeps next to each held-out one."
        if "neighbours" in present
        else "."
    )
    return Table(["", *present], rows, caption)


def _tables(name: str, results: Results) -> list[Part]:
    if name == "parameters":
        return [_parameters(results)]
    if name == "features":
        return [_features(results)]
    if name == "identifiability":
        count = results.outcome.determined.undetermined
        return [f"{count} of {len(results.parameters)} combinations are not determined."]
    return []


def _parameters(results: Results) -> Table:
    header = ["parameter", "unit", "value", "± s.d.", "start", "lower", "upper", "at a bound"]
    rows = [
        [r.name, r.unit, r.value, r.uncertainty, r.start, r.lower, r.upper, r.is_at_bound]
        for r in results.parameters
    ]
    if results.cell.truth is not None:
        header.append("truth")
        rows = [[*row, one.truth] for row, one in zip(rows, results.parameters, strict=True)]
    note = (
        ""
        if not results.plan.config.baseline
        else (f" {results.plan.config.baseline} is counted from the baseline of each sweep.")
    )
    caption = f"Best values; ± s.d. is to first order.{note}"
    return Table(header, rows, caption)


def _features(results: Results) -> Table:
    header = ["feature", "unit", "fitted: median |error|", "of", "held out: median |error|", "of"]
    rows = [
        [row.name, row.unit, *_error(row, ~results.held_out), *_error(row, results.held_out)]
        for row in results.features
    ]
    return Table(header, rows, "Errors of features, and how many windows have them in both.")


def _error(row: FeatureRow, which: np.ndarray) -> tuple[float | None, int]:
    error = np.abs(row.simulated - row.recorded)[:, which]
    error = error[np.isfinite(error)]
    return (float(np.median(error)) if error.size else None), error.size
