"""How a fit goes on: a live bar on a terminal, a line every ten seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from jaxneuro.core import plural
from jaxneuro.fitting import FitProgress

SECONDS_PER_LINE = 10.0
UNITS = {"evolution": "generation", "gradient": "gradient step"}


@contextmanager
def fit_display() -> Iterator[Callable[[FitProgress], None]]:
    """What shows where a fit is."""
    if not sys.stdout.isatty():
        yield _Lines()
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.fields[at]}"),
        progress.BarColumn(bar_width=None),
        progress.TextColumn("{task.fields[told]}"),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns) as shown:
        task = shown.add_task("", total=None, at="compiling", told="")

        def update(at: FitProgress) -> None:
            shown.update(task, completed=at.done, total=at.total, at=_place(at), told=_losses(at))

        yield update


class _Lines:
    def __init__(self):
        self.at, self.stage = 0.0, ""

    def __call__(self, at: FitProgress) -> None:
        if not at.total:  # no gradient
            return
        is_due = time.perf_counter() - self.at > SECONDS_PER_LINE
        if is_due or at.stage != self.stage or at.done == at.total:
            self.at, self.stage = time.perf_counter(), at.stage
            print(f"{_place(at)}  {_losses(at)}  {at.seconds:.0f} s", flush=True)


def _place(at: FitProgress) -> str:
    return f"{UNITS[at.stage]} {at.done}/{at.total}"


def _losses(at: FitProgress) -> str:
    sound = at.losses[np.isfinite(at.losses)]
    if not sound.size:
        return "no finite loss yet"
    failed = at.losses.size - sound.size
    told = f"loss {sound.min():.4f} best, {np.median(sound):.4f} median of "
    return told + plural(sound.size, "start") + (f", {failed} failed" if failed else "")
