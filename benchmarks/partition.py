"""A projection with receptive fields: the whole masked matrix, its synapses, and blocks of targets.

64 x 64 cells, each hears a box of 11 x 11. Times are medians of interleaved rounds, compiled and
warm, of one product of `--steps` steps of signals, and of its gradient in weight and signal.

    python benchmarks/partition.py --out benchmarks/results/partition-cpu.json
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import topology
from jaxneuro.edges import AbstractConnectivity, Dense

SIDE, REACH = 64, 5.0
STEPS = (1, 32)
ACTIVE = (0.02, 1.0)  # share of cells that send something
BLOCKS = (4, 8, 16)


def candidates() -> dict[str, tuple[AbstractConnectivity, Any]]:
    """Connectivity and weight by name, all of the same projection."""
    cells, count = topology.grid((SIDE, SIDE)), SIDE * SIDE
    fields = topology.box_field(cells, cells, REACH)
    matrix = jax.random.uniform(jax.random.key(0), (count, count))
    found: dict[str, tuple[AbstractConnectivity, Any]] = {}
    for number in BLOCKS:
        blocks = topology.partition(fields, count, cells, number)
        found[f"{number} x {number} blocks"] = blocks, blocks.from_matrix(matrix)
    weight = matrix[fields.pre, fields.post]
    found["synapses"] = fields, weight
    masked = jnp.zeros_like(matrix).at[fields.pre, fields.post].set(weight)
    found["matrix"] = Dense(count), masked
    return found


def programs(connectivity: AbstractConnectivity) -> dict[str, Callable]:
    def product(weight: Any, signals: Any) -> Any:
        return connectivity.propagate(weight, signals)

    def loss(weight: Any, signals: Any) -> Any:
        return jnp.sum(product(weight, signals) ** 2)

    return {"product": jax.jit(product), "gradient": jax.jit(jax.grad(loss, argnums=(0, 1)))}


def timed(rounds: int) -> list[dict[str, Any]]:
    """One row for each number of steps, activity and program: milliseconds by candidate."""
    made = {name: (programs(c), weight) for name, (c, weight) in candidates().items()}
    rows = []
    for steps in STEPS:
        for share in ACTIVE:
            drawn = jax.random.uniform(jax.random.key(1), (steps, SIDE * SIDE))
            signals = (drawn < share).astype(float)
            wanted = made["matrix"][0]["product"](made["matrix"][1], signals)
            for program in ("product", "gradient"):
                calls = {
                    name: (lambda own=own, w=w, p=program, x=signals: own[p](w, x))
                    for name, (own, w) in made.items()
                }
                if program == "product":
                    for call in calls.values():
                        np.testing.assert_allclose(call(), wanted, rtol=1e-4, atol=1e-4)
                row = {"steps": steps, "active": share, "program": program}
                rows.append({**row, "ms": interleaved(calls, rounds)})
    return rows


def interleaved(calls: dict[str, Callable], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            if turn:  # the first compiles
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: round(float(np.median(taken)), 3) for name, taken in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = {
        "device": f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores",
        "jax": jax.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "share of the matrix": {
            name: round(weight.size / SIDE**4, 4) for name, (_, weight) in candidates().items()
        },
        "rows": timed(options.rounds),
    }
    for row in results["rows"]:
        print(row)
    if options.out is not None:
        options.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
