"""A million f-I simulations, 1 s each at dt 0.1 ms, reduced to the rate: beside Brian2.

Leaky integrate-and-fire neurons over time constant (5 to 50 ms) and current (0 to 3). Ours is one
`sweeps.run`, of which every lane is a network of one neuron that is simulated by `simulate`; the
peer is one NeuronGroup with as many neurons, without monitors (`peers/fi_brian2.py`): as its users
write it (the exact method), and as an expert may (the exponential taken once for each neuron), each
in C++ without OpenMP and with two threads, and the expert's in two processes of half the neurons.

Seconds are those of the simulation alone, once compiled; "with everything" also counts tracing,
compiling and the store in memory. Every program is a process of its own; in each round they run one
after another, and ratios are taken round by round. Every neuron's count is checked against
floor(steps / ceil(T / dt)), T = tau ln(I / (I - 1)), on both sides.

On an accelerator the share of its memory bandwidth is worked out: a step reads v, count, tau and
current and writes v and count, 24 bytes, as long as XLA makes a kernel of each step.

    python benchmarks/sweeps.py                          # ours alone
    python benchmarks/sweeps.py --peer PATH/TO/python    # and Brian2, installed there
    python benchmarks/sweeps.py --side 100               # 10,000 neurons, to try it
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from programs import Program, interleave, ratio, summary

from jaxneuro import sweeps
from jaxneuro.inputs import Constant
from jaxneuro.neurons import LIF, Population
from jaxneuro.simulation import Count, simulate

HERE = Path(__file__).parent
STEPS, DT = 10_000, 0.1
BYTES = 24
BANDWIDTH = {"H100": 3.35e12, "H200": 4.8e12, "A100": 2.0e12}  # bytes a second, by its maker


def lane(point: dict[str, Any], key: jax.Array) -> dict[str, jax.Array]:
    """The rate of one neuron, Hz."""
    neuron = Population(LIF(tau=point["tau"], threshold=1.0, reset_by="value"), 1)
    run = simulate(
        neuron,
        {"neuron": Constant(point["current"][None])},
        dt=DT,
        steps=STEPS,
        key=key,
        record={"spikes": Count("neuron.spikes")},
    )
    return {"rate": run["spikes"][0], "failed": sweeps.has_failed(run.state)}


def make_grid(side: int) -> sweeps.Grid:
    """`side` time constants by as many currents, as the peer has them."""
    return sweeps.grid(
        {"tau": np.linspace(5.0, 50.0, side), "current": np.linspace(0.0, 3.0, side)},
        units={"tau": "ms"},
    )


def count_exactly(side: int) -> np.ndarray:
    """Spikes of every neuron in 1 s, `(tau, current)`, of which each step is exact."""
    tau, current = np.linspace(5.0, 50.0, side)[:, None], np.linspace(0.0, 3.0, side)[None]
    fires = current > 1.0
    safe = np.where(fires, current, 2.0)
    period = np.ceil(tau * np.log(safe / (safe - 1.0)) / DT)
    return np.where(fires, np.floor(STEPS / period), 0.0)


def serve(side: int, tile: int | None) -> None:
    """One of our programs: answers "run" with seconds, and "rates PATH" with a file."""
    points = make_grid(side)
    results: Any = None

    def run() -> dict[str, float]:
        nonlocal results
        last: list[sweeps.Progress] = []
        began = time.perf_counter()
        results = sweeps.run(
            lane, points, key=jax.random.key(0), tile=tile, on_progress=lambda at: last.append(at)
        )
        whole = time.perf_counter() - began
        compiling = last[-1].compile_seconds
        return {"seconds": last[-1].seconds, "compile_seconds": compiling, "everything": whole}

    about = run()
    device = jax.devices()[0]
    about |= {
        "devices": jax.device_count(),
        "device": device.device_kind,
        "tile": results.attrs["sweep"]["plan"]["tile"],
        "ns_per_neuron_step": 1e9 * about["seconds"] / points.lanes / STEPS,
        "mean_rate": float(results.rate.mean()),
    }
    limit = next((b for name, b in BANDWIDTH.items() if name in device.device_kind), None)
    if limit is not None:
        bytes_a_second = BYTES * points.lanes * STEPS / about["seconds"]
        about["share_of_bandwidth"] = bytes_a_second / limit / jax.device_count()
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "quit":
            return
        if command == "run":
            answer = run()
        else:
            np.save(rest[0], np.asarray(results.rate).reshape(-1))
            answer = {"rates": rest[0]}
        print(json.dumps(answer), flush=True)


class Pair:
    """Two processes of the peer, each with half of the time constants, at the same time."""

    def __init__(self, command: list[str], side: int):
        half = [*command, "--taus", str(side // 2)]
        self.programs = [Program(half), Program(half)]
        self.about = self.programs[0].about

    def time(self) -> float:
        seconds = [0.0, 0.0]

        def one(index: int) -> None:
            seconds[index] = self.programs[index].time()

        threads = [threading.Thread(target=one, args=(index,)) for index in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return max(seconds)

    def close(self) -> None:
        for program in self.programs:
            program.close()


def start_programs(options: argparse.Namespace) -> dict[str, Any]:
    """All programs by name; each is started, compiled and warmed after the one before."""
    side = options.side
    ours = [sys.executable, str(HERE / "sweeps.py"), "--serve", "--side", str(side)]
    ours += [] if options.tile is None else ["--tile", str(options.tile)]
    programs: dict[str, Any] = {}
    is_cpu = jax.default_backend() == "cpu"
    for devices in (1, 2) if is_cpu else (jax.device_count(),):
        extra = {"JAX_NUM_CPU_DEVICES": str(devices)} if is_cpu else {}
        name = f"jaxneuro, {devices} device{'s' * (devices > 1)}"
        programs[name] = Program(ours, **extra)
    if options.peer is not None:
        peer = [options.peer, str(HERE / "peers" / "fi_brian2.py"), "--currents", str(side)]
        whole = [*peer, "--taus", str(side)]
        decay = ["--update", "decay"]
        programs["Brian2, C++"] = Program(whole)
        programs["Brian2, C++, 2 threads"] = Program([*whole, "--threads", "2"])
        programs["Brian2, C++, by an expert"] = Program([*whole, *decay])
        programs["Brian2, C++, by an expert, 2 threads"] = Program(
            [*whole, *decay, "--threads", "2"]
        )
        programs["Brian2, C++, by an expert, 2 processes"] = Pair([*peer, *decay], side)
    return programs


def check(programs: dict[str, Any], side: int) -> dict[str, float]:
    """The part of neurons of each program whose count is not the exact one, or fails by over 1."""
    wanted = count_exactly(side).reshape(-1)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, program in programs.items():
            if isinstance(program, Pair):
                continue
            path = Path(folder) / "rates.npy"
            program.ask(f"rates {path}")
            off = np.abs(np.load(path) - wanted)
            found[name] = float((off > 0.5).mean())
            worst = float(off.max())
            # One step more or less in each period, which float32 rounds to.
            if worst > max(2.0, 0.02 * wanted.max()):
                raise SystemExit(f"{name}: a neuron is {worst:g} spikes away from the exact count.")
    return found


def main() -> None:
    """Times everything and prints or writes it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", help="a Python with Brian2")
    parser.add_argument("--side", type=int, default=1000, help="time constants, and currents")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tile", type=int, help="lanes under one vmap")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.side, options.tile)
        return
    programs = start_programs(options)
    inexact = check(programs, options.side)
    timers: dict[str, Callable[[], float]] = {n: p.time for n, p in programs.items()}
    times = interleave(timers, options.rounds)
    fastest = min((n for n in times if n.startswith("jaxneuro")), key=lambda n: min(times[n]))
    ratios = {f"{n} / {fastest}": ratio(times[n], times[fastest]) for n in times if n != fastest}
    result = {
        "neurons": options.side**2,
        "steps": STEPS,
        "rounds": options.rounds,
        "programs": {n: summary(times[n]) | {"about": programs[n].about} for n in programs},
        "part of neurons with another count than the exact one": inexact,
        "ratios": ratios,
        "machine": {"cores": os.cpu_count(), "processor": platform.machine()},
        "device": str(jax.devices()[0].device_kind),
        "versions": {name: version(name) for name in ("jax", "jaxlib", "numpy", "xarray", "zarr")},
        "date": time.strftime("%Y-%m-%d"),
    }
    for program in programs.values():
        program.close()
    for name, values in times.items():
        best = 1e9 * min(values) / options.side**2 / STEPS
        print(f"{name:42} {np.median(values):8.3f} s  {best:.3f} ns a neuron and step at best")
    for name, one in ratios.items():
        print(f"{name:70} {one['median']:.2f}  shortest {one['of the shortest']:.2f}")
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
