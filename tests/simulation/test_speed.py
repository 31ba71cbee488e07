"""What is done for speed alone changes nothing: recomputed steps, blocks that fit the cache."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Drive
from jaxneuro.edges import Projection
from jaxneuro.inputs import Constant
from jaxneuro.integrators import Euler
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, HodgkinHuxley, Izhikevich2003, Population
from jaxneuro.simulation import Count, simulate
from jaxneuro.simulation._blocks import LONGEST_BLOCK, longest_block
from jaxneuro.simulation._engine import _advance

KEY = jax.random.key(0)


def _plain(population, state, drive, dt):
    return population.advance(state, drive, dt)


def _case(neuron):
    population = Population(neuron, 7)
    state = population.init(KEY)
    state = eqx.tree_at(lambda s: s.v, state, jnp.linspace(-70.0, 20.0, 7))
    return population, state, Drive(current=jnp.linspace(0.0, 30.0, 7))


def _pull(advance, case):
    """The derivatives of all that a step returns in all that it takes."""
    arrays, rest = eqx.partition(case, eqx.is_inexact_array)
    step, back = jax.vjp(lambda x: advance(*eqx.combine(x, rest), 0.05), arrays)
    return step, back, back(jax.tree.map(jnp.ones_like, step))


def _kept(back):
    return sum(leaf.size for leaf in jax.tree.leaves(back))


def test_a_recomputed_step_equals_a_plain_one_and_keeps_less(x64):
    case = _case(HodgkinHuxley())
    step, back, slopes = _pull(_advance, case)
    wanted_step, wanted_back, wanted_slopes = _pull(_plain, case)
    for got, wanted in ((step, wanted_step), (slopes, wanted_slopes)):
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(slopes)) > 1e-2
    assert 4 * _kept(back) < _kept(wanted_back)


def test_a_neuron_of_few_variables_is_not_recomputed():
    case = _case(LIF())
    assert _kept(_pull(_advance, case)[1]) == _kept(_pull(_plain, case)[1])


@pytest.mark.parametrize(("neurons", "longest"), [(10, 128), (10_000, 52), (1_000_000, 1)])
def test_blocks_of_lone_populations_fit_the_cache(neurons, longest):
    assert longest_block(Network({"exc": Population(LIF(), neurons)})) == longest


def test_blocks_of_networks_with_edges_are_long():
    exc = Population(LIF(), 10_000)
    weight = jnp.ones((1, 10_000))
    network = Network(
        {"one": Population(LIF(), 1), "exc": exc}, {"drive": Projection("one", "exc", weight)}
    )
    assert longest_block(network) == LONGEST_BLOCK


@pytest.mark.parametrize("block", [1, LONGEST_BLOCK])
def test_short_blocks_of_a_large_population_change_nothing(block):
    population = Population(Izhikevich2003(), 20_000, integrator=Euler())
    inputs = {"neuron": Constant(jnp.linspace(0.0, 40.0, 20_000))}
    options = {"dt": 0.5, "steps": 150, "key": KEY, "record": {"n": Count("neuron.spikes")}}
    auto = simulate(population, inputs, **options)
    fixed = simulate(population, inputs, block=block, **options)
    assert auto["n"].sum() > 10_000
    np.testing.assert_array_equal(auto["n"], fixed["n"])
    # The blocks are different programs, whose products and sums are rounded differently.
    np.testing.assert_allclose(auto.state.nodes["neuron"].v, fixed.state.nodes["neuron"].v, 1e-3)
