import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plasticity_examples import alone, at, forced, learn, trains

from jaxneuro.edges import Projection
from jaxneuro.plasticity import HardBounds, PairSTDP, Plastic, RewardSTDP, SoftBounds, Unbounded


def pair_rule():
    return PairSTDP(0.02, 0.015, 15.0, 30.0, Unbounded())


def reward_of(steps, given):
    """A series with these rewards, by step."""
    series = np.zeros((steps, 1))
    series[list(given), 0] = list(given.values())
    return series


def change(rule, pre, post, reward):
    return float(alone(rule, [[0.5]], pre, post, reward)[0, 0]) - 0.5


def end(rule, pre, post, reward, weight, **options):
    net = forced(rule, weight, rewards=np.shape(reward)[1], **options)
    return learn(net, pre, post, reward).state.edges["learns"].weight


def plain(rule, pre, post, reward, weight):
    """The equations themselves, in NumPy, each eligibility decaying in every step."""
    rule = jax.tree.map(np.asarray, rule)
    pair, bounds = rule.rule, rule.rule.bounds
    weight, reward = np.array(weight), np.broadcast_to(reward, np.shape(post))
    x, y, e = np.zeros(len(weight)), np.zeros(weight.shape[1]), np.zeros(weight.shape)
    mean = np.zeros(weight.shape[1])
    for z, s, r in zip(np.asarray(pre), np.asarray(post), reward, strict=True):
        e *= np.exp(-1.0 / rule.tau_e)
        x = x * np.exp(-1.0 / pair.tau_plus) + z
        y = y * np.exp(-1.0 / pair.tau_minus)
        e += pair.a_plus * np.outer(x, s) - pair.a_minus * np.outer(z, y)
        y += s
        expected, mean = mean, np.where(r != 0, mean + rule.baseline * (r - mean), mean)
        step = np.where(r != 0, r - expected, 0.0) * e
        step *= np.where(step > 0, bounds.high - weight, weight - bounds.low)
        weight = np.clip(weight + step / (bounds.high - bounds.low), bounds.low, bounds.high)
        e *= np.where(rule.is_cleared & (r != 0), 0.0, 1.0)
    return weight


@pytest.mark.parametrize("reward", [1.0, -0.5])
@pytest.mark.parametrize("lag", [5, -5])
def test_a_pair_counts_by_what_is_left_of_it_when_the_reward_comes(reward, lag, x64):
    rule = RewardSTDP(pair_rule(), tau_e=40.0)
    found = change(rule, at(100, 20), at(100, 20 + lag), reward_of(100, {60: reward}))
    pair = 0.02 * np.exp(-5 / 15.0) if lag > 0 else -0.015 * np.exp(-5 / 30.0)
    wanted = reward * pair * np.exp(-(60 - max(20, 20 + lag)) / 40.0)
    assert found == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("is_cleared", [False, True])
def test_a_second_reward_finds_the_eligibility_unless_it_was_cleared(is_cleared, x64):
    rule = RewardSTDP(pair_rule(), tau_e=40.0, is_cleared=is_cleared)
    found = change(rule, at(100, 20), at(100, 20), reward_of(100, {30: 1.0, 50: 1.0}))
    left = [np.exp(-10 / 40.0), 0.0 if is_cleared else np.exp(-30 / 40.0)]
    assert found == pytest.approx(0.02 * sum(left), abs=1e-12)


@pytest.mark.parametrize(("kind", "rewards"), [("sparse", 1), ("dense", 3)])
def test_a_long_run_is_the_plain_recursion(kind, rewards, x64):
    pre, post = trains(1500, 5, 3, rate=0.1)
    rng = np.random.default_rng(4)
    reward = rng.normal(size=(1500, rewards)) * (rng.random((1500, rewards)) < 0.02)
    weight = rng.uniform(0.2, 0.8, (5, 3))
    # 1,500 steps are 300 tau_e: the scale would be 1e-130 and is renewed twenty times.
    inner = PairSTDP(0.2, 0.3, 15.0, 30.0, SoftBounds(0.1, 0.9))
    rule = RewardSTDP(inner, tau_e=5.0, baseline=0.2, is_cleared=rewards == 3)
    found = end(rule, pre, post, reward, weight, kind=kind).reshape(5, 3)
    np.testing.assert_allclose(found, plain(rule, pre, post, reward, weight), atol=1e-10)
    assert np.abs(np.asarray(found) - weight).max() > 0.1


def test_without_reward_nothing_is_learned():
    pre, post = trains(60, 6, 5, rate=0.2)
    weight = np.full((6, 5), 0.5)
    found = alone(RewardSTDP(pair_rule()), weight, pre, post, np.zeros((60, 1)))
    np.testing.assert_array_equal(found, weight)


def test_the_rewarded_synapse_outgrows_the_others():
    # As in Izhikevich (2007): a reward comes about half a second after each coincidence of one
    # synapse, while a hundred times as many chance coincidences make the others eligible too.
    rng = np.random.default_rng(0)
    steps, sources = 30_000, 20
    pre = np.array(rng.random((steps, sources)) < 0.005, float)
    post = np.array(rng.random((steps, 1)) < 0.005, float)
    pairings = np.arange(1_000, steps - 1_500, 1_500)
    pre[pairings, 0], post[pairings + 3, 0] = 1.0, 1.0
    reward = np.zeros((steps, 1))
    reward[pairings + rng.integers(300, 700, pairings.size)] = 1.0
    rule = RewardSTDP(PairSTDP(0.1, 0.105, bounds=HardBounds(0.0, 10.0)), tau_e=500.0)
    weight = np.asarray(alone(rule, np.ones((sources, 1)), pre, post, reward)[:, 0])
    others = weight[1:]
    assert weight[0] > others.mean() + 3.0 * others.std()
    assert weight[0] == weight.max() > 1.3


def test_wrong_rewards_are_refused():
    with pytest.raises(ValueError, match=r"baseline is 1\.5; it must be from 0 to 1"):
        RewardSTDP(baseline=1.5)
    with pytest.raises(ValueError, match=r"RewardSTDP learns by a third factor.*third='reward'"):
        Plastic(Projection("a", "b", jnp.ones((2, 3))), RewardSTDP())
    with pytest.raises(ValueError, match="sends 2 numbers; it takes one reward for all, or one"):
        alone(RewardSTDP(), [[0.5]], at(5, 1), at(5, 2), np.zeros((5, 2)))
