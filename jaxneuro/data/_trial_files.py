"""Trials of spikes as files: .npz for programs, .csv for people and spreadsheets."""

import csv
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ._trials import COLUMNS, SpikeTrials, as_labels

LABEL = "label:"
TEXT = ":text"
ARRAYS = ("population_names", "population_sizes", *("duration_ms", *COLUMNS[:4]))


def save_trials(path: str | Path, trials: SpikeTrials) -> None:
    """Write trials to a file, from which `load_trials` gives the same again, exactly.

    A `.csv` file has a line for each spike, with the labels of its trial. Before a trial's spikes
    come lines without neuron and time, one for each population, that tell its size; so a trial
    without spikes is kept as well. A label that is text but looks like a number has `:text` after
    its name. A reader sees the old file or the new one, never half.

    **Arguments:**

    - `path`: ends in `.npz` or `.csv`.
    - `trials`: what to write.

    **Raises:** `ValueError` for another ending.

    >>> import tempfile
    >>> from jaxneuro.data import trials_from_times
    >>> trials = trials_from_times([{"exc": [[1.5], []]}], 10.0, labels={"cue": ["A"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_trials(f"{folder}/t.csv", trials)
    ...     print(open(f"{folder}/t.csv").read().replace(chr(13), ""))
    trial,population,neuron,time_ms,size,duration_ms,cue
    0,exc,,,2,10.0,A
    0,exc,0,1.5,2,10.0,A
    <BLANKLINE>
    """
    path = Path(path)
    write = _writer(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(partial, trials)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_trials(path: str | Path) -> SpikeTrials:
    """Read the trials that `save_trials` wrote.

    **Raises:** `ValueError` naming the file, and the line and column where there is one, for a file
    that is damaged or holds something else; `FileNotFoundError` if there is none.

    >>> import tempfile
    >>> from jaxneuro.data import trials_from_times
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_trials(f"{folder}/t.npz", trials_from_times([{"exc": [[1.5], []]}], 10.0))
    ...     load_trials(f"{folder}/t.npz").times(0, "exc")[0].tolist()
    [1.5]
    """
    path = Path(path)
    _writer(path)
    read = _read_csv if path.suffix == ".csv" else _read_npz
    try:
        return read(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path} is damaged, or no {path.suffix} file.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _writer(path: Path) -> Callable[[Path, SpikeTrials], None]:
    writers = {".npz": _write_npz, ".csv": _write_csv}
    if path.suffix not in writers:
        raise ValueError(f"{path}: trials are kept as .npz or .csv. Give the name such an ending.")
    return writers[path.suffix]


def _write_npz(path: Path, trials: SpikeTrials) -> None:
    arrays: dict[str, Any] = {name: getattr(trials, name) for name in ARRAYS[2:]}
    arrays["population_names"] = np.array(list(trials.sizes))
    arrays["population_sizes"] = np.array(list(trials.sizes.values()), np.int64)
    arrays |= {LABEL + name: values for name, values in trials.labels.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _read_npz(path: Path) -> SpikeTrials:
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise zipfile.BadZipFile
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise ValueError(f"it holds no trials: there is no array {missing[0]!r}.")
    names, sizes = arrays.pop("population_names"), arrays.pop("population_sizes")
    labels = {k.removeprefix(LABEL): v for k, v in arrays.items() if k.startswith(LABEL)}
    columns = {name: arrays[name] for name in ARRAYS[2:]}
    wrong = [name for name, values in columns.items() if values.dtype.kind not in "if"]
    if wrong or names.shape != sizes.shape:
        raise ValueError(f"its array {[*wrong, 'population_sizes'][0]!r} is damaged.")
    return SpikeTrials(
        dict(zip(names.tolist(), sizes.tolist(), strict=True)), **columns, labels=labels
    )


def _write_csv(path: Path, trials: SpikeTrials) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        _write_lines(file, trials)


def _write_lines(file: TextIO, trials: SpikeTrials) -> None:
    writer = csv.writer(file)
    heads = [name + TEXT * _is_ambiguous(values) for name, values in trials.labels.items()]
    writer.writerow([*COLUMNS, *heads])
    names, sizes = list(trials.sizes), list(trials.sizes.values())
    ends = np.searchsorted(trials.trial, np.arange(len(trials) + 1))
    for trial in range(len(trials)):
        told = [values[trial].item() for values in trials.labels.values()]
        told = [float(trials.duration_ms[trial]), *told]
        writer.writerows([trial, name, "", "", size, *told] for name, size in trials.sizes.items())
        here = slice(ends[trial], ends[trial + 1])
        columns = (trials.population[here], trials.neuron[here], trials.time_ms[here])
        for place, neuron, time in zip(*(column.tolist() for column in columns), strict=True):
            writer.writerow([trial, names[place], neuron, time, sizes[place], *told])


def _read_csv(path: Path) -> SpikeTrials:
    sizes: dict[str, int] = {}
    durations: list[float] = []
    told: list[list[str]] = []
    spikes: list[tuple[int, int, int, float]] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = _lines(csv.reader(file))
        heads = next(lines, (1, []))[1]
        if tuple(heads[: len(COLUMNS)]) != COLUMNS:
            raise ValueError(f"its first line must begin with {','.join(COLUMNS)}.")
        for line, row in lines:
            if len(row) != len(heads):
                raise ValueError(f"line {line} has {len(row)} values for {len(heads)} columns.")
            trial = _number(int, line, "trial", row[0])
            if trial == len(told):  # the first line of a trial
                durations.append(_number(float, line, "duration_ms", row[5]))
                told.append(row[len(COLUMNS) :])
            if trial == 0 and not row[2]:
                sizes[row[1]] = _number(int, line, "size", row[4])
            if not 0 <= trial < len(told) or row[1] not in sizes:
                raise ValueError(
                    f"line {line}: trial {trial}, population {row[1]!r} is out of order."
                )
            if row[2]:
                neuron = _number(int, line, "neuron", row[2])
                time = _number(float, line, "time_ms", row[3])
                spikes.append((trial, list(sizes).index(row[1]), neuron, time))
    if not told:
        raise ValueError("it holds no trials.")
    labels = {
        head.removesuffix(TEXT): _read_labels(head, list(values))
        for head, values in zip(heads[len(COLUMNS) :], zip(*told, strict=True), strict=True)
    }
    columns = np.array(spikes, np.float64).reshape(-1, 4).T
    trial, population, neuron = (column.astype(np.int64) for column in columns[:3])
    return SpikeTrials(sizes, np.array(durations), trial, population, neuron, columns[3], labels)


def _lines(reader: Any) -> Iterator[tuple[int, list[str]]]:
    for row in reader:
        if row:
            yield reader.line_num, row


def _number(kind: type, line: int, column: str, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"line {line}, column {column}: {text!r} is no number.") from None


def _read_labels(head: str, values: list[str]) -> np.ndarray:
    """Text as what it looks like: whole numbers, numbers, truth values, else text."""
    if not head.endswith(TEXT):
        if set(values) <= {"True", "False"}:
            return np.array([value == "True" for value in values])
        for kind in (int, float):
            try:
                return as_labels([kind(value) for value in values])
            except ValueError:
                pass
    return np.array(values, np.str_)


def _is_ambiguous(values: np.ndarray) -> bool:
    """Whether these are texts that would be read as something else."""
    return values.dtype.kind == "U" and _read_labels("", values.tolist()).dtype.kind != "U"
