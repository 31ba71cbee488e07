"""Against the reference runs of system B: one neuron, its f-g curve, and two networks replayed.

The original's neurons compare a float time since the last spike with the refractory period, so the
number of steps they are held is that of `held_steps`, and a network's queue compares float times of
arrival with the time of the step. With the same numbers of whole steps our runs are the same up to
rounding.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, Population, simulate
from jaxneuro.catalogue import ConductanceCells, conductance_network
from jaxneuro.edges import (
    DirectConductance,
    OneToOne,
    Projection,
    Sparse,
)
from jaxneuro.inputs import Constant
from jaxneuro.integrators import Euler, Heun
from jaxneuro.neurons import ConductanceLIF, Refractory

FOLDER = Path(__file__).parent.parent / "data"
CELL = np.load(FOLDER / "conductance_lif.npz")
CIRCULAR = np.load(FOLDER / "conductance_circular.npz")
LAYERED = np.load(FOLDER / "conductance_layered.npz")
KEY = jax.random.key(0)
DT = 0.1


def held_steps(period):
    """Steps a neuron is held whose time since its spike is advanced before it is compared."""
    return np.ceil(np.asarray(period) / DT - 1e-9) - 1


def under_conductance(cell, g, steps, **options):
    """One neuron for each constant excitatory conductance."""
    population = Population(cell, len(g), **{"integrator": Euler()} | options)
    edge = Projection(
        "g", "cell", 1.0, OneToOne(shared=True), DirectConductance(e_rev=0.0), delay=0.0
    )
    return simulate(
        Network({"g": Input(len(g)), "cell": population}, {"g_cell": edge}),
        {"g": Constant(g)},
        dt=DT,
        steps=steps,
        key=KEY,
        record=("cell.spikes", "cell.spike_times"),
        spike_times="interpolated",
    )


@pytest.mark.parametrize(
    ("name", "delta_w", "tau_w", "period"),
    [
        ("noadapt", 0.0, 100.0, 2.0),
        ("adapt0p5_100", 0.5, 100.0, 2.0),
        ("adapt0p3_120_ref1p5", 0.3, 120.0, 1.5),
    ],
)
def test_rates_over_conductance_are_those_of_the_original(name, delta_w, tau_w, period, x64):
    cell = Refractory(ConductanceLIF(delta_w=delta_w, tau_w=tau_w), held_steps(period) * DT)
    run = under_conductance(cell, CELL["g_ext"], 20_000)
    spikes = np.asarray(run["cell.spikes"])
    np.testing.assert_array_equal(spikes.sum(0) / 2.0, CELL[f"rate_{name}_dt0p1"])
    late = CELL[f"rate_last_half_{name}_dt0p1"]
    np.testing.assert_array_equal(spikes[10_000:].sum(0), late)
    assert late.max() > 400
    first = np.where(spikes.any(0), (spikes.argmax(0) + 1) * DT, np.nan)
    np.testing.assert_allclose(first, CELL[f"first_spike_{name}_dt0p1"], atol=1e-9)


def test_rates_without_adaptation_are_the_analytic_ones(x64):
    """1 / rate = period + log((v_end - v_reset) / (v_end - threshold)) / (1 / tau + g)."""
    cell = Refractory(ConductanceLIF(delta_w=0.0), 2.0, whole_steps=False)
    options = {"integrator": Heun(), "reset_gradient": "event"}
    run = under_conductance(cell, CELL["g_ext"], 2000, **options)
    times = np.asarray(run["cell.spike_times"])
    analytic = CELL["rate_analytic_noadapt"]
    for column, wanted in zip(times.T, analytic, strict=True):
        spikes = column[np.isfinite(column)]
        if not wanted:
            assert not spikes.size
            continue
        rate = 1000.0 * (spikes.size - 1) / (spikes[-1] - spikes[0])
        assert rate == pytest.approx(wanted, rel=1e-3)  # 1 % was asked for
    assert analytic.max() > 400


def test_one_neuron_with_given_events(x64):
    """Of both of the original's object neurons, whose traces are the same without noise."""
    events = np.zeros((2000, 2))
    for step, weight in zip(CELL["event_step"], CELL["event_w"], strict=True):
        events[step, int(weight < 0)] += abs(weight)
    cells = ConductanceCells(1, period=float(held_steps(2.0)) * DT)
    net = Network(
        {"events": Input(2), "cells": cells},
        {
            "exc": Projection("events", "cells/ampa", [[1.0], [0.0]], delay=0.0),
            "inh": Projection("events", "cells/gaba", [[0.0], [1.0]], delay=0.0),
        },
    )
    record = ("cells.v", "cells.w", "cells/ampa.g", "cells/gaba.g", "cells.spikes")
    run = simulate(net, {"events": jnp.asarray(events)}, dt=DT, key=KEY, record=record)
    for path, name in zip(record, ("v", "adaptation", "g_e", "g_i"), strict=False):
        np.testing.assert_allclose(run[path][:, 0], CELL[name], atol=1e-12)
    assert np.flatnonzero(run["cells.spikes"][:, 0]).tolist() == CELL["spike_step"].tolist()
    assert len(CELL["spike_step"]) == 7


def replay(data, cells, lags, inputs, given):
    """The network of a file, with whole numbers of steps as delays."""
    n = len(data["is_inhibitory"])
    net = conductance_network(
        cells,
        Sparse(data["pre"], data["post"], n),
        jnp.asarray(data["weight_signed"]),
        jnp.asarray(lags * DT),
        positions=jnp.zeros((n, 2)),
        is_inhibitory=jnp.asarray(data["is_inhibitory"]),
        inputs=inputs,
    )
    record = ("cells.v", "cells.spikes")
    run = simulate(net.network, given, dt=DT, key=KEY, record=record)
    return np.asarray(run["cells.v"]), events_of(np.asarray(run["cells.spikes"]))


def events_of(spikes):
    return list(zip(*(index.tolist() for index in np.nonzero(spikes)), strict=True))


def stored_events(data):
    return list(zip(data["spike_step"].tolist(), data["spike_neuron"].tolist(), strict=True))


def test_the_circular_network_is_that_of_the_original(x64):
    n = len(CIRCULAR["is_inhibitory"])
    stimulus = np.zeros((1200, n))
    stimulus[np.ix_(CIRCULAR["stim_steps"], CIRCULAR["stim_neurons"])] = CIRCULAR["stim_g"]
    cells = ConductanceCells(
        n,
        period=held_steps(CIRCULAR["tau_ref"]) * DT,
        delta_w=CIRCULAR["adaptation_increment"],
        tau_w=40.0,
        e_inh=-80.0,
    )
    edge = Projection("stimulus", "cells/ampa", 1.0, OneToOne(shared=True), delay=0.0)
    # Events are delivered once all neurons are updated, and were sent after it: a step more.
    lags = np.ceil(CIRCULAR["delay_ms"] / DT - 1e-9) + 1
    inputs, given = {"stimulus": (Input(n), edge)}, {"stimulus": jnp.asarray(stimulus)}
    v, events = replay(CIRCULAR, cells, lags, inputs, given)
    assert events == stored_events(CIRCULAR)
    assert len(events) == 1021
    np.testing.assert_allclose(v[9::10], CIRCULAR["v"], atol=1e-5)  # the file has float32


def layered_cells():
    n = len(LAYERED["is_inhibitory"])
    return ConductanceCells(n, period=1.5, delta_w=0.3, tau_w=120.0)


def layered_input():
    series = np.zeros((900, LAYERED["sizes"][0]))
    series[LAYERED["input_step"], LAYERED["input_neuron"]] = 1.0
    return series


def original_layered(arrival):
    """The original's program with given steps of arrival, `(spike step, delays in ms)`."""
    n, series = len(LAYERED["is_inhibitory"]), layered_input()
    v, g_exc, g_inh, w = np.full(n, -65.0), np.zeros(n), np.zeros(n), np.zeros(n)
    coming = np.zeros((2, 930, n))
    since, events = np.full(n, 1.5 + 1e-5), []
    delay, weight, voltages = LAYERED["delay_ms"], LAYERED["weight_signed"], []
    of = [np.flatnonzero(LAYERED["pre"] == i) for i in range(n)]
    for k in range(900):
        g_exc, g_inh = g_exc + coming[0, k], g_inh + coming[1, k]
        g_input = np.zeros(n)
        g_input[: series.shape[1]] = LAYERED["stim_g"] * series[k]
        is_held = since < 1.5
        since = since + DT
        slope = -(v + 65.0) / 10.0 - (g_exc + g_input) * v + g_inh * (-70.0 - v) - w
        v = np.where(is_held, -75.0, v + DT * slope)
        g_exc, g_inh = g_exc * np.exp(-DT / 3.0), g_inh * np.exp(-DT / 7.0)
        w = w * np.exp(-DT / 120.0)
        fired = (v >= -55.0) & ~is_held
        v[fired], since[fired] = -75.0, 0.0
        w[fired] += 0.3
        voltages.append(v.copy())
        for i in np.flatnonzero(fired):
            events.append((k, int(i)))
            at = of[i]
            kind = (weight[at] < 0).astype(int)
            np.add.at(coming, (kind, arrival(k, delay[at]), LAYERED["post"][at]), abs(weight[at]))
    return np.asarray(voltages), events


def whole_arrival(k, delay):
    return k + np.round(delay / DT).astype(int)


def float_arrival(k, delay):
    """The first step whose time, as a float, is not below that of the event."""
    nearest = whole_arrival(k, delay)
    return nearest + (nearest * DT < k * DT + delay)


def test_the_layered_network_is_that_of_the_original_up_to_its_float_times(x64):
    v, events = original_layered(whole_arrival)
    n, first = len(LAYERED["is_inhibitory"]), np.arange(LAYERED["sizes"][0])
    edge = Projection(
        "input",
        "cells",
        float(LAYERED["stim_g"]),
        Sparse(first, first, n, shared=True),
        DirectConductance(e_rev=0.0),
        delay=0.0,
    )
    ours_v, ours = replay(
        LAYERED,
        layered_cells(),
        np.round(LAYERED["delay_ms"] / DT),
        {"input": (Input(len(first)), edge)},
        {"input": jnp.asarray(layered_input())},
    )
    assert ours == events
    np.testing.assert_allclose(ours_v, v, atol=1e-9)
    assert len(ours) == 5538
    # With arrivals a step later wherever rounding makes them so, it is the original.
    v, events = original_layered(float_arrival)
    assert events == stored_events(LAYERED)
    np.testing.assert_allclose(v[9::10], LAYERED["v"], atol=1e-5)
    assert len(events) == 5536
