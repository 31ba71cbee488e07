"""Time and memory of a training step: blocks of time against step by step, and against Spyx.

One step is forward, backward and Adam on one batch of 128 with the same currents in every time
step; many steps run in one compiled call, every variant in turn, and ratios are taken round by
round.

    python benchmarks/engine.py                          # blocks, gradient modes
    python benchmarks/engine.py --peer PATH/TO/python    # and Spyx, installed there
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxneuro import Layer, Network, sequential
from jaxneuro.edges import Dense
from jaxneuro.network import Kaiming
from jaxneuro.neurons import LI, LIF
from jaxneuro.simulation import AbstractGradient, Backprop, Checkpointed
from jaxneuro.training import Classifier, trainable

HERE = Path(__file__).parent
BATCH = 128
Timer = Callable[[int], float]


def make_network(sizes: tuple[int, ...], gain: float = 8.0) -> Network:
    """A fully connected classifier whose hidden layers fire."""
    hidden = [Layer(Dense(n), LIF(tau=10.0), bias=False) for n in sizes[1:-1]]
    readout = Layer(Dense(sizes[-1]), LI(tau=10.0), bias=False)
    key = jax.random.key(0)
    return sequential(sizes[0], *hidden, readout, key=key, initialiser=Kaiming(gain))


class Variant:
    """One way to run the training step, compiled."""

    def __init__(
        self, sizes: tuple[int, ...], steps: int, block: int | str, gradient: AbstractGradient
    ):
        task = Classifier(steps=steps, block=block, gradient=gradient)
        network = make_network(sizes)
        chosen = trainable(network)
        optimizer = optax.adam(1e-3)
        keys = jax.random.split(jax.random.key(1), 3)
        images = jax.random.uniform(keys[0], (BATCH, sizes[0]))
        labels = jax.random.randint(keys[1], (BATCH,), 0, sizes[-1])

        def step(_: Any, state: Any) -> Any:
            parameters, memory, _ = state

            def loss(parameters: Any) -> Any:
                return task.loss(chosen.merge(network, parameters), (images, labels), keys[2])

            (_, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(parameters)
            updates, memory = optimizer.update(gradient, memory, parameters)
            return optax.apply_updates(parameters, updates), memory, metrics

        def run(parameters: Any, memory: Any, count: Any) -> Any:
            metrics = jax.eval_shape(lambda: task.loss(network, (images, labels), keys[2])[1])
            zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), metrics)
            return jax.lax.fori_loop(0, count, step, (parameters, memory, zeros))

        self.start = chosen.split(network)
        self.memory = optimizer.init(self.start)
        began = time.perf_counter()
        self.compiled = jax.jit(run).lower(self.start, self.memory, 1).compile()
        self.compile_seconds = time.perf_counter() - began
        metrics = self.compiled(self.start, self.memory, 1)[2]
        self.rates = {n: round(float(r.mean()), 3) for n, r in metrics["rates"].items()}

    def time(self, count: int) -> float:
        """Seconds per training step."""
        began = time.perf_counter()
        jax.block_until_ready(self.compiled(self.start, self.memory, count))
        return (time.perf_counter() - began) / count

    @property
    def megabytes(self) -> float:
        """Working memory of the compiled call, without its arguments."""
        memory = self.compiled.memory_analysis()
        assert memory is not None, "this backend does not report memory"
        return round(memory.temp_size_in_bytes / 1e6, 1)


class Peer:
    """The same step in Spyx, in a process of its own."""

    def __init__(self, python: str, sizes: tuple[int, ...], steps: int):
        script = str(HERE / "peers" / "spyx_mlp.py")
        joined = ",".join(map(str, sizes))
        command = [python, script, "--scan", "--sizes", joined, "--time", str(steps)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.about = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def time(self, count: int) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return self._answer()["seconds_per_step"]

    def close(self) -> None:
        self.process.communicate("quit\n")


def interleave(timers: dict[str, Timer], rounds: int, count: int) -> dict[str, list[float]]:
    """Seconds per step of every variant, one after another in each round."""
    for timer in timers.values():
        timer(count)
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            times[name].append(timer(count))
    return times


def compare(times: dict[str, list[float]], base: str) -> dict[str, dict[str, float]]:
    """Median milliseconds, and the median over rounds of the ratio to `base`."""
    reference = np.array(times[base])
    return {
        name: {
            "milliseconds": round(float(np.median(values)) * 1e3, 2),
            "times_the_base": round(float(np.median(np.array(values) / reference)), 2),
        }
        for name, values in times.items()
    }


def blocks(sizes: tuple[int, ...], rounds: int, peer: str | None) -> dict[str, Any]:
    """K = 1 and K = T (and Spyx) on one network, 25 steps."""
    steps = 25
    variants = {
        "K=T": Variant(sizes, steps, steps, Backprop()),
        "K=1": Variant(sizes, steps, 1, Backprop()),
    }
    timers: dict[str, Timer] = {name: variant.time for name, variant in variants.items()}
    other = Peer(peer, sizes, steps) if peer else None
    if other is not None:
        timers["Spyx"] = other.time
    result = compare(interleave(timers, rounds, 20), "K=T")
    for name, variant in variants.items():
        result[name] |= {"megabytes": variant.megabytes, "compile": variant.compile_seconds}
    if other is not None:
        other.close()
    rates = {"jaxneuro": variants["K=T"].rates} | ({"spyx": other.about} if other else {})
    return {"sizes": sizes, "steps": steps, "variants": result, "spikes per step": rates}


def checkpointing(rounds: int) -> dict[str, Any]:
    """Plain and checkpointed backpropagation through 1,000 steps."""
    sizes, steps = (784, 256, 256, 10), 1000
    variants = {
        "Backprop": Variant(sizes, steps, "auto", Backprop()),
        "Checkpointed(50)": Variant(sizes, steps, "auto", Checkpointed(50)),
    }
    result = compare(interleave({n: v.time for n, v in variants.items()}, rounds, 1), "Backprop")
    for name, variant in variants.items():
        result[name]["megabytes"] = variant.megabytes
    return {"sizes": sizes, "steps": steps, "variants": result}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="a Python in which Spyx 1.0 is installed")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, help="where to write the results, JSON")
    options = parser.parse_args()
    results = {
        "device": f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores",
        "machine": platform.machine(),
        "jax": jax.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "command": " ".join(["python", *sys.argv]).replace(options.peer or "", "PEER_PYTHON")
        if options.peer
        else " ".join(["python", *sys.argv]),
        "784-256-256-10": blocks((784, 256, 256, 10), options.rounds, options.peer),
        "784-1024-10": blocks((784, 1024, 10), options.rounds, options.peer),
        "checkpointing": checkpointing(max(3, options.rounds // 3)),
    }
    text = json.dumps(results, indent=2)
    print(text)
    if options.out is not None:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
