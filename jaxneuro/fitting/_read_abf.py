import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ._channels import Channel, choose_channel, listed
from ._library import import_library, opening
from ._traces import Traces
from ._units import is_unit

FULL_HEADER = 6144  # bytes: ABF1 files with a shorter one do not store the command
FILE = 2  # value of `nWaveformSource` for a command played from another file


class Command(NamedTuple):
    """An analogue output of the digitiser."""

    name: str
    unit: str
    is_on: bool
    source: int


def read_abf(
    path: Path, voltage: str | int | None, current: str | int | None, needs_current: bool
) -> Traces:
    """Sweeps of an Axon binary file of either version, with the command from its protocol.

    The command is the output in amperes whose waveform is enabled or, where there is none, the
    recorded channel in amperes.
    """
    pyabf = import_library("pyabf", path)
    with opening(path, "pyabf"):
        abf = pyabf.ABF(path)
    recorded = [
        Channel(name.strip(), unit.strip())
        for name, unit in zip(abf.adcNames, abf.adcUnits, strict=True)
    ]
    channel = choose_channel(recorded, "voltage", voltage, str(path))
    if channel is None:
        raise ValueError(
            f"{path}: is a voltage clamp, or its units are wrong: it records {listed(recorded)}, "
            "and none in V or mV. Pass a current clamp, or voltage= and voltage_unit= if a channel "
            "is the voltage."
        )
    traces = Traces(
        path,
        tuple(abf.sweepList),
        # pyabf cuts the rate to whole Hz, so that 30 us become 33,333 Hz.
        (round(1e6 / abf.dataRate, 2) / 1000,) * abf.sweepCount,
        _recorded(abf, channel),
        None,
        recorded[channel].unit,
        "",
    )
    return _with_current(traces, abf, pyabf, recorded, current) if needs_current else traces


def _recorded(abf: Any, channel: int) -> tuple[np.ndarray, ...]:
    columns = []
    for sweep in abf.sweepList:
        abf.setSweep(sweep, channel=channel)
        columns.append(abf.sweepY)
    return tuple(columns)


def _with_current(
    traces: Traces, abf: Any, pyabf: Any, recorded: list[Channel], wanted: str | int | None
) -> Traces:
    commands = _commands(abf)
    index = _choose_command(commands, wanted, traces.path)
    if index is not None:
        return _with_command(traces, abf, pyabf, index, commands[index])
    channel = choose_channel(recorded, "current", wanted, str(traces.path))
    if channel is None:
        return replace(traces, missing="its protocol enables no command waveform")
    name, unit = recorded[channel]
    note = f"The stimulus is the recorded channel '{name}', not a command."
    return replace(
        traces, current=_recorded(abf, channel), current_unit=unit, notes=(*traces.notes, note)
    )


def _choose_command(commands: list[Command], wanted: str | int | None, path: Path) -> int | None:
    if wanted is not None:
        chosen = [i for i, command in enumerate(commands) if command.name == wanted]
    else:
        running = [command for command in commands if command.is_on]
        chosen = [
            i
            for i, command in enumerate(commands)
            if command.is_on and is_unit(command.unit, "current")
        ]
        if running and not chosen:
            raise ValueError(
                f"{path}: is a voltage clamp: its command is '{running[0].name}' in "
                f"{running[0].unit or 'no unit'}, and none is in A or pA. Pass a current clamp; if "
                "a current was injected all the same, pass stimulus= in pA."
            )
    if len(chosen) > 1:
        names = ", ".join(f"'{commands[i].name}' ({commands[i].unit})" for i in chosen)
        raise ValueError(
            f"{path}: has several commands: {names}. Choose one by current=, its name."
        )
    return chosen[0] if chosen else None


def _with_command(traces: Traces, abf: Any, pyabf: Any, index: int, command: Command) -> Traces:
    """With the waveform of an output, as far as pyabf can tell it."""
    if command.source == FILE:
        # pyabf takes such a file unscaled, and its first sweep for all.
        return replace(traces, missing=f"the command '{command.name}' came from another file")
    if _follows_user_list(abf):
        return replace(traces, missing="its epochs follow a user list, which pyabf leaves out")
    if len({len(column) for column in traces.voltage}) > 1:
        return replace(traces, missing="pyabf tells no command for sweeps of unlike lengths")
    stimulus = pyabf.stimulus.Stimulus(abf, index)
    with opening(traces.path, "pyabf"), warnings.catch_warnings():
        # Such an epoch is NaN, which is refused later.
        warnings.filterwarnings("ignore", "Epoch type .* unsupported", UserWarning)
        current = tuple(
            stimulus.stimulusWaveform(sweep)[: abf.sweepPointCount] for sweep in abf.sweepList
        )
    notes = traces.notes
    if abf.abfVersion["major"] == 1:
        notes += (
            "Version 1 of ABF stores no holding current; before and after the epochs it was taken "
            f"as {current[0][0]:g} {command.unit}, the level of the first epoch.",
        )
    return replace(traces, current=current, current_unit=command.unit, notes=notes)


def _commands(abf: Any) -> list[Command]:
    # pyabf itself lists no more outputs than there are inputs, hence its headers.
    if abf.abfVersion["major"] == 1:
        if abf.dataByteStart < FULL_HEADER:
            return []
        header = abf._headerV1
        names, units = abf.dacNames, abf.dacUnits
    else:
        header, strings = abf._dacSection, abf._stringsSection._indexedStrings
        names = [strings[i] for i in header.lDACChannelNameIndex]
        units = [strings[i] for i in header.lDACChannelUnitsIndex]
    return [
        Command(name.strip(), unit.strip(), bool(is_on and source), source)
        for name, unit, is_on, source in zip(
            names, units, header.nWaveformEnable, header.nWaveformSource, strict=False
        )
    ]


def _follows_user_list(abf: Any) -> bool:
    # Of version 1 pyabf reads the four flags, two bytes each, as the first two of four numbers.
    return any(abf.userListEnable[:2] if abf.abfVersion["major"] == 1 else abf.userListEnable)
