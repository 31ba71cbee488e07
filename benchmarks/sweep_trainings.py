"""Time of 32 complete trainings: one program of many lanes against warm calls and single runs.

The network, the data and the optimiser are those of configs/digits.toml, for 10 epochs; 8 seeds by
4 learning rates. The programs of `sweeps.run` take their lanes one by one, or in tiles of a `vmap`,
on one device, or on two that are each a half of the machine. Beside them are 32 calls of one
compiled training in one process, 32 calls of `train`, each of which compiles its own step, and 32
runs of `jaxneuro train`; of the last two a few are timed and counted up to 32.

Every program is a process of its own; in each round they run one after another, and ratios are
taken round by round. Seconds are those of a compiled program, except of `train` and the command
line; "with compiling" also counts tracing, compiling and storing.

    python benchmarks/sweep_trainings.py                         # about 20 minutes
    python benchmarks/sweep_trainings.py --epochs 2 --rounds 1   # to try it
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from programs import Program, ratio, summary

from jaxneuro import sweeps
from jaxneuro.cli._build import (
    build_dataset,
    build_network,
    build_optimizer,
    build_prepare,
    build_task,
    build_trainable,
)
from jaxneuro.cli._config import Config
from jaxneuro.cli._sweep_training import DIMS, training_lane
from jaxneuro.training import train

HERE = Path(__file__).parent
CONFIG = HERE.parent / "configs" / "digits.toml"
SEEDS, RATES = list(range(8)), [1e-3, 3e-3, 1e-2, 3e-2]
LANES = len(SEEDS) * len(RATES)
AXES = ["seed", "optimizer.learning_rate"]
SINGLE, COMMANDS = 2, 3  # calls of `train` and of the command line in each round


class Case(NamedTuple):
    """A program: lanes under one `vmap` (0: calls of a compiled training), and CPU devices."""

    tile: int
    devices: int


WARM, COMMAND, TRAIN = "warm calls", "command line", "calls of train"
CASES = {
    "one by one": Case(1, 1),
    "one by one, 2 devices": Case(1, 2),
    "vmap of 2": Case(2, 1),
    "vmap of 2, 2 devices": Case(2, 2),
    "vmap of 8": Case(8, 1),
    "vmap of 32": Case(32, 1),
    WARM: Case(0, 1),
}
ONES = [name for name, case in CASES.items() if case.tile]


def configuration(epochs: int) -> Config:
    config = Config.model_validate(tomllib.loads(CONFIG.read_text(encoding="utf-8")))
    training = config.training.model_copy(update={"epochs": epochs})
    return config.model_copy(update={"training": training})


def serve(name: str, epochs: int) -> None:
    """Answers each line "run" with the seconds of 32 trainings, see programs.py."""
    case = CASES[name]
    assert jax.device_count() == case.devices
    lane = training_lane(configuration(epochs), AXES, SEEDS)
    run = _swept(lane, case.tile) if case.tile else _called(lane)
    about = {"device": jax.devices()[0].device_kind, "cores": os.cpu_count()}
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        if line.strip() != "run":
            break
        print(json.dumps(run()), flush=True)


def _swept(lane: Callable, tile: int) -> Callable[[], dict[str, float]]:
    points = sweeps.grid(dict(zip(AXES, (SEEDS, RATES), strict=True)))

    def run() -> dict[str, float]:
        parts: list[Any] = []
        began = time.perf_counter()
        found = sweeps.run(
            lane, points, key=jax.random.key(0), tile=tile, dims=DIMS, on_progress=parts.append
        )
        whole = time.perf_counter() - began
        return {
            "seconds": parts[-1].seconds,
            "with compiling": whole,
            "accuracy": float(found.test_accuracy.mean()),
        }

    return run


def _called(lane: Callable) -> Callable[[], dict[str, float]]:
    call = jax.jit(lane)
    key = jax.random.key(0)
    points = [
        dict(zip(AXES, (np.int32(s), np.float32(r)), strict=True)) for s in SEEDS for r in RATES
    ]
    began = time.perf_counter()
    jax.block_until_ready(call(points[0], key))
    first = time.perf_counter() - began

    def run() -> dict[str, float]:
        began = time.perf_counter()
        accuracies = [float(call(point, key)["test_accuracy"]) for point in points]
        seconds = time.perf_counter() - began
        compiling = first - seconds / LANES
        return {
            "seconds": seconds,
            "with compiling": seconds + compiling,
            "accuracy": float(np.mean(accuracies)),
        }

    return run


def time_train(epochs: int) -> float:
    """Seconds of 32 calls of `train` with everything it needs but the data and a first start."""
    config = configuration(epochs)
    data = build_dataset(config.data, config.seed)
    times = []
    for seed in SEEDS[:SINGLE]:
        config = config.model_copy(update={"seed": seed})
        network, task = build_network(config, (8, 8), 10), build_task(config)
        began = time.perf_counter()
        train(
            task.loss,
            network,
            (data.train.inputs, data.train.labels),
            optimizer=build_optimizer(
                config, len(data.train) // config.training.batch_size * epochs
            ),
            epochs=epochs,
            batch_size=config.training.batch_size,
            key=jax.random.fold_in(jax.random.key(seed), 1),
            chosen=build_trainable(config, network),
            prepare=build_prepare(config, data.scale),
        )
        times.append(time.perf_counter() - began)
    return float(np.mean(times)) * LANES


def time_commands(epochs: int) -> float:
    """Seconds of 32 runs of `jaxneuro train`."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS[:COMMANDS]:
            options = {"seed": seed, "training.epochs": epochs, "run-dir": f"{folder}/{seed}"}
            flags = [part for name, x in options.items() for part in (f"--{name}", str(x))]
            command = [sys.executable, "-m", "jaxneuro", "train", str(CONFIG), *flags]
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times.append(time.perf_counter() - began)
    return float(np.mean(times)) * LANES


def compare(epochs: int, rounds: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--epochs", str(epochs), "--serve"]
    programs = {
        name: Program([*command, name], JAX_NUM_CPU_DEVICES=str(case.devices))
        for name, case in CASES.items()
    }
    answers: dict[str, list[dict[str, float]]] = {name: [] for name in CASES}
    times: dict[str, list[float]] = {TRAIN: [], COMMAND: []}
    for done in range(rounds):
        for name, program in programs.items():
            answers[name].append(program.ask("run"))
        times[TRAIN].append(time_train(epochs))
        times[COMMAND].append(time_commands(epochs))
        print(f"round {done + 1} of {rounds}", flush=True)
    about = next(iter(programs.values())).about
    for program in programs.values():
        program.close()
    times |= {name: [one["seconds"] for one in found] for name, found in answers.items()}
    whole = {name: [one["with compiling"] for one in found] for name, found in answers.items()}
    report: dict[str, Any] = {name: summary(some) for name, some in times.items()}
    for name, found in answers.items():
        report[name] |= {
            "with compiling": summary(whole[name]),
            "mean test accuracy": found[-1]["accuracy"],
        }
    for name in ONES:
        report[name] |= {
            "of warm calls": ratio(times[name], times[WARM]),
            "with compiling, of command line": ratio(whole[name], times[COMMAND]),
        }
    return {"device": f"{about['device']}, {about['cores']} cores", **report}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "sweep_trainings-cpu.json")
    parser.add_argument("--serve", choices=list(CASES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.epochs)
        return
    report = compare(given.epochs, given.rounds)
    for name in (*CASES, TRAIN, COMMAND):
        one = report[name]
        told = f"{name:22} {one['seconds']:8.1f} s"
        if name in ONES:
            told += f", {one['of warm calls']['median']:.2f} of warm calls; with compiling "
            told += f"{one['with compiling, of command line']['median']:.2f} of command line"
        print(told)
    report |= {
        "epochs": given.epochs,
        "lanes": LANES,
        "rounds": given.rounds,
        "versions": {"python": platform.python_version(), "jax": version("jax")},
    }
    given.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
