import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np


class Display(Protocol):
    """What shows how a training run goes on."""

    def step(self, done: float, metrics: Any) -> None:
        """So many epochs or generations are done; `metrics` has the loss and the accuracy."""
        ...

    def line(self, text: str) -> None:
        """A line that stays."""
        ...


@contextmanager
def display(unit: str, total: int, first: int, samples: int) -> Iterator[Display]:
    """A live bar on a terminal, plain lines elsewhere.

    **Arguments:**

    - `unit`: `"epoch"` or `"generation"`; there are `total`, of which `first` are done already.
    - `samples`: presented in each.
    """
    if not sys.stdout.isatty():
        yield _Lines()
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(unit + " {task.fields[at]}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("accuracy {task.fields[accuracy]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        yield _Bar(progress, total, first, samples)


class _Lines:
    def step(self, done: float, metrics: Any) -> None:
        return None

    def line(self, text: str) -> None:
        print(text, flush=True)


class _Bar:
    def __init__(self, progress: Any, total: int, first: int, samples: int):
        self.progress, self.total, self.first, self.samples = progress, total, first, samples
        self.began = time.perf_counter()
        self.task = progress.add_task(
            "", total=total, completed=first, at="", rate="", loss="-", accuracy="-"
        )

    def step(self, done: float, metrics: Any) -> None:
        rate = (done - self.first) * self.samples / (time.perf_counter() - self.began)
        self.progress.update(
            self.task,
            completed=done,
            at=f"{max(math.ceil(done), 1)}/{self.total}",
            rate=f"{rate:,.0f} samples/s",
            loss=f"{float(np.asarray(metrics['loss'])):.4f}",
            accuracy=f"{float(np.asarray(metrics['accuracy'])):.2%}",
        )

    def line(self, text: str) -> None:
        self.progress.console.print(text, highlight=False, markup=False)
