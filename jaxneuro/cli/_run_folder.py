import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from jaxneuro.core import describe_changes, plural

from ._config import Config, Section
from ._errors import fail
from ._parse import read_config

# Fields that say where and whether something runs, not what.
ABOUT_THE_RUN = {
    "run_dir",
    "resume",
    "yes",
    "devices",
    "distributed",
    "coordinator",
    "processes",
    "process_id",
}


class RunFolder:
    """Everything a run leaves behind.

    `config.toml`, `metrics.jsonl`, `summary.json`, `network.npz`, `checkpoints/`, `figures/`.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config = path / "config.toml"
        self.metrics = path / "metrics.jsonl"
        self.summary = path / "summary.json"
        self.network = path / "network.npz"
        self.checkpoints = path / "checkpoints"
        self.figures = path / "figures"

    def start(self, config: Section) -> None:
        """Makes the folder and writes the configuration; refuses one that is not empty."""
        self.check_free(", or go on with it by --resume")
        self.path.mkdir(parents=True, exist_ok=True)
        self._remove_partial_files()
        write_atomically(self.config, tomli_w.dumps(as_table(config)))

    def check_free(self, instead: str) -> None:
        """Refuses a folder that is not empty; `instead` says what else to do with a run in it."""
        if self.path.exists() and not self.path.is_dir():
            fail(f"{self.path} is a file, not a folder. Choose another --run-dir.")
        if self.config.is_file():
            fail(
                f"{self.path} already holds a run; nothing was overwritten. "
                f"Choose another --run-dir{instead}."
            )
        if self.path.is_dir() and not self._has_only_partial_files():
            fail(
                f"{self.path} holds other files; nothing was overwritten. Choose another --run-dir."
            )

    def resume(self, config: Section, kind: type[Section] = Config) -> None:
        """Checks that the folder holds a run of this very configuration, which is of this kind.

        A run that was killed before it had written its configuration starts over.
        """
        if not self.path.is_dir():
            fail(f"--resume: there is no folder {self.path}. Without --resume the run starts anew.")
        if not self.config.is_file():
            if not self._has_only_partial_files():
                fail(f"--resume: there is no run in {self.path} (it has no config.toml).")
            self.start(config)
            return
        before = as_table(read_config(kind, self.config))
        changes = describe_changes(before, as_table(config))
        if changes:
            fail(
                f"--resume: {self.path} holds another run ({changes}). Pass the settings it was "
                "started with, or another --run-dir."
            )
        self._remove_partial_files()

    def keep_metrics(self, done: Mapping[str, int]) -> list[dict[str, Any]]:
        """Drops the lines that a resumed run does again; returns the others.

        **Arguments:**

        - `done`: how many epochs or generations the checkpoints have, by unit, in their order.
        """
        lines = []
        if self.metrics.is_file():
            lines = self.metrics.read_text(encoding="utf-8").splitlines()
        # The lines after the checkpoint's may end in a half one, so they are not read.
        kept = [json.loads(line) for line in lines[: sum(done.values())]]
        wanted = [(unit, n) for unit, count in done.items() for n in range(1, count + 1)]
        if len(kept) < len(wanted) or any(
            row.get(unit) != n for row, (unit, n) in zip(kept, wanted, strict=True)
        ):
            counts = " and ".join(plural(count, unit) for unit, count in done.items())
            fail(
                f"--resume: {self.metrics} does not have one line for each of the {counts} "
                "before the checkpoint. Put the original back, or start anew in another --run-dir."
            )
        write_atomically(self.metrics, "".join(as_json(row) + "\n" for row in kept))
        return kept

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(as_json(row) + "\n")

    def _has_only_partial_files(self) -> bool:
        return set(self.path.iterdir()) <= set(self._partial_files())

    def _partial_files(self) -> list[Path]:
        """What a process leaves behind that is killed while it writes a file."""
        whole = (self.config, self.metrics, self.summary, self.network)
        return [partial for file in whole for partial in self.path.glob(f".{file.name}.*")]

    def _remove_partial_files(self) -> None:
        for partial in self._partial_files():
            partial.unlink(missing_ok=True)


def free_folder(parent: Path, stem: str) -> Path:
    """`parent/stem`, or with a number if that is taken."""
    path, number = parent / stem, 2
    while path.exists():
        path, number = parent / f"{stem}-{number}", number + 1
    return path


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file so that a reader sees the old or the new one, never half."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON, which knows no NaN and no infinity: they become null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def as_table(config: Section) -> dict[str, Any]:
    """The configuration as TOML values."""
    return json.loads(config.model_dump_json(exclude=ABOUT_THE_RUN, exclude_none=True))


def digest(parameters: Mapping[str, Any]) -> str:
    """SHA-256 over the bytes of all parameters, in the order of their paths."""
    total = hashlib.sha256()
    for path in sorted(parameters):
        total.update(path.encode())
        total.update(np.ascontiguousarray(parameters[path]).tobytes())
    return total.hexdigest()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
