import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from jaxneuro.network import Network, count_parameters, save
from jaxneuro.training import Diverged, evaluate

from ._build import (
    build_dataset,
    build_network,
    build_prepare,
    build_task,
    build_trainable,
)
from ._config import Config
from ._devices import DeviceArguments, on_first, start_devices
from ._errors import fail, told, users_mistakes
from ._info import device_name, versions
from ._parse import parse
from ._progress import Display
from ._report import draw_confusion, draw_example, draw_mistakes
from ._run_folder import RunFolder, as_json, as_table, digest, free_folder, write_atomically

LINES = 50  # about as many rows of a run are printed; metrics.jsonl has all


class RunArguments(Config, DeviceArguments):
    """A run: its configuration, its folder, whether it goes on, and on which devices."""

    run_dir: str = ""
    """Folder of the run; by default a new one under runs/, named after the file."""
    resume: bool = False
    """Go on from the last checkpoint in --run-dir."""


def run_command(
    kind: type[RunArguments],
    command: str,
    arguments: list[str],
    began: float,
    prepare: Callable[["Session"], Callable[[], None]],
) -> None:
    """Parses, prepares and runs; ends in one line on stderr where something is wrong.

    **Arguments:**

    - `prepare`: checks the rest of the configuration, opens the folder, and returns what runs.
    """
    with users_mistakes():
        path, options = parse(kind, arguments, command)
        devices = start_devices(options)
        session = Session(options, path.stem, began, devices)
        run = prepare(session)
    try:
        run()
    except Diverged as error:
        fail(str(error), code=1)
    except OSError as error:  # a full disk, for instance
        fail(told(error))
    except KeyboardInterrupt:
        # The run's own configuration has the flags in it.
        config, folder = (shlex.quote(str(p)) for p in (session.folder.config, session.folder.path))
        again = f"jaxneuro {command} {config} --run-dir {folder} --resume"
        fail(f"stopped. Go on with: {again}", code=130)


class Session:
    """What every run has: configuration, data, network and folder; its metrics and its summary.

    Of several processes the first has the folder. The others do the same beside it.
    """

    def __init__(
        self,
        options: RunArguments,
        stem: str,
        began: float,
        devices: Sequence[Any] | None = None,
    ):
        self.began, self.config = began, options
        self.devices = jax.devices() if devices is None else list(devices)
        if options.resume and not options.run_dir:
            fail("--resume needs --run-dir: which run should go on?")
        chosen = options.run_dir or on_first(lambda: str(free_folder(Path("runs"), stem)))
        self.folder = RunFolder(Path(chosen))
        self.data = build_dataset(options.data, options.seed)
        shape, classes = self.data.train.inputs.shape[1:], len(self.data.class_names)
        self.network = build_network(options, shape, classes)
        self.task = build_task(options)
        self.chosen = build_trainable(options, self.network)
        self.prepare = build_prepare(options, self.data.scale)
        self.rows: list[dict[str, Any]] = []
        self.spent = 0.0
        self.is_greeted = False

    def check_batch(self, name: str, images: int) -> None:
        """Refuses more images at a time than there are."""
        if len(self.data.train) < images:
            raise ValueError(
                f"{name} is {images}, but {self.data.name} has only "
                f"{len(self.data.train)} training images."
            )

    def open(self) -> None:
        """Makes the run's folder, or checks the one that is there."""
        config, folder = self.config, self.folder
        on_first(lambda: folder.resume(config) if config.resume else folder.start(config))
        if on_first(lambda: as_table(config)) != as_table(config):
            fail("this process has another configuration than the first. Give all of them one.")

    def go_on(self, done: Mapping[str, int]) -> None:
        """Takes up the metrics of a resumed run: those until its checkpoints, by unit."""
        self.rows = on_first(lambda: self.folder.keep_metrics(done))
        self.spent = self.rows[-1]["wall_seconds"] if self.rows else 0.0

    def greet(self, shown: Display, unit: str, first: int) -> None:
        """Says what is run on what, and from where a resumed run goes on."""
        data = self.data
        if self.is_greeted:
            shown.line("training by gradient takes over")
        else:
            shown.line(
                f"{data.name}: {len(data.train)} training, {len(data.validation)} validation, "
                f"{len(data.test)} test images; {count_parameters(self.network.edges):,} weights "
                f"and biases; {device_name()}; {self.folder.path}"
            )
        self.is_greeted = True
        if first:
            shown.line(f"resuming after {unit} {first}")

    def add(self, row: dict[str, Any]) -> None:
        """One more line of metrics."""
        self.rows.append(row)
        on_first(lambda: self.folder.add_metrics(row))

    def finish(self, network: Network, parameters: Any, about: Mapping[str, Any]) -> None:
        """Saves the trained network, tests it, and writes figures and summary."""
        on_first(lambda: self._finish(network, parameters, about))

    def _finish(self, network: Network, parameters: Any, about: Mapping[str, Any]) -> None:
        data, scale = self.data, self.data.scale
        save(network, self.folder.network)
        test = evaluate(self.task, network, data.test.inputs, data.test.labels, scale=scale)
        part = data.train
        trained = evaluate(self.task, network, part.inputs, part.labels, scale=scale)
        draw_confusion(data, test, self.folder.figures)
        draw_example(self.task, network, data, test, self.folder.figures)
        draw_mistakes(data, test, self.folder.figures)
        summary = {
            "test_accuracy": test.accuracy,
            "train_accuracy": trained.accuracy,
            "wall_seconds": self.wall_seconds(),
            **about,
            "parameters": sum(x.size for x in parameters.values()),
            "parameters_sha256": digest(parameters),
            "seed": self.config.seed,
            "device": device_name(),
            "versions": versions(),
        }
        write_atomically(self.folder.summary, as_json(summary, indent=2) + "\n")
        print(
            f"test accuracy {test.accuracy:.2%} ({round((1 - test.accuracy) * len(data.test))} of "
            f"{len(data.test)} wrong), train {trained.accuracy:.2%}, "
            f"{summary['wall_seconds']:.0f} s; {self.folder.path}"
        )

    def wall_seconds(self) -> float:
        """Since the start, with the earlier sessions of a resumed run (but not what they lost)."""
        return round(self.spent + time.perf_counter() - self.began, 2)
