"""Gradient descent against evolution: one network, the same number of forward passes.

python experiments/gradient_vs_evolution.py [--passes 1e7] [--seeds 3] [--out FOLDER]

An image costs gradient descent three forward passes (its backward pass takes about two), and an
evolution one for each member that sees it, and one more to find the span of its layers' inputs
where the noise is drawn there. All methods see the same augmented digits. Results
go to FOLDER/results.json and FOLDER/accuracy.png.
"""

import argparse
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from matplotlib.figure import Figure

from jaxneuro import Layer, Network, sequential
from jaxneuro.data import Dataset, digits, random_affine
from jaxneuro.edges import Dense
from jaxneuro.evolution import AbstractStrategy, Evosax, GeneticAlgorithm, LowRankES
from jaxneuro.neurons import LI, LIF
from jaxneuro.surrogates import Arctan
from jaxneuro.training import (
    Classifier,
    Parameters,
    evaluate,
    evolve,
    grade,
    train,
    trainable,
)

BATCH = 64
PASSES_PER_IMAGE = 3  # of gradient descent
POINTS = 60  # of a curve
TASK = Classifier(steps=8, dt=1.0, gain=3.0)
Curve = list[tuple[float, float]]


def build(seed: int) -> Network:
    return sequential(
        (8, 8),
        Layer(Dense(64), LIF(tau=5.0)),
        Layer(Dense(10), LI(tau=10.0)),
        key=jax.random.key(seed),
        surrogate=Arctan(),
    )


def prepare_for(data: Dataset) -> Callable:
    def prepare(batch: Any, key: jax.Array) -> Any:
        images = batch[0].astype(float) / data.scale
        amounts = {"shift": 0.5, "rotation": 6.0, "scale": 0.06, "shear": 0.06}
        return random_affine(key, images, **amounts), batch[1]

    return prepare


def by_gradient(data: Dataset, seed: int, passes: float) -> tuple[Network, Curve]:
    steps = len(data.train) // BATCH
    epochs = max(1, round(passes / (steps * BATCH * PASSES_PER_IMAGE)))
    due = set(np.geomspace(1, epochs, POINTS).round().astype(int))
    curve: Curve = []
    epoch = 0

    def validate(network: Network) -> dict[str, float]:
        nonlocal epoch
        epoch += 1
        if epoch in due:
            spent = epoch * steps * BATCH * PASSES_PER_IMAGE
            curve.append((spent, test_accuracy(network, data)))
        return {}

    rate = optax.cosine_decay_schedule(3e-3, epochs * steps)
    result = train(
        TASK.loss,
        build(seed),
        (data.train.inputs, data.train.labels),
        optimizer=optax.adamw(rate, weight_decay=1e-2),
        epochs=epochs,
        batch_size=BATCH,
        key=jax.random.key(seed + 100),
        prepare=prepare_for(data),
        evaluate=validate,
    )
    return result.model, curve


def by_evolution(
    data: Dataset,
    seed: int,
    passes: float,
    strategy: Callable[[Network, int], AbstractStrategy],
    cost: int,
    **options: Any,
) -> tuple[Network, Curve]:
    generations = max(1, round(passes / cost))
    curve: Curve = []
    part = data.test
    network = build(seed)
    result = evolve(
        functools.partial(TASK.fitness, measure="loss"),
        network,
        strategy(network, generations),
        generations=generations,
        key=jax.random.key(seed + 100),
        data=(data.train.inputs, data.train.labels),
        prepare=prepare_for(data),
        evaluate=functools.partial(
            grade, TASK, inputs=part.inputs, labels=part.labels, scale=data.scale
        ),
        evaluate_every=max(1, generations // POINTS),
        on_generation=lambda g: (
            curve.append((g.generation * cost, g.scores["accuracy"])) if g.scores else None
        ),
        **options,
    )
    return result.model, curve


def low_rank(network: Network, generations: int) -> LowRankES:
    rate = optax.cosine_decay_schedule(0.02, generations)
    return LowRankES(512, sigma=0.1, optimizer=optax.adamw(rate), noise="sign")


def low_rank_in_span(network: Network, generations: int) -> LowRankES:
    chosen = trainable(network)

    def span(mean: Parameters, batch: Any) -> dict[str, jax.Array]:
        return TASK.layer_inputs(chosen.merge(network, mean), batch, jax.random.key(0))

    rate = optax.cosine_decay_schedule(0.01, generations)
    optimizer = optax.adamw(rate)
    return LowRankES(2048, optimizer=optimizer, noise="sign", shaping="standardize", span=span)


def snes(network: Network, generations: int) -> Evosax:
    return Evosax("SNES", 64, 0.1)


def genetic(network: Network, generations: int) -> GeneticAlgorithm:
    sizes = {"lower": 0.0, "upper": 2.0, "initial_sigma": 0.05, "mutation_sigma": 0.05}
    return GeneticAlgorithm(100, **sizes)


evolved = functools.partial(functools.partial, by_evolution)
METHODS: dict[str, Callable[[Dataset, int, float], tuple[Network, Curve]]] = {
    "gradient (AdamW)": by_gradient,
    "LowRankES, span": evolved(
        strategy=low_rank_in_span, cost=2048 + 1024, batch_size=1, slices=1024, chunk=256
    ),
    "LowRankES": evolved(strategy=low_rank, cost=512 * 16, batch_size=16, slices=16, chunk=64),
    "SNES": evolved(strategy=snes, cost=64 * 128, batch_size=128),
    "GeneticAlgorithm": evolved(strategy=genetic, cost=100 * 256, batch_size=256),
}


def test_accuracy(network: Network, data: Dataset) -> float:
    part = data.test
    return evaluate(TASK, network, part.inputs, part.labels, scale=data.scale).accuracy


def compare(passes: float, seeds: int) -> list[dict[str, Any]]:
    rows = []
    for seed in range(seeds):
        data = digits(seed=seed, validation_fraction=0.0)
        for name, run in METHODS.items():
            began = time.perf_counter()
            network, curve = run(data, seed, passes)
            row = {
                "method": name,
                "seed": seed,
                "test_accuracy": test_accuracy(network, data),
                "seconds": round(time.perf_counter() - began, 1),
                "curve": curve,
            }
            rows.append(row)
            print(f"seed {seed}  {name:18} {row['test_accuracy']:.2%}  {row['seconds']:.0f} s")
    return rows


def draw(rows: list[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for index, name in enumerate(METHODS):
        curves = [row["curve"] for row in rows if row["method"] == name]
        for number, curve in enumerate(curves):
            passes, accuracy = zip(*curve, strict=True)
            label = name if number == 0 else None
            axes.plot(passes, 100 * np.array(accuracy), color=f"C{index}", label=label, alpha=0.8)
    axes.set(xscale="log", xlabel="Forward passes of one image", ylabel="Test accuracy (%)")
    axes.set_title("8×8 digits, LIF 64-64-10: the same number of forward passes")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left")
    return figure


def main(passes: float = 1e7, seeds: int = 3, out: str = "runs/gradient_vs_evolution") -> Path:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    rows = compare(passes, seeds)
    about = {"passes": passes, "device": jax.devices()[0].device_kind, "runs": rows}
    (folder / "results.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    draw(rows).savefig(folder / "accuracy.png", dpi=120)
    for name in METHODS:
        mine = [row for row in rows if row["method"] == name]
        accuracy = [row["test_accuracy"] for row in mine]
        seconds = np.mean([row["seconds"] for row in mine])
        print(f"| {name} | {np.mean(accuracy):.2%} ({min(accuracy):.2%}) | {seconds:.0f} s |")
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=float, default=1e7)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", default="runs/gradient_vs_evolution")
    given = parser.parse_args()
    main(given.passes, given.seeds, given.out)
