"""Time and memory of a generation: low-rank perturbations against a plain `vmap` of networks.

Every case evolves in a process of its own, so that its peak memory can be read; the cases take
turns, and ratios are taken round by round. A plain case is the same evolution strategy with
every member's matrices formed.

    python benchmarks/evolution.py --rounds 5 --out benchmarks/results/evolution-cpu.json
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from jaxneuro import Layer, sequential
from jaxneuro.edges import Dense, LowRank
from jaxneuro.evolution import LowRankES
from jaxneuro.network import count_parameters
from jaxneuro.neurons import LI, LIF
from jaxneuro.training import Classifier, evolve, trainable

GENERATIONS = 12  # of which the later half is timed


class Case(NamedTuple):
    """One evolution: its network, its population and how its members are made."""

    sizes: tuple[int, ...]
    population: int
    batch: int
    steps: int
    chunk: int | None
    is_low_rank: bool


SMALL, LARGE = (784, 256, 10), (784, 1024, 512, 10)
CASES = {
    "784-256-10, low rank": Case(SMALL, 512, 8, 25, 32, True),
    "784-256-10, vmap": Case(SMALL, 512, 8, 25, None, False),
    "784-256-10, vmap in chunks": Case(SMALL, 512, 8, 25, 8, False),
    "784-1024-512-10, low rank": Case(LARGE, 1024, 8, 8, 16, True),
    "784-1024-512-10, vmap in chunks": Case(LARGE, 1024, 8, 8, 8, False),
}


def measure(case: Case) -> dict[str, Any]:
    """Seconds per generation and the peak memory of this process."""
    hidden = [Layer(Dense(n), LIF(tau=10.0)) for n in case.sizes[1:-1]]
    readout = Layer(Dense(case.sizes[-1]), LI(tau=10.0))
    network = sequential(case.sizes[0], *hidden, readout, key=jax.random.key(0))
    task = Classifier(steps=case.steps, gain=4.0)
    images = jax.random.uniform(jax.random.key(1), (case.batch, case.sizes[0]))
    labels = jax.random.randint(jax.random.key(2), (case.batch,), 0, case.sizes[-1])
    strategy = LowRankES(case.population, optimizer=optax.adam(1e-3), noise="sign")
    chosen = trainable(network)
    seconds: list[float] = []
    spread: list[float] = []

    def fitness(model: Any, batch: Any, key: Any) -> Any:
        if case.is_low_rank:
            return task.fitness(model, batch, key)
        is_low_rank = lambda x: isinstance(x, LowRank)  # noqa: E731
        formed = lambda x: x.dense() if is_low_rank(x) else x  # noqa: E731
        return task.fitness(jax.tree.map(formed, model, is_leaf=is_low_rank), batch, key)

    before = _peak()
    result = evolve(
        fitness,
        network,
        strategy,
        generations=GENERATIONS,
        key=jax.random.key(3),
        chosen=chosen,
        data=(images, labels),
        chunk=case.chunk,
        on_generation=lambda g: (seconds.append(g.seconds), spread.append(g.spread)),
    )
    jax.block_until_ready(jax.tree.leaves(result.parameters))
    assert min(spread) > 0, "members must differ: is the network silent?"
    return {
        "seconds": float(np.median(seconds[GENERATIONS // 2 :])),
        "compile_seconds": result.compile_seconds,
        "peak_bytes": _peak(),
        "peak_bytes_before": before,
        "parameters": count_parameters(network.edges),
        "device": f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores",
    }


def _peak() -> int:
    """The most memory this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_apart(name: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--case", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(rounds: int) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, found in runs.items():
            found.append(run_apart(name))
    report = {}
    for name, found in runs.items():
        low = f"{name.split(',')[0]}, low rank"
        pairs = zip(found, runs[low], strict=True)
        case = CASES[name]
        report[name] = {
            **case._asdict(),
            "parameters": found[0]["parameters"],
            "seconds": float(np.median([r["seconds"] for r in found])),
            "times_low_rank": float(np.median([a["seconds"] / b["seconds"] for a, b in pairs])),
            "peak_gigabytes": max(r["peak_bytes"] for r in found) / 1e9,
            "above_start_gigabytes": max(r["peak_bytes"] - r["peak_bytes_before"] for r in found)
            / 1e9,
            "compile_seconds": float(np.median([r["compile_seconds"] for r in found])),
        }
        row = report[name]
        print(
            f"{name:34} {row['seconds']:.4f} s a generation, {row['times_low_rank']:.1f} times low "
            f"rank, {row['above_start_gigabytes']:.2f} GB above the start"
        )
    report["device"] = next(iter(runs.values()))[0]["device"]
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(measure(CASES[given.case])))
        return
    report = compare(given.rounds)
    report["rounds"] = given.rounds
    report["versions"] = {
        "python": platform.python_version(),
        "jax": version("jax"),
        "equinox": version("equinox"),
    }
    if given.out:
        given.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
