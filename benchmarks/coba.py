"""The networks COBA, CUBA and COBAHH of Brette et al. (2007), 1 s: beside Brian2.

4,000 neurons, of which a fifth inhibits, joined at random with p = 0.02 and active by themselves:
integrate-and-fire with conductances (COBA) or currents (CUBA), and Traub and Miles' channels with
conductances (COBAHH). Both sides use the same step, 0.1 ms, the same method and float32; only where
ours is exponential Euler on CUBA, Brian2 takes the exact solution, as in its example. In larger
networks p falls, so that every neuron hears 80 others as before, with the same weights.

Statistics are those of several networks and starts: mean rate, CV of the intervals of neurons with
3 spikes or more, and the share of neurons without a spike. Those of COBAHH are compared under
Runge-Kutta of fourth order with 0.05 ms (43.5 Hz on both sides). Exponential Euler with 0.1 ms, as
in Brian2's example, is what is timed, but it is not accurate there: our cells fire at 42.1 Hz, as
the gates take the new voltage, and Brian2's at 36.5 Hz.

Time is that of the simulation alone, once compiled. Every program is a process of its own; in each
round they run one after another, and ratios are taken round by round. The network of ours that is
timed is one that fires at the rate of the one that is timed in Brian2.

    python benchmarks/coba.py                          # ours alone: all networks, and memory
    python benchmarks/coba.py --peer PATH/TO/python    # and Brian2, installed there
    python benchmarks/coba.py --network coba --size 40000 --seeds 0 --peer PATH/TO/python
    python benchmarks/coba.py --memory                 # 10^5 neurons with 10^7 synapses
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from coba_networks import METHODS, NETWORKS, SECOND, Setup, measure_memory, serve
from programs import Program, interleave, ratio, summary

HERE = Path(__file__).parent
LIMIT = 4096.0  # MiB that the network of `--memory` may take
SERIES = 4_000  # neurons up to which a run that records all spikes is timed as well
CYTHON, CPP = "Brian2 cython", "Brian2 cpp_standalone"
OURS, ONE_THREAD = "jaxneuro", "jaxneuro, one thread"


class Case(NamedTuple):
    """A setup, how many networks are drawn for its statistics, and rounds of timing."""

    setup: Setup
    seeds: int
    rounds: int

    @property
    def theirs(self) -> str:
        """The method's name in Brian2."""
        setup = self.setup
        is_exact = setup.network == "cuba" and setup.method == "exponential_euler"
        return "exact" if is_exact else setup.method


def choose_cases(options: argparse.Namespace) -> list[Case]:
    """The network that was asked for, or all of them; COBA both ways, and with 40,000 neurons."""
    seeds, rounds = options.seeds, options.rounds
    if options.network is not None:
        method = "euler" if options.network == "coba" else "exponential_euler"
        setup = Setup(
            options.network, options.size or 4_000, options.method or method, options.dt or 0.1
        )
        if setup.network == "cobahh" and setup.method == "euler":
            raise SystemExit("COBAHH is unstable under euler; use exponential_euler or rk4.")
        return [Case(setup, seeds, rounds)]
    if options.size or options.method or options.dt:
        raise SystemExit("--size, --method and --dt are those of one network: pass --network.")
    return [
        Case(Setup("coba", 4_000, "euler", 0.1), seeds, rounds),
        Case(Setup("coba", 4_000, "exponential_euler", 0.1), seeds, rounds),
        Case(Setup("coba", 40_000, "euler", 0.1), seeds, rounds),
        Case(Setup("cuba", 4_000, "exponential_euler", 0.1), seeds, rounds),
        Case(Setup("cobahh", 4_000, "exponential_euler", 0.1), 0, rounds),
        Case(Setup("cobahh", 4_000, "rk4", 0.05), seeds, 0),
    ]


def start_programs(case: Case, peer: str | None) -> dict[str, Program]:
    """Those that the case needs: for statistics alone, one of each side."""
    network, size, method, dt = case.setup
    ours = [sys.executable, str(HERE / "coba.py"), "--serve", "--network", network]
    ours += ["--size", str(size), "--method", method, "--dt", str(dt)]
    theirs = [str(HERE / "peers" / "coba_brian2.py"), network]
    theirs += ["--neurons", str(size), "--method", case.theirs, "--dt", str(dt)]
    programs = {}
    if peer is not None:
        programs[CYTHON] = Program([peer, *theirs, "--target", "cython"])
        if case.rounds:
            programs[CPP] = Program([peer, *theirs, "--target", "cpp"])
            ours += ["--rate", str(programs[CPP].about["mean_rate"])]
    programs[OURS] = Program(ours)
    if case.rounds:
        programs[ONE_THREAD] = Program(ours, NPROC="1")
    return programs


def statistics(neurons: int, neuron: np.ndarray, times: np.ndarray) -> dict[str, float]:
    """Mean rate, CV of the intervals and share of silent neurons, from each spike of 1 s."""
    counts = np.bincount(neuron, minlength=neurons)
    order = np.lexsort((times, neuron))
    trains = np.split(times[order], np.cumsum(counts)[:-1])
    intervals = [np.diff(train) for train in trains if len(train) >= 3]
    cv = [np.std(one) / np.mean(one) for one in intervals]
    return {
        "rate, Hz": float(counts.mean() / (SECOND / 1000.0)),
        "CV": float(np.mean(cv)) if cv else float("nan"),
        "silent": float(np.mean(counts == 0)),
    }


def compare_statistics(programs: dict[str, Program], case: Case) -> dict[str, Any]:
    """Mean and deviation over seeds of each program, and how far apart the means are."""
    results: dict[str, Any] = {}
    for name in [name for name in (OURS, CYTHON) if name in programs]:
        each = []
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(1, case.seeds + 1):
                path = Path(folder) / "spikes.npz"
                programs[name].ask(f"spikes {seed} {path}")
                saved = np.load(path)
                each.append(statistics(case.setup.size, saved["neuron"], saved["time"]))
        results[name] = {what: _over_seeds([one[what] for one in each]) for what in each[0]}
    if len(results) == 2:
        pairs = {what: (results[OURS][what], results[CYTHON][what]) for what in results[OURS]}
        results["difference of the means, in deviations"] = {
            what: round(abs(a["mean"] - b["mean"]) / np.hypot(a["sd"], b["sd"]) * 2**0.5, 2)
            for what, (a, b) in pairs.items()
        }
    return results


def _over_seeds(values: list[float]) -> dict[str, Any]:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    all_values = [round(value, 4) for value in values]
    return {"mean": round(float(np.mean(values)), 4), "sd": round(sd, 4), "all": all_values}


def compare_times(programs: dict[str, Program], case: Case) -> dict[str, Any]:
    """Seconds of every program, and how many times ours and theirs take."""
    timers = {name: program.time for name, program in programs.items()}
    if case.setup.size <= SERIES:
        series = "jaxneuro, all spikes recorded"
        timers[series] = lambda: programs[OURS].ask("series")["seconds"]
        timers[series]()  # compiles
    times = interleave(timers, case.rounds)
    ratios = {
        f"{ours} / {theirs}": ratio(times[ours], times[theirs])
        for ours in times
        if ours.startswith(OURS)
        for theirs in (CYTHON, CPP)
        if theirs in times
    }
    about = {name: program.about for name, program in programs.items()}
    seconds = {name: summary(values) | about.get(name, {}) for name, values in times.items()}
    return {"programs": seconds, "ratios": ratios}


def compare(case: Case, peer: str | None) -> dict[str, Any]:
    """All programs on one network."""
    programs = start_programs(case, peer)
    result: dict[str, Any] = {**case.setup._asdict(), "method in Brian2": case.theirs}
    result |= {"seeds": case.seeds, "rounds": case.rounds}
    if case.seeds:
        result["statistics"] = compare_statistics(programs, case)
    if case.rounds:
        result["time"] = compare_times(programs, case)
    for program in programs.values():
        program.close()
    return result


def show(title: str, result: dict[str, Any]) -> None:
    """A case as a table."""
    print(f"\n{title}")
    names = [OURS, CYTHON]
    both = result.get("statistics", {})
    for what in both.get(OURS, {}):
        sides = [
            f"{n} {both[n][what]['mean']:.3f} ± {both[n][what]['sd']:.3f}"
            for n in names
            if n in both
        ]
        print(f"  {what:10}", " | ".join(sides))
    for name, one in result.get("time", {}).get("programs", {}).items():
        rate = f"  {one['mean_rate']:.2f} Hz" if "mean_rate" in one else ""
        print(f"  {name:32} {one['seconds']:8.4f} s  shortest {one['shortest']:8.4f} s{rate}")
    for name, one in result.get("time", {}).get("ratios", {}).items():
        print(f"  {name:56} {one['median']:.2f}  shortest {one['of the shortest']:.2f}")
    sys.stdout.flush()


def memory() -> dict[str, Any]:
    """The large network, in a process of its own, whose peak of memory is read."""
    command = [sys.executable, str(HERE / "coba.py"), "--memory"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout)


def describe(command: str) -> dict[str, Any]:
    return {
        "device": f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores",
        "machine": platform.machine(),
        "jax": version("jax"),
        "jaxneuro": version("jaxneuro"),
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", help="a Python in which Brian2 is installed")
    parser.add_argument("--network", choices=list(NETWORKS), help="one network instead of all")
    parser.add_argument("--size", type=int, help="neurons; 4000 by default")
    parser.add_argument("--method", choices=list(METHODS), help="of both sides")
    parser.add_argument("--dt", type=float, help="ms; 0.1 by default")
    parser.add_argument("--seeds", type=int, default=5, help="networks for the statistics")
    parser.add_argument("--rounds", type=int, default=7, help="of timing")
    parser.add_argument("--memory", action="store_true", help="the large network alone")
    parser.add_argument("--out", type=Path, help="where to write the results, JSON")
    parser.add_argument("--rate", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse_arguments()
    if options.serve:
        serve(Setup(options.network, options.size, options.method, options.dt), options.rate)
        return
    if options.memory:
        measured = measure_memory()
        print(json.dumps(measured, indent=2))
        if measured["peak, MiB"] > LIMIT:
            raise SystemExit(f"The process took more than {LIMIT:.0f} MiB.")
        return
    command = " ".join(["python", *sys.argv])
    command = command.replace(options.peer, "PEER_PYTHON") if options.peer else command
    results = describe(command)
    for case in choose_cases(options):
        network, size, method, dt = case.setup
        title = f"{network}, {size} neurons, {method}, {dt} ms"
        results[title] = compare(case, options.peer)
        show(title, results[title])
        _write(options.out, results)
    if options.network is None:
        results["memory"] = memory()
        print("memory", json.dumps(results["memory"], indent=2))
        _write(options.out, results)


def _write(path: Path | None, results: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
