"""The dot pattern expectancy task: whether a probe is the target depends on the cue before it.

A cue (A or B) is shown, and after a delay a probe (X or Y). The right response to X after A is
"target", to all else "other". Two rings hold what was shown (`jaxneuro.catalogue.dual_ring`): at
the end of the probe one holds the probe, the other still the cue. What their neurons add to two
accumulators is fitted to training trials, of each kind the same number, by logistic regression; the
trials that are then counted were not among these.

Prints the accuracy by kind of trial, saves spikes, stimuli and responses as trials.npz, and draws
the first trial of the kind AX.

python experiments/dot_pattern_expectancy.py
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import Network, simulate
from jaxneuro.analysis import population_vector, rate_map, windowed_counts
from jaxneuro.catalogue import dual_ring
from jaxneuro.data import save_trials, trials_from_times
from jaxneuro.inputs import Cues
from jaxneuro.plotting import population_raster
from jaxneuro.plotting import population_vector as draw_vector
from jaxneuro.plotting import rate_map as draw_rates
from jaxneuro.simulation import EventList, Events
from jaxneuro.topology import ring

RATE, TAU, TEMPERATURE = 1250.0, 80.0, 5.0
BEFORE, CUE, DELAY, PROBE, AFTER = 500.0, 1000.0, 4000.0, 500.0, 600.0  # ms
DIRECTIONS = {letter: (k + 0.5) * math.pi / 2 for k, letter in enumerate("ABXY")}
KINDS = "AX", "AY", "BX", "BY"
PROBABILITY = 0.8  # of A, of X after A, and of X after B
POPULATIONS = "perception", "memory", "perception_int", "memory_int"
BUMPS, CONCENTRATION, PENALTY = 16, 8.0, 0.1  # of the fit
BIN, SMOOTHING, WINDOW = 40.0, 60.0, 100.0  # of the figures, ms
BLOCK, MOST = 125, 100


class Schedule(NamedTuple):
    """When what is shown, ms; the choice is at the end of the probe."""

    cue: tuple[float, float]
    probe: tuple[float, float]
    end: float
    dt: float

    def cues(self, kind: str) -> Cues:
        values = [[RATE, DIRECTIONS[letter]] for letter in kind]
        (a, b), (c, d) = self.cue, self.probe
        return Cues([a, c], [b, d], values)

    def bands(self, kind: str) -> list[tuple[float, float, str]]:
        return [(*self.cue, f"cue {kind[0]}"), (*self.probe, f"probe {kind[1]}")]


class Trial(NamedTuple):
    """What one trial left: spike times of each neuron by population, and accumulators over time."""

    kind: str
    times: dict[str, list[np.ndarray]]
    accumulated: np.ndarray


def schedule(delay: float, dt: float) -> Schedule:
    start = BEFORE + CUE + delay
    return Schedule((BEFORE, BEFORE + CUE), (start, start + PROBE), start + PROBE + AFTER, dt)


@eqx.filter_jit
def run_trial(
    network: Network, cue: Cues, key: jax.Array, dt: float, steps: int
) -> tuple[dict[str, EventList], jax.Array]:
    record = {
        name: Events(f"{name}.spikes", capacity=MOST * network.nodes[name].shape[0])
        for name in POPULATIONS
    }
    # Whole blocks only: a shorter last one would be compiled apart.
    run = simulate(
        network,
        {"cue": cue},
        dt=dt,
        steps=steps,
        key=key,
        record={**record, "k": "response.g_ampa"},
        block=BLOCK,
    )
    return {name: run[name] for name in POPULATIONS}, run["k"]


def trial(network: Network, plan: Schedule, kind: str, key: jax.Array) -> Trial:
    steps = round(plan.end / plan.dt)
    events, accumulated = run_trial(network, plan.cues(kind), key, plan.dt, steps)
    times = {}
    for name in POPULATIONS:
        found = events[name]
        count, size = int(found.count), network.nodes[name].shape[0]
        if count > found.step.size:
            raise RuntimeError(f"{name!r} fired {count} times, more than {MOST} times a neuron.")
        neuron, step = np.asarray(found.neuron)[:count], np.asarray(found.step)[:count]
        order = np.argsort(neuron, kind="stable")
        ends = np.cumsum(np.bincount(neuron, minlength=size))[:-1]
        times[name] = np.split((step[order] + 1) * plan.dt, ends)
    return Trial(kind, times, np.asarray(accumulated))


def fit(trials: Sequence[Trial], plan: Schedule, pyramidal: int) -> jax.Array:
    """What a spike of each neuron adds to each accumulator, (rings, pyramidal, responses).

    Logistic regression of the right response, whose chance is sigmoid((k_0 - k_1) / 5), on what the
    accumulators would have heard of each neuron at the choice; by Newton's method, with a penalty.
    Around each ring the weights are a sum of 16 bumps, so that neighbours have similar ones.
    """
    chosen_at = plan.probe[1]

    def heard(times: np.ndarray) -> float:
        before = times[times <= chosen_at]
        return float(np.exp((before - chosen_at) / TAU).sum())

    seen = [[heard(t) for name in POPULATIONS[:2] for t in one.times[name]] for one in trials]
    apart = np.asarray(ring(pyramidal))[:, None] - np.asarray(ring(BUMPS))
    bumps = np.kron(np.eye(2), np.exp(CONCENTRATION * (np.cos(apart) - 1.0)))
    features = np.array(seen) @ bumps
    is_target = np.array([one.kind == "AX" for one in trials], float)
    weight = np.zeros(2 * BUMPS)
    for _ in range(30):
        chance = 1.0 / (1.0 + np.exp(-features @ weight / TEMPERATURE))
        slope = features.T @ (is_target - chance) / TEMPERATURE - PENALTY * weight
        spread = features.T * (chance * (1.0 - chance)) @ features / TEMPERATURE**2
        weight = weight + np.linalg.solve(spread + PENALTY * np.eye(2 * BUMPS), slope)
    difference = (bumps @ weight).reshape(2, pyramidal)
    return jnp.asarray(np.stack([difference / 2, -difference / 2], axis=-1), jnp.float32)


def choose(trials: Sequence[Trial], plan: Schedule, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The responses (0 is target), drawn from softmax(k / 5), and the chance of the right ones."""
    k = np.array([one.accumulated[round(plan.probe[1] / plan.dt) - 1] for one in trials])
    target = 1.0 / (1.0 + np.exp((k[:, 1] - k[:, 0]) / TEMPERATURE))
    response = (np.random.default_rng(seed).random(len(trials)) >= target).astype(int)
    is_target = np.array([one.kind == "AX" for one in trials])
    return response, np.where(is_target, target, 1.0 - target)


def kinds(count: int, seed: int) -> list[str]:
    draw = np.random.default_rng(seed).random((count, 2)) < PROBABILITY
    return [("A" if a else "B") + ("X" if x else "Y") for a, x in draw]


def main(
    pyramidal: int = 256,
    interneurons: int = 64,
    trials: int = 150,
    training: int = 15,
    delay: float = DELAY,
    nmda: float = 1.0,
    dt: float = 0.1,
    out: str = "runs/dot_pattern_expectancy",
) -> dict[str, float]:
    plan = schedule(delay, dt)
    key = jax.random.key(0)
    network = dual_ring(pyramidal, interneurons, nmda=nmda)
    lessons = [
        trial(network, plan, kind, jax.random.fold_in(key, i))
        for i, kind in enumerate(KINDS * training)
    ]
    action = fit(lessons, plan, pyramidal)
    network = dual_ring(pyramidal, interneurons, nmda=nmda, action=action)
    shown = kinds(trials, seed=1)
    done = [
        trial(network, plan, kind, jax.random.fold_in(key, len(lessons) + i))
        for i, kind in enumerate(shown)
    ]
    response, chance = choose(done, plan, seed=2)
    is_right = (response == 0) == np.array([kind == "AX" for kind in shown])
    print("kind   trials   correct   mean chance of the right response")
    accuracy = {}
    for kind in (*KINDS, "all"):
        mine = np.array([kind in (one, "all") for one in shown])
        if mine.any():
            accuracy[kind] = float(is_right[mine].mean())
            print(f"{kind:4} {mine.sum():8d} {accuracy[kind]:9.1%} {chance[mine].mean():9.3f}")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    labels = {
        "cue": [kind[0] for kind in shown],
        "probe": [kind[1] for kind in shown],
        "response": [("target", "other")[r] for r in response],
        "is_right": is_right.tolist(),
    }
    saved = trials_from_times([one.times for one in done], plan.end, labels)
    save_trials(folder / "trials.npz", saved)
    draw(next((one for one in done if one.kind == "AX"), done[0]), plan, pyramidal, folder)
    return accuracy


def draw(one: Trial, plan: Schedule, pyramidal: int, folder: Path) -> None:
    """Spikes of the trial, and of each ring the rates and the population vector."""
    bands = plan.bands(one.kind)
    title = f"Trial {one.kind}"
    figure = population_raster(one.times, (0.0, plan.end), cues=bands, title=title)
    figure.savefig(folder / "raster.png", dpi=150)
    theta = np.asarray(ring(pyramidal))
    targets = [DIRECTIONS[letter] for letter in one.kind]
    for name in POPULATIONS[:2]:
        steps = np.zeros((round(plan.end), pyramidal))  # of 1 ms
        for neuron, times in enumerate(one.times[name]):
            np.add.at(steps[:, neuron], np.ceil(times - 1e-6).astype(int) - 1, 1.0)
        counts = windowed_counts(steps, 1.0, WINDOW)
        vector = population_vector(counts, theta)
        t = (np.arange(len(counts)) + 0.5) * WINDOW
        figure = draw_vector(
            t, vector.angle, vector.length, cues=bands, targets=targets, title=f"{title}: {name}"
        )
        figure.savefig(folder / f"population_vector_{name}.png", dpi=150)
        rates = rate_map(steps, 1.0, BIN, SMOOTHING)
        figure = draw_rates(rates, BIN, theta, cues=bands, title=f"{title}: {name}")
        figure.savefig(folder / f"rate_map_{name}.png", dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pyramidal", type=int, default=256, help="neurons of each ring")
    parser.add_argument("--interneurons", type=int, default=64, help="of each ring")
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--training", type=int, default=15, help="trials of each kind")
    parser.add_argument("--delay", type=float, default=DELAY, help="from cue to probe, ms")
    parser.add_argument("--nmda", type=float, default=1.0, help="factor on all NMDA")
    parser.add_argument("--dt", type=float, default=0.1, help="ms")
    parser.add_argument("--out", default="runs/dot_pattern_expectancy")
    main(**vars(parser.parse_args()))
