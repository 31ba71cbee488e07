"""Spikes handed over at the time of their crossing: order in dt, gradient, blocks, restarts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import (
    AMPA,
    NMDA,
    Alpha,
    CurrentReceptor,
    Delta,
    ExponentialConductance,
    ExponentialCurrent,
    Projection,
)
from jaxneuro.integrators import Heun
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, Input, Population, Refractory
from jaxneuro.simulation import SpikeTimes, simulate

LENGTH = 60.0
KEY = jax.random.key(0)
CURRENTS = [2.9, 2.4, 3.3]  # nA


def loop(spike_times="interpolated", receptor=None, period=2.0, weight=0.02):
    """Three cells that excite each other in a ring, driven by currents of their own."""
    lif = LIF(
        tau=15.0, v_rest=-65.0, v_reset=-65.0, threshold=-50.0, resistance=10.0, reset_by="value"
    )
    cells = Population(
        Refractory(lif, period, whole_steps=False), 3, integrator=Heun(), reset_gradient="event"
    )
    matrix = weight * jnp.asarray([[0.0, 1.0, 0.3], [0.2, 0.0, 1.0], [1.0, 0.5, 0.0]])
    receptor = ExponentialConductance(tau=4.0, e_rev=0.0) if receptor is None else receptor
    edge = Projection(
        "cells", "cells", matrix, receptor=receptor, delay=2.0, spike_times=spike_times
    )
    return Network({"cells": cells}, {"e": edge})


def spike_times(net, dt, current, capacity=16):
    run = simulate(
        net,
        {"cells": jnp.broadcast_to(current, (round(LENGTH / dt), 3))},
        dt=dt,
        key=KEY,
        record={"t": SpikeTimes("cells", capacity)},
        spike_times="interpolated",
    )
    return run["t"]


def errors(net, exact, steps):
    found = []
    for dt in steps:
        times = spike_times(net, dt, jnp.asarray(CURRENTS))
        is_spike = np.isfinite(np.asarray(exact))
        assert np.array_equal(np.isfinite(np.asarray(times)), is_spike)
        found.append(np.abs(np.asarray(times)[is_spike] - np.asarray(exact)[is_spike]).max())
    return np.asarray(found)


@pytest.mark.parametrize(
    "receptor",
    [
        lambda: None,
        lambda: ExponentialCurrent(tau=3.0),
        lambda: AMPA(g_max=1.0),
        lambda: NMDA(g_max=0.8),
        lambda: CurrentReceptor(Alpha(tau=2.0), scale=0.3),
    ],
    ids=["conductance", "current", "ampa", "nmda", "alpha"],
)
def test_it_is_of_second_order(receptor, x64):
    # Resets, the ends of refractoriness and arrivals all lie inside steps here. Bounded kinetics
    # adds up the events of one step before it saturates, so it is not in this list.
    receptor = receptor()
    net = loop(receptor=receptor, weight=0.02 if receptor is None else 0.05)
    exact = spike_times(net, 0.00625, jnp.asarray(CURRENTS))
    assert np.isfinite(np.asarray(exact)).sum() > 10
    coarse, fine = errors(net, exact, [0.1, 0.05])
    assert coarse / fine > 3.2  # 4 in the limit; 2 for a method of first order


def test_the_grid_is_of_first_order(x64):
    exact = spike_times(loop(), 0.00625, jnp.asarray(CURRENTS))
    coarse, fine = errors(loop("grid"), exact, [0.1, 0.025])
    # Where within a step a spike falls makes these errors irregular: 16 would be second order.
    assert coarse / fine < 8
    assert fine > 10 * errors(loop(), exact, [0.025])[0]


@pytest.mark.slow
def test_gradients_of_later_spikes_through_earlier_ones_are_true(x64):
    # No surrogate has a part in it: the weight, the time constant, the refractory period and the
    # currents all act through the times of spikes.
    current = jnp.asarray(CURRENTS)

    def late(parameters):
        weight, tau, period, scale = parameters
        net = loop(period=period)
        net = eqx.tree_at(
            lambda n: (n.edges["e"].weight, n.edges["e"].receptor.tau),
            net,
            (net.edges["e"].weight * weight, tau),
        )
        times = spike_times(net, 0.1, scale * current)
        return times[3].sum()

    at = jnp.asarray([1.0, 4.0, 2.0, 1.0])
    value = jax.jit(late)
    gradient = jax.jit(jax.grad(late))(at)
    for index in range(4):
        step = 1e-5 * jnp.zeros(4).at[index].set(1.0)
        numeric = (value(at + step) - value(at - step)) / 2e-5
        assert abs(float(numeric)) > 1e-3
        np.testing.assert_allclose(gradient[index], numeric, rtol=1e-3)


def test_every_block_and_a_restart_give_the_same_bits():
    net, dt = loop(), 0.1
    series = jnp.broadcast_to(jnp.asarray(CURRENTS), (600, 3))

    def run(series, block, state=None):
        return simulate(
            net, {"cells": series}, dt=dt, key=KEY, record="cells.v", block=block, state=state
        )

    whole = run(series, 1)
    assert whole.state.history["cells.late"].shape == (21, 3)
    for block in (8, 50):  # 50 is longer than the delay: then the edge is heard inside the block
        np.testing.assert_array_equal(run(series, block)["cells.v"], whole["cells.v"])
    first = run(series[:333], 16)
    second = run(series[333:], 16, first.state)
    joined = jnp.concatenate([first["cells.v"], second["cells.v"]])
    np.testing.assert_array_equal(joined, whole["cells.v"])


@pytest.mark.parametrize("delay", [0.0, 0.5, 6.0, None])
def test_upstream_and_within_the_same_step(delay, x64):
    # The edge is hoisted out of the group of its target; the late part of a spike follows in the
    # next step. In all, each spike counts once.
    cell = LIF(tau=1e9, threshold=1e9, resistance=1e9)
    sender = Population(LIF(tau=10.0, reset_by="value"), 2, reset_gradient="event")
    edge = Projection(
        "a", "b", jnp.eye(2), receptor=Delta(), delay=delay, spike_times="interpolated"
    )
    net = Network({"a": sender, "b": Population(cell, 2)}, {"e": edge})
    series = {"a": jnp.broadcast_to(jnp.asarray([1.5, 2.5]), (120, 2))}
    runs = [
        simulate(
            net,
            series,
            dt=0.5,
            key=KEY,
            record=("b.v", "a.spikes", "a.spike_times"),
            block=block,
            spike_times="interpolated",
        )
        for block in (1, 32)
    ]
    np.testing.assert_allclose(runs[0]["b.v"], runs[1]["b.v"], atol=1e-12)
    lag = 1 if delay is None else round(delay / 0.5)
    spikes = np.asarray(runs[0]["a.spikes"])
    times = np.where(spikes > 0, runs[0]["a.spike_times"], 0.0)
    late = spikes * (times / 0.5 - np.arange(120)[:, None])
    assert np.all((late[spikes > 0] > 0) & (late[spikes > 0] <= 1))
    arrived = np.zeros((120 + lag + 1, 2))
    arrived[lag : 120 + lag] += spikes - late
    arrived[lag + 1 :] += late
    np.testing.assert_allclose(np.cumsum(arrived, axis=0)[:120], runs[0]["b.v"], atol=1e-9)


def test_an_input_is_heard_where_its_series_puts_it():
    cells = Population(LIF(tau=10.0), 1)
    for option in ("grid", "interpolated"):
        edge = Projection("in", "cells", jnp.ones((1, 1)), receptor=Delta(), spike_times=option)
        net = Network({"in": Input(1), "cells": cells}, {"e": edge})
        series = {"in": jnp.zeros((5, 1)).at[1].set(0.5)}
        v = simulate(net, series, dt=1.0, key=KEY, record="cells.v")["cells.v"]
        np.testing.assert_allclose(v[:3, 0], [0.0, 0.0, 0.5])


def test_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match=r"spike_times is 'exact'.*interpolated"):
        Projection("a", "b", jnp.ones((1, 1)), spike_times="exact")
