"""The figures of a run, drawn from its network and its data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import plotting
from jaxneuro.analysis import confusion_matrix
from jaxneuro.data import Dataset
from jaxneuro.network import Network
from jaxneuro.simulation import simulate
from jaxneuro.training import Classifier, Evaluation


def draw_curves(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Learning curves from the rows of `metrics.jsonl`."""
    save_figure(plotting.learning_curves(rows), folder, "learning_curves")


def draw_evolution(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Fitness, loss, accuracy and diversity from the rows of `metrics.jsonl`."""
    save_figure(plotting.evolution_curves(rows), folder, "evolution")


def draw_confusion(data: Dataset, evaluation: Evaluation, folder: Path) -> None:
    """Which class was taken for which."""
    classes = len(data.class_names)
    matrix = confusion_matrix(data.test.labels, evaluation.answers, classes)
    save_figure(plotting.confusion(matrix, data.class_names), folder, "confusion_matrix")


def draw_example(
    task: Classifier, network: Network, data: Dataset, evaluation: Evaluation, folder: Path
) -> None:
    """The first test image on its way through all layers, and the readout's membrane."""
    image = data.test.inputs[0] / data.scale
    source = task.encode(jnp.asarray(image), network.nodes["input"].shape)
    layers = [name for name in network.populations if name != "readout"]
    readout = "v" if _is_silent(network) else "spikes"
    record = [f"{name}.spikes" for name in ("input", *layers)] + ["readout.v", "readout.spikes"]
    run = simulate(
        network,
        {"input": source},
        dt=task.dt,
        steps=task.steps,
        key=jax.random.key(0),
        record=record,
        inference=True,
    )
    shown = ["input", *layers] + (["readout"] if readout == "spikes" else [])
    series = {name: np.asarray(run[f"{name}.spikes"]) for name in shown}
    label, answer = int(data.test.labels[0]), int(evaluation.answers[0])
    names = data.class_names
    title = f"Test image 0: {names[label]}, read as {names[answer]}"
    save_figure(plotting.raster(series, task.dt, image=image, title=title), folder, "raster")
    v = np.asarray(run["readout.v"])
    figure = plotting.membrane(v, task.dt, names, label, answer)
    save_figure(figure, folder, "readout_membrane")


def draw_mistakes(data: Dataset, evaluation: Evaluation, folder: Path) -> None:
    """The wrong answers that the network was surest of."""
    scores = jax.nn.softmax(jnp.asarray(evaluation.scores), axis=1)
    figure = plotting.hardest_mistakes(
        data.test.inputs,
        data.test.labels,
        evaluation.answers,
        np.asarray(scores.max(axis=1)),
        data.class_names,
    )
    save_figure(figure, folder, "hardest_mistakes")


def _is_silent(network: Network) -> bool:
    """Whether the readout only integrates."""
    readout = network.populations["readout"]
    state = readout.init(jax.random.key(0))
    return readout.neuron.margin(state, state) is None


def save_figure(figure: Any, folder: Path, name: str) -> None:
    """Writes a figure as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=120)
