from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxneuro.network import Network
from jaxneuro.training import (
    Checkpoints,
    Epoch,
    Trained,
    choose_placement,
    evaluate,
    health_warnings,
    layer_health,
    train,
)

from ._build import build_optimizer
from ._devices import on_first
from ._progress import Display, display
from ._report import draw_curves
from ._session import LINES, RunArguments, Session, run_command


class TrainArguments(RunArguments):
    """Train a spiking network by gradient descent."""


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro train CONFIG.toml [--run-dir DIR] [--resume] [--any.field VALUE]`."""
    run_command(TrainArguments, "train", arguments, began, _prepare)


def _prepare(session: Session) -> Callable[[], None]:
    check_training(session)
    session.open()
    descent = Descent(session, session.folder.checkpoints)
    session.go_on({"epoch": descent.first})

    def run() -> None:
        result = descent.run(session.network)
        on_first(lambda: draw_curves(session.rows, session.folder.figures))
        session.finish(result.model, result.parameters, descent.about(result))

    return run


def check_training(session: Session) -> None:
    """Refuses batches larger than the training part, or that the devices cannot share."""
    batch_size = session.config.training.batch_size
    session.check_batch("training.batch_size", batch_size)
    choose_placement(batch_size, training_devices(session))


def training_devices(session: Session) -> list[Any] | None:
    """Those that share each batch; None for one alone, unless others are asked for."""
    is_asked = session.config.devices or jax.process_count() > 1
    return session.devices if is_asked and len(session.devices) > 1 else None


def shared_by(devices: Sequence[Any] | None) -> dict[str, int]:
    """What a summary says of the devices, if there were several."""
    several = {"devices": len(devices or ()), "processes": jax.process_count()}
    return several if several["devices"] > 1 else {}


class Descent:
    """Training by gradient within a session: `train` with its metrics and its checkpoints."""

    def __init__(self, session: Session, checkpoints: Path):
        training = session.config.training
        self.session = session
        self.steps = len(session.data.train) // training.batch_size
        self.optimizer = build_optimizer(session.config, self.steps * training.epochs)
        self.checkpoints = Checkpoints(checkpoints, float(training.checkpoint_seconds))
        self.first = self.checkpoints.epoch()

    def run(self, network: Network) -> Trained:
        """Trains this network; resumes if there is a checkpoint."""
        session, training = self.session, self.session.config.training
        samples = self.steps * training.batch_size
        with display("epoch", training.epochs, self.first, samples) as shown:
            session.greet(shown, "epoch", self.first)
            return train(
                session.task.loss,
                network,
                (session.data.train.inputs, session.data.train.labels),
                optimizer=self.optimizer,
                epochs=training.epochs,
                batch_size=training.batch_size,
                key=jax.random.fold_in(jax.random.key(session.config.seed), 1),
                chosen=session.chosen,
                prepare=session.prepare,
                evaluate=self._validate if len(session.data.validation) else None,
                devices=training_devices(session),
                checkpoints=self.checkpoints,
                on_epoch=lambda epoch: self._report(epoch, shown),
                on_progress=lambda at: shown.step(at.epoch + at.step / at.steps, at.metrics),
            )

    def about(self, result: Trained) -> dict[str, Any]:
        """What the summary says of it."""
        speeds = [row["samples_per_second"] for row in self.session.rows if "epoch" in row]
        return {
            "best_validation_accuracy": result.best,
            "compile_seconds": round(result.compile_seconds, 2),
            "samples_per_second": float(np.median(speeds)),
            "epochs": self.session.config.training.epochs,
            **shared_by(training_devices(self.session)),
        }

    def _validate(self, network: Any) -> dict[str, float]:
        session, part = self.session, self.session.data.validation
        result = evaluate(session.task, network, part.inputs, part.labels, scale=session.data.scale)
        return {"accuracy": result.accuracy, "loss": result.loss}

    def _report(self, epoch: Epoch, shown: Display) -> None:
        session, training = self.session, self.session.config.training
        layers = layer_health(epoch.metrics["rates"], session.task.steps)
        warnings = health_warnings(layers)
        row = {
            "epoch": epoch.epoch,
            "step": epoch.step,
            "train_loss": float(epoch.metrics["loss"]),
            "train_accuracy": float(epoch.metrics["accuracy"]),
            "validation_loss": epoch.scores.get("loss"),
            "validation_accuracy": epoch.scores.get("accuracy"),
            "seconds": epoch.seconds,
            "samples_per_second": self.steps * training.batch_size / epoch.seconds,
            "wall_seconds": session.wall_seconds(),
            "layers": {name: layer._asdict() for name, layer in layers.items()},
            "warnings": warnings,
        }
        session.add(row)
        epochs = training.epochs
        if epoch.epoch % -(-epochs // LINES) == 0 or epoch.epoch == epochs or warnings:
            shown.line(_epoch_line(row, epochs))
        for warning in warnings:
            shown.line(f"  warning: {warning}")


def _epoch_line(row: dict[str, Any], epochs: int) -> str:
    spikes = ", ".join(f"{name} {layer['rate']:.2f}" for name, layer in row["layers"].items())
    line = (
        f"epoch {row['epoch']}/{epochs}  loss {row['train_loss']:.4f}  "
        f"accuracy {row['train_accuracy']:.2%}"
    )
    if row["validation_accuracy"] is not None:
        line += f"  validation {row['validation_accuracy']:.2%}"
    return f"{line}  spikes {spikes}  {row['samples_per_second']:,.0f} samples/s"
