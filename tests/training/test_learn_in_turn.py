import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import Projection
from jaxneuro.inputs import Poisson
from jaxneuro.neurons import AdaptiveLIF, Input
from jaxneuro.plasticity import HardBounds, PairSTDP, Plastic
from jaxneuro.training import learn_in_turn, memory_of, with_memory

KEY = jax.random.key(3)
KEPT = ("learns.weight", "out.rise")
STEPS = 40


def network(batch="separate"):
    weight = jax.random.uniform(jax.random.key(1), (6, 4), minval=0.2, maxval=0.8) * 2.0
    neuron = AdaptiveLIF(tau_threshold=1e6, reset_by="value")
    edge = Projection("in", "out", weight, delay=0.0)
    return Network(
        {"in": Input(6), "out": Population(neuron, 4)},
        {"learns": Plastic(edge, PairSTDP(bounds=HardBounds(0.0, 2.0)), batch=batch)},
    )


def encode(rate, attempt):
    return {"in": Poisson(rate * (1.0 + attempt.astype(float)))}


RATES = 600.0 * jax.random.uniform(jax.random.key(2), (8, 6))


@eqx.filter_jit
def learned(net, memory, rates=RATES, **options):
    options = {"dt": 1.0, "steps": STEPS, "key": KEY, "population": "out"} | options
    return learn_in_turn(net, rates, encode, memory=memory, **options)


def test_a_memory_is_taken_from_a_state_and_put_into_another():
    net = network()
    state = net.init(1.0, KEY)
    memory = {"learns.weight": jnp.ones((6, 4)), "out.rise": jnp.arange(4.0)}
    found = memory_of(with_memory(state, memory), KEPT)
    for path, value in memory.items():
        np.testing.assert_array_equal(found[path], value)
    assert set(memory_of(state, KEPT)) == set(KEPT)
    with pytest.raises(ValueError, match=r"out\.ris"):
        memory_of(state, ("out.ris",))


def test_each_example_goes_on_from_what_those_before_have_left():
    net = network()
    memory = memory_of(net.init(1.0, KEY), KEPT)
    found = learned(net, memory)
    assert found.counts.shape == (8, 4)
    assert found.counts.sum() > 20
    assert (found.attempts == 1).all()
    first = learned(net, memory, RATES[:1])
    np.testing.assert_array_equal(first.counts, found.counts[:1])
    np.testing.assert_allclose(
        found.memory["out.rise"], 0.1 * found.counts.sum(0), rtol=1e-3
    )  # nothing else stays, nor does it decay
    assert np.abs(np.asarray(found.memory["learns.weight"] - memory["learns.weight"])).max() > 0.05


def test_the_memory_is_prepared_before_each_example():
    net = network()
    memory = memory_of(net.init(1.0, KEY), KEPT)
    silenced = lambda m: {**m, "learns.weight": jnp.zeros((6, 4))}  # noqa: E731
    found = learned(net, memory, prepare=silenced)
    assert found.counts.sum() == 0


def test_a_silent_example_is_shown_again():
    net = network()
    memory = memory_of(net.init(1.0, KEY), KEPT)
    rates = jnp.full((8, 6), 1000.0).at[1].set(0.0)
    found = learned(net, memory, rates, least_spikes=1, most_attempts=3)
    np.testing.assert_array_equal(found.attempts, [1, 3, 1, 1, 1, 1, 1, 1])
    faint = learned(net, memory, RATES[:1] / 30.0, least_spikes=2, most_attempts=60)
    assert 1 < faint.attempts[0] < 60
    assert faint.counts.sum() >= 2


def test_a_batch_changes_shared_weights_by_the_mean():
    net = network("shared")
    memory = memory_of(net.init(1.0, KEY), KEPT)
    same = jnp.broadcast_to(RATES[:1], (4, 6)) * 0.0 + 1000.0  # certain spikes, alike in all lanes
    found = learned(net, memory, same, batch=4, shared=("learns.weight",))
    alone = learned(network(), memory, same[:1])
    np.testing.assert_array_equal(found.counts, np.repeat(alone.counts, 4, axis=0))
    for path in KEPT:
        np.testing.assert_allclose(found.memory[path], alone.memory[path], rtol=1e-5)
    assert found.counts.sum() > 8


def test_what_lanes_do_not_share_changes_by_their_mean():
    net = network("shared")
    memory = memory_of(net.init(1.0, KEY), KEPT)
    unlike = jnp.asarray([[0.0], [1000.0]]) * jnp.ones((1, 6))  # nothing, and certain spikes
    found = learned(net, memory, unlike, batch=2, shared=("learns.weight",))
    assert found.counts[0].sum() == 0
    assert found.counts[1].sum() > 4
    np.testing.assert_allclose(found.memory["out.rise"], 0.05 * found.counts[1], rtol=1e-3)


def test_batches_that_cannot_be_are_refused():
    net = network("shared")
    memory = memory_of(net.init(1.0, KEY), KEPT)
    with pytest.raises(ValueError, match="8 examples are no whole batches of 3"):
        learned(net, memory, batch=3, shared=("learns.weight",))
    with pytest.raises(ValueError, match="batch is 4 and most_attempts 2"):
        learned(net, memory, batch=4, most_attempts=2)


def test_it_is_what_simulate_does():
    net = network()
    memory = memory_of(net.init(1.0, KEY), KEPT)
    certain = jnp.full((1, 6), 1000.0)
    found = learned(net, memory, certain)
    ones = jnp.ones((STEPS, 6))
    run = simulate(net, {"in": ones}, dt=1.0, key=KEY, record=("out.spikes",))
    np.testing.assert_array_equal(found.counts[0], run["out.spikes"].sum(0))
    np.testing.assert_allclose(
        found.memory["learns.weight"], run.state.edges["learns"].weight, rtol=1e-6
    )
