"""Every builder of connectivity through one contract; a new one joins by an example."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import topology
from jaxneuro.edges import AbstractConnectivity, ExponentialCurrent, Projection
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, Population
from jaxneuro.simulation import simulate

N = 24
CHAIN = np.eye(N, k=1)

# By name: how to build it with a key, from N neurons to themselves.
RANDOM = {
    "fixed_probability": lambda key: topology.fixed_probability(key, N, N, 0.3),
    "fixed_indegree": lambda key: topology.fixed_indegree(key, N, N, 4),
    "fixed_outdegree": lambda key: topology.fixed_outdegree(key, N, N, 4),
    "distance_dependent": lambda key: topology.distance_dependent(
        key, topology.circle(N), topology.circle(N), topology.Gaussian(3.0)
    ),
    "small_world": lambda key: topology.small_world(key, N, 4, 0.3),
    "layered": lambda key: topology.layered(key, (10, 8, 6)).connectivity,
}
FIXED = {
    "all_to_all": lambda: topology.all_to_all(N, N),
    "one_to_one": lambda: topology.one_to_one(N),
    "from_scipy": lambda: topology.from_scipy(scipy_chain())[0],
    "from_networkx": lambda: topology.from_networkx(networkx_ring())[0],
    "box_field": lambda: topology.box_field(topology.circle(N), topology.circle(N), 2.0),
    "circle_field": lambda: topology.circle_field(topology.circle(N), topology.circle(N), 2.0),
    "keep": lambda: topology.keep(topology.all_to_all(N, N), np.arange(N * N) % 3 == 0),
}
BUILDERS = {**RANDOM, **{name: lambda key, make=make: make() for name, make in FIXED.items()}}
every_builder = pytest.mark.parametrize("name", sorted(BUILDERS))


def scipy_chain():
    sparse = pytest.importorskip("scipy.sparse")
    return sparse.csr_array(CHAIN)


def networkx_ring():
    networkx = pytest.importorskip("networkx")
    return networkx.cycle_graph(N)


def builders():
    """The public functions that say they return a connectivity, alone or with something."""
    for name, function in vars(topology).items():
        if inspect.isfunction(function):
            returned = str(inspect.signature(function).return_annotation)
            if "Sparse" in returned or "Layered" in returned:
                yield name


def test_every_builder_has_an_example():
    assert set(builders()) == set(BUILDERS)
    assert not set(RANDOM) & set(FIXED)


@every_builder
def test_it_lists_synapses_in_order_within_their_populations(name):
    sparse = BUILDERS[name](jax.random.key(0))
    assert isinstance(sparse, AbstractConnectivity)
    pre, post = np.asarray(sparse.pre), np.asarray(sparse.post)
    assert pre.dtype == post.dtype == np.int32
    assert pre.size == post.size > 0
    assert min(pre.min(), post.min()) >= 0
    assert max(pre.max(), post.max()) < N
    order = np.lexsort((post, pre))
    np.testing.assert_array_equal(order, np.arange(pre.size))
    assert sparse.layout.order is None  # visited as they are listed
    assert len(np.unique(pre * N + post)) == pre.size


@every_builder
def test_it_depends_on_its_key_and_on_nothing_else(name):
    def pairs(seed):
        sparse = BUILDERS[name](jax.random.key(seed))
        return set(
            zip(np.asarray(sparse.pre).tolist(), np.asarray(sparse.post).tolist(), strict=True)
        )

    first = pairs(0)
    # The global generator must not matter.
    np.random.seed(1)  # noqa: NPY002
    assert pairs(0) == first
    assert (pairs(1) == first) == (name in FIXED)


@every_builder
def test_a_network_runs_on_it(name):
    sparse = BUILDERS[name](jax.random.key(0))
    weight = topology.constant(sparse.pre.size, 2.0)
    edge = Projection("cells", "cells", weight, sparse, ExponentialCurrent(tau=5.0))
    net = Network({"cells": Population(LIF(tau=10.0), N)}, {"e": edge})
    series = jnp.zeros((30, N)).at[:3].set(30.0)
    run = simulate(
        net, {"cells": series}, dt=1.0, key=jax.random.key(0), record=("cells.spikes", "e.i")
    )
    targets = np.unique(np.asarray(sparse.post))
    assert float(run["cells.spikes"].sum()) > 0
    np.testing.assert_array_equal(np.flatnonzero(np.asarray(run["e.i"]).max(axis=0)), targets)
