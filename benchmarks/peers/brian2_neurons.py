"""Peer timing: populations of independent neurons in Brian2, 1 s of simulated time.

    python brian2_neurons.py izhikevich --target cython --neurons 1000 --dt 0.5 --current 5 15
    python brian2_neurons.py hodgkin-huxley --target cpp --neurons 100 --dt 0.05 --current 7 20

Prints one JSON line when compiled and warm, then reads lines from stdin: each runs the whole
simulation from its start and answers `{"seconds": ...}`; "quit" or the end of the input leaves.
Seconds are those of the simulation alone: of `run` once all code is generated and compiled
(cython), or the run time that the compiled program reports (cpp). Needs `brian2`, not `jaxneuro`.
"""

import argparse
import json
import sys
import tempfile
import time

import brian2 as b2
import numpy as np

IZHIKEVICH = """
dv/dt = (0.04*v**2 + 5*v + 140 - u + I)/ms : 1
du/dt = 0.02*(0.2*v - u)/ms : 1
I : 1 (constant)
"""
HODGKIN_HUXLEY = """
dv/dt = (I - 120*m**3*h*(v - 50) - 36*n**4*(v + 77) - 0.3*(v + 54.3))/ms : 1
dm/dt = ((1 - m)/exprel(-(v + 40)/10) - 4*exp(-(v + 65)/18)*m)/ms : 1
dh/dt = (0.07*exp(-(v + 65)/20)*(1 - h) - h/(1 + exp(-(v + 35)/10)))/ms : 1
dn/dt = (0.1*(1 - n)/exprel(-(v + 55)/10) - 0.125*exp(-(v + 65)/80)*n)/ms : 1
I : 1 (constant)
"""
SECOND = 1000.0


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", choices=["izhikevich", "hodgkin-huxley"])
    parser.add_argument("--target", choices=["cython", "cpp"], default="cython")
    parser.add_argument("--threads", type=int, default=0, help="OpenMP threads (cpp); 0: none")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--neurons", type=int, required=True)
    parser.add_argument("--dt", type=float, required=True, help="ms")
    parser.add_argument("--current", type=float, nargs=2, required=True, help="lowest, highest")
    return parser.parse_args()


def make_network(arguments):
    """The neurons, currents spread evenly over them, and a count of their spikes."""
    b2.defaultclock.dt = arguments.dt * b2.ms
    if arguments.model == "izhikevich":
        group = b2.NeuronGroup(
            arguments.neurons,
            IZHIKEVICH,
            threshold="v > 30",
            reset="v = -65; u += 8",
            method="euler",
        )
        group.v, group.u = -65.0, -13.0
    else:
        # Refractory while above threshold: one spike per upward crossing.
        group = b2.NeuronGroup(
            arguments.neurons,
            HODGKIN_HUXLEY,
            threshold="v > 0",
            refractory="v > 0",
            method="exponential_euler",
        )
        group.v = -65.0
        group.m, group.h, group.n = 0.05293249, 0.5961208, 0.3176769
    group.I = np.linspace(*arguments.current, arguments.neurons)
    monitor = b2.SpikeMonitor(group, record=False)
    return b2.Network(group, monitor), monitor


def make_cython_run(arguments):
    b2.prefs.codegen.target = "cython"
    network, monitor = make_network(arguments)
    network.store()
    network.run(10 * b2.defaultclock.dt)

    def run():
        network.restore()
        start = time.perf_counter()
        network.run(SECOND * b2.ms)
        return time.perf_counter() - start

    return run, monitor


def make_cpp_run(arguments, folder):
    b2.prefs.devices.cpp_standalone.openmp_threads = arguments.threads
    b2.set_device("cpp_standalone", build_on_run=False)
    network, monitor = make_network(arguments)
    network.run(SECOND * b2.ms)
    b2.device.build(directory=folder, run=False)

    def run():
        b2.device.run()
        # Of the simulation's loop, without starting the program and writing its results.
        return b2.device._last_run_time

    return run, monitor


def serve(arguments, folder):
    start = time.perf_counter()
    if arguments.target == "cython":
        run, monitor = make_cython_run(arguments)
    else:
        run, monitor = make_cpp_run(arguments, folder)
    compile_seconds = time.perf_counter() - start
    run()
    rates = np.asarray(monitor.count) / (SECOND / 1000.0)
    ready = {
        "brian2": b2.__version__,
        "dtype": arguments.dtype,
        "mean_rate": float(rates.mean()),
        "highest_rate": float(rates.max()),
        "compile_seconds": round(compile_seconds, 2),
    }
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            return
        print(json.dumps({"seconds": run()}), flush=True)


def main():
    arguments = parse_arguments()
    b2.prefs.core.default_float_dtype = getattr(np, arguments.dtype)
    with tempfile.TemporaryDirectory(prefix="brian2-") as folder:
        serve(arguments, folder)


if __name__ == "__main__":
    main()
