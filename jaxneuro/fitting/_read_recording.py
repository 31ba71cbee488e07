import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ._check_recording import checked_recording
from ._read_abf import read_abf
from ._read_neo import read_neo
from ._read_nwb import read_nwb
from ._read_table import read_csv, read_npz
from ._recording import Recording

READERS = {".abf": read_abf, ".nwb": read_nwb, ".csv": read_csv, ".npz": read_npz}


def read_recording(
    path: str | os.PathLike[str],
    *,
    sweeps: Sequence[int] | None = None,
    voltage: str | int | None = None,
    current: str | int | None = None,
    stimulus: float | np.ndarray | None = None,
    windows: Sequence[tuple[float, float]] | None = None,
    voltage_unit: str | None = None,
    current_unit: str | None = None,
) -> Recording:
    """Read a current-clamp recording and find its stimulus.

    By suffix: `.abf` (Axon, by pyabf), `.nwb` (by pynwb), `.csv` and `.npz`, and any other that
    Neo knows. A CSV file has named columns with units, `time_ms, voltage_mV, current_pA`, or
    `voltage_mV_0, current_pA_0, voltage_mV_1, …` for several sweeps. An NPZ file has the arrays
    `time` or `dt`, `voltage` and `current` of shape `(time, sweeps)`, in ms, mV and pA unless
    `time_unit`, `voltage_unit` or `current_unit` say otherwise.

    Nothing is changed silently: `notes` tells of units converted, samples of the voltage that are
    no finite number (they stay NaN) and samples that stand still at its highest or lowest value
    as if saturated (they stay as they are).

    **Arguments:**

    - `path`: the file.
    - `sweeps`: numbers of the sweeps to read, as the file counts them; all if None. The windows
      are found by comparing the sweeps that are read, so to keep a few of a family read all and
      `select`.
    - `voltage`, `current`: which channel (a name or number), column, array or, in NWB, electrode
      holds them; None when there is no choice.
    - `stimulus`: the injected current in pA where the file does not tell it: one number, or shape
      `(time,)` or `(time, sweeps)`.
    - `windows`: start and stop (ms) of the stretches of stimulus, instead of those found from the
      current (see `stimulus_windows`).
    - `voltage_unit`, `current_unit`: the true unit of the numbers, whatever the file declares.

    **Returns:** a `Recording` in ms, mV and pA.

    **Raises:** `ImportError` when the library for the format is not installed;
    `FileNotFoundError` when there is no such file; `ValueError`, which names the file and what to
    do, for what is no recording, a voltage clamp, a missing stimulus, a unit that the numbers
    contradict, irregular or missing times, sweeps that are empty or of unlike lengths, several
    channels to choose from.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "cell.csv"
    >>> rows = [(k * 0.1, -0.07 + 0.001 * (k > 4), 20 * (k > 4)) for k in range(10)]
    >>> lines = ["time_ms,voltage_V,current_pA", *(f"{t},{v},{i}" for t, v, i in rows)]
    >>> _ = path.write_text(chr(10).join(lines))
    >>> cell = read_recording(path)
    >>> cell.windows, cell.baseline.tolist(), cell.notes
    (((0.5, 1.0),), [-70.0], ('The voltage was converted from V to mV.',))
    """
    path = Path(path).expanduser()
    if not path.is_file():
        found = "is a folder; use read_folder for it" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {found}. Pass the file of a recording.")
    reader = READERS.get(path.suffix.lower(), read_neo)
    return checked_recording(
        reader(path, voltage, current, needs_current=stimulus is None),
        sweeps=sweeps,
        stimulus=stimulus,
        windows=windows,
        voltage_unit=voltage_unit,
        current_unit=current_unit,
    )


def read_folder(
    path: str | os.PathLike[str], **options: Any
) -> tuple[dict[str, Recording], dict[str, str]]:
    """Read every recording in a folder, such as a population of cells.

    **Arguments:**

    - `path`: the folder; what is in folders within it is not read.
    - `options`: as in `read_recording`, for every file.

    **Returns:** the recordings by file name, sorted; and of every file that is none, by name, why.

    **Raises:** `FileNotFoundError` when there is no such folder; `ValueError` when it holds no
    recording.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.savez(folder / "cell.npz", dt=0.1, voltage=[-70.0, -69, -68], current=[0, 5, 5])
    >>> _ = (folder / "clamp.csv").write_text("time_ms")
    >>> recordings, skipped = read_folder(folder)
    >>> list(recordings), list(skipped)
    (['cell.npz'], ['clamp.csv'])
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        found = "is a file; use read_recording for it" if folder.exists() else "does not exist"
        raise FileNotFoundError(f"{folder} {found}. Pass a folder of recordings.")
    recordings, skipped = {}, {}
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            try:
                recordings[file.name] = read_recording(file, **options)
            except (ValueError, ImportError) as error:
                skipped[file.name] = str(error)
    if not recordings:
        reasons = "".join(f"\n- {reason}" for reason in skipped.values()) or " It has no files."
        raise ValueError(f"{folder}: holds no recording that can be read.{reasons}")
    return recordings, skipped
