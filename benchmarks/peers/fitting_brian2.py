"""Peer: candidates of an AdEx cell scored against recorded spikes by brian2modelfitting.

    python fitting_brian2.py target.npz --candidates 200

`target.npz` has `current` (time, sweeps) in pA, `spikes` (spikes, 2) of sweep and time in ms, and
`dt` in ms. One run draws so many candidates with differential evolution, simulates every sweep of
each (Euler) and scores them by their spike counts: one round of its `SpikeFitter`. (Its Gamma
factor divides by zero where neither of two trains has a spike.)

Prints one JSON line when compiled and warm, then reads lines from stdin: "run" answers
`{"seconds": ...}`, "quit" or the end of the input leaves. Needs `brian2modelfitting`, and with its
version 0.4 also `numpy<2` and `bayesian-optimization<2`; not `jaxneuro`.
"""

import argparse
import contextlib
import json
import sys
import time

import brian2 as b2
import numpy as np

# The nevergrad that it takes asks for it, and NumPy has dropped it.
np.float = float  # noqa: NPY001

import brian2modelfitting as fitting  # noqa: E402

MODEL = """
dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((clip(v, -200*mV, 0*mV) - v_t)/Delta_T) - w + I)/C : volt
dw/dt = (a*(v - E_L) - w)/tau_w : amp
C : farad (constant)
g_L : siemens (constant)
v_t : volt (constant)
tau_w : second (constant)
a : siemens (constant)
b : amp (constant)
v_reset : volt (constant)
"""
CONSTANTS = {"E_L": -67.7 * b2.mV, "Delta_T": 2.0 * b2.mV}
FREE = {
    "C": [20 * b2.pF, 400 * b2.pF],
    "g_L": [1 * b2.nS, 30 * b2.nS],
    "v_t": [-60 * b2.mV, -25 * b2.mV],
    "tau_w": [5 * b2.ms, 1000 * b2.ms],
    "a": [-2 * b2.nS, 15 * b2.nS],
    "b": [0 * b2.pA, 150 * b2.pA],
    "v_reset": [-65 * b2.mV, -35 * b2.mV],
}


class CountError(fitting.metric.SpikeMetric):
    """Mean absolute difference of the spike counts."""

    def get_features(self, model_spikes, data_spikes, dt):
        return np.array(
            [
                [abs(len(m) - len(d)) for m, d in zip(sample, data_spikes, strict=True)]
                for sample in model_spikes
            ],
            float,
        )

    def get_errors(self, features):
        return features.mean(axis=1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target")
    parser.add_argument("--candidates", type=int, default=200)
    arguments = parser.parse_args()
    target = np.load(arguments.target)
    spikes, sweeps = target["spikes"], target["current"].shape[1]
    trains = [spikes[spikes[:, 0] == sweep, 1] * b2.ms for sweep in range(sweeps)]
    fitter = fitting.SpikeFitter(
        model=b2.Equations(MODEL, **CONSTANTS),
        input=target["current"].T * b2.pA,
        output=trains,
        dt=float(target["dt"]) * b2.ms,
        n_samples=arguments.candidates,
        threshold="v > 0*mV",
        reset="v = v_reset; w += b",
        method="euler",
        param_init={"v": -67.7 * b2.mV, "w": 0 * b2.pA},
    )
    optimizer = fitting.NevergradOptimizer("DE")
    metric = CountError()

    def run():
        began = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):
            fitter.fit(optimizer, metric, n_rounds=1, callback=None, **FREE)
        return time.perf_counter() - began

    run()
    about = {"brian2modelfitting": fitting.__version__, "brian2": b2.__version__}
    print(json.dumps(about | {"candidates": arguments.candidates}), flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            return
        print(json.dumps({"seconds": run()}), flush=True)


if __name__ == "__main__":
    main()
