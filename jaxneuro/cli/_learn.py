import shlex
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.analysis import confusion_matrix
from jaxneuro.data import Dataset
from jaxneuro.network import save
from jaxneuro.training import Checkpoints, assign_labels, class_responses, vote, weighted_vote

from ._build import build_dataset
from ._errors import fail, users_mistakes
from ._info import device_name, versions
from ._learn_config import LearnArguments, LearnConfig
from ._learn_task import RISE, learn, make_task, respond
from ._parse import parse
from ._report import save_figure
from ._run_folder import RunFolder, as_json, free_folder, write_atomically


def main(arguments: list[str], began: float) -> None:
    """`jaxneuro learn CONFIG.toml [--run-dir DIR] [--resume] [--any.field VALUE]`."""
    with users_mistakes():
        path, config = parse(LearnArguments, arguments, "learn")
        if config.resume and not config.run_dir:
            fail("--resume needs --run-dir: which run should go on?")
        folder = RunFolder(
            Path(config.run_dir) if config.run_dir else free_folder(Path("runs"), path.stem)
        )
        run = LearnRun(config, folder, began)
        folder.resume(config, LearnConfig) if config.resume else folder.start(config)
    try:
        with users_mistakes():
            run.go()
    except KeyboardInterrupt:
        config_path, where = (shlex.quote(str(p)) for p in (folder.config, folder.path))
        again = f"jaxneuro learn {config_path} --run-dir {where} --resume"
        fail(f"stopped. Go on with: {again}", code=130)


class LearnRun:
    """A run of `jaxneuro learn`: learns, finds out what neurons stand for, and reports."""

    def __init__(self, config: LearnArguments, folder: RunFolder, began: float):
        self.config, self.folder, self.began = config, folder, began
        self.data: Dataset = build_dataset(config.data, config.seed)
        self.images = _rows(self.data, self.data.train.inputs)
        self.task, self.memory = make_task(config, self.images.shape[1])
        rng = np.random.default_rng(config.seed)
        self.order = rng.permutation(len(self.images))
        self.rows: list[dict[str, Any]] = []
        self.spent = 0.0

    def go(self) -> None:
        """Everything, from the last checkpoint on."""
        self._learn()
        self._finish()

    def _learn(self) -> None:
        learning = self.config.learning
        total = learning.examples // learning.report_every
        checkpoints = Checkpoints(self.folder.checkpoints, 0.0)
        neurons = self.config.network.neurons
        counts = jnp.zeros((learning.report_every, neurons))
        saved = checkpoints.restore((self.memory, counts))
        done = 0 if saved is None else saved.epoch
        if saved is not None:
            self.memory, counts = saved.state
        self.rows = self.folder.keep_metrics({"part": done})
        self.spent = self.rows[-1]["wall_seconds"] if self.rows else 0.0
        print(
            f"{self.data.name}: {len(self.images)} training, {len(self.data.test)} test images; "
            f"{neurons} neurons; {device_name()}; {self.folder.path}",
            flush=True,
        )
        key = jax.random.fold_in(jax.random.key(self.config.seed), 4)
        for part in range(done, total):
            start = time.perf_counter()
            places = self._places(part)
            found = learn(
                self.task,
                self.memory,
                jnp.asarray(self.images[places]),
                jax.random.fold_in(key, part),
            )
            jax.block_until_ready(found)
            # What the neurons stood for at the images before is tried on these.
            accuracy = self._accuracy(counts, found.counts, part)
            self.memory, counts = found.memory, found.counts
            checkpoints.save((self.memory, counts), part + 1, None, is_last=True)
            self._report(part + 1, found, accuracy, time.perf_counter() - start)
        checkpoints.close()

    def _places(self, part: int) -> np.ndarray:
        every = self.config.learning.report_every
        return self.order[np.arange(part * every, (part + 1) * every) % len(self.order)]

    def _accuracy(self, before: Any, now: Any, part: int) -> float:
        if part == 0:
            return float("nan")
        classes, labels = len(self.data.class_names), self.data.train.labels
        assigned = assign_labels(np.asarray(before), labels[self._places(part - 1)], classes)
        answers = vote(np.asarray(now), assigned, classes)
        return float(np.mean(answers == labels[self._places(part)]))

    def _report(self, part: int, found: Any, accuracy: float, seconds: float) -> None:
        row = {
            "part": part,
            "examples": part * self.config.learning.report_every,
            "accuracy": accuracy,
            "spikes": float(found.counts.sum(1).mean()),
            "attempts": float(found.attempts.mean()),
            "threshold_rise": float(self.memory[RISE].mean()),
            "examples_per_second": self.config.learning.report_every / seconds,
            "wall_seconds": self._wall_seconds(),
        }
        self.rows.append(row)
        self.folder.add_metrics(row)
        print(
            f"{row['examples']} images  accuracy {accuracy:.2%}  spikes {row['spikes']:.1f}  shown "
            f"{row['attempts']:.2f} times  threshold +{row['threshold_rise']:.1f} mV  "
            f"{row['examples_per_second']:.0f} images/s",
            flush=True,
        )

    def _finish(self) -> None:
        data, learning = self.data, self.config.learning
        classes, key = len(data.class_names), jax.random.key(self.config.seed)
        places = self.order[: learning.assign]
        seen = respond(self.task, self.memory, self.images[places], jax.random.fold_in(key, 5))
        responses = class_responses(seen, data.train.labels[places], classes)
        assigned = assign_labels(seen, data.train.labels[places], classes)
        tested = respond(
            self.task, self.memory, _rows(data, data.test.inputs), jax.random.fold_in(key, 6)
        )
        answers = vote(tested, assigned, classes)
        accuracy = float(np.mean(answers == data.test.labels))
        weighted = float(np.mean(weighted_vote(tested, responses) == data.test.labels))
        self._draw(assigned, confusion_matrix(data.test.labels, answers.clip(0), classes))
        save(self.task.plain(self.memory), self.folder.network)
        summary = {
            "test_accuracy": accuracy,
            "weighted_test_accuracy": weighted,
            "unanswered": float(np.mean(answers < 0)),
            "examples": learning.examples,
            "neurons_of_each_class": np.bincount(
                assigned[assigned >= 0], minlength=classes
            ).tolist(),
            "wall_seconds": self._wall_seconds(),
            "seed": self.config.seed,
            "device": device_name(),
            "versions": versions(),
        }
        write_atomically(self.folder.summary, as_json(summary, indent=2) + "\n")
        print(
            f"test accuracy {accuracy:.2%}, by weighted votes {weighted:.2%}, after "
            f"{learning.examples} images, {summary['wall_seconds']:.0f} s; {self.folder.path}"
        )

    def _draw(self, assigned: np.ndarray, matrix: np.ndarray) -> None:
        from jaxneuro import plotting

        weights = np.asarray(self.task.matrix(self.memory))
        shape = self.data.train.inputs.shape[1:3]
        figure = plotting.receptive_fields(weights, shape, assigned)
        save_figure(figure, self.folder.figures, "receptive_fields")
        figure = plotting.confusion(matrix, self.data.class_names)
        save_figure(figure, self.folder.figures, "confusion_matrix")

    def _wall_seconds(self) -> float:
        return round(self.spent + time.perf_counter() - self.began, 2)


def _rows(data: Dataset, images: Any) -> np.ndarray:
    """Images as rows of numbers from 0 to 1."""
    return np.asarray(images, np.float32).reshape(len(images), -1) / data.scale
