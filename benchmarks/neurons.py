"""Populations of independent neurons, 1 s: against Brian2; and the gradient of a long run.

100,000 Izhikevich neurons (2003, regular spiking; Euler, dt 0.5 ms) and 10,000 Hodgkin-Huxley
neurons (1952; exponential Euler, dt 0.05 ms), constant currents spread over the neurons, spikes
counted. Every program is a process of its own, compiled and warm; in each round they run one after
another, and ratios are taken round by round. Rates must agree before anything is timed.

    python benchmarks/neurons.py                          # ours alone, and the gradient
    python benchmarks/neurons.py --peer PATH/TO/python    # and Brian2, installed there
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxneuro.inputs import Constant
from jaxneuro.integrators import Euler
from jaxneuro.neurons import HodgkinHuxley, Izhikevich2003, Population
from jaxneuro.simulation import Backprop, Checkpointed, Count, Mean, simulate

HERE = Path(__file__).parent
SECOND = 1000.0
# Both integrate Hodgkin-Huxley by exponential Euler, but Brian2 takes all gates at the old voltage
# and we at the new one: 73.4 and 75.2 Hz here, where a tenth of the step gives 75.2 Hz in either.
ONE_RATE = 1.03
# One pass over memory per step instead of one per variable; experimental in XLA, not the default.
FUSION = "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion"


class Case(NamedTuple):
    """One population: neurons, step in ms, lowest and highest current, rounds per round asked."""

    neurons: int
    dt: float
    current: tuple[float, float]
    repeats: int

    @property
    def steps(self) -> int:
        return round(SECOND / self.dt)


CASES = {
    "izhikevich": Case(100_000, 0.5, (5.0, 15.0), 4),
    "hodgkin-huxley": Case(10_000, 0.05, (7.0, 20.0), 1),
}


def make_population(model: str, neurons: int) -> Population:
    if model == "izhikevich":
        return Population(Izhikevich2003(), neurons, integrator=Euler())
    return Population(HodgkinHuxley(), neurons)


def serve(model: str) -> None:
    """Our side of the comparison, in the protocol of the peers."""
    case = CASES[model]
    population = make_population(model, case.neurons)
    current = jnp.linspace(*case.current, case.neurons)

    def run(population: Population, current: Float[Array, "n"]) -> Float[Array, "n"]:
        record = {"count": Count("neuron.spikes")}
        inputs = {"neuron": Constant(current)}
        key = jax.random.key(0)
        result = simulate(population, inputs, dt=case.dt, steps=case.steps, key=key, record=record)
        return result["count"]

    began = time.perf_counter()
    compiled = jax.jit(run).lower(population, current).compile()
    compile_seconds = time.perf_counter() - began
    rates = compiled(population, current) / (SECOND / 1000.0)
    ready = {
        "jax": jax.__version__,
        "dtype": str(rates.dtype),
        "mean_rate": float(rates.mean()),
        "highest_rate": float(rates.max()),
        "compile_seconds": round(compile_seconds, 2),
    }
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            return
        began = time.perf_counter()
        jax.block_until_ready(compiled(population, current))
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


class Program:
    """A process that runs one simulation each time it is asked."""

    def __init__(self, command: list[str], flags: str | None = None):
        environment = dict(os.environ)
        if flags is not None:
            environment["XLA_FLAGS"] = f"{environment.get('XLA_FLAGS', '')} {flags}".strip()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.about = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended early; run it by hand to see why.")
        return json.loads(line)

    def time(self) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return self._answer()["seconds"]

    def close(self) -> None:
        self.process.communicate("quit\n")


def start_programs(model: str, peer: str | None) -> dict[str, Program]:
    ours = [sys.executable, str(Path(__file__)), "--serve", model]
    programs = {"jaxneuro": Program(ours), "jaxneuro, fused": Program(ours, FUSION)}
    if peer is None:
        return programs
    case = CASES[model]
    theirs = [peer, str(HERE / "peers" / "brian2_neurons.py"), model]
    theirs += ["--neurons", str(case.neurons), "--dt", str(case.dt)]
    theirs += ["--current", *map(str, case.current)]
    return programs | {
        "Brian2 cython": Program([*theirs, "--target", "cython"]),
        "Brian2 cpp_standalone": Program([*theirs, "--target", "cpp"]),
    }


def interleave(
    timers: dict[str, Callable[[], float]], rounds: int, base: str
) -> dict[str, dict[str, float]]:
    """Median seconds, and the median over rounds of the ratio to `base`."""
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            times[name].append(timer())
    reference = np.array(times[base])
    return {
        name: {
            "seconds": round(float(np.median(values)), 4),
            "shortest": round(min(values), 4),
            "times_the_base": round(float(np.median(np.array(values) / reference)), 2),
        }
        for name, values in times.items()
    }


def compare(model: str, rounds: int, peer: str | None) -> dict[str, Any]:
    """All programs on one model."""
    programs = start_programs(model, peer)
    about = {name: program.about for name, program in programs.items()}
    rates = [one["mean_rate"] for one in about.values()]
    if min(rates) < 1.0 or max(rates) > ONE_RATE * min(rates):
        raise RuntimeError(f"{model}: the programs do not fire at the same rates: {about}")
    timers = {name: program.time for name, program in programs.items()}
    rounds *= CASES[model].repeats
    result = interleave(timers, rounds, "jaxneuro")
    for program in programs.values():
        program.close()
    programs_about = {name: result[name] | about[name] for name in result}
    return {**CASES[model]._asdict(), "rounds": rounds, "programs": programs_about}


def gradient(neurons: int, every: int, rounds: int) -> dict[str, Any]:
    """The mean voltage of Hodgkin-Huxley neurons: its gradient in parameters and currents."""
    case = CASES["hodgkin-huxley"]
    population = make_population("hodgkin-huxley", neurons)
    current = jnp.linspace(*case.current, neurons)

    def loss(arguments: Any, mode: Any) -> Array:
        population, current = arguments
        result = simulate(
            population,
            {"neuron": Constant(current)},
            dt=case.dt,
            steps=case.steps,
            key=jax.random.key(0),
            record={"mean": Mean("neuron.v")},
            gradient=mode,
        )
        return result["mean"].mean()

    functions = {
        "forward": lambda x: loss(x, Backprop()),
        "gradient": lambda x: jax.value_and_grad(loss)(x, Checkpointed(every)),
    }
    arguments = population, current
    timers, memory = {}, {}
    for name, function in functions.items():
        compiled = jax.jit(function).lower(arguments).compile()
        analysis = compiled.memory_analysis()
        assert analysis is not None, "this backend does not report memory"
        memory[name] = {"megabytes": round(analysis.temp_size_in_bytes / 1e6, 1)}
        timers[name] = _timer(compiled, arguments)
        timers[name]()
    result = interleave(timers, rounds, "forward")
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {
        "neurons": neurons,
        "steps": case.steps,
        "checkpointed every": every,
        "variants": {name: result[name] | memory[name] for name in result},
        "process peak, megabytes": round(resident),
    }


def _timer(compiled: Callable, arguments: Any) -> Callable[[], float]:
    def run() -> float:
        began = time.perf_counter()
        jax.block_until_ready(compiled(arguments))
        return time.perf_counter() - began

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="a Python in which Brian2 is installed")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--every", type=int, default=125, help="steps per checkpoint")
    parser.add_argument("--out", type=Path, help="where to write the results, JSON")
    parser.add_argument("--serve", choices=list(CASES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    command = " ".join(["python", *sys.argv])
    results: dict[str, Any] = {
        "device": f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores",
        "machine": platform.machine(),
        "jax": jax.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "command": command.replace(options.peer, "PEER_PYTHON") if options.peer else command,
        "flags of 'jaxneuro, fused'": FUSION,
    }
    parts: dict[str, Callable[[], Any]] = {
        "gradient": lambda: gradient(1_000, options.every, options.rounds)
    }
    parts |= {m: lambda m=m: compare(m, options.rounds, options.peer) for m in CASES}
    for name, part in parts.items():
        results[name] = part()
        print(json.dumps({name: results[name]}, indent=2), flush=True)
        if options.out is not None:
            options.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
