"""Programs that are timed side by side: each a process of its own that answers line by line.

A program prints one JSON line about itself when it is compiled and warm, then answers each line
that it reads with one JSON line; "run" runs the simulation and answers `{"seconds": ...}`, "quit"
or the end of the input leaves.
"""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np


class Program:
    """A process that does what it is asked, in an environment with `variables` added."""

    def __init__(self, command: list[str], **variables: str):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables},
        )
        self.about = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended early; run it by hand to see why.")
        return json.loads(line)

    def ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def time(self) -> float:
        return self.ask("run")["seconds"]

    def close(self) -> None:
        self.process.communicate("quit\n")


def interleave(timers: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every timer in every round; within a round they run one after another."""
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            times[name].append(timer())
    return times


def summary(times: list[float]) -> dict[str, Any]:
    """Median and shortest of the seconds, and all of them."""
    return {
        "seconds": round(float(np.median(times)), 4),
        "shortest": round(min(times), 4),
        "all": [round(one, 4) for one in times],
    }


def ratio(over: list[float], under: list[float]) -> dict[str, float]:
    """How many times as long: the median over rounds, and that of the shortest."""
    return {
        "median": round(float(np.median(np.array(over) / np.array(under))), 3),
        "of the shortest": round(min(over) / min(under), 3),
    }
