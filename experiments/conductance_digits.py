"""A layered conductance network learns digits three ways: evolution, reward, gradient.

python experiments/conductance_digits.py [--method all] [--classes 0 1 2 3 4] [--data FOLDER]

All methods start from the same weights and see the same images: MNIST if FOLDER has its files, else
the 8x8 digits, both averaged down to 7x7. A pixel is up to 10 evenly spaced spikes in 50 ms, and
the answer is the output neuron with most spikes in 90 ms, the first of equals; without any spike
there is none. Results go to results.json, weights.npz and figure.png in the folder of --out.
"""

import argparse
import functools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxneuro import Network, simulate
from jaxneuro.analysis import confusion_matrix
from jaxneuro.catalogue import layered_network
from jaxneuro.data import digits, mnist, pool
from jaxneuro.edges import Projection, Sparse
from jaxneuro.evolution import GeneticAlgorithm
from jaxneuro.inputs import even_encode
from jaxneuro.integrators import Euler, ExponentialEuler
from jaxneuro.network import dense_by_delay
from jaxneuro.neurons import Input
from jaxneuro.plasticity import (
    HardBounds,
    HomeostaticScaling,
    PairSTDP,
    Plastic,
    RewardSTDP,
    Rules,
    SoftBounds,
)
from jaxneuro.plotting import method_comparison
from jaxneuro.simulation import Count, Mean
from jaxneuro.topology import LayerProbabilities
from jaxneuro.training import evolve, learn_from_reward, train, trainable

HIDDEN, SIDE = (30, 20), 7
PROBABILITIES = LayerProbabilities(0.12, 0.15, 0.3, 0.15, 0.06, 0.0, 0.0, 0.0)
LOW, HIGH = 0.002, 0.35  # 1/ms, of a weight
START_SUM = 0.25  # 1/ms, of the excitatory weights into a hidden or output neuron at the start
INPUT, DURATION = 50.0, 90.0  # ms
READOUT, LEARNING = 30.0, 50.0  # ms, of reward-modulated STDP, after the input
DT, DT_TEST = 0.5, 0.1  # ms
MAX_RATE = 200.0  # Hz
A_PLUS, A_MINUS, TAU_STDP, TAU_E = 0.001, 0.0012, 20.0, 20.0
LEARNED = "exc", "inh"
COUNT_GAIN, DRIVE_GAIN = 0.5, 40.0  # of the scores that the gradient's loss compares; 1, and ms
SPIKES = functools.partial(even_encode, max_rate=MAX_RATE, duration=INPUT)
FIRST_OUTPUT = SIDE**2 + sum(HIDDEN)
CURVE_EXAMPLES = 300

Weights = dict[str, Array]
Curve = list[tuple[float, float]]


class Examples(NamedTuple):
    """Intensities of 49 pixels, and the index of each image's class."""

    inputs: np.ndarray
    labels: np.ndarray


class Learned(NamedTuple):
    """What a method made of the weights, and what that took."""

    weights: Weights
    curve: Curve
    simulations: int


class Budget(NamedTuple):
    """How much each method may do."""

    train: int = 2000
    test: int = 1000
    population: int = 100
    generations: int = 60
    batch: int = 100
    epochs: int = 10
    digits: int = 4000


QUICK = Budget(train=200, test=60, population=6, generations=2, batch=20, epochs=1, digits=20)


def load(path: str | None, classes: list[int], budget: Budget, seed: int) -> list[Examples]:
    """The images of some classes, to learn from and to be tested on."""
    data = digits(seed=seed, validation_fraction=0.0) if path is None else mnist(path, validation=0)
    rng, parts = np.random.default_rng(seed), []
    for split, most in ((data.train, budget.train), (data.test, budget.test)):
        rows = rng.permutation(np.flatnonzero(np.isin(split.labels, classes)))[:most]
        inputs = pool(split.inputs[rows] / data.scale, SIDE).reshape(len(rows), -1)
        labels = np.searchsorted(classes, split.labels[rows])
        parts.append(Examples(inputs, labels.astype(np.int32)))
    return parts


def build(classes: int, seed: int, dt: float) -> Network:
    """The network, its inhibitory edge in two parts: what learns, and what the outputs share.

    Drawn weights leave most outputs silent, or let one of them win always. So at the start the
    excitatory ones into each neuron are scaled to one sum.
    """
    sizes = (SIDE**2, *HIDDEN, classes)
    cells = {
        "g_noise": 5e-4,
        # Inhibition among the outputs adds up to more than 2 / dt, where Euler's method overshoots.
        "integrator": Euler() if dt == DT_TEST else ExponentialEuler(),
    }
    made = layered_network(
        jax.random.key(seed), sizes, PROBABILITIES, w_min=0.01, w_scale=0.05,
        mutual_inhibition=2.5, of_cells=cells,
    )  # fmt: skip
    pre, post, weight, delay, _ = made.synapses()
    size, last = sum(sizes), np.asarray(made.layer) == len(sizes) - 1
    is_mutual = last[pre] & last[post]
    is_scaled = (weight > 0) & (post >= SIDE**2)
    sums = np.bincount(post[is_scaled], weight[is_scaled], size)
    weight = np.where(is_scaled, weight * START_SUM / np.maximum(sums, LOW)[post], weight)
    strength = np.where(is_mutual, np.abs(weight), np.clip(np.abs(weight), 1.01 * LOW, 0.99 * HIGH))
    edges = dict(made.network.edges)
    kinds = (weight > 0, (weight < 0) & ~is_mutual, is_mutual)
    for name, here in zip(("exc", "inh", "output"), kinds, strict=True):
        receptor = "cells/ampa" if name == "exc" else "cells/gaba"
        listed, values = Sparse(pre[here], post[here], size), jnp.asarray(strength[here], float)
        edges[name] = Projection("cells", receptor, values, listed, delays=delay[here])
    return Network(made.network.nodes, edges)


def with_weights(network: Network, weights: Weights) -> Network:
    where = lambda n: [n.edges[name].weight for name in LEARNED]  # noqa: E731
    return eqx.tree_at(where, network, [weights[name] for name in LEARNED])


def outputs(network: Network, inputs: Array, key: Array, dt: float = DT) -> tuple[Array, Array]:
    """Of each output neuron at each example the spikes, and the mean of what excites it, 1/ms.

    The noise is the same for all examples.
    """
    record = {"count": Count("cells.spikes"), "drive": Mean("cells/ampa.g")}

    def one(values: Array) -> tuple[Array, Array]:
        spikes = SPIKES(values, steps=round(DURATION / dt), dt=dt)
        run = simulate(network, {"input": spikes}, dt=dt, key=key, record=record, block=1)
        return run["count"][FIRST_OUTPUT:], run["drive"][FIRST_OUTPUT:]

    return jax.vmap(one)(inputs)


def quick(network: Network, weights: Weights, inputs: Array, key: Array) -> tuple[Array, Array]:
    """`outputs` with other weights, by matrices: what is fastest for a batch."""
    return outputs(dense_by_delay(with_weights(network, weights), DT), inputs, key)


def answers(counts: Array) -> Array:
    """The class with most spikes; -1 for silence."""
    return jnp.where(counts.max(-1) > 0, counts.argmax(-1), -1)


def curve_of(network: Network, test: Examples) -> Callable[[Weights], dict[str, Array]]:
    """The accuracy on some test examples, for the curves alone: nothing is chosen by it."""
    inputs, labels = (jnp.asarray(x[:CURVE_EXAMPLES]) for x in test)

    def accuracy(weights: Weights) -> dict[str, Array]:
        counts, _ = quick(network, weights, inputs, jax.random.key(1))
        return {"accuracy": jnp.mean(answers(counts) == labels)}

    return accuracy


def by_evolution(
    network: Network, start: Weights, data: list[Examples], budget: Budget, seed: int
) -> Learned:
    """The genetic algorithm of the original; silence is a wrong answer."""
    cost = budget.population * budget.batch
    curve: Curve = []

    def fitness(weights: Weights, batch: Any, key: Array) -> Array:
        counts, _ = quick(network, weights, batch[0], key)
        return jnp.mean(answers(counts) == batch[1])

    result = evolve(
        fitness,
        start,
        GeneticAlgorithm(budget.population, lower=LOW, upper=HIGH, initial_sigma=0.03),
        generations=budget.generations,
        key=jax.random.key(seed),
        chosen=trainable(start, LEARNED),
        data=tuple(map(jnp.asarray, data[0])),
        batch_size=budget.batch,
        chunk=10,
        evaluate=curve_of(network, data[1]),
        evaluate_every=max(1, budget.generations // 15),
        on_generation=lambda g: (
            curve.append((g.generation * cost, g.scores["accuracy"])) if g.scores else None
        ),
    )
    return Learned(result.model, curve, budget.generations * cost)


def by_gradient(
    network: Network, start: Weights, data: list[Examples], budget: Budget, seed: int
) -> Learned:
    """Surrogate gradients, of the weights between smooth bounds; the way back counts as two."""
    curve: Curve = []
    accuracy = eqx.filter_jit(curve_of(network, data[1]))
    batch = min(20, len(data[0].labels))
    steps = len(data[0].labels) // batch

    def loss(weights: Weights, batch: Any, key: Array) -> tuple[Array, dict[str, Array]]:
        counts, drive = quick(network, weights, batch[0], key)
        # Spikes alone leave a neuron that the others silence without a gradient.
        scores = COUNT_GAIN * counts + DRIVE_GAIN * drive
        each = optax.softmax_cross_entropy_with_integer_labels(scores, batch[1])
        return jnp.mean(each), {}

    def evaluate(weights: Weights) -> dict[str, Array]:
        scores = accuracy(weights)
        curve.append(((len(curve) + 1) * 3 * steps * batch, float(scores["accuracy"])))
        return scores

    rate = optax.cosine_decay_schedule(0.2, budget.epochs * steps)
    result = train(
        loss,
        start,
        tuple(map(jnp.asarray, data[0])),
        optimizer=optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate)),
        epochs=budget.epochs,
        batch_size=batch,
        key=jax.random.key(seed),
        chosen=trainable(start, LEARNED, dict.fromkeys(LEARNED, (LOW, HIGH))),
        evaluate=evaluate,
    )
    return Learned(result.model, curve, budget.epochs * steps * batch * 3)


def by_reward(
    network: Network, start: Weights, data: list[Examples], budget: Budget, seed: int
) -> Learned:
    """Reward-modulated STDP: the answer after input and readout decides, 1, -1, or 0 for silence.

    All synapses gather eligibility until the reward comes, when the learning phase ends. Then the
    weights into each neuron are scaled back to their sum. Each digit finds a network at rest.
    """
    part, learner, curve = data[0], with_reward(network), []
    accuracy = eqx.filter_jit(curve_of(network, data[1]))
    shown, after = round((INPUT + READOUT) / DT), round(LEARNING / DT)

    def judge(counts: Array, example: tuple[Array, Array]) -> Array:
        answer = answers(counts[FIRST_OUTPUT:])
        return jnp.where(answer < 0, 0.0, jnp.where(answer == example[1], 1.0, -1.0))

    @jax.jit
    def learn(memory: Weights, examples: tuple[Array, Array], key: Array) -> Weights:
        encode = lambda example: {"input": SPIKES(example[0], steps=shown, dt=DT)}  # noqa: E731
        common = {"dt": DT, "after": after, "key": key, "population": "cells"}
        return learn_from_reward(learner, examples, encode, judge, memory=memory, **common).memory

    rows = np.random.default_rng(seed).permutation(np.arange(budget.digits)) % len(part.labels)
    memory, weights = {f"{name}.weight": start[name] for name in LEARNED}, start
    for done in range(0, budget.digits, budget.digits // 10):
        piece = rows[done : done + budget.digits // 10]
        examples = jnp.asarray(part.inputs[piece]), jnp.asarray(part.labels[piece])
        memory = learn(memory, examples, jax.random.fold_in(jax.random.key(seed), done))
        weights = {name: memory[f"{name}.weight"] for name in LEARNED}
        curve.append((done + len(piece), float(accuracy(weights)["accuracy"])))
    return Learned(weights, curve, budget.digits)


def with_reward(network: Network) -> Network:
    """Both kinds of synapses learn; the neurons' mutual inhibition stays."""
    span = HIGH - LOW  # the bounds of the rule are relative to it
    pairs = PairSTDP(A_PLUS * span, A_MINUS * span, TAU_STDP, TAU_STDP, SoftBounds(LOW, HIGH))
    plastic = {}
    for name in LEARNED:
        edge, post = network.edges[name], network[f"{name}.connectivity.post"]
        total = jnp.zeros(network.nodes["cells"].size).at[post].add(network[f"{name}.weight"])
        total = jnp.where(total > 0, total, 1.0)  # of neurons that have no such synapse
        bounds, every = HardBounds(LOW, HIGH), INPUT + READOUT + LEARNING
        scaling = HomeostaticScaling(total, every=every, bounds=bounds)
        rule = Rules(RewardSTDP(pairs, tau_e=TAU_E, is_cleared=True), scaling)
        plastic[name] = Plastic(edge, rule, third="reward")
    return Network(network.nodes | {"reward": Input(1)}, network.edges | plastic)


METHODS: dict[str, tuple[str, Callable[..., Learned]]] = {
    "ga": ("genetic algorithm", by_evolution),
    "reward": ("reward-modulated STDP", by_reward),
    "gradient": ("surrogate gradient", by_gradient),
}


def examine(network: Network, weights: Weights, test: Examples) -> dict[str, Any]:
    """The network of listed synapses at the original's step, on all test images."""
    told, key = with_weights(network, weights), jax.random.key(2)

    @jax.jit
    def all_answers(inputs: Array) -> Array:
        one = lambda values: outputs(told, values[None], key, DT_TEST)[0][0]  # noqa: E731
        return answers(jax.lax.map(one, inputs, batch_size=100))

    given = np.asarray(all_answers(jnp.asarray(test.inputs)))
    is_answered, is_right = given >= 0, given == test.labels
    classes = int(test.labels.max()) + 1
    matrix = confusion_matrix(test.labels, np.where(is_answered, given, classes), classes + 1)
    return {
        "accuracy": float(is_right.mean()),
        "accuracy_answered": float(is_right.sum() / max(is_answered.sum(), 1)),
        "silent": float(1.0 - is_answered.mean()),
        "confusion": matrix[:classes].tolist(),  # the last column is silence
    }


def compare(
    methods: list[str], classes: list[int], path: str | None, budget: Budget, seed: int
) -> tuple[dict[str, dict[str, Any]], dict[str, Weights]]:
    """Results and weights of the start and of each method, by its title."""
    data = load(path, classes, budget, seed)
    network, tested = (build(len(classes), seed, dt) for dt in (DT, DT_TEST))
    start: Weights = {name: network[f"{name}.weight"] for name in LEARNED}
    at_start = float(curve_of(network, data[1])(start)["accuracy"])
    results = {"start": {"simulations": 0, "seconds": 0.0, "cpu_seconds": 0.0, "curve": []}}
    weights = {"start": start}
    for title, learn in (METHODS[method] for method in methods):
        began, busy = time.perf_counter(), time.process_time()
        learned = learn(network, start, data, budget, seed)
        weights[title] = learned.weights
        results[title] = {
            "simulations": learned.simulations,
            "seconds": round(time.perf_counter() - began, 1),
            "cpu_seconds": round(time.process_time() - busy, 1),
            "curve": [(0, at_start), *learned.curve],
        }
    return {t: row | examine(tested, weights[t], data[1]) for t, row in results.items()}, weights


def show(results: dict[str, dict[str, Any]]) -> None:
    print("| method | right, of all | of answered | silent | simulations | seconds (of CPU) |")
    print("|---|---|---|---|---|---|")
    for title, row in results.items():
        parts = [f"{row[name]:.1%}" for name in ("accuracy", "accuracy_answered", "silent")]
        seconds = f"{row['seconds']:.0f} ({row['cpu_seconds']:.0f})"
        print("|", " | ".join([title, *parts, f"{row['simulations']:,}", seconds]), "|")


def main(
    method: str = "all",
    classes: Sequence[int] = (0, 1, 2, 3, 4),
    data: str | None = None,
    quick: bool = False,
    seed: int = 0,
    out: str = "runs/conductance_digits",
) -> dict[str, dict[str, Any]]:
    chosen = sorted(set(classes))
    if len(chosen) < 2 or not set(chosen) <= set(range(10)):
        raise SystemExit(f"--classes are {chosen}; pass at least two digits from 0 to 9.")
    folder, budget = Path(out), QUICK if quick else Budget()
    folder.mkdir(parents=True, exist_ok=True)
    methods = list(METHODS) if method == "all" else [method]
    results, weights = compare(methods, chosen, data, budget, seed)
    show(results)
    about = {"classes": chosen, "data": data or "digits", "seed": seed, "budget": budget._asdict()}
    about |= {"device": jax.devices()[0].device_kind, "results": results}
    (folder / "results.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    signed = {t: np.concatenate([part["exc"], -part["inh"]]) for t, part in weights.items()}
    np.savez(folder / "weights.npz", **signed)
    figure = method_comparison(
        {title: row | {"weights": signed[title]} for title, row in results.items()},
        [str(digit) for digit in chosen],
        cost="Simulations of an image (a gradient counts as three)",
        unit="1/ms",
    )
    figure.savefig(folder / "figure.png", dpi=130)
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=["all", *METHODS], default="all")
    parser.add_argument("--classes", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="digits")
    parser.add_argument("--data", help="folder with the four files of MNIST")
    parser.add_argument("--quick", action="store_true", help="a few digits, to see that it runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="runs/conductance_digits")
    main(**vars(parser.parse_args()))
