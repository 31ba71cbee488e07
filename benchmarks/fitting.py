"""How fast candidates of a fit are scored, what a gradient costs, and which strategy gets furthest.

`speed`: AdEx candidates against all sweeps of a recording at dt 0.1 ms, whole generations of the
search (drawing, simulating, scoring, CMA-ES), beside NumPy (the same equations in float32, all
candidates and sweeps as one array, scored by voltage and counts inside the loop) and a round of
brian2modelfitting (`peers/fitting_brian2.py`). Every program is a process of its own; in each round
they run one after another, and ratios are taken round by round.

`gradient`: the gradient of the loss over its value, with resets at exact times, in one process.

`strategies`: hybrid, evolution alone and gradient alone (damped Gauss–Newton, and Adam) on every
other sweep of the recording for equally many seconds each: loss over time, as a figure.

`recovery`: parameters of known models, found from their own traces and spikes.

    python benchmarks/fitting.py speed RECORDING --peer PATH/TO/python
    python benchmarks/fitting.py gradient RECORDING
    python benchmarks/fitting.py strategies RECORDING --seconds 60 --figure FILE.png
    python benchmarks/fitting.py recovery --truths 20

All four write their part into `--json FILE`.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from fitting_recovery import measure_recovery
from programs import Program, interleave, ratio, summary

from jaxneuro.evolution import Evosax
from jaxneuro.fitting import (
    Latency,
    Problem,
    SpikeCount,
    SpikeTiming,
    Target,
    Voltage,
    compensate,
    make_problem,
    make_target,
    read_recording,
    series_resistance,
)
from jaxneuro.fitting._descend import descend
from jaxneuro.fitting._lanes import losses_of_all
from jaxneuro.fitting._polish import polish
from jaxneuro.fitting._search import begin_search, continue_search, draw_starts
from jaxneuro.neurons import (
    AdaptiveThresholdAdEx,
    AdEx,
    Refractory,
)

HERE = Path(__file__).parent
DT = 0.1
ADEX = {
    "C": (20.0, 400.0, "log"),
    "g_L": (1.0, 30.0, "log"),
    "v_t": (-60.0, -25.0),
    "tau_w": (5.0, 1000.0, "log"),
    "a": (-2.0, 15.0),
    "b": (0.0, 150.0),
    "v_reset": (-65.0, -35.0),
}
STARTS, POPULATION, GENERATIONS = 8, 24, 4


def adex_problem(path: str) -> Problem:
    """AdEx against all sweeps of a recording, to their end."""
    recording = read_recording(path)
    duration = (len(recording.resample(DT).time) - 1) * DT
    target = make_target(recording, dt=DT, duration=duration)
    model = AdEx(C=100.0, g_L=5.0, v_t=-45.0, v_reset=-50.0, v_peak=0.0)
    objective = SpikeCount() + SpikeTiming() + Voltage()
    return make_problem(model, target, ADEX, objective, baseline="E_L")


def serve_ours(path: str) -> None:
    """Answers "run" with the seconds of some generations."""
    problem = adex_problem(path)
    strategy = Evosax("CMA_ES", POPULATION, sigma=0.6)
    key = jax.random.key(0)
    search = begin_search(strategy, draw_starts(problem, STARTS, key), key)

    def run() -> float:
        began = time.perf_counter()
        _, _, rows = continue_search(
            problem, strategy, search, key, 0, GENERATIONS, 10**6, jax.devices()
        )
        assert np.isfinite(rows).any()
        return time.perf_counter() - began

    run()
    candidates = STARTS * POPULATION * GENERATIONS
    print(json.dumps({"candidates": candidates, "devices": jax.device_count()}), flush=True)
    _answer(run)


def serve_numpy(path: str, candidates: int) -> None:
    """Answers "run" with the seconds that NumPy takes for so many candidates."""
    problem = adex_problem(path)
    target = problem.target
    current, recorded, counted = (
        np.asarray(x, np.float32)[:, None]
        for x in (target.current, target.voltage, target.is_subthreshold)
    )
    rng = np.random.default_rng(0)
    drawn = {
        name: rng.uniform(lower, upper, (candidates, 1)).astype(np.float32)
        for name, (lower, upper, *_) in ADEX.items()
    }
    rest = np.asarray(target.baseline, np.float32)[None]
    step, width = np.float32(DT), np.float32(2.0)

    def run() -> float:
        began = time.perf_counter()
        p = drawn
        v = np.broadcast_to(rest, (candidates, target.sweeps)).copy()
        w, error, count = np.zeros_like(v), np.zeros_like(v), np.zeros_like(v)
        for i in range(target.steps):
            x = np.minimum(v, np.float32(0.0))
            inward = width * np.exp((x - p["v_t"]) / width) - (x - rest)
            v += step / p["C"] * (p["g_L"] * inward - w + current[i])
            w += step / p["tau_w"] * (p["a"] * (x - rest) - w)
            fired = v > 0.0
            v = np.where(fired, p["v_reset"], v)
            w += fired * p["b"]
            count += fired
            error += counted[i] * (v - recorded[i]) ** 2
        assert count.any()
        return time.perf_counter() - began

    print(json.dumps({"candidates": candidates, "numpy": np.__version__}), flush=True)
    _answer(run)


def _answer(run: Callable[[], float]) -> None:
    for line in sys.stdin:
        if line.strip() == "quit":
            return
        print(json.dumps({"seconds": run()}), flush=True)


def measure_speed(options: argparse.Namespace) -> dict[str, Any]:
    """Candidates a second of every program."""
    this = [sys.executable, str(HERE / "fitting.py")]
    is_cpu = jax.default_backend() == "cpu"
    cores = len(os.sched_getaffinity(0))
    extra = {"JAX_NUM_CPU_DEVICES": str(cores)} if is_cpu else {}
    name = f"jaxneuro, {cores} cores" if is_cpu else "jaxneuro"
    programs = {name: Program([*this, "serve", options.recording], **extra)}
    programs["NumPy"] = Program([*this, "serve-numpy", options.recording])
    with tempfile.TemporaryDirectory() as folder:
        if options.peer:
            target = adex_problem(options.recording).target
            path = Path(folder) / "target.npz"
            times = np.asarray(target.spike_times)
            rank, sweep = np.nonzero(np.isfinite(times))
            spikes = np.stack([sweep, times[rank, sweep]], axis=1)
            np.savez(path, current=np.asarray(target.current), spikes=spikes, dt=DT)
            peer = [options.peer, str(HERE / "peers" / "fitting_brian2.py"), str(path)]
            programs["brian2modelfitting"] = Program(peer)
        timers = {key: program.time for key, program in programs.items()}
        times_of = interleave(timers, options.rounds)
    found: dict[str, Any] = {}
    for key, program in programs.items():
        seconds = times_of[key]
        rate = program.about["candidates"] / float(np.median(seconds))
        found[key] = {**program.about, **summary(seconds), "candidates_per_second": round(rate, 1)}
        program.close()
    ours = [t / programs[name].about["candidates"] for t in times_of[name]]
    for key in list(programs)[1:]:
        theirs = [t / programs[key].about["candidates"] for t in times_of[key]]
        found[key]["times_as_long_per_candidate"] = ratio(theirs, ours)
    return found


def measure_gradient(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of the loss and of its gradient, for one candidate and for several at once."""
    problem = adex_problem(options.recording)
    own = problem.chosen.split(problem.cell)

    def total(parameters: Any) -> jax.Array:
        """Of all candidates, as a fit computes it: each has its own gradient."""
        return jnp.sum(jax.vmap(problem.total)(losses_of_all(problem, parameters, True)))

    loss, gradient = jax.jit(total), jax.jit(jax.grad(total))
    found: dict[str, Any] = {"parameters": len(own)}
    for count in (1, 8, 32):
        parameters = {path: x + 0.01 * jnp.arange(count) for path, x in own.items()}

        def timer(function: Callable, parameters: Any = parameters) -> Callable[[], float]:
            jax.block_until_ready(function(parameters))

            def run() -> float:
                began = time.perf_counter()
                jax.block_until_ready(function(parameters))
                return time.perf_counter() - began

            return run

        seconds = interleave({"loss": timer(loss), "gradient": timer(gradient)}, options.rounds)
        found[f"{count} candidates"] = {
            **{name: summary(times) for name, times in seconds.items()},
            "gradient_over_loss": ratio(seconds["gradient"], seconds["loss"]),
        }
    return found


def real_cell(path: str) -> tuple[Any, Target, dict[str, Any], Any]:
    """Model, target, free parameters and objective of `configs/fit_adex.toml`."""
    import tomllib

    config = tomllib.loads((HERE.parent / "configs" / "fit_adex.toml").read_text())
    recording = read_recording(path)
    recording = compensate(recording, series_resistance(recording))
    target = make_target(recording.select(range(0, recording.sweeps, 2)), dt=DT)
    model = Refractory(
        AdaptiveThresholdAdEx(**config["neuron"]["parameters"]), config["neuron"]["refractory"]
    )
    free = {name: tuple(bounds) for name, bounds in config["free"].items()}
    o = config["objective"]
    objective = (
        o["voltage"]["weight"] * Voltage(sd=o["voltage"]["sd"])
        + o["spike_timing"]["weight"] * SpikeTiming()
        + o["spike_count"]["weight"] * SpikeCount(sd=o["spike_count"]["sd"])
        + o["latency"]["weight"] * Latency(sd=o["latency"]["sd"])
    )
    return model, target, free, objective


def measure_strategies(options: argparse.Namespace) -> dict[str, Any]:
    """Best loss over seconds of each strategy, with its compilation, for equally long."""
    model, target, free, objective = real_cell(options.recording)
    problem = make_problem(model, target, free, objective, baseline="E_L")
    adam = optax.adam(0.02)
    ways: dict[str, Callable] = {
        "evolution": lambda clock, key: evolve(problem, key, clock, 1.0)[1],
        "hybrid": lambda clock, key: hybrid(problem, key, clock),
        "gradient, Gauss–Newton": lambda clock, key: descend_from(
            problem, draw_starts(problem, STARTS, key), clock, None
        ),
        "gradient, Adam": lambda clock, key: descend_from(
            problem, draw_starts(problem, STARTS, key), clock, adam
        ),
    }
    found: dict[str, Any] = {name: [] for name in ways}
    for seed in range(options.seeds):
        for name, way in ways.items():
            clock = Clock(options.seconds)
            way(clock, jax.random.key(seed))
            jax.clear_caches()  # so that each compiles for itself
            found[name].append({"seconds": clock.seconds, "loss": clock.losses})
            print(f"{name}, seed {seed}: {clock.losses[-1]:.3f} after {clock.seconds[-1]:.0f} s")
    if options.figure:
        draw(found, options.figure)
    return found


class Clock:
    """The best loss so far over the seconds since it was made."""

    def __init__(self, limit: float):
        self.began, self.limit = time.perf_counter(), limit
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def note(self, losses: Any) -> None:
        best = min([float(np.min(np.asarray(losses))), *self.losses[-1:]])
        self.seconds.append(round(time.perf_counter() - self.began, 2))
        self.losses.append(best)

    def has_left(self, share: float = 1.0) -> bool:
        return time.perf_counter() - self.began < share * self.limit


def evolve(problem: Problem, key: jax.Array, clock: Clock, share: float) -> Any:
    """The search of `fit` until its share of the time is spent."""
    strategy = Evosax("CMA_ES", POPULATION, sigma=0.6)
    search, done = begin_search(strategy, draw_starts(problem, STARTS, key), key), 0
    while clock.has_left(share):
        search, done, _ = continue_search(
            problem, strategy, search, key, done, done + 4, 10**6, jax.devices()
        )
        clock.note(search.loss)
    return {path: jnp.asarray(np.asarray(x)) for path, x in search.best.items()}, search


def hybrid(problem: Problem, key: jax.Array, clock: Clock) -> None:
    """Three quarters of the time for the search, the rest for the gradient."""
    best, _ = evolve(problem, key, clock, 0.75)
    descend_from(problem, best, clock, None)


def descend_from(problem: Problem, starts: Any, clock: Clock, optimizer: Any) -> None:
    """The gradient from these starts until the time is spent."""
    while clock.has_left():
        if optimizer is None:
            polished = polish(problem, starts, steps=4, devices=jax.devices())
        else:
            # Its moments start anew each time: enough steps at once that this does not matter.
            polished = descend(
                problem, starts, steps=25, optimizer=optimizer, devices=jax.devices()
            )
        starts = {path: jnp.asarray(np.asarray(x)) for path, x in polished.parameters.items()}
        clock.note(polished.loss)


def draw(found: dict[str, Any], path: str) -> None:
    """Loss over time, a line for each seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.subplots()
    for index, (name, curves) in enumerate(found.items()):
        for seed, curve in enumerate(curves):
            label = name if seed == 0 else None
            axes.plot(curve["seconds"], curve["loss"], color=f"C{index}", label=label)
    axes.set(xlabel="Time with compiling (s)", ylabel="Loss of the best", yscale="log")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measures one part and prints or writes it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("speed", "gradient", "strategies", "recovery", "serve", "serve-numpy")
    parser.add_argument("part", choices=parts)
    parser.add_argument("recording", nargs="?", help="a file that `read_recording` reads")
    parser.add_argument("--peer", help="a Python with brian2modelfitting")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each strategy")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--truths", type=int, default=20)
    parser.add_argument("--figure", help="of the strategies, a PNG")
    parser.add_argument("--json", help="the part is added to this file")
    options = parser.parse_args()
    if options.part == "serve":
        return serve_ours(options.recording)
    if options.part == "serve-numpy":
        return serve_numpy(options.recording, 24)
    if options.part != "recovery" and not options.recording:
        parser.error(f"{options.part} needs a recording")
    measure = {
        "speed": measure_speed,
        "gradient": measure_gradient,
        "strategies": measure_strategies,
        "recovery": measure_recovery,
    }[options.part]
    if options.part in ("strategies", "recovery") and "JAX_NUM_CPU_DEVICES" not in os.environ:
        jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))
    found = measure(options)
    about = {
        "date": time.strftime("%Y-%m-%d"),
        "device": jax.devices()[0].device_kind,
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {name: version(name) for name in ("jax", "numpy", "jaxneuro")},
    }
    if not options.json:
        print(json.dumps({**about, options.part: found}, indent=1))
        return
    path = Path(options.json)
    before = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(
        json.dumps({**before, options.part: {**about, "results": found}}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
