"""A network is driven into the critical regime by gradient, and by a grid search of equal cost.

python experiments/tune_to_criticality.py [--iterations 60] [--quick] [--out FOLDER]

Excitatory and inhibitory weights have a gain each (or each synapse has its own). The loss is
(m - 0.88)² with the smooth branching ratio m in bins of 1 ms, plus 0.1 log²(rate / limit) above
4 Hz, since m is as high in runaway activity. Windows of 0.5 s go on from each other, and no
gradient passes 26 ms back: it explodes through more (gradients.png). A window costs three passes,
so the grid gets as many simulated seconds. What comes out is judged by multistep regression,
power laws and regime with noise, and in a network, that no search has seen. Results go to
FOLDER/results.json, tuning.png and gradients.png.
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
from jaxtyping import Array
from matplotlib.figure import Figure

from jaxneuro import Network, simulate
from jaxneuro.analysis import criticality
from jaxneuro.catalogue import critical_network
from jaxneuro.simulation import AbstractGradient, Backprop, Truncated
from jaxneuro.training import Bounds, trainable

SIZE, DT = 200, 0.1
# Steps. A run goes on at a multiple of its blocks, of 128 steps or a truncation.
SETTLING, WINDOW, TRUNCATION, BIN = 1024, 5120, 256, 10
TARGET, MOST_RATE, RATE_WEIGHT = 0.88, 4.0, 0.1
PASSES = 3  # of a gradient: its backward pass takes about two
STARTS = {"subcritical": (0.5, 1.0), "supercritical": (1.8, 1.0)}  # gains of both kinds
GRID = np.geomspace(0.4, 2.5, 6), np.geomspace(0.4, 2.5, 5)
HELD_OUT = (101, 102, 103)  # seeds of noise
JUDGED = 40_000  # steps
GAINS, REACHES = (0.6, 1.0, 1.6), (64, TRUNCATION, 512, 1024, WINDOW)  # of the study
COLOURS = {"subcritical": "#0072B2", "critical": "#009E73", "supercritical": "#D55E00"}
COLOURS["silent"] = "#999999"


class Gains(eqx.Module):
    """A network whose excitatory and inhibitory weights are multiplied by a gain each.

    **Arguments:**

    - `gain_exc`, `gain_inh`: one number, or one for each synapse.
    """

    network: Network
    gain_exc: Array
    gain_inh: Array

    def apply(self) -> Network:
        def where(net: Any) -> list[Array]:
            return [net.edges["exc"].weight, net.edges["inh"].weight]

        exc, inh = where(self.network)
        return eqx.tree_at(where, self.network, [exc * self.gain_exc, inh * self.gain_inh])

    def mean_gains(self) -> list[float]:
        return [float(jnp.exp(jnp.log(gain).mean())) for gain in (self.gain_exc, self.gain_inh)]


class Found(NamedTuple):
    """What a search ends with: gains, its way there, and what it cost."""

    model: Gains
    steps: list[dict[str, float]]
    seconds: float
    compile_seconds: float


@functools.cache  # one object, for which programs are compiled once
def network(seed: int) -> Network:
    return critical_network(jax.random.key(seed), SIZE, probability=0.1, w_scale=0.12).network


def build(seed: int, gains: Sequence[float], each: bool = False) -> Gains:
    edges: Any = network(seed).edges
    shapes = [edges[name].weight.shape if each else () for name in ("exc", "inh")]
    return Gains(network(seed), *(jnp.full(s, g) for s, g in zip(shapes, gains, strict=True)))


def window(model: Gains, state: Any, gradient: AbstractGradient) -> tuple[Array, Array, Any]:
    """Branching ratio and rate (Hz) of a window that goes on from a state, and the state after."""
    run = simulate(
        model.apply(),
        dt=DT,
        steps=WINDOW,
        key=jax.random.key(0),  # not used: that of the state goes on
        state=state,
        record={"spikes": "cells.spikes"},
        gradient=gradient,
    )
    ratio = criticality.smooth_branching(run["spikes"], steps=BIN)
    return ratio, run["spikes"].mean() * 1000.0 / DT, run.state


def settled(model: Gains, seed: int) -> Any:
    return simulate(model.apply(), dt=DT, steps=SETTLING, key=jax.random.key(seed)).state


def loss(ratio: Array, rate: Array) -> Array:
    excess = jax.nn.relu(jnp.log(jnp.maximum(rate, 1e-3) / MOST_RATE))
    return (ratio - TARGET) ** 2 + RATE_WEIGHT * excess**2


def by_gradient(model: Gains, iterations: int, learning_rate: float = 0.05) -> Found:
    """Adam on the logarithms of the gains; the mean of the last third of the way is the result."""
    limits = dict.fromkeys(("gain_exc", "gain_inh"), Bounds(0.05, 20.0, "log"))
    chosen = trainable(model, list(limits), limits)
    rates = optax.cosine_decay_schedule(learning_rate, iterations, 0.1)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rates))

    def objective(parameters: Any, state: Any) -> tuple[Array, Any]:
        ratio, rate, state = window(chosen.merge(model, parameters), state, Truncated(TRUNCATION))
        return loss(ratio, rate), (ratio, rate, state)

    @jax.jit
    def step(parameters: Any, past: Any, state: Any) -> tuple[Any, Any, Any, Array, Array]:
        (_, (ratio, rate, state)), slope = jax.value_and_grad(objective, has_aux=True)(
            parameters, state
        )
        with jax.numpy_dtype_promotion("standard"):  # optax mixes floats and integers
            change, past = optimizer.update(slope, past, parameters)
        return optax.apply_updates(parameters, change), past, state, ratio, rate

    parameters, state = chosen.split(model), settled(model, seed=1)
    past = optimizer.init(parameters)
    began = time.perf_counter()
    compiled = step.lower(parameters, past, state).compile()
    compile_seconds, began = time.perf_counter() - began, time.perf_counter()
    steps, late = [], []
    for index in range(iterations):
        before = chosen.merge(model, parameters)
        parameters, past, state, ratio, rate = compiled(parameters, past, state)
        exc, inh = before.mean_gains()
        steps.append({"exc": exc, "inh": inh, "branching": float(ratio), "rate": float(rate)})
        if index >= iterations * 2 // 3:
            late.append(parameters)
    mean = jax.tree.map(lambda *some: sum(some) / len(some), *late)
    seconds = time.perf_counter() - began
    return Found(chosen.merge(model, mean), steps, seconds, compile_seconds)


def counter(steps: int) -> Callable[[Gains, int], np.ndarray]:
    """A function that gives the spikes of all neurons in each step after the first 0.1 s."""

    @eqx.filter_jit
    def run(model: Gains, key: Array) -> Array:
        record = {"spikes": "cells.spikes"}
        return simulate(model.apply(), dt=DT, steps=steps, key=key, record=record)["spikes"].sum(1)

    return lambda model, seed: np.asarray(run(model, jax.random.key(seed)))[1000:].astype(int)


def measure(counts: np.ndarray) -> dict[str, Any]:
    found = criticality.measure_criticality(
        counts, DT, BIN * DT, neurons=round(0.75 * SIZE), branching_bin=BIN * DT
    )
    return {
        "regime": criticality.classify_regime(found, least_branching=0.75),
        "branching": found.branching,
        "size_exponent": found.size_exponent,
        "duration_exponent": found.duration_exponent,
        "deviation": found.deviation,
        "slope": found.slope,
        "avalanches": found.avalanches,
        "rate": float(counts.mean()) / SIZE * 1000.0 / DT,
    }


def by_grid(iterations: int) -> tuple[dict[str, Found], list[dict[str, Any]]]:
    """A grid for as many simulated seconds: its best points by two measures, and all of them.

    One is the score of the original grid search, the other the loss of the gradient.
    """
    points = [(float(exc), float(inh)) for exc in GRID[0] for inh in GRID[1]]
    run = counter(1000 + iterations * WINDOW * PASSES // len(points))
    began = time.perf_counter()
    run(build(0, points[0]), 1)
    compile_seconds, began = time.perf_counter() - began, time.perf_counter()
    rows = []
    for exc, inh in points:
        counts = run(build(0, (exc, inh)), 1)
        row = measure(counts)
        ratio = criticality.smooth_branching(jnp.asarray(counts, float), steps=BIN)
        row["loss"] = float(loss(ratio, jnp.asarray(row["rate"])))
        names = ("size_exponent", "duration_exponent", "slope", "branching", "avalanches")
        score = criticality.criticality_score(*(row[name] for name in names))
        rows.append({"exc": exc, "inh": inh, "score": score, **row})
    seconds = time.perf_counter() - began
    best = {
        "grid, by score": max(rows, key=lambda row: np.nan_to_num(row["score"], nan=-1.0)),
        "grid, by loss": min(rows, key=lambda row: row["loss"]),
    }
    found = {
        name: Found(build(0, (row["exc"], row["inh"])), [], seconds, compile_seconds)
        for name, row in best.items()
    }
    return found, rows


def judge(model: Gains, run: Callable[[Gains, int], np.ndarray]) -> list[dict[str, Any]]:
    """With noise that no search saw; and, for gains of whole kinds, in another network as well."""
    rows = [measure(run(model, seed)) | {"network": "same"} for seed in HELD_OUT]
    if not model.gain_exc.ndim:
        other = build(1, (float(model.gain_exc), float(model.gain_inh)))
        rows.append(measure(run(other, HELD_OUT[0])) | {"network": "other"})
    return rows


def study_gradients(draws: int) -> list[dict[str, Any]]:
    """The slope of m over the logarithm of the excitatory gain, as each truncation has it."""
    model = build(0, (1.0, 1.0))

    def ratio(log: Array, state: Any, gradient: AbstractGradient) -> Array:
        changed = eqx.tree_at(lambda m: m.gain_exc, model, jnp.exp(log))
        return window(changed, state, gradient)[0]

    value, slope = eqx.filter_jit(ratio), eqx.filter_jit(jax.grad(ratio))
    rows = []
    for gain in GAINS:
        log = jnp.log(jnp.asarray(gain))
        states = [settled(build(0, (gain, 1.0)), seed) for seed in range(2 * draws)]
        low, high = (
            np.array([float(value(log + step, state, Backprop())) for state in states])
            for step in (-0.15, 0.15)
        )
        slopes = (high - low) / 0.3
        error = slopes.std() / len(slopes) ** 0.5
        by_reach = {
            str(steps): [float(slope(log, s, Truncated(steps))) for s in states[:draws]]
            for steps in REACHES
        }
        rows.append({"gain": gain, "difference": slopes.mean(), "error": error, **by_reach})
    return rows


def draw_gradients(rows: list[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    for axes, row in zip(figure.subplots(1, len(rows), sharey=True), rows, strict=True):
        names = [name for name in row if name.isdigit()]
        for place, name in enumerate(names):
            axes.plot([place] * len(row[name]), row[name], "o", color="#0072B2", alpha=0.5)
        low, high = (row["difference"] + sign * 2 * row["error"] for sign in (-1, 1))
        axes.axhspan(low, high, color="#D55E00", alpha=0.3, label="differences, 2 standard errors")
        axes.set_yscale("symlog", linthresh=1.0)
        axes.set_ylim(-1e24, 1e24)
        axes.set_yticks([sign * 10.0**power for sign in (-1, 1) for power in (0, 6, 12, 18, 24)])
        axes.axhline(0.0, color="#999999", linewidth=0.8)
        axes.set_xticks(range(len(names)), [f"{float(name) * DT:g}" for name in names])
        axes.set(title=f"excitatory gain {row['gain']:g}", xlabel="Gradient reaches back (ms)")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("dm / d log(gain)")
    figure.axes[0].legend(frameon=False, fontsize=8)
    return figure


def draw_tuning(
    grid: list[dict[str, Any]], ways: dict[str, list[dict[str, float]]], spikes: dict[str, Any]
) -> Figure:
    figure = Figure(figsize=(12.6, 3.8), layout="constrained")
    plane, time_course, sizes = figure.subplots(1, 3)
    for regime, colour in COLOURS.items():
        some = [row for row in grid if row["regime"] == regime]
        if some:
            place = [row["exc"] for row in some], [row["inh"] for row in some]
            plane.scatter(*place, s=150, marker="s", color=colour, alpha=0.35, label=regime)
    for start, way in ways.items():
        colour = COLOURS[start]
        exc, inh = [step["exc"] for step in way], [step["inh"] for step in way]
        plane.plot(exc, inh, "-", color=colour, linewidth=1.4)
        plane.plot(exc[0], inh[0], "o", color=colour)
        plane.plot(exc[-1], inh[-1], "*", color=colour, markersize=13, markeredgecolor="black")
        time_course.plot([step["branching"] for step in way], color=colour, label=f"from {start}")
    plane.set(xscale="log", yscale="log", xlabel="Excitatory gain", ylabel="Inhibitory gain")
    for axis in (plane.xaxis, plane.yaxis):
        axis.set_ticks([0.5, 1.0, 2.0], labels=["0.5", "1", "2"])
        axis.set_ticks([], minor=True)
    plane.set_title("Grid (squares) and gradient (lines)", fontsize=10)
    plane.legend(frameon=False, fontsize=8, loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.2))
    time_course.axhline(TARGET, color="black", linestyle="--", linewidth=1)
    time_course.set(xlabel="Iteration (0.5 s each)", ylabel="m (1 ms), of one window")
    time_course.legend(frameon=False, fontsize=8)
    for name, counts in spikes.items():
        found = criticality.find_avalanches(counts, DT, BIN * DT)
        values = np.sort(found.sizes)
        share = 1.0 - np.arange(len(values)) / len(values)
        kind = name.split()[-1]
        style = "--" if "start" in name else "-"
        sizes.plot(values, share, style, color=COLOURS[kind], label=name)
    x = np.geomspace(1, SIZE, 20)
    sizes.plot(x, x**-0.5, ":", color="black", label="exponent 1.5")
    sizes.set(
        xscale="log", yscale="log", xlabel="Avalanche size (spikes)", ylabel="P(size or more)"
    )
    sizes.set_xlim(0.8, 5 * SIZE)
    sizes.legend(frameon=False, fontsize=8, loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.2))
    for axes in (plane, time_course, sizes):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def compare(iterations: int, judged: int) -> tuple[dict[str, Any], Figure]:
    """The grid, and both starts by gradient with a gain for each kind and for each synapse."""
    run = counter(judged)
    searches, points = by_grid(iterations)
    for start, gains in STARTS.items():
        searches[f"start {start}"] = Found(build(0, gains), [], 0.0, 0.0)
        searches[f"gradient from {start}"] = by_gradient(build(0, gains), iterations)
        searches[f"synapses from {start}"] = by_gradient(build(0, gains, each=True), iterations)
    rows = {}
    print("| search | gains | regimes | m | size | duration exponent | rate (Hz) | seconds |")
    for name, found in searches.items():
        rows[name] = {
            "gains": found.model.mean_gains(),
            "seconds": found.seconds,
            "compile_seconds": found.compile_seconds,
            "judged": judge(found.model, run),
            "steps": found.steps,
        }
        print(line(name, rows[name]), flush=True)
    ways = {start: searches[f"gradient from {start}"].steps for start in STARTS}
    spikes = {}
    for start in STARTS:
        for name in (f"start {start}", f"gradient from {start}"):
            spikes[name] = run(searches[name].model, HELD_OUT[0])
    return {"searches": rows, "grid": points}, draw_tuning(points, ways, spikes)


def line(name: str, row: dict[str, Any]) -> str:
    """A line of the table: means over what was judged, and how often it was critical."""

    def mean(key: str) -> str:
        values = np.array([one[key] for one in row["judged"]])
        return f"{values[np.isfinite(values)].mean():.2f}" if np.isfinite(values).any() else "-"

    regimes = [one["regime"] for one in row["judged"]]
    told = ", ".join(f"{regimes.count(name)} {name}" for name in dict.fromkeys(regimes))
    numbers = " | ".join(
        mean(k) for k in ("branching", "size_exponent", "duration_exponent", "rate")
    )
    exc, inh = row["gains"]
    return f"| {name} | {exc:.2f}, {inh:.2f} | {told} | {numbers} | {row['seconds']:.0f} s |"


def main(iterations: int = 60, out: str = "runs/tune_to_criticality", quick: bool = False) -> Path:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    results, figure = compare(iterations, JUDGED // 4 if quick else JUDGED)
    figure.savefig(folder / "tuning.png", dpi=120)
    results["gradients"] = study_gradients(1 if quick else 8)
    draw_gradients(results["gradients"]).savefig(folder / "gradients.png", dpi=120)
    results["device"] = jax.devices()[0].device_kind
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--out", default="runs/tune_to_criticality")
    parser.add_argument("--quick", action="store_true", help="3 iterations, and little else")
    given = parser.parse_args()
    main(3 if given.quick else given.iterations, given.out, given.quick)
