from pathlib import Path
from typing import Any

import numpy as np

from ._channels import Channel, choose_channel, listed
from ._library import import_library, opening
from ._traces import Traces


def read_neo(
    path: Path, voltage: str | int | None, current: str | int | None, needs_current: bool
) -> Traces:
    """Sweeps of any file that Neo knows by its suffix: each segment is one."""
    if path.suffix.lower() in (".pkl", ".pickle"):
        raise ValueError(
            f"{path}: is a pickle, and reading one runs whatever code is in it. Save the recording "
            "as .npz or .csv."
        )
    neo = import_library("neo.io", path)
    with opening(path, "neo"):
        blocks = neo.get_io(str(path)).read()
    segments = [segment for block in blocks for segment in block.segments]
    signals = [_signals(segment) for segment in segments]
    if not any(signals):
        raise ValueError(
            f"{path}: neo finds no regularly sampled signal in it ({len(segments)} segments). "
            "Pass a recording of one cell under injected current."
        )
    channels = [channel for channel, _, _ in signals[0]]
    for number, others in enumerate(signals):
        if [channel for channel, _, _ in others] != channels:
            raise ValueError(
                f"{path}: segment 0 holds {listed(channels)}, but segment {number} "
                f"{listed([channel for channel, _, _ in others])}. Every sweep must have the same "
                "channels; save those of one protocol in a file."
            )
    chosen = choose_channel(channels, "voltage", voltage, str(path))
    if chosen is None:
        raise ValueError(
            f"{path}: is a voltage clamp, or its units are wrong: it holds {listed(channels)}, and "
            "none in V or mV. Pass a current clamp, or voltage= and voltage_unit= if a channel is "
            "the voltage."
        )
    injected = choose_channel(channels, "current", current, str(path)) if needs_current else None
    return Traces(
        path,
        tuple(range(len(signals))),
        tuple(sweep[chosen][2] for sweep in signals),
        tuple(sweep[chosen][1] for sweep in signals),
        None if injected is None else tuple(sweep[injected][1] for sweep in signals),
        channels[chosen].unit,
        "" if injected is None else channels[injected].unit,
        missing=f"it holds {listed(channels)}, and none in A, nA or pA",
    )


def _signals(segment: Any) -> list[tuple[Channel, np.ndarray, float]]:
    """Channel, values and step (ms) of every column of every signal of a segment."""
    found = []
    for signal in segment.analogsignals:
        values = np.asarray(signal.magnitude, np.float64)
        unit = signal.units.dimensionality.string
        step = 1000 / float(signal.sampling_rate.rescale("Hz"))
        names = signal.array_annotations.get("channel_names")
        for column in range(values.shape[1]):
            name = str(names[column] if names is not None else signal.name or "")
            found.append((Channel(name, unit), values[:, column], step))
    return found
