"""Peer: the networks COBA, CUBA and COBAHH of Brette et al. (2007) in Brian2, 1 s each.

    python coba_brian2.py coba --target cython --neurons 4000 --method euler
    python coba_brian2.py cobahh --target cpp --neurons 4000 --method exponential_euler

Prints one JSON line when compiled and warm, then reads lines from stdin: "run" runs the whole
simulation from its start and answers `{"seconds": ...}`; "spikes SEED PATH" (cython) draws another
network, runs it and saves neuron and time (ms) of each spike as .npz; "quit" or the end of the
input leaves. Seconds are those of the loop over time: without the preparation of `run` (cython,
which answers that of the whole call as well), without starting the program and writing its results
(cpp). Needs `brian2`, not `jaxneuro`.
"""

import argparse
import gc
import json
import re
import sys
import tempfile
import time

import brian2 as b2
import numpy as np

SECOND = 1000.0
IN_DEGREE = 80  # p = 0.02 of 4,000 neurons, kept in larger networks
CONDUCTANCES = """
dge/dt = -ge/(5*ms) : siemens
dgi/dt = -gi/(10*ms) : siemens
"""
COBA = CONDUCTANCES + (
    "dv/dt = (10*nS*(-60*mV - v) + ge*(0*mV - v) + gi*(-80*mV - v))/(200*pF)"
    " : volt (unless refractory)"
)
CUBA = """
dv/dt = (ge + gi - (v + 49*mV))/(20*ms) : volt (unless refractory)
dge/dt = -ge/(5*ms) : volt
dgi/dt = -gi/(10*ms) : volt
"""
COBAHH = (
    CONDUCTANCES
    + """
dv/dt = (10*nS*(-60*mV - v) + ge*(0*mV - v) + gi*(-80*mV - v)
         - 20*uS*(m*m*m)*h*(v - 50*mV) - 6*uS*(n*n*n*n)*(v + 90*mV))/(200*pF) : volt
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
u = v + 63*mV : volt
a_m = (13*mV - u)/(4*mV) : 1
b_m = (u - 40*mV)/(5*mV) : 1
a_n = (15*mV - u)/(5*mV) : 1
alpha_m = 0.32*4*RATIO(a_m)/ms : Hz
beta_m = 0.28*5*RATIO(b_m)/ms : Hz
alpha_h = 0.128*exp((17*mV - u)/(18*mV))/ms : Hz
beta_h = 4/(1 + exp((40*mV - u)/(5*mV)))/ms : Hz
alpha_n = 0.032*5*RATIO(a_n)/ms : Hz
beta_n = 0.5*exp((10*mV - u)/(40*mV))/ms : Hz
"""
)
# What RATIO stands for. Brian2's own example divides 0 by 0 where x is 0, which ends a few runs of
# float32; the guard costs a sixth of the time, and `exprel` doubles it. So the example's method is
# timed without.
RATIO = r"\1/(exp(\1) - 1)"
GUARDED = r"(\1 + int(exp(\1) == 1))/(exp(\1) - 1 + int(exp(\1) == 1))"
CONDUCTANCE_START = {
    "v": "(-65 + 5*randn())*mV",
    "ge": "(1.5*randn() + 4)*10*nS",
    "gi": "(12*randn() + 20)*10*nS",
}
LIF = {"threshold": "v > -50*mV", "reset": "v = -60*mV", "refractory": 5 * b2.ms}
# Equations, options of the neurons, start values, and what a spike adds.
NETWORKS = {
    "coba": (COBA, LIF, CONDUCTANCE_START, ("ge += 6*nS", "gi += 67*nS")),
    "cuba": (CUBA, LIF, {"v": "(-60 + 10*rand())*mV"}, ("ge += 1.62*mV", "gi -= 9*mV")),
    "cobahh": (
        COBAHH,
        # One spike for each upward crossing, as NEURON counts them. The 3 ms of Brian2's example
        # swallow a fifth of the spikes: those of bursts at more than 330 Hz.
        {"threshold": "v > -20*mV", "refractory": "v > -20*mV"},
        CONDUCTANCE_START,
        ("ge += 6*nS", "gi += 67*nS"),
    ),
}


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", choices=list(NETWORKS))
    parser.add_argument("--target", choices=["cython", "cpp"], default="cython")
    parser.add_argument("--neurons", type=int, default=4000)
    parser.add_argument("--dt", type=float, default=0.1, help="ms")
    parser.add_argument(
        "--method",
        choices=["euler", "exponential_euler", "exact", "rk4"],
        default="exponential_euler",
    )
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def make_network(arguments, seed, record):
    """The network, and a monitor that lists its spikes (`record`) or counts them."""
    gc.collect()  # names of objects that are gone are used again, and with them their code
    b2.seed(seed)
    b2.defaultclock.dt = arguments.dt * b2.ms
    equations, options, start, effects = NETWORKS[arguments.network]
    is_example = arguments.method == "exponential_euler" and not record
    equations = re.sub(r"RATIO\((\w+)\)", RATIO if is_example else GUARDED, equations)
    excitatory = 4 * arguments.neurons // 5
    group = b2.NeuronGroup(arguments.neurons, equations, method=arguments.method, **options)
    for name, value in start.items():
        setattr(group, name, value)
    synapses = []
    for sources, effect in zip((group[:excitatory], group[excitatory:]), effects, strict=True):
        synapses.append(b2.Synapses(sources, group, on_pre=effect))
        synapses[-1].connect(p=IN_DEGREE / arguments.neurons)
    monitor = b2.SpikeMonitor(group, record=record)
    return b2.Network(group, *synapses, monitor), monitor


def run_timed(network):
    """Seconds of the loop over time, and of the whole call of `run`."""
    elapsed = []
    start = time.perf_counter()
    network.run(
        SECOND * b2.ms,
        report=lambda passed, *_: elapsed.append(float(passed)),
        report_period=1e6 * b2.second,
    )
    return {"seconds": elapsed[-1], "call_seconds": time.perf_counter() - start}


def make_cython_run(arguments):
    b2.prefs.codegen.target = "cython"
    network, monitor = make_network(arguments, arguments.seed, record=False)
    network.store()
    network.run(10 * b2.defaultclock.dt)

    def run():
        network.restore()
        return run_timed(network)

    return run, monitor


def make_cpp_run(arguments, folder):
    b2.set_device("cpp_standalone", build_on_run=False)
    network, monitor = make_network(arguments, arguments.seed, record=False)
    network.run(SECOND * b2.ms)
    b2.device.build(directory=folder, run=False)

    def run():
        b2.device.run(directory=folder, with_output=False, run_args=[])
        return {"seconds": b2.device._last_run_time}

    return run, monitor


def save_spikes(arguments, seed, path):
    network, monitor = make_network(arguments, seed, record=True)
    network.run(SECOND * b2.ms)
    # Brian2 names a spike by the start of its step, where its state then is that of the end.
    times = np.asarray(monitor.t / b2.ms) + arguments.dt
    np.savez(path, neuron=np.asarray(monitor.i), time=times)
    return {"spikes": int(monitor.num_spikes)}


def serve(arguments, folder):
    start = time.perf_counter()
    if arguments.target == "cython":
        run, monitor = make_cython_run(arguments)
    else:
        run, monitor = make_cpp_run(arguments, folder)
    compile_seconds = time.perf_counter() - start
    run()
    ready = {
        "brian2": b2.__version__,
        "dtype": arguments.dtype,
        "mean_rate": float(np.mean(monitor.count)) / (SECOND / 1000.0),
        "compile_seconds": round(compile_seconds, 2),
    }
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "quit":
            return
        answer = run() if command == "run" else save_spikes(arguments, int(rest[0]), rest[1])
        print(json.dumps(answer), flush=True)


def main():
    arguments = parse_arguments()
    b2.prefs.core.default_float_dtype = getattr(np, arguments.dtype)
    with tempfile.TemporaryDirectory(prefix="brian2-") as folder:
        serve(arguments, folder)


if __name__ == "__main__":
    main()
