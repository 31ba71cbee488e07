import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxneuro.training import Checkpoints, Evolved, Generation, choose_layout, evolve, grade

from ._build import build_chunk, build_strategy
from ._devices import on_first
from ._progress import Display, display
from ._report import draw_curves, draw_evolution
from ._session import LINES, RunArguments, Session, run_command
from ._train import Descent, check_training, shared_by


class EvolveArguments(RunArguments):
    """Train a spiking network by evolution, without gradients."""


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro evolve CONFIG.toml [--run-dir DIR] [--resume] [--any.field VALUE]`."""
    run_command(EvolveArguments, "evolve", arguments, began, _prepare)


def _prepare(session: Session) -> Callable[[], None]:
    evolution = session.config.evolution
    session.check_batch(
        "evolution.batch_size times slices", evolution.batch_size * evolution.slices
    )
    if evolution.then_train:
        check_training(session)
    ascent = Ascent(session)
    session.open()
    first = ascent.open()
    folder = session.folder
    descent = Descent(session, folder.checkpoints / "gradient") if evolution.then_train else None
    done = {"generation": first} | ({} if descent is None else {"epoch": descent.first})
    session.go_on(done)

    def run() -> None:
        result = ascent.run()
        about = ascent.about(result)
        model, parameters = result.model, result.parameters
        if descent is not None:
            trained = descent.run(model)
            about = {"evolution": about} | descent.about(trained)
            model, parameters = trained.model, trained.parameters
            epochs = [row for row in session.rows if "epoch" in row]
            on_first(lambda: draw_curves(epochs, folder.figures))
        on_first(lambda: draw_evolution(session.rows, folder.figures))
        session.finish(model, parameters, about)

    return run


class Ascent:
    """Evolution within a session: `evolve` with its metrics and its checkpoints."""

    def __init__(self, session: Session):
        self.session, evolution = session, session.config.evolution
        self.evolution = evolution
        self.strategy = build_strategy(
            session.config, session.task, session.network, session.chosen
        )
        # What does not fit together is said before there is a folder.
        key = jax.random.key(0)
        jax.eval_shape(self.strategy.init, session.chosen.split(session.network), key)
        self.chunk = build_chunk(session.config, session.network)
        choose_layout(
            self.strategy, slices=evolution.slices, chunk=self.chunk, devices=session.devices
        )
        self.first = 0

    def open(self) -> int:
        """Makes or finds the checkpoints. Returns how many generations are done."""
        session = self.session
        self.checkpoints = Checkpoints(
            session.folder.checkpoints / "evolution",
            float(session.config.training.checkpoint_seconds),
        )
        self.first = self.checkpoints.epoch()
        return self.first

    def run(self) -> Evolved:
        """Evolves the session's network; resumes if there is a checkpoint."""
        session, evolution, data = self.session, self.evolution, self.session.data
        part = data.validation
        validate = functools.partial(
            grade, session.task, inputs=part.inputs, labels=part.labels, scale=data.scale
        )
        total, samples = evolution.generations, evolution.population * evolution.batch_size
        with display("generation", total, self.first, samples) as shown:
            session.greet(shown, "generation", self.first)
            return evolve(
                functools.partial(session.task.fitness, measure=evolution.fitness),
                session.network,
                self.strategy,
                generations=total,
                key=jax.random.fold_in(jax.random.key(session.config.seed), 2),
                chosen=session.chosen,
                data=(data.train.inputs, data.train.labels),
                batch_size=evolution.batch_size,
                slices=evolution.slices,
                prepare=session.prepare,
                chunk=self.chunk,
                devices=session.devices,
                evaluate=validate if len(part) else None,
                evaluate_every=evolution.validate_every,
                checkpoints=self.checkpoints,
                on_generation=lambda generation: self._report(generation, shown),
            )

    def about(self, result: Evolved) -> dict[str, Any]:
        """What the summary says of it."""
        evolution = self.evolution
        rows = [row for row in self.session.rows if "generation" in row]
        return {
            "best_validation_accuracy": result.best,
            "compile_seconds": round(result.compile_seconds, 2),
            "samples_per_second": float(np.median([row["samples_per_second"] for row in rows])),
            "generations": evolution.generations,
            "samples": evolution.generations * evolution.population * evolution.batch_size,
            "failed_members": sum(row["failed"] for row in rows),
            **shared_by(self.session.devices),
        }

    def _report(self, generation: Generation, shown: Display) -> None:
        evolution = self.evolution
        samples = evolution.population * evolution.batch_size
        row = {
            "generation": generation.generation,
            "best_fitness": generation.best,
            "mean_fitness": generation.mean,
            "fitness_spread": generation.spread,
            "diversity": generation.diversity,
            "failed": generation.failed,
            "train_loss": float(generation.metrics["loss"]),
            "train_accuracy": float(generation.metrics["accuracy"]),
            "validation_loss": generation.scores.get("loss"),
            "validation_accuracy": generation.scores.get("accuracy"),
            "seconds": generation.seconds,
            "samples_per_second": samples / generation.seconds,
            "wall_seconds": round(self.session.wall_seconds() - generation.ago, 2),
        }
        self.session.add(row)
        shown.step(generation.generation, generation.metrics)
        last = evolution.generations
        if generation.generation % -(-last // LINES) == 0 or generation.generation == last:
            shown.line(_generation_line(row, last))


def _generation_line(row: dict[str, Any], generations: int) -> str:
    line = (
        f"generation {row['generation']}/{generations}  fitness {row['best_fitness']:.4f} best, "
        f"{row['mean_fitness']:.4f} ± {row['fitness_spread']:.4f}  "
        f"accuracy {row['train_accuracy']:.2%}"
    )
    if row["validation_accuracy"] is not None:
        line += f"  validation {row['validation_accuracy']:.2%}"
    failed = f"  {row['failed']} failed" if row["failed"] else ""
    return f"{line}  {row['samples_per_second']:,.0f} samples/s{failed}"
