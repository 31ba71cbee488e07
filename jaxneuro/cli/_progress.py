import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np


class Display(Protocol):
    """What shows how a training run goes on."""

    def step(self, epoch: int, step: int, steps: int, metrics: Any) -> None:
        """Some more steps of an epoch (counted from 0) are done."""
        ...

    def line(self, text: str) -> None:
        """A line that stays."""
        ...


@contextmanager
def display(epochs: int, first: int, samples_per_step: int) -> Iterator[Display]:
    """A live bar on a terminal, plain lines elsewhere."""
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
        TextColumn("epoch {task.fields[epoch]}"),
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
        yield _Bar(progress, epochs, first, samples_per_step)


class _Lines:
    def step(self, epoch: int, step: int, steps: int, metrics: Any) -> None:
        return None

    def line(self, text: str) -> None:
        print(text, flush=True)


class _Bar:
    def __init__(self, progress: Any, epochs: int, first: int, samples_per_step: int):
        self.progress, self.epochs, self.samples = progress, epochs, samples_per_step
        self.began, self.first = time.perf_counter(), first
        self.task = progress.add_task(
            "", total=epochs, completed=first, epoch="", rate="", loss="-", accuracy="-"
        )

    def step(self, epoch: int, step: int, steps: int, metrics: Any) -> None:
        done = (epoch - self.first) * steps + step
        rate = done * self.samples / (time.perf_counter() - self.began)
        self.progress.update(
            self.task,
            completed=epoch + step / steps,
            epoch=f"{epoch + 1}/{self.epochs}",
            rate=f"{rate:,.0f} samples/s",
            loss=f"{float(np.asarray(metrics['loss'])):.4f}",
            accuracy=f"{float(np.asarray(metrics['accuracy'])):.2%}",
        )

    def line(self, text: str) -> None:
        self.progress.console.print(text, highlight=False, markup=False)
