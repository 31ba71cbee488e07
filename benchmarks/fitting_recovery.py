"""The part `recovery` of `fitting.py`: models that are recorded, and found again from that."""

import argparse
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.fitting import (
    Latency,
    Recording,
    SpikeCount,
    SpikeTiming,
    Target,
    Voltage,
    fit,
    make_target,
)
from jaxneuro.integrators import Euler, ExponentialEuler
from jaxneuro.neurons import AdEx, HodgkinHuxley, Izhikevich2007, Population
from jaxneuro.simulation import simulate

DT = 0.1


def record_cell(neuron: Any, amplitudes: np.ndarray) -> tuple[Recording, Target, list[int]]:
    """A noiseless recording of a model under steps from 100 to 600 ms, and its counts in them."""
    samples = round(750.0 / DT) + 1
    times = np.arange(samples) * DT
    current = np.where((times >= 100.0) & (times < 600.0), 1.0, 0.0)[:, None] * amplitudes
    run = simulate(
        Population(neuron, len(amplitudes), integrator=Euler(), reset_gradient="event"),
        {"neuron": jnp.asarray(current[:-1], float)},
        dt=DT,
        key=jax.random.key(0),
        record=("neuron.v", "neuron.spike_times"),
        spike_times="interpolated",
    )
    v, found = np.asarray(run["neuron.v"], float), np.asarray(run["neuron.spike_times"])
    fired = np.isfinite(found)
    # A spike in the trace, where `make_target` finds it: the model's own is cut at its peak.
    v = np.where(fired, 30.0, v)
    voltage = np.concatenate([v[:1], v])
    labels = tuple(range(len(amplitudes)))
    recording = Recording(times, voltage, current, ((100.0, 600.0),), "model", labels)
    target = make_target(recording, dt=DT)
    return recording, target, fired[1000:6000].sum(0).tolist()


RECOVERED: dict[str, Any] = {
    "AdEx": (
        lambda p: AdEx(v_peak=-20.0, **p),
        {
            "C": (50.0, 400.0, "log"),
            "g_L": (3.0, 40.0, "log"),
            "v_t": (-60.0, -40.0),
            "Delta_T": (0.5, 5.0, "log"),
            "tau_w": (20.0, 400.0, "log"),
            "a": (-2.0, 10.0),
            "b": (5.0, 120.0),
            "v_reset": (-70.0, -50.0),
            "E_L": (-80.0, -60.0),
        },
    ),
    "Izhikevich2007": (
        lambda p: Izhikevich2007(**p),
        {
            "C": (50.0, 200.0, "log"),
            "k": (0.3, 3.0, "log"),
            "v_r": (-75.0, -55.0),
            "v_t": (-50.0, -35.0),
            "a": (0.005, 0.1, "log"),
            "b": (-5.0, 5.0),
            "c": (-65.0, -45.0),
            "d": (20.0, 150.0),
        },
    ),
}
AMPLITUDES = np.array([-50.0, 25.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0])
DENSE = np.arange(0.0, 301.0, 12.5)


def draw_truth(name: str, seed: int) -> dict[str, float]:
    """Parameters between the bounds of a cell that is silent at rest and fires under current."""
    make, free = RECOVERED[name]
    rng = np.random.default_rng(seed)
    while True:
        truth = {}
        for parameter, (lower, upper, *scale) in free.items():
            part = rng.uniform(0.1, 0.9)
            truth[parameter] = (
                float(lower * (upper / lower) ** part) if scale else lower + part * (upper - lower)
            )
        try:
            _, _, counts = record_cell(make(truth), np.array([-50.0, 0.0, 150.0, 300.0]))
        except ValueError:  # a reset above the threshold, or two spikes in a step
            continue
        if counts[:2] == [0, 0] and 4 <= counts[3] < 60:
            return truth


def measure_recovery(options: argparse.Namespace) -> dict[str, Any]:
    """f-I curves of what is fitted to drawn models, and the conductances of Hodgkin–Huxley."""
    objective = 3.0 * SpikeTiming() + SpikeCount() + 0.5 * Latency(sd=5.0) + Voltage(sd=2.0)
    found: dict[str, Any] = {}
    for name, (make, free) in RECOVERED.items():
        errors = []
        for seed in range(options.truths):
            truth = draw_truth(name, seed)
            target = record_cell(make(truth), AMPLITUDES)[1]
            middle = {
                p: (b[0] * b[1]) ** 0.5 if len(b) > 2 else 0.5 * (b[0] + b[1])
                for p, b in free.items()
            }
            began = time.perf_counter()
            fitted = fit(
                make(middle), target, free, objective, key=jax.random.key(seed), generations=200
            )
            wanted = np.array(record_cell(make(truth), DENSE)[2])
            got = np.array(record_cell(fitted.model, DENSE)[2])
            errors.append(float(np.abs(got - wanted).sum() / wanted.sum()))
            seconds = time.perf_counter() - began
            about = f"f-I error {errors[-1]:.3f}, loss {fitted.loss:.3g}, {seconds:.0f} s"
            print(f"{name} {seed}: {about}", flush=True)
        within = sum(error <= 0.05 for error in errors)
        found[name] = {"within_5_percent": within, "of": len(errors), "errors": errors}
    found["HodgkinHuxley"] = [recover_conductances(seed) for seed in range(options.seeds)]
    return found


def recover_conductances(seed: int) -> dict[str, float]:
    """Relative errors of the conductances, which start 25 to 70 % off."""
    rng, dt = np.random.default_rng(seed), 0.05
    usual = {"g_Na": 120.0, "g_K": 36.0, "g_L": 0.3}
    truth = {name: value * rng.uniform(0.8, 1.2) for name, value in usual.items()}
    start = {
        name: value * (1.0 + rng.choice([-1.0, 1.0]) * rng.uniform(0.25, 0.7))
        for name, value in truth.items()
    }
    times = np.arange(1401) * dt
    amplitudes = np.array([3.0, 7.0, 10.0, 15.0])
    current = np.where((times >= 10.0) & (times < 50.0), 1.0, 0.0)[:, None] * amplitudes
    run = simulate(
        Population(HodgkinHuxley(**truth), 4),
        {"neuron": jnp.asarray(current[:-1], float)},
        dt=dt,
        key=jax.random.key(0),
        record=("neuron.v",),
    )
    voltage = np.concatenate([np.full((1, 4), -65.0), np.asarray(run["neuron.v"])])
    recording = Recording(times, voltage, current, ((10.0, 50.0),), "HH", (0, 1, 2, 3))
    free = {name: (value / 6.0, 4.0 * value, "log") for name, value in usual.items()}
    fitted = fit(
        HodgkinHuxley(**start),
        make_target(recording, dt=dt, spike_mask=(-1.0, -1.0)),
        free,
        Voltage(sd=5.0),
        integrator=ExponentialEuler(),
        key=jax.random.key(seed),
        starts=4,
        generations=30,
        steps=40,
    )
    errors = {name: fitted.values[name] / truth[name] - 1.0 for name in usual}
    print(f"HodgkinHuxley {seed}: " + ", ".join(f"{n} {e:+.1e}" for n, e in errors.items()))
    return errors | {f"start_{name}": start[name] / truth[name] - 1.0 for name in usual}
