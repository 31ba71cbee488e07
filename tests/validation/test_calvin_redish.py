"""Against the program of Calvin & Redish (ModelDB 267046): cells with given spikes, and the ring.

That program is of first order in dt: it lets NMDA decay linearly within a step, its predictor lacks
1 / C, and refractory periods end with a step. So its traces are met up to such errors, and its
spike times in the limit of small steps, to which its runs at 0.01 and 0.05 ms are extrapolated.
"""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, simulate
from jaxneuro.analysis import angular_difference, firing_rate, population_vector
from jaxneuro.catalogue import (
    InterneuronPopulation,
    PyramidalPopulation,
    PyramidalRing,
    cue_probe_ring,
)
from jaxneuro.edges import Projection, TunedCurrent
from jaxneuro.inputs import Cues, spread_events
from jaxneuro.neurons import VoltageClamp
from jaxneuro.topology import ring

FOLDER = Path(__file__).parent.parent / "data"
DATA = np.load(FOLDER / "calvin_cells.npz")
THEIR_RING = np.load(FOLDER / "calvin_ring.npz")
KEY = jax.random.key(0)
KAPPA = 2 * np.pi / 0.4
NAMES = {"pyr": "pyrPop", "inter": "interPop", "ring": "pyrRingPop_aff"}
# The first spikes of the second neuron at dt 0.01 and 0.05 ms, and spikes of both at 0.01, ms.
GOLDEN = {
    "pyr": (
        [51.3528, 100.70403, 105.11258, 108.81983, 125.8031, 200.89484, 208.48657, 211.18765],
        [51.37178, 100.74124, 105.14116, 108.86024, 127.11798, 200.92509, 209.34477, 212.49463],
        (34, 53),
    ),
    "inter": (
        [50.3298, 51.7402, 53.65591, 57.94749, 100.08179, 101.43834, 103.14261, 105.07911],
        [50.34377, 51.75729, 53.72307, 58.32886, 100.10943, 101.50532, 103.29234, 105.11649],
        (101, 145),
    ),
    "ring": (
        [118.42258, 137.27473, 220.23152, 230.4718, 239.30346, 247.3575, 255.10962, 262.75695],
        [119.11778, 139.33917, 220.7609, 231.1468, 240.15108, 248.36357, 256.12511, 263.79069],
        (51, 33),
    ),
}
OPENINGS = {"sA": "ampa.s", "sN": "nmda.s", "xN": "nmda.x", "sG": "gaba.s"}


def populations():
    """Two cells of each kind without noise, and of pyramidal cells two that are clamped."""
    strong = {"g_ampa": 1.5, "g_nmda": 0.3}
    exact = {"noise_rate": 0.0, "whole_steps": False, "initial": {"v": -60.0}}
    clamped = PyramidalPopulation(2, **strong, g_gaba=1.0, noise_rate=0.0, initial={})
    cell = clamped.neuron.neuron.neuron
    held = VoltageClamp(cell, C=0.5, v_clamp=-55.0)
    return {
        "pyr": PyramidalPopulation(2, **strong, g_gaba=1.0, **exact),
        "inter": InterneuronPopulation(2, **strong, **exact),
        "ring": PyramidalRing(2, **exact),
        "clamp": eqx.tree_at(lambda p: p.neuron.neuron, clamped, held),
    }


def run_cells(dt, fraction):
    """500 ms of them; the original's spikes come a `fraction` of a part of a step late."""
    steps = round(500.0 / dt)
    weight = jnp.asarray([[0.05, 0.1]])
    nodes = {"excite": Input(1), "inhibit": Input(1), "stimulus": Input(2), **populations()}
    edges = {
        f"{source}_{name}_{receptor}": Projection(source, f"{name}/{receptor}", weight, delay=0.0)
        for name in populations()
        for source, receptor in (("excite", "ampa"), ("excite", "nmda"), ("inhibit", "gaba"))
    }
    edges["afferent"] = TunedCurrent("stimulus", "ring", 2, KAPPA, delay=0.0)
    inputs = {"stimulus": Cues([20.0], [480.0], [[0.6, 0.0]])}
    for name, short in (("excite", "pyr"), ("inhibit", "int")):
        times = DATA[f"{short}_step"] * 0.05 + DATA[f"{short}_fraction"] * fraction * 0.05
        inputs[name] = spread_events(np.zeros(len(times), int), times, 1, steps, dt)
    record = [f"{name}.{what}" for name in NAMES for what in ("v", "spike_times")]
    record += [f"clamp/{path}" for path in OPENINGS.values()] + ["clamp.I_inf"]
    return simulate(
        Network(nodes, edges),
        inputs,
        dt=dt,
        steps=steps,
        key=KEY,
        record=record,
        spike_times="interpolated",
        block=100,
    )


@pytest.fixture(scope="module")
def traces():
    """At the step of the recorded traces, with the spikes where they were in its steps."""
    with jax.enable_x64(True):
        return run_cells(0.05, fraction=1.0)


@pytest.fixture(scope="module")
def limits():
    """Spike times at 0.05 and 0.0125 ms, with the spikes where they are in the limit dt -> 0."""
    with jax.enable_x64(True):
        runs = run_cells(0.05, fraction=0.0), run_cells(0.0125, fraction=0.0)
    return [{name: spikes_of(run, name) for name in NAMES} for run in runs]


def spikes_of(run, name):
    times = np.asarray(run[f"{name}.spike_times"])
    return [column[np.isfinite(column)] for column in times.T]


def sampled(run, path):
    """Each 0.5 ms, as the reference."""
    return np.asarray(run[path])[9::10]


@pytest.mark.parametrize(
    ("name", "tolerance"),
    # First-order kinetics are exact in both; a spike between two steps is of second order here.
    # x of NMDA decays by 1 - dt / 2 ms a step there, and s opens by the x after that decay.
    [("sA", 1e-5), ("sG", 1e-6), ("xN", 7e-4), ("sN", 8e-3)],
)
def test_openings(name, tolerance, traces):
    ours, theirs = sampled(traces, f"clamp/{OPENINGS[name]}"), DATA[f"clamp_{name}"]
    np.testing.assert_allclose(ours, theirs, atol=tolerance)
    assert np.abs(theirs).max() > 0.07


def original_nmda(times, weight, dt, end):
    """Their update of x and s from one event or step to the next."""
    x, s, now, series = 0.0, 0.0, 0.0, []
    for k in range(round(end / dt)):
        after = (k + 1) * dt
        inside = [t for t in times if k * dt <= t + 1e-9 < after]
        for upto, jump in [(t, weight) for t in inside] + [(after, 0.0)]:
            gap = upto - now
            s, x = s + gap * (x * (1 - gap / 2.0) * (1 - s) - s / 80.0), x * (1 - gap / 2.0) + jump
            now = upto
        series.append(s)
    return np.array(series)


def test_nmda_differs_by_the_linear_decay_alone(traces):
    # Three spikes, at 50, 100 and 105 ms.
    times = (DATA["pyr_step"] + DATA["pyr_fraction"])[:3] * 0.05
    theirs = original_nmda(times, 0.1, 0.05, 120.0)[9::10]
    np.testing.assert_allclose(theirs, DATA["clamp_sN"][:240, 1], atol=1e-6)
    fine = original_nmda(times, 0.1, 0.00125, 120.0)[399::400]
    ours = sampled(traces, "clamp/nmda.s")[:240, 1]
    error = np.abs(theirs - ours).max()
    assert error > 2e-3
    # A step that is 40 times smaller brings it 40 times closer.
    assert np.abs(fine - ours).max() == pytest.approx(error / 40, rel=0.2)


def test_currents(traces):
    """The sum of all at -55 mV: up to 6 nA inward, and outward."""
    theirs = -sum(DATA[f"clamp_{name}"] for name in ("iA", "iN", "iG", "iL"))
    ours = sampled(traces, "clamp.I_inf")
    # Theirs is the mean over a step in which v moves, by up to 1 % of the driving force.
    np.testing.assert_allclose(ours, theirs, rtol=0.015, atol=0.02)
    assert theirs.max() > 5.0
    assert theirs.min() < -1.3


@pytest.mark.parametrize("name", NAMES)
def test_voltages(name, traces):
    """Up to the first spike: then times differ (below), and v with them."""
    v, theirs = sampled(traces, f"{name}.v"), DATA[f"{NAMES[name]}_v"]
    t = 0.5 * np.arange(1, len(v) + 1)
    # Their first step holds v; until the first spikes at 50 ms nothing else differs.
    np.testing.assert_allclose(v[t < 50], theirs[t < 50], atol=0.03)
    first = DATA[f"{NAMES[name]}_time"][np.argmax(DATA[f"{NAMES[name]}_neuron"] == 1)]
    early = t < first - 1
    np.testing.assert_allclose(v[early, 1], theirs[early, 1], atol=0.7)


@pytest.mark.parametrize("name", NAMES)
def test_spike_times_in_the_limit_of_small_steps(name, limits):
    fine, coarse, counts = (np.array(x) for x in GOLDEN[name])
    limit = fine - (coarse - fine) / 4
    error = np.abs(coarse - limit)
    ours = limits[1][name][1][:8]
    # The end of a refractory period is rounded to their step, which no extrapolation mends.
    assert np.all(np.abs(ours - limit) < 0.1 * error + 0.02)
    assert [len(x) for x in limits[1][name]] == pytest.approx(counts, abs=1)


@pytest.mark.parametrize("name", NAMES)
def test_spike_times_hardly_depend_on_the_step(name, limits):
    fine, coarse, _ = (np.array(x) for x in GOLDEN[name])
    error = np.abs(coarse - (fine - (coarse - fine) / 4))
    change = np.abs(limits[0][name][1][:8] - limits[1][name][1][:8])
    assert error.max() > 0.4
    assert change.max() < 0.002
    # A quarter was asked for; the least of theirs is 0.02 ms.
    assert np.all(change < 0.05 * error)


@eqx.filter_jit
def ring_spikes(network, cue, key):
    record = ("pyr.spikes", "int.spikes")
    run = simulate(network, cue, dt=0.1, steps=15000, key=key, record=record, block=125)
    return run["pyr.spikes"].astype(bool), run["int.spikes"].astype(bool)


def remembered(spikes, neurons=256):
    """The population vector of the last 500 ms."""
    return population_vector(np.asarray(spikes)[10000:].sum(0), np.asarray(ring(neurons)))


def reference_vector(seed):
    step, neuron = THEIR_RING[f"pyr_{seed}"].T
    counts = np.bincount(neuron[step >= 10000], minlength=256)
    return population_vector(counts, np.asarray(ring(256)))


def run_rings(network, cases):
    """Errors of the remembered angle and lengths of its vector, one of each (key, direction)."""
    errors, lengths = [], []
    for seed, direction in cases:
        cue = {"cue": Cues([300.0], [600.0], [[1250.0, direction]])}
        pyr, inh = map(np.asarray, ring_spikes(network, cue, jax.random.key(seed)))
        shown = population_vector(pyr[4500:6000].sum(0), np.asarray(ring(256)))
        assert abs(float(angular_difference(shown.angle, direction))) < 0.2
        assert float(shown.length) > 0.8
        assert 0.05 < float(firing_rate(pyr[:3000], 0.1).mean()) < 0.8
        assert float(firing_rate(inh[:3000], 0.1).mean()) == pytest.approx(1.9, abs=0.5)
        vector = remembered(pyr)
        errors.append(float(angular_difference(vector.angle, direction)))
        lengths.append(float(vector.length))
        if lengths[-1] > 0.8:
            assert 1.5 < float(firing_rate(pyr[10000:], 0.1).mean()) < 3.0
            assert float(firing_rate(inh[10000:], 0.1).mean()) == pytest.approx(4.2, abs=0.7)
    return np.array(errors), np.array(lengths)


# Of 24 seeds, 23 keep their bump, with lengths of 0.85 to 0.96 and errors of 0.016 +- 0.060 rad, 21
# of them within 0.1; one loses it. Which ones is as good as random from one processor to another.
def test_rings_remember_their_cue():
    errors, lengths = run_rings(cue_probe_ring(256, 64), [(seed, np.pi) for seed in (1, 2, 3)])
    keep = lengths > 0.8
    assert keep.sum() >= 2
    assert np.median(np.abs(errors[keep])) < 0.1


@pytest.mark.slow
def test_rings_remember_as_those_of_the_original():
    errors, lengths = run_rings(cue_probe_ring(256, 64), [(seed, np.pi) for seed in range(12)])
    keep = lengths > 0.8
    assert keep.sum() >= 10
    assert np.mean(np.abs(errors[keep]) < 0.1) > 0.6
    theirs = [reference_vector(seed) for seed in range(3)]
    mean_of_theirs = np.mean([angular_difference(x.angle, np.pi) for x in theirs])
    assert abs(errors[keep].mean() - mean_of_theirs) < 0.1
    assert abs(lengths[keep].mean() - np.mean([x.length for x in theirs])) < 0.06


@pytest.mark.slow
def test_any_direction_is_remembered():
    cases = list(enumerate((0.0, 1.0, 2.5, 4.4, 6.2), start=30))
    errors, lengths = run_rings(cue_probe_ring(256, 64), cases)
    keep = lengths > 0.8
    assert keep.sum() >= 4
    assert np.all(np.abs(errors[keep]) < 0.25)


@pytest.mark.slow
def test_without_a_cue_nothing_is_remembered():
    cue = {"cue": Cues([300.0], [600.0], [[0.0, np.pi]])}
    pyr, _ = map(np.asarray, ring_spikes(cue_probe_ring(256, 64), cue, KEY))
    assert float(firing_rate(pyr, 0.1).mean()) < 0.8
