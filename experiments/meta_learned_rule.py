"""Rules of plasticity that are learned themselves, by gradients through the learning they cause.

Part 1: from the weights that a hidden triplet rule makes of random spike trains, the eight numbers
of the rule are found, starting from random ones.
Part 2: the numbers of a pair rule are found with which a neuron that is told when to spike a few
times comes to know the pattern it was told at: it answers it, and not another one. Tested with
patterns that the rule was not found with.

python experiments/meta_learned_rule.py [--quick] [--out FOLDER]
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import Projection
from jaxneuro.neurons import LI, LIF, Input
from jaxneuro.plasticity import (
    AbstractRule,
    HardBounds,
    PairSTDP,
    Plastic,
    TripletSTDP,
    Unbounded,
)
from jaxneuro.training import Bounds, trainable

KEY = jax.random.key(0)
TOLD = 1e9  # a current that makes a neuron with a threshold of 1e6 spike in the same step
# Part 1: hidden numbers, and between which others are tried.
HIDDEN = {
    "a2_plus": 0.005, "a3_plus": 0.008, "a2_minus": 0.004, "a3_minus": 0.002,
    "tau_plus": 17.0, "tau_x": 100.0, "tau_minus": 34.0, "tau_y": 50.0,
}  # fmt: skip
AMPLITUDE, DURATION = Bounds(1e-4, 0.1, "log"), Bounds(2.0, 1000.0, "log")
PAIRS, STEPS = 40, 2000
# Part 2: a pattern is when each source spikes.
SOURCES, LENGTH, SHOWN, TOLD_AT = 200, 50, 8, 40
TAU, GAIN, START = 15.0, 0.05, 0.2
# Steps of Adam are of equal size, while amplitudes are smaller than logarithms of times.
FINER = 20.0


def minimise(
    loss: Callable[[Any, Any], Any], start: Any, batches: list[Any], rate: float
) -> tuple[Any, list[float]]:
    """Adam, one batch an iteration; the parameters, and the loss of each iteration."""
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, len(batches), 0.01))

    @jax.jit
    def step(parameters: Any, memory: Any, batch: Any) -> Any:
        value, slope = jax.value_and_grad(loss)(parameters, batch)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes floats and integers
            updates, memory = optimizer.update(slope, memory)
        return optax.apply_updates(parameters, updates), memory, value

    memory, losses = optimizer.init(start), []
    for batch in batches:
        start, memory, value = step(start, memory, batch)
        losses.append(float(value))
    return start, losses


def told_network(rule: AbstractRule, shape: tuple[int, int]) -> Network:
    """Neurons that spike when they are told, one plastic weight from each source to each."""
    edge = Projection("sources", "cells", jnp.full(shape, 0.5), delay=0.0)
    cells = Population(LIF(threshold=1e6, reset_by="value"), shape[1])
    return Network({"sources": Input(shape[0]), "cells": cells}, {"learns": Plastic(edge, rule)})


def find_a_hidden_rule(iterations: int, seed: int = 0) -> dict[str, Any]:
    """Part 1: the rule, where the search started, what it found, and its losses."""
    rng = np.random.default_rng(seed)
    rates = rng.uniform(5.0, 40.0, 2 * PAIRS) / 1000.0
    spikes = (rng.random((STEPS, 2 * PAIRS)) < rates).astype(np.float32)
    inputs = {
        "sources": jnp.asarray(spikes[:, :PAIRS]),
        "cells": jnp.asarray(TOLD * spikes[:, PAIRS:]),
    }
    bounds = {
        f"learns.rule.{name}": DURATION if name.startswith("tau") else AMPLITUDE for name in HIDDEN
    }
    first = {name: value * np.exp(rng.uniform(-1.2, 1.2)) for name, value in HIDDEN.items()}
    net = told_network(TripletSTDP(**first, bounds=Unbounded()), (PAIRS, PAIRS))
    chosen = trainable(net, list(bounds), bounds)

    def end(net: Network) -> jax.Array:
        return simulate(net, inputs, dt=1.0, key=KEY).state.edges["learns"].weight - 0.5

    wanted = end(told_network(TripletSTDP(**HIDDEN, bounds=Unbounded()), (PAIRS, PAIRS)))

    def loss(parameters: Any, batch: None) -> jax.Array:
        error = end(chosen.merge(net, parameters)) - wanted
        return jnp.mean(error**2) / jnp.mean(wanted**2)

    found, losses = minimise(loss, chosen.split(net), [None] * iterations, 0.1)
    rule = chosen.merge(net, found).edges["learns"].rule
    numbers = {name: float(getattr(rule, name)) for name in HIDDEN}
    return {"hidden": HIDDEN, "start": first, "found": numbers, "losses": losses}


def patterns(seed: int, count: int) -> jax.Array:
    """When each source spikes in the pattern to be learned and in another, (count, 2, sources)."""
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.integers(0, TOLD_AT, (count, 2, SOURCES)))


def spikes_of(latencies: jax.Array) -> jax.Array:
    """A pattern as a series, (time, sources)."""
    return jax.nn.one_hot(latencies, LENGTH, axis=0)


def pupil(rule: AbstractRule) -> Network:
    edge = Projection("sources", "cell", jnp.full((SOURCES, 1), START), delay=0.0)
    cell = Population(LIF(tau=TAU, threshold=1e6, reset_by="value"), 1)
    return Network({"sources": Input(SOURCES), "cell": cell}, {"learns": Plastic(edge, rule)})


def answers(rule: AbstractRule, latencies: jax.Array) -> jax.Array:
    """The peaks of the neuron's voltage in answer to both patterns after it has been taught one.

    It is told to spike at the end of one of them; the other comes in turn with it.
    """
    pair = jnp.concatenate([spikes_of(latencies[0]), spikes_of(latencies[1])])
    told = jnp.zeros((2 * LENGTH, 1)).at[TOLD_AT].set(TOLD)
    series = {"sources": jnp.tile(pair, (SHOWN, 1)), "cell": jnp.tile(told, (SHOWN, 1))}
    weight = GAIN * simulate(pupil(rule), series, dt=1.0, key=KEY).state.edges["learns"].weight
    # Its voltage without a threshold, by which the answer is judged.
    nodes = {"sources": Input(SOURCES), "cell": Population(LI(tau=TAU), 1)}
    judged = Network(nodes, {"read": Projection("sources", "cell", TAU * weight, delay=0.0)})

    def peak(latencies: jax.Array) -> jax.Array:
        shown = {"sources": spikes_of(latencies)}
        run = simulate(judged, shown, dt=1.0, key=KEY, record=("cell.v",))
        return jnp.max(run["cell.v"])

    return jnp.stack([peak(latencies[0]), peak(latencies[1])])


def find_a_rule_that_teaches(iterations: int, seed: int = 1) -> dict[str, Any]:
    """Part 2: the peaks before and after, to patterns not used in the search, and the numbers."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(0.0, 0.003, 2).tolist() + rng.uniform(5.0, 60.0, 2).tolist()
    rule = PairSTDP(*numbers, bounds=HardBounds(0.0, 1.0))
    bounds = {name: Bounds(5.0, 100.0, "log") for name in ("tau_plus", "tau_minus")}
    chosen = trainable(rule, ["a_plus", "a_minus", *bounds], bounds)
    every = eqx.filter_vmap(answers, in_axes=(None, 0))

    def loss(parameters: Any, batch: jax.Array) -> jax.Array:
        peaks = every(chosen.merge(rule, scaled(parameters)), batch)
        # The threshold is 1; a tenth of it is a clear answer.
        return jnp.mean(jax.nn.softplus((1.0 - peaks[:, 0]) / 0.1)) + jnp.mean(
            jax.nn.softplus((peaks[:, 1] - 1.0) / 0.1)
        )

    def scaled(parameters: Any, factor: float = 1.0 / FINER) -> Any:
        return {n: x * factor if n.startswith("a_") else x for n, x in parameters.items()}

    batches = [patterns(1000 + i, 8) for i in range(iterations)]
    found, losses = minimise(loss, scaled(chosen.split(rule), FINER), batches, 0.1)
    best = chosen.merge(rule, scaled(found))
    test = patterns(0, 50)
    judge = eqx.filter_jit(every)
    names = ("a_plus", "a_minus", "tau_plus", "tau_minus")
    return {
        "start": {name: float(getattr(rule, name)) for name in names},
        "found": {name: float(getattr(best, name)) for name in names},
        "losses": losses,
        "before": np.asarray(judge(rule, test)).tolist(),
        "after": np.asarray(judge(best, test)).tolist(),
    }


def right(peaks: list[list[float]]) -> float:
    """Of the neurons, how many answer their pattern and not the other."""
    own, other = np.asarray(peaks).T
    return float(np.mean((own > 1.0) & (other <= 1.0)))


def main(out: str = "runs/meta_learned_rule", quick: bool = False) -> Path:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    hidden = find_a_hidden_rule(100 if quick else 1500)
    print(f"hidden rule: loss {hidden['losses'][0]:.3g} -> {hidden['losses'][-1]:.3g}")
    print("             hidden      start      found")
    for name in HIDDEN:
        row = (hidden[part][name] for part in ("hidden", "start", "found"))
        print(f"{name:10s}" + "".join(f"{x:11.5g}" for x in row))
    teaching = find_a_rule_that_teaches(60 if quick else 200)
    print(f"rule that teaches: loss {teaching['losses'][0]:.3g} -> {teaching['losses'][-1]:.3g}")
    for name, first in teaching["start"].items():
        print(f"{name:10s}           {first:11.5g}{teaching['found'][name]:11.5g}")
    shares = right(teaching["before"]), right(teaching["after"])
    print(f"new patterns told from another: {shares[0]:.0%} -> {shares[1]:.0%}")
    results = {"hidden": hidden, "teaching": teaching | {"right": shares}}
    (folder / "results.json").write_text(json.dumps(results))
    draw(hidden, teaching).savefig(folder / "meta_learned_rule.png", dpi=150)
    return folder


def draw(hidden: dict[str, Any], teaching: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(10.0, 7.0), layout="constrained")
    (a, b), (c, d) = figure.subplots(2, 2)
    a.semilogy(hidden["losses"], color="C0")
    a.set(xlabel="Iteration", ylabel="Relative error of the weights", title="A hidden rule")
    names = list(HIDDEN)
    wanted = np.array([hidden["hidden"][name] for name in names])
    for part, marker in (("start", "o"), ("found", "x")):
        ratio = np.array([hidden[part][name] for name in names]) / wanted
        b.semilogy(range(len(names)), ratio, marker, label=part)
    b.axhline(1.0, color="0.7", linewidth=1.0)
    b.set(ylabel="Number / hidden number", title="Its eight numbers")
    b.set_yticks([0.25, 0.5, 1.0, 2.0, 4.0], ["1/4", "1/2", "1", "2", "4"])
    b.minorticks_off()
    b.set_xticks(range(len(names)), names, rotation=45)
    b.legend(frameon=False)
    lags = np.linspace(0.0, 80.0, 161)
    for part, colour in (("start", "C0"), ("found", "C1")):
        numbers = teaching[part]
        after = numbers["a_plus"] * np.exp(-lags / numbers["tau_plus"])
        before = -numbers["a_minus"] * np.exp(-lags / numbers["tau_minus"])
        c.plot(lags, after, color=colour, label=part)
        c.plot(-lags, before, color=colour)
    c.axhline(0.0, color="0.7", linewidth=1.0)
    c.set(xlabel="Target's spike after source's (ms)", ylabel="Change", title="A rule that teaches")
    c.legend(frameon=False)
    for part, colour in (("before", "C0"), ("after", "C1")):
        own, other = np.asarray(teaching[part]).T
        d.plot(other, own, ".", color=colour, label=part)
    d.axhline(1.0, color="0.7", linewidth=1.0)
    d.axvline(1.0, color="0.7", linewidth=1.0)
    d.set(
        xlabel="Peak for another pattern",
        ylabel="Peak for its own",
        title="Its pupils (threshold 1)",
    )
    d.legend(frameon=False)
    for axes in (a, b, c, d):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="runs/meta_learned_rule")
    parser.add_argument("--quick", action="store_true", help="100 and 60 iterations")
    given = parser.parse_args()
    main(given.out, given.quick)
