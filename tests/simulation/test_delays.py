"""A delay for each synapse: exact to the step, at any block, through restarts and gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import (
    Dale,
    Dense,
    Dropout,
    ExponentialCurrent,
    Projection,
    SharedReceptor,
    Sparse,
)
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, Input, Population
from jaxneuro.simulation import simulate

DT = 0.5
DELAYS = [0.5, 2.0, 1.74, 0.0, 5.0]  # steps 1, 4, 3 (rounded), 1 (at least), 10
LAGS = [1, 4, 3, 1, 10]


def fan(**options):
    """One source, each of whose synapses reaches a target of its own."""
    edge = Projection(
        "a", "b", jnp.arange(1.0, 6.0), Sparse([0] * 5, range(5), 5), delays=DELAYS, **options
    )
    cell = LIF(tau=1e6, threshold=1e9)
    return Network({"a": Input(1), "b": Population(cell, 5)}, {"e": edge})


def pulses(*steps):
    return jnp.zeros((40, 1)).at[jnp.asarray(steps), 0].set(1.0)


@pytest.mark.parametrize("block", [1, 4, 7, "auto"])
def test_each_event_arrives_at_its_step(block):
    series = {"a": pulses(3, 4, 20)}
    run = simulate(fan(), series, dt=DT, key=jax.random.key(0), record="b.v", block=block)
    rises = np.diff(np.asarray(run["b.v"]), axis=0, prepend=0.0) > 0
    for synapse, lag in enumerate(LAGS):
        np.testing.assert_array_equal(
            np.flatnonzero(rises[:, synapse]), [3 + lag, 4 + lag, 20 + lag]
        )


def ring(key, **options):
    """A recurrent network that stays active, with random delays."""
    rng = np.random.default_rng(0)
    pre, post = np.nonzero(rng.random((30, 30)) < 0.3)
    sign = np.where(np.arange(30) < 24, 1, -1)
    edge = Projection(
        "cells",
        "cells/syn",
        jnp.asarray(rng.random(pre.size) * 3.0),
        Dale(Sparse(pre, post, 30), sign),
        delays=rng.uniform(0.1, 6.0, pre.size),
        **options,
    )
    cells = Population(LIF(tau=10.0, reset_by="value"), 30)
    return Network(
        {"cells": cells},
        {"cells/syn": SharedReceptor("cells", ExponentialCurrent(tau=4.0)), "e": edge},
    )


def drive(steps):
    return {"cells": 3.0 * jax.random.uniform(jax.random.key(5), (steps, 30))}


def test_every_block_and_a_restart_give_the_same_bits():
    net, key = ring(None), jax.random.key(1)
    whole = simulate(net, drive(96), dt=DT, key=key, record="cells.spikes", block=1)
    assert 100 < float(whole["cells.spikes"].sum()) < 2000
    for block in (5, 32):
        again = simulate(net, drive(96), dt=DT, key=key, record="cells.spikes", block=block)
        np.testing.assert_array_equal(again["cells.spikes"], whole["cells.spikes"])
    series = drive(96)["cells"]
    first = simulate(net, {"cells": series[:37]}, dt=DT, key=key, record="cells.spikes", block=8)
    second = simulate(
        net,
        {"cells": series[37:]},
        dt=DT,
        key=key,
        state=first.state,
        record="cells.spikes",
        block=8,
    )
    joined = jnp.concatenate([first["cells.spikes"], second["cells.spikes"]])
    np.testing.assert_array_equal(joined, whole["cells.spikes"])
    one = simulate(net, drive(96), dt=DT, key=key, block=8).state
    for a, b in zip(
        jax.tree.leaves(one.pending), jax.tree.leaves(second.state.pending), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_gradients_through_delays_are_those_of_projections_with_one_delay_each(x64):
    weight = jnp.asarray([0.5, 1.0, 1.5, 2.0, 2.5])
    series = {"a": pulses(3, 9)}

    def total(net, weight, edges):
        net = eqx.tree_at(lambda n: tuple(n.edges[e].weight for e in edges), net, weight)
        run = simulate(net, series, dt=DT, key=jax.random.key(0), record="b.v")
        return (run["b.v"] ** 2).sum()

    fast = jax.grad(lambda w: total(fan(), (w,), ["e"]))(weight)
    single = {
        f"e{i}": Projection("a", "b", jnp.ones(1), Sparse([0], [i], 5), delay=lag * DT)
        for i, lag in enumerate(LAGS)
    }
    net = Network({"a": Input(1), "b": Population(LIF(tau=1e6, threshold=1e9), 5)}, single)
    slow = jax.grad(lambda w: total(net, tuple(w[:, None]), list(single)))(weight)
    np.testing.assert_allclose(fast, slow, rtol=1e-9)
    assert np.all(np.asarray(fast) > 0)


def test_a_batch_and_a_wrapper():
    net = Network(
        {"a": Input(1), "b": Population(LIF(tau=1e6, threshold=1e9), 5)},
        {"e": Dropout(fan().edges["e"], rate=0.0)},
    )
    batch = jnp.stack([pulses(3), pulses(8)])

    def v(series):
        return simulate(net, {"a": series}, dt=DT, key=jax.random.key(0), record="b.v")["b.v"]

    lanes = jnp.stack([v(series) for series in batch])
    np.testing.assert_allclose(jax.vmap(v)(batch), lanes, rtol=1e-6)
    assert float(lanes[0, 4, 0]) > 0
    np.testing.assert_array_equal(lanes[1, :9], 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delay": 1.0}, "it has delay and delays"),
        ({"delays": [1.0]}, r"delays have shape \(1,\), but there are 5 synapses"),
        ({"delays": [1.0, 1.0, -2.0, 1.0, 1.0]}, "delays go down to -2 ms"),
        ({"connectivity": Dense(5), "weight": jnp.ones((1, 5))}, "Dense.*all_to_all"),
    ],
)
def test_mistakes_are_named(options, message):
    sparse = Sparse([0] * 5, range(5), 5)
    given = {"weight": jnp.ones(5), "connectivity": sparse, "delays": [1.0] * 5, **options}
    with pytest.raises(ValueError, match=f"Projection 'a' -> 'b': .*{message}"):
        Projection("a", "b", **given)


def test_a_projection_without_weights_says_so():
    edge = Projection("a", "b", connectivity=Sparse([0], [0], 1), delays=[1.0])
    net = Network({"a": Input(1), "b": Population(LIF(), 1)}, {"e": edge})
    with pytest.raises(ValueError, match="Projection 'a' -> 'b' has no weight yet"):
        simulate(net, {"a": pulses(3)}, dt=DT, key=jax.random.key(0))
