from pathlib import Path
from typing import NamedTuple

import numpy as np

from ._library import opening
from ._traces import Traces, step_of
from ._units import KINDS, is_unit, unit_factor


class Column(NamedTuple):
    """A column by its name: `voltage_mV_3` is the quantity voltage in mV of sweep 3."""

    name: str
    quantity: str
    unit: str
    sweep: int | None
    values: np.ndarray


def read_csv(
    path: Path, voltage: str | int | None, current: str | int | None, needs_current: bool
) -> Traces:
    """Sweeps of a table with named columns, separated by commas, semicolons or tabs.

    A name is a quantity, its unit and, where there are several, the number of the sweep:
    `time_ms`, `voltage_mV_0`, `current_pA_0`. A current without number is that of every sweep.
    """
    columns = _table(path)
    time = _of_quantity(columns, "time", path)
    voltages = _of_quantity(columns, str(voltage or "voltage"), path)
    step = step_of(time[0].values, str(path)) * unit_factor(time[0].unit, "time", str(path))
    wanted = str(current or "current")
    is_there = any(wanted in (column.name, column.quantity) for column in columns)
    currents = (
        _of_quantity(columns, wanted, path)
        if needs_current and (is_there or current is not None)
        else []
    )
    return Traces(
        path,
        tuple(column.sweep or 0 for column in voltages),
        (step,) * len(voltages),
        tuple(column.values for column in voltages),
        _current_of_each(voltages, currents, path) if currents else None,
        voltages[0].unit,
        currents[0].unit if currents else "",
        missing=f"no column of 'current' among {[column.name for column in columns]}",
    )


def read_npz(
    path: Path, voltage: str | int | None, current: str | int | None, needs_current: bool
) -> Traces:
    """Sweeps of a NumPy archive: `time` or `dt`, `voltage`, `current`.

    The series have shape (time,) or (time, sweeps). Units are ms, mV and pA, or what the texts
    `time_unit`, `voltage_unit` and `current_unit` say.
    """
    with opening(path, "numpy"), np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    values = _columns(arrays, str(voltage or "voltage"), path)
    factor = unit_factor(_text(arrays, "time_unit", "ms"), "time", str(path))
    if "time" in arrays:
        if len(arrays["time"]) != len(values):
            raise ValueError(
                f"{path}: the voltage has shape {values.shape} but the time {len(arrays['time'])} "
                "samples. Save the voltage as (time, sweeps)."
            )
        step = step_of(arrays["time"].astype(np.float64), str(path)) * factor
    elif "dt" in arrays:
        step = float(arrays["dt"]) * factor
    else:
        raise ValueError(f"{path}: has neither 'time' nor 'dt', but {sorted(arrays)}. Save one.")
    count = values.shape[1]
    currents = None
    if needs_current and (current is not None or "current" in arrays):
        table = _columns(arrays, str(current or "current"), path)
        if table.shape[1] not in (1, count):
            raise ValueError(
                f"{path}: the current has shape {table.shape} but the voltage {values.shape}. "
                "Save a current for each sweep, or one for all of shape (time,)."
            )
        currents = tuple(np.broadcast_to(table, (len(table), count)).T)
    return Traces(
        path,
        tuple(range(count)),
        (step,) * count,
        tuple(values.T),
        currents,
        _text(arrays, "voltage_unit", "mV"),
        _text(arrays, "current_unit", "pA"),
        missing=f"it has no array 'current', but {sorted(arrays)}",
    )


def _table(path: Path) -> list[Column]:
    with opening(path, "numpy"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        lines = [line for line in lines if line.strip() and not line.startswith("#")]
        header = lines[0] if lines else ""
        separator = max(",;\t", key=header.count)
        names = [name.strip().strip('"') for name in header.split(separator)]
    if len(lines) < 2:
        raise ValueError(f"{path}: has no rows below its first line, {header!r}. Pass a recording.")
    with opening(path, "numpy"):
        rows = np.loadtxt(lines[1:], delimiter=separator, ndmin=2, converters=_number)
    if len(set(names)) < len(names) or rows.shape[1] != len(names):
        raise ValueError(
            f"{path}: its first line names the columns {names}, each once, but the rows have "
            f"{rows.shape[1]} values. Give every column its own name."
        )
    return [_column(name, values) for name, values in zip(names, rows.T, strict=True)]


def _number(text: str) -> float:
    """An empty cell is a missing sample."""
    return float(text) if text.strip() else float("nan")


def _column(name: str, values: np.ndarray) -> Column:
    stem, _, number = name.rpartition("_")
    if not number.isdecimal():
        stem, number = name, ""
    quantity, _, unit = stem.rpartition("_")
    if not quantity or not any(is_unit(unit, kind) for kind in KINDS):
        quantity, unit = stem, ""
    return Column(name, quantity, unit, int(number) if number else None, values)


def _of_quantity(columns: list[Column], wanted: str, path: Path) -> list[Column]:
    """Its columns by sweep: one without number, or several with."""
    found = [column for column in columns if wanted in (column.name, column.quantity)]
    found.sort(key=lambda column: -1 if column.sweep is None else column.sweep)
    numbers, units = [column.sweep for column in found], {column.unit for column in found}
    is_sound = len(set(numbers)) == len(numbers) and (None not in numbers or len(numbers) == 1)
    if not found or not is_sound or len(units) > 1:
        raise ValueError(
            f"{path}: {[column.name for column in found] or 'no columns'} hold the {wanted}, among "
            f"{[column.name for column in columns]}. Name them time_ms, voltage_mV and current_pA, "
            "or voltage_mV_0, current_pA_0, voltage_mV_1, … (in one unit) for several sweeps."
        )
    return found


def _current_of_each(
    voltages: list[Column], currents: list[Column], path: Path
) -> tuple[np.ndarray, ...]:
    if currents[0].sweep is None:
        return (currents[0].values,) * len(voltages)
    by_sweep = {column.sweep: column.values for column in currents}
    lost = [column.name for column in voltages if column.sweep not in by_sweep]
    if lost:
        raise ValueError(
            f"{path}: no column holds the current of {lost}. Number voltages and currents alike."
        )
    return tuple(by_sweep[column.sweep] for column in voltages)


def _columns(arrays: dict[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    if name not in arrays:
        raise ValueError(f"{path}: has no array '{name}', but {sorted(arrays)}. Save it under it.")
    values = arrays[name]
    if values.ndim not in (1, 2) or values.dtype.kind not in "fiu" or values.size == 0:
        raise ValueError(
            f"{path}: '{name}' is {values.dtype} of shape {values.shape}, but numbers of shape "
            "(time,) or (time, sweeps) are wanted."
        )
    table = values.astype(np.float64).reshape(len(values), -1)
    if table.shape[1] > table.shape[0]:
        raise ValueError(
            f"{path}: '{name}' has shape {values.shape}, so more sweeps than samples. Time is the "
            "first axis; save the transpose."
        )
    return table


def _text(arrays: dict[str, np.ndarray], name: str, default: str) -> str:
    return str(arrays[name]) if name in arrays else default
