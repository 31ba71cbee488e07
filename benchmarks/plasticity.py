"""Time of a step in which a projection learns: synapses of active neurons only, or all of them.

784 sources with about five spikes a step, and 400 targets with about one in two steps, joined all
to all: as a list (`Sparse`, of which only the synapses of neurons that spiked are visited on CPU),
as the same list of which the rule visits all synapses, and as a matrix (`Dense`). Beside the rules
stands the projection that does not learn. Runs of 1,000 steps are compiled and interleaved; medians
over rounds, the first call apart.

    python benchmarks/plasticity.py [--rounds 9] [--out results/plasticity-cpu.json]
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from programs import interleave

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import Projection
from jaxneuro.neurons import LIF, Input
from jaxneuro.plasticity import (
    BCM,
    AbstractRule,
    HomeostaticScaling,
    InhibitorySTDP,
    Oja,
    PairSTDP,
    Plastic,
    RewardSTDP,
    Rules,
    TripletSTDP,
)
from jaxneuro.topology import all_to_all

HERE = Path(__file__).parent
SOURCES, TARGETS, STEPS = 784, 400, 1000
SPIKES = 5.0, 0.5  # of all sources and of all targets in a step
RULES: dict[str, Callable[[], AbstractRule | None]] = {
    "fixed": lambda: None,
    "PairSTDP": lambda: PairSTDP(1e-3, 1.2e-3),
    "TripletSTDP": TripletSTDP,
    "RewardSTDP": lambda: RewardSTDP(PairSTDP(1e-3, 1.2e-3)),
    "InhibitorySTDP": InhibitorySTDP,
    "BCM": BCM,
    "Oja": Oja,
    "PairSTDP and scaling each 500 ms": lambda: Rules(
        PairSTDP(1e-3, 1.2e-3), HomeostaticScaling(78.0, every=500.0)
    ),
}


KINDS = ("listed", "listed, all visited", "matrix")


def network(rule: AbstractRule | None, kind: str) -> Network:
    """Neurons that spike when they are told, and weights between that learn by the rule."""
    weight = jnp.asarray(np.random.default_rng(0).uniform(0.0, 0.3, (SOURCES, TARGETS)), float)
    edge = Projection("sources", "cells", weight)
    if kind != "matrix":
        listed = all_to_all(SOURCES, TARGETS)
        edge = Projection("sources", "cells", weight.reshape(-1), connectivity=listed)
    nodes = {
        "sources": Input(SOURCES),
        "reward": Input(1),
        "cells": Population(LIF(threshold=1e6, reset_by="value"), TARGETS),
    }
    if rule is None:
        return Network(nodes, {"learns": edge})
    learns = Plastic(edge, rule, third="reward")
    if kind == "listed, all visited":
        learns = eqx.tree_at(lambda e: e.arrivals, learns, None)
    return Network(nodes, {"learns": learns})


class Variant:
    """A network that learns, compiled."""

    def __init__(self, rule: AbstractRule | None, kind: str):
        rng = np.random.default_rng(1)
        sources, cells = (
            rng.random((STEPS, count)) < spikes / count
            for count, spikes in zip((SOURCES, TARGETS), SPIKES, strict=True)
        )
        inputs = {
            "sources": jnp.asarray(sources, float),
            "cells": jnp.where(jnp.asarray(cells), 1e9, 0.0),
            # One reward in 500 steps.
            "reward": jnp.zeros((STEPS, 1)).at[499::500].set(1.0),
        }
        key = jax.random.key(0)

        def run(net: Network, inputs: Any, state: Any) -> Any:
            return simulate(net, inputs, dt=1.0, key=key, state=state, block=1).state

        self.run, self.inputs = eqx.filter_jit(run), inputs
        self.network = network(rule, kind)
        start = self.network.init(1.0, key)
        began = time.perf_counter()
        self.state = jax.block_until_ready(self.run(self.network, inputs, start))
        self.first_seconds = time.perf_counter() - began

    def time(self) -> float:
        """Seconds per step."""
        began = time.perf_counter()
        jax.block_until_ready(self.run(self.network, self.inputs, self.state))
        return (time.perf_counter() - began) / STEPS


def main(rounds: int = 9, out: str | None = None) -> dict[str, Any]:
    variants = {
        f"{name}, {kind}": Variant(make(), kind) for name, make in RULES.items() for kind in KINDS
    }
    times = interleave({name: variant.time for name, variant in variants.items()}, rounds)
    rows = {
        name: {
            "microseconds_per_step": round(float(np.median(all_times)) * 1e6, 1),
            "shortest": round(min(all_times) * 1e6, 1),
            "first_call_seconds": round(variants[name].first_seconds, 2),
        }
        for name, all_times in times.items()
    }
    print(f"{'microseconds a step, medians':34s}" + "".join(f"{kind:>21s}" for kind in KINDS))
    for name in RULES:
        both = (rows[f"{name}, {kind}"]["microseconds_per_step"] for kind in KINDS)
        print(f"{name:34s}" + "".join(f"{x:21.1f}" for x in both))
    result = {
        "device": f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores",
        "machine": platform.machine(),
        "jax": jax.__version__,
        "jaxneuro": version("jaxneuro"),
        "date": str(date.today()),
        "command": "python benchmarks/plasticity.py " + " ".join(sys.argv[1:]),
        "synapses": SOURCES * TARGETS,
        "spikes_per_step": SPIKES,
        "rounds": rounds,
        "rules": rows,
    }
    if out is not None:
        (HERE / out).write_text(json.dumps(result, indent=2) + "\n")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.out)
