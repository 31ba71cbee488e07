from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ._channels import Channel, choose_channel
from ._library import import_library, opening
from ._traces import Traces, step_of


@dataclass(frozen=True)
class Part:
    """Some samples of a series: all, unless a table cuts a long series into sweeps."""

    series: Any
    start: int = 0
    stop: int | None = None

    def values(self) -> np.ndarray:
        """In the unit of the series, which is V or A."""
        data = np.asarray(self.series.data[self.start : self.stop], np.float64)
        return data * self.series.conversion + self.series.offset

    def step(self, path: Path) -> float:
        """From sample to sample, ms."""
        if self.series.rate:
            return 1000 / float(self.series.rate)
        times = np.asarray(self.series.timestamps[self.start : self.stop], np.float64)
        return 1000 * step_of(times, f"{path}, '{self.series.name}'")


class Sweep(NamedTuple):
    """A response and its stimulus, as far as the file tells."""

    response: Part
    stimulus: Part | None


def read_nwb(
    path: Path, voltage: str | int | None, current: str | int | None, needs_current: bool
) -> Traces:
    """Sweeps of an NWB file: its `CurrentClampSeries`, each with its stimulus.

    Stimulus and response are paired by the table of intracellular recordings, else by sweep
    number, else by starting time, else by order. `voltage` and `current` choose electrodes.
    """
    pynwb = import_library("pynwb", path)
    with opening(path, "pynwb"):
        reader = pynwb.NWBHDF5IO(str(path), "r")
    with reader:
        with opening(path, "pynwb"):
            file = reader.read()
        sweeps, notes = _sweeps(file, pynwb.icephys, path, voltage, current)
        if needs_current and any(sweep.stimulus for sweep in sweeps):
            lost = [sweep.response.series.name for sweep in sweeps if sweep.stimulus is None]
            if lost:
                notes.append(f"Responses without a stimulus were left out: {', '.join(lost)}.")
            sweeps = [sweep for sweep in sweeps if sweep.stimulus]
        stimuli = [sweep.stimulus for sweep in sweeps if sweep.stimulus]
        is_complete = needs_current and len(stimuli) == len(sweeps)
        first = sweeps[0].response.series
        return Traces(
            path,
            _labels(sweeps),
            tuple(sweep.response.step(path) for sweep in sweeps),
            tuple(sweep.response.values() for sweep in sweeps),
            tuple(stimulus.values() for stimulus in stimuli) if is_complete else None,
            first.unit,
            stimuli[0].series.unit if stimuli else "",
            tuple(notes),
            "no CurrentClampStimulusSeries belongs to the responses",
        )


def _sweeps(
    file: Any, icephys: Any, path: Path, voltage: str | int | None, current: str | int | None
) -> tuple[list[Sweep], list[str]]:
    acquired = list(file.acquisition.values())
    # IZeroClampSeries, recorded with no current allowed, is a subclass of it.
    responses = [one for one in acquired if type(one) is icephys.CurrentClampSeries]
    clamped = [one for one in acquired if isinstance(one, icephys.VoltageClampSeries)]
    if not responses:
        raise ValueError(
            f"{path}: is a voltage clamp ({len(clamped)} VoltageClampSeries). Pass a current clamp."
            if clamped
            else f"{path}: holds no CurrentClampSeries, but {sorted(file.acquisition)}. Pass a "
            "recording of one cell under injected current."
        )
    notes = []
    if len(responses) < len(acquired):
        notes.append(
            f"{len(acquired) - len(responses)} series that are no current clamp were left out, "
            f"{len(clamped)} of them voltage clamp."
        )
    stimuli = [
        one for one in file.stimulus.values() if isinstance(one, icephys.CurrentClampStimulusSeries)
    ]
    electrode = _electrode(responses, "voltage", voltage, path)
    responses = [one for one in responses if one.electrode.name == electrode]
    wanted = electrode if current is None else _electrode(stimuli, "current", current, path)
    stimuli = [one for one in stimuli if one.electrode.name == wanted]
    sweeps = _tabled(file, responses)
    if not sweeps:
        return _paired(responses, stimuli, notes), notes
    rows = {sweep.response.series.name for sweep in sweeps}
    lost = [one.name for one in responses if one.name not in rows]
    if lost:
        notes.append(f"Responses outside the table of recordings were left out: {', '.join(lost)}.")
    return sweeps, notes


def _electrode(series: list[Any], kind: str, wanted: str | int | None, path: Path) -> str:
    names = sorted({one.electrode.name for one in series})
    unit = "V" if kind == "voltage" else "A"
    index = choose_channel([Channel(name, unit) for name in names], kind, wanted, str(path))
    return names[index] if index is not None else ""


def _tabled(file: Any, responses: list[Any]) -> list[Sweep]:
    """The rows of the table of intracellular recordings that hold these responses."""
    table = file.intracellular_recordings
    if table is None:
        return []
    known = {one.object_id for one in responses}
    columns = table.category_tables
    rows = zip(columns["responses"]["response"][:], columns["stimuli"]["stimulus"][:], strict=True)
    return [
        Sweep(_part(response), _part(stimulus) if stimulus.idx_start >= 0 else None)
        for response, stimulus in rows
        if response.idx_start >= 0 and response.timeseries.object_id in known
    ]


def _part(reference: Any) -> Part:
    start, count = int(reference.idx_start), int(reference.count)
    return Part(reference.timeseries, start, start + count)


def _paired(responses: list[Any], stimuli: list[Any], notes: list[str]) -> list[Sweep]:
    keys: Iterable[Callable[[Any], Any]] = (
        lambda one: one.sweep_number,
        lambda one: one.starting_time,
    )
    for key in keys:
        responded, stimulated = ({key(one): one for one in many} for many in (responses, stimuli))
        is_telling = len(responded) == len(responses) and len(stimulated) == len(stimuli)
        if is_telling and responded.keys() & stimulated.keys():
            return [
                Sweep(Part(one), Part(stimulated[number]) if number in stimulated else None)
                for number, one in responded.items()
            ]
    if len(responses) == len(stimuli):
        notes.append("Stimuli and responses were paired by the order of their names.")
        return [
            Sweep(Part(one), Part(other)) for one, other in zip(responses, stimuli, strict=True)
        ]
    return [Sweep(Part(one), None) for one in responses]


def _labels(sweeps: list[Sweep]) -> tuple[int, ...]:
    numbers = [sweep.response.series.sweep_number for sweep in sweeps]
    if None in numbers or len(set(numbers)) < len(numbers):
        return tuple(range(len(sweeps)))
    return tuple(int(number) for number in numbers)
