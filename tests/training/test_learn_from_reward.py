import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import Projection
from jaxneuro.neurons import LIF, Input
from jaxneuro.plasticity import HardBounds, PairSTDP, Plastic, RewardSTDP
from jaxneuro.training import learn_from_reward, memory_of

KEY = jax.random.key(3)
KEPT = ("learns.weight",)
SPIKES = jnp.asarray(np.random.default_rng(0).random((6, 30, 4)) < 0.3, float)


def network(rewards=1):
    weight = jnp.full((4, 2), 20.0).at[:, 1].set(14.0)
    rule = RewardSTDP(PairSTDP(0.4, 0.1, bounds=HardBounds(0.0, 50.0)), tau_e=20.0, is_cleared=True)
    edge = Plastic(Projection("in", "out", weight, delay=0.0), rule, third="reward")
    out = Population(LIF(tau=10.0), 2)
    return Network({"in": Input(4), "out": out, "reward": Input(rewards)}, {"learns": edge})


@eqx.filter_jit
def learned(net, judge, spikes=SPIKES, labels=None, **options):
    labels = jnp.zeros(len(spikes), jnp.int32) if labels is None else labels
    options = {"dt": 1.0, "after": 5, "key": KEY, "population": "out"} | options
    memory = memory_of(net.init(1.0, KEY), KEPT)
    encode = lambda example: {"in": example[0]}  # noqa: E731
    return learn_from_reward(net, (spikes, labels), encode, judge, memory=memory, **options)


def more_of_the_first(counts, example):
    return jnp.where(counts[0] > counts[1], 1.0, -1.0)


def test_a_reward_comes_in_the_last_step_and_follows_the_answer(x64):
    net, spikes = network(), SPIKES[:1].astype(float)
    found = learned(net, more_of_the_first, spikes)
    assert found.rewards.tolist() == [1.0]  # the stronger weights win
    # The same in one run: 30 steps with input, 5 without, and the reward in the last.
    inputs = jnp.concatenate([spikes[0], jnp.zeros((5, 4))])
    reward = jnp.zeros((35, 1)).at[-1].set(1.0)
    run = simulate(net, {"in": inputs, "reward": reward}, dt=1.0, key=KEY)
    wanted = run.state.edges["learns"].weight
    np.testing.assert_allclose(found.memory["learns.weight"], wanted, rtol=1e-9)
    assert np.abs(wanted - net.edges["learns"].projection.weight).max() > 0.1


def test_each_example_goes_on_from_the_weights_of_those_before():
    net = network()
    whole = learned(net, more_of_the_first)
    first = learned(net, more_of_the_first, SPIKES[:3])
    between = eqx.tree_at(
        lambda n: n.edges["learns"].edge.weight, net, first.memory["learns.weight"]
    )
    second = learned(between, more_of_the_first, SPIKES[3:])
    last = second.memory["learns.weight"]
    np.testing.assert_allclose(last, whole.memory["learns.weight"], rtol=1e-5)
    assert whole.rewards.shape == (6,)


def test_without_reward_nothing_is_learned():
    net = network()
    found = learned(net, lambda counts, example: jnp.zeros(()))
    start = net.edges["learns"].projection.weight
    np.testing.assert_array_equal(found.memory["learns.weight"], start)


def test_each_neuron_may_have_a_reward_of_its_own():
    net = network(rewards=2)
    judge = lambda counts, example: jnp.stack([jnp.asarray(1.0), jnp.asarray(0.0)])  # noqa: E731
    found = np.asarray(learned(net, judge).memory["learns.weight"])
    assert np.abs(found[:, 0] - 20.0).max() > 0.1
    np.testing.assert_array_equal(found[:, 1], 14.0)


def test_a_second_phase_is_needed():
    with pytest.raises(ValueError, match="after is 0; the reward needs a step to come in"):
        learned(network(), more_of_the_first, after=0)
