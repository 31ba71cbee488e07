import shlex
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxneuro.network import count_parameters, save
from jaxneuro.training import (
    Checkpoints,
    Diverged,
    Epoch,
    Progress,
    evaluate,
    health_warnings,
    layer_health,
    train,
)

from ._build import (
    build_dataset,
    build_network,
    build_optimizer,
    build_prepare,
    build_task,
    build_trainable,
)
from ._config import Config
from ._errors import fail, told, users_mistakes
from ._info import device_name, versions
from ._parse import parse
from ._progress import Display, display
from ._report import draw_confusion, draw_curves, draw_example, draw_mistakes
from ._run_folder import RunFolder, as_json, digest, free_folder, write_atomically

LINES = 50  # about as many epochs of a run are printed; metrics.jsonl has all


class TrainArguments(Config):
    """Train a spiking network by gradient descent."""

    run_dir: str = ""
    """Folder of the run; by default a new one under runs/, named after the file."""
    resume: bool = False
    """Go on from the last checkpoint in --run-dir."""


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro train CONFIG.toml [--run-dir DIR] [--resume] [--any.field VALUE]`."""
    with users_mistakes():
        path, options = parse(TrainArguments, arguments, "train")
        session = Session(options, path.stem, began)
    try:
        session.run()
    except Diverged as error:
        fail(str(error), code=1)
    except OSError as error:  # a full disk, for instance
        fail(told(error))
    except KeyboardInterrupt:
        # The run's own configuration has the flags in it.
        config, folder = (shlex.quote(str(p)) for p in (session.folder.config, session.folder.path))
        fail(f"stopped. Go on with: jaxneuro train {config} --run-dir {folder} --resume", code=130)


class Session:
    """One run of `jaxneuro train`, from its configuration to its summary."""

    def __init__(self, options: TrainArguments, stem: str, began: float):
        self.began, self.config = began, options
        if options.resume and not options.run_dir:
            fail("--resume needs --run-dir: which run should go on?")
        chosen = Path(options.run_dir) if options.run_dir else free_folder(Path("runs"), stem)
        self.folder = RunFolder(chosen)
        self.data = build_dataset(options)
        shape, classes = self.data.train.inputs.shape[1:], len(self.data.class_names)
        batch = options.training.batch_size
        self.steps = len(self.data.train) // batch
        if self.steps == 0:
            raise ValueError(
                f"training.batch_size is {batch}, but {self.data.name} has only "
                f"{len(self.data.train)} training images."
            )
        self.network = build_network(options, shape, classes)
        self.task = build_task(options)
        self.chosen = build_trainable(options, self.network)
        self.optimizer = build_optimizer(options, self.steps * options.training.epochs)
        self.folder.resume(options) if options.resume else self.folder.start(options)
        self.checkpoints = Checkpoints(
            self.folder.checkpoints, float(options.training.checkpoint_seconds)
        )
        first = self.checkpoints.epoch()
        self.rows = self.folder.keep_metrics_until(first)
        self.spent = self.rows[-1]["wall_seconds"] if self.rows else 0.0
        self.first = first

    def run(self) -> None:
        training = self.config.training
        with display(training.epochs, self.first, training.batch_size) as shown:
            self._greet(shown)
            result = train(
                self.task.loss,
                self.network,
                (self.data.train.inputs, self.data.train.labels),
                optimizer=self.optimizer,
                epochs=training.epochs,
                batch_size=training.batch_size,
                key=jax.random.fold_in(jax.random.key(self.config.seed), 1),
                chosen=self.chosen,
                prepare=build_prepare(self.config, self.data.scale),
                evaluate=self._validate if len(self.data.validation) else None,
                checkpoints=self.checkpoints,
                on_epoch=lambda epoch: self._report(epoch, shown),
                on_progress=lambda progress: _show(progress, shown),
            )
        self.network = result.model
        save(self.network, self.folder.network)
        self._finish(result.parameters, result.best, result.compile_seconds)

    def _greet(self, shown: Display) -> None:
        data = self.data
        shown.line(
            f"{data.name}: {len(data.train)} training, {len(data.validation)} validation, "
            f"{len(data.test)} test images; {count_parameters(self.network.edges):,} weights and "
            f"biases; {device_name()}; {self.folder.path}"
        )
        if self.first:
            shown.line(f"resuming after epoch {self.first}")

    def _validate(self, network: Any) -> dict[str, float]:
        part = self.data.validation
        result = evaluate(self.task, network, part.inputs, part.labels, scale=self.data.scale)
        return {"accuracy": result.accuracy, "loss": result.loss}

    def _report(self, epoch: Epoch, shown: Display) -> None:
        layers = layer_health(epoch.metrics["rates"], self.task.steps)
        warnings = health_warnings(layers)
        speed = self.steps * self.config.training.batch_size / epoch.seconds
        row = {
            "epoch": epoch.epoch,
            "step": epoch.step,
            "train_loss": float(epoch.metrics["loss"]),
            "train_accuracy": float(epoch.metrics["accuracy"]),
            "validation_loss": epoch.scores.get("loss"),
            "validation_accuracy": epoch.scores.get("accuracy"),
            "seconds": epoch.seconds,
            "samples_per_second": speed,
            "wall_seconds": self._wall_seconds(),
            "layers": {name: layer._asdict() for name, layer in layers.items()},
            "warnings": warnings,
        }
        self.rows.append(row)
        self.folder.add_metrics(row)
        epochs = self.config.training.epochs
        if epoch.epoch % -(-epochs // LINES) == 0 or epoch.epoch == epochs or warnings:
            shown.line(_epoch_line(row, epochs))
        for warning in warnings:
            shown.line(f"  warning: {warning}")

    def _finish(self, parameters: Any, best: float | None, compile_seconds: float) -> None:
        data, scale = self.data, self.data.scale
        test = evaluate(self.task, self.network, data.test.inputs, data.test.labels, scale=scale)
        part = data.train
        trained = evaluate(self.task, self.network, part.inputs, part.labels, scale=scale)
        draw_curves(self.rows, self.folder.figures)
        draw_confusion(data, test, self.folder.figures)
        draw_example(self.task, self.network, data, test, self.folder.figures)
        draw_mistakes(data, test, self.folder.figures)
        summary = {
            "test_accuracy": test.accuracy,
            "train_accuracy": trained.accuracy,
            "best_validation_accuracy": best,
            "wall_seconds": self._wall_seconds(),
            "compile_seconds": round(compile_seconds, 2),
            "samples_per_second": float(np.median([r["samples_per_second"] for r in self.rows])),
            "epochs": self.config.training.epochs,
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

    def _wall_seconds(self) -> float:
        """Since the start, with the earlier sessions of a resumed run (but not what they lost)."""
        return round(self.spent + time.perf_counter() - self.began, 2)


def _show(progress: Progress, shown: Display) -> None:
    shown.step(progress.epoch, progress.step, progress.steps, progress.metrics)


def _epoch_line(row: dict[str, Any], epochs: int) -> str:
    spikes = ", ".join(f"{name} {layer['rate']:.2f}" for name, layer in row["layers"].items())
    line = (
        f"epoch {row['epoch']}/{epochs}  loss {row['train_loss']:.4f}  "
        f"accuracy {row['train_accuracy']:.2%}"
    )
    if row["validation_accuracy"] is not None:
        line += f"  validation {row['validation_accuracy']:.2%}"
    return f"{line}  spikes {spikes}  {row['samples_per_second']:,.0f} samples/s"
