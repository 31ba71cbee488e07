"""Peer: f-I curves of many leaky integrate-and-fire neurons in Brian2, one neuron for each point.

    python fi_brian2.py --taus 100 --currents 1000 --milliseconds 1000 --device cpp --threads 2
    python fi_brian2.py --device cython --dtype float64 --update decay

    tau dv/dt = current - v, v = 0 where v > 1; period T = tau ln(current / (current - 1))

over the grid of `taus` time constants, 5 to 50 ms, and `currents` currents, 0 to 3; the current
changes fastest. A neuron spikes floor(steps / ceil(T / dt)) times: all of them do in float64.
Nothing is recorded: the reset counts the spikes, which is cheaper than a monitor.
`--update exact` is the method that Brian2 picks for these equations; it takes an exponential for
each neuron and step. `--update decay` takes it once for each neuron, as an expert writes it.

Prints one JSON line when compiled and warm, then reads lines from stdin: "run" runs the whole
simulation from its start and answers `{"seconds": ...}`; "rates PATH" saves the rates (Hz) of the
last run as .npy, in the order of the grid; "quit" or the end of the input leaves. Seconds are
those of the loop over time, as in `coba_brian2.py`. Needs `brian2`, not `jaxneuro`.
"""

import argparse
import json
import sys
import tempfile
import time

import brian2 as b2
import numpy as np

PARAMETERS = """
current : 1 (constant)
tau : second (constant)
count : integer
"""
EXACT = "dv/dt = (current - v)/tau : 1" + PARAMETERS
DECAY = "v : 1\ndecay : 1 (constant)" + PARAMETERS
# Brian2 keeps infinities by default, and with that flag the compiler does not vectorise `exp`.
FINITE = ["-w", "-O3", "-ffast-math", "-march=native", "-std=c++11"]


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--taus", type=int, default=100)
    parser.add_argument("--currents", type=int, default=1000)
    parser.add_argument("--milliseconds", type=float, default=1000.0)
    parser.add_argument("--dt", type=float, default=0.1, help="ms")
    parser.add_argument("--device", choices=["cython", "cpp"], default="cpp")
    parser.add_argument("--threads", type=int, default=0, help="of OpenMP (cpp); 0 is without it")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--update", choices=["exact", "decay"], default="exact")
    parser.add_argument("--finite", action="store_true", help="compile without infinities")
    return parser.parse_args()


def make_network(arguments):
    b2.defaultclock.dt = arguments.dt * b2.ms
    tau = np.repeat(np.linspace(5.0, 50.0, arguments.taus), arguments.currents)
    current = np.tile(np.linspace(0.0, 3.0, arguments.currents), arguments.taus)
    spike = {"threshold": "v > 1", "reset": "v = 0\ncount += 1"}
    if arguments.update == "exact":
        group = b2.NeuronGroup(tau.size, EXACT, method="exact", **spike)
    else:
        group = b2.NeuronGroup(tau.size, DECAY, **spike)
        group.decay = np.exp(-arguments.dt / tau)
        group.run_regularly(
            "v = current + (v - current)*decay", dt=b2.defaultclock.dt, when="groups"
        )
    group.tau = tau * b2.ms
    group.current = current
    return b2.Network(group), group


def make_cython_run(arguments):
    b2.prefs.codegen.target = "cython"
    network, group = make_network(arguments)
    network.store()
    network.run(10 * b2.defaultclock.dt)

    def run():
        elapsed = []
        network.restore()
        network.run(
            arguments.milliseconds * b2.ms,
            report=lambda passed, *_: elapsed.append(float(passed)),
            report_period=1e6 * b2.second,
        )
        return elapsed[-1]

    return run, group


def make_cpp_run(arguments, folder):
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = arguments.threads
    network, group = make_network(arguments)
    network.run(arguments.milliseconds * b2.ms)
    b2.device.build(directory=folder, run=False)

    def run():
        b2.device.run(directory=folder, with_output=False, run_args=[])
        return b2.device._last_run_time

    return run, group


def serve(arguments, folder):
    start = time.perf_counter()
    if arguments.device == "cython":
        run, group = make_cython_run(arguments)
    else:
        run, group = make_cpp_run(arguments, folder)
    compile_seconds = time.perf_counter() - start
    seconds = run()
    spikes = int(np.sum(group.count[:], dtype=np.int64))
    neuron_steps = len(group) * round(arguments.milliseconds / arguments.dt)
    ready = {
        "brian2": b2.__version__,
        "neurons": len(group),
        "seconds": seconds,
        "ns_per_neuron_step": round(1e9 * seconds / neuron_steps, 4),
        "spikes": spikes,
        "mean_rate": 1000.0 * spikes / len(group) / arguments.milliseconds,
        "compile_seconds": round(compile_seconds, 2),
    }
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "quit":
            return
        if command == "run":
            answer = {"seconds": run()}
        else:
            np.save(rest[0], 1000.0 * np.asarray(group.count[:]) / arguments.milliseconds)
            answer = {"rates": rest[0]}
        print(json.dumps(answer), flush=True)


def main():
    arguments = parse_arguments()
    b2.prefs.core.default_float_dtype = getattr(np, arguments.dtype)
    if arguments.finite:
        b2.prefs.codegen.cpp.extra_compile_args = FINITE
    with tempfile.TemporaryDirectory(prefix="brian2-") as folder:
        serve(arguments, folder)


if __name__ == "__main__":
    main()
