"""The recording that `jaxneuro fit` fits, and which of its sweeps."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxneuro import fitting

from ._fit_config import Reading, SweepChoice


def read(path: Path, reading: Reading) -> fitting.Recording:
    """One recording, in the way that the configuration says, less what falls across the electrode.

    **Raises:** `ValueError` for a file that is no recording, and where the library for its format
    is missing.
    """
    said = reading.model_dump(exclude={"series_resistance"})
    options: dict[str, Any] = {n: value for n, value in said.items() if value not in (None, [], "")}
    for channel in ("voltage", "current"):
        if str(options.get(channel, "")).isdecimal():
            options[channel] = int(options[channel])
    try:
        recording = fitting.read_recording(path, **options)
    except ImportError as error:
        raise ValueError(str(error)) from None
    except ValueError as error:
        # The message names arguments of the function.
        fields = [n for n in re.findall(r"(\w+)=", str(error)) if n in Reading.model_fields]
        hint = f" Here that is reading.{fields[0]}." if fields else ""
        raise ValueError(f"{error}{hint}") from None
    resistance = reading.series_resistance
    try:
        measured = fitting.series_resistance(recording) if resistance == "measured" else resistance
    except ValueError as error:
        raise ValueError(f"reading.{error}") from None
    return fitting.compensate(recording, float(measured))


def split(recording: fitting.Recording, choice: SweepChoice) -> tuple[list[int], list[int]]:
    """Places of the sweeps that are fitted and of those that are held out, in order.

    **Raises:** `ValueError` for a sweep that is not there, one that is both, and none to fit or
    to test.
    """
    train = _places(recording, choice.train, "train")
    test = _places(recording, choice.test, "test", train)
    both = sorted(set(train) & set(test))
    if both:
        raise ValueError(
            f"sweeps: {_named(recording, both)} of '{recording.name}' would both train and test. "
            "Errors of a sweep that the fit has seen say little: give each to one of them."
        )
    for name, places in (("train", train), ("test", test)):
        if not places and (name == "train" or (choice.train != "all" and choice.test != "none")):
            raise ValueError(
                f"sweeps.{name}: no sweep of '{recording.name}' is left, which has "
                f"{recording.sweeps}. To fit all of them take train = 'all'."
            )
    return train, test


def _places(
    recording: fitting.Recording, choice: str | list[int], name: str, train: Sequence[int] = ()
) -> list[int]:
    everything = range(recording.sweeps)
    if isinstance(choice, str):
        every = {"even": everything[::2], "odd": everything[1::2], "all": everything, "none": ()}
        rest = [place for place in everything if place not in train]
        return list(every.get(choice, rest))
    unknown = [label for label in choice if label not in recording.labels]
    if unknown:
        labels = ", ".join(map(str, recording.labels[:20]))
        more = ", ..." if recording.sweeps > 20 else ""
        raise ValueError(
            f"sweeps.{name}: '{recording.name}' has no sweep {unknown[0]}. It has {labels}{more}."
        )
    return sorted(recording.labels.index(label) for label in choice)


def _named(recording: fitting.Recording, places: Sequence[int]) -> str:
    labels = [str(recording.labels[place]) for place in places]
    return f"sweep {labels[0]}" if len(labels) == 1 else f"sweeps {', '.join(labels[:6])}"
