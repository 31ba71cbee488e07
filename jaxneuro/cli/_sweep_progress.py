import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jaxneuro.sweeps import Progress

SECONDS_PER_LINE = 10.0


@contextmanager
def sweep_display(lanes: int, simulated: float) -> Iterator[Callable[[Progress], None]]:
    """A live bar on a terminal, a line every ten seconds elsewhere.

    **Arguments:**

    - `lanes`: of the sweep.
    - `simulated`: seconds that a lane simulates; 0 where that does not matter.
    """
    if not sys.stdout.isatty():
        yield _Lines(simulated)
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.percentage:>3.0f}%"),
        progress.BarColumn(bar_width=None),
        progress.TextColumn("{task.fields[told]}"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[left]}"),
    )
    with progress.Progress(*columns) as shown:
        task = shown.add_task("", total=lanes, told="compiling", left="")

        def update(at: Progress) -> None:
            left = f"{_duration(at.left_seconds)} left"
            shown.update(task, completed=at.done, told=_told(at, simulated), left=left)

        yield update


class _Lines:
    def __init__(self, simulated: float):
        self.simulated, self.at = simulated, time.perf_counter()

    def __call__(self, at: Progress) -> None:
        is_last = at.done == at.lanes
        if is_last or time.perf_counter() - self.at > SECONDS_PER_LINE:
            self.at = time.perf_counter()
            left = "" if is_last else f", {_duration(at.left_seconds)} left"
            print(f"{at.done / at.lanes:4.0%}  {_told(at, self.simulated)}{left}", flush=True)


def _told(at: Progress, simulated: float) -> str:
    speed = at.run / max(at.seconds, 1e-9)
    told = f"{at.done:,} of {at.lanes:,} lanes, {_number(speed)} a second"
    if simulated:
        told += f", {_number(speed * simulated)} simulated s a second"
    return told + (f", {at.failed:,} failed" if at.failed else "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _duration(seconds: float) -> str:
    whole = int(seconds + 0.5)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
