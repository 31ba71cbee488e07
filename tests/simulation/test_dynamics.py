"""Closed forms that whole runs must meet, and when a spike arrives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import (
    Delta,
    ExponentialConductance,
    ExponentialCurrent,
    Projection,
    Sparse,
)
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4
from jaxneuro.network import Network
from jaxneuro.neurons import LI, LIF, Input, Population, Refractory
from jaxneuro.simulation import simulate

KEY = jax.random.key(0)


@pytest.mark.parametrize("period", [0.0, 5.0])
@pytest.mark.parametrize("dt", [0.1, 0.5])
def test_lif_under_constant_current_fires_at_the_analytic_rate(dt, period):
    # From rest at 0 it passes 1 after tau log(RI / (RI - 1)), Gerstner et al. (2014), eq. 1.10.
    drives = np.array([1.1, 1.5, 2.3, 4.0])
    neuron = LIF(tau=20.0, reset_by="value")
    if period:
        neuron = Refractory(neuron, period=period)
    network = Network({"exc": Population(neuron, 4)}, {})
    run = simulate(
        network,
        {"exc": Constant(jnp.asarray(drives, jnp.float32))},
        dt=dt,
        steps=round(300 / dt),
        key=KEY,
        record=("exc.spikes",),
    )
    exact = 20.0 * np.log(drives / (drives - 1.0))
    for i in range(4):
        steps = np.nonzero(np.asarray(run["exc.spikes"][:, i]))[0]
        # The first whole step past the exact time; the exponential integrator adds no error.
        assert steps[0] == np.ceil(exact[i] / dt) - 1
        assert np.all(np.diff(steps) == np.ceil(exact[i] / dt) + round(period / dt))
        assert len(steps) > 2


def _psp(dt, steps, integrator=None):
    options = {} if integrator is None else {"integrator": integrator}
    network = Network(
        {"input": Input(1), "out": Population(LI(tau=20.0, resistance=2.0), 1, **options)},
        {
            "wire": Projection(
                "input",
                "out",
                jnp.full((1, 1), 3.0),
                receptor=ExponentialCurrent(tau=5.0),
                delay=0.0,
            )
        },
    )
    series = jnp.zeros((steps, 1)).at[0].set(1.0)
    record = ("out.v", "wire.i")
    run = simulate(network, {"input": series}, dt=dt, key=KEY, record=record)
    return np.asarray(run["out.v"][:, 0]), np.asarray(run["wire.i"][:, 0])


@pytest.mark.parametrize("integrator", [None, RK4()])
def test_postsynaptic_potential_of_an_exponential_current(integrator, x64):
    # v(t) = R w tau_s / (tau_m - tau_s) (exp(-t / tau_m) - exp(-t / tau_s)), from the spike on.
    errors = []
    for dt in (0.5, 0.25):
        v, i = _psp(dt, round(60 / dt), integrator)
        t = dt * np.arange(1, len(v) + 1)
        exact = 2.0 * 3.0 * 5.0 / 15.0 * (np.exp(-t / 20.0) - np.exp(-t / 5.0))
        np.testing.assert_allclose(i, 3.0 * np.exp(-t / 5.0), rtol=1e-12)
        errors.append(np.abs(v - exact).max())
    assert errors[0] < 2e-3 * exact.max()
    # Second order, since the current inside a step is taken as a straight line.
    assert 3.8 < errors[0] / errors[1] < 4.2


@pytest.mark.parametrize("block", [1, 3, 16])
@pytest.mark.parametrize("delay", [0, 1, 2, 3, 5, None])
def test_a_spike_arrives_after_its_delay(delay, block):
    # Two hops: the input makes `exc` fire in step 4, which moves `out` `delay` steps later.
    network = Network(
        {"input": Input(1), "exc": Population(LIF(), 1), "out": Population(LI(tau=8.0), 1)},
        {
            "in": Projection("input", "exc", jnp.full((1, 1), 1.5), receptor=Delta(), delay=0.0),
            "late": Projection(
                "exc",
                "out",
                jnp.full((1, 1), 0.75),
                receptor=Delta(),
                delay=None if delay is None else delay * 0.5,
            ),
        },
    )
    series = jnp.zeros((14, 1)).at[4].set(1.0)
    run = simulate(
        network,
        {"input": series},
        dt=0.5,
        key=KEY,
        record=("exc.spikes", "out.v"),
        block=block,
    )
    np.testing.assert_array_equal(np.nonzero(run["exc.spikes"][:, 0])[0], [4])
    arrival = 4 + (1 if delay is None else delay)
    v = np.asarray(run["out.v"][:, 0])
    assert not v[:arrival].any()
    assert v[arrival] == 0.75
    np.testing.assert_allclose(v[arrival + 1], 0.75 * np.exp(-0.5 / 8.0), rtol=1e-6)


@pytest.mark.parametrize("block", [1, 4, 32])
@pytest.mark.parametrize("delay", [1, 3])
def test_a_loop_comes_round_once_a_delay(delay, block):
    network = Network(
        {"ring": Population(LIF(reset_by="value"), 3)},
        {
            "next": Projection(
                "ring",
                "ring",
                1.5 * jnp.roll(jnp.eye(3), 1, axis=1),
                receptor=Delta(),
                delay=float(delay),
            )
        },
    )
    kick = jnp.zeros((20, 3)).at[0, 0].set(12.0)
    options = {"dt": 1.0, "key": KEY, "record": "ring.spikes", "block": block}
    spikes = simulate(network, {"ring": kick}, **options)["ring.spikes"]
    wanted = np.zeros((20, 3))
    for i in range(0, 20, delay):
        wanted[i, (i // delay) % 3] = 1.0
    np.testing.assert_array_equal(spikes, wanted)


@pytest.mark.parametrize("upstream", [True, False])
@pytest.mark.parametrize("make", [ExponentialCurrent, ExponentialConductance])
def test_events_added_in_place_are_those_of_the_matrix(make, upstream, x64):
    # A sparse projection leaves its sums to such receptors; a dense one makes them first.
    rng = np.random.default_rng(0)
    matrix = jnp.asarray(rng.normal(size=(20, 20)) * (rng.random((20, 20)) < 0.4))
    sparse = Sparse(*np.nonzero(np.asarray(matrix)), 20)
    weight = matrix[sparse.pre, sparse.post]
    source = "in" if upstream else "cells"
    series = {
        "in": jnp.asarray((rng.random((60, 20)) < 0.1).astype(float)),
        "cells": jnp.asarray(rng.random((60, 20)) * 3.0),
    }

    def total(edge, block):
        nodes = {"in": Input(20), "cells": Population(LIF(tau=10.0), 20)}
        run = simulate(
            Network(nodes, {"e": edge}), series, dt=0.5, key=KEY, block=block, record="cells.v"
        )
        return (run["cells.v"] ** 2).sum(), run["cells.v"]

    def dense():
        return Projection(source, "cells", matrix, receptor=make(tau=3.0))

    def listed(weight):
        return Projection(source, "cells", weight, sparse, make(tau=3.0))

    wanted = total(dense(), 1)[1]
    for block in (1, 7, 60):
        np.testing.assert_allclose(total(listed(weight), block)[1], wanted, rtol=1e-9, atol=1e-12)
    slope = jax.grad(lambda w: total(listed(w), 7)[0])(weight)
    full = jax.grad(lambda w: total(Projection(source, "cells", w, receptor=make(tau=3.0)), 7)[0])(
        matrix
    )
    np.testing.assert_allclose(slope, full[sparse.pre, sparse.post], rtol=1e-8, atol=1e-12)


def test_a_sparse_projection_without_weights_says_so():
    edge = Projection(
        "in", "cells", connectivity=Sparse([0], [0], 1), receptor=ExponentialCurrent()
    )
    net = Network({"in": Input(1), "cells": Population(LIF(), 1)}, {"e": edge})
    with pytest.raises(ValueError, match="has no weight yet"):
        simulate(net, {"in": jnp.zeros((3, 1))}, dt=1.0, key=KEY)
