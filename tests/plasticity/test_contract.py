"""Every rule through one contract; a new one joins by an example in plasticity_examples."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plasticity_examples import (
    EXAMPLES,
    KEY,
    forced,
    inputs,
    learn,
    learn_alone,
    rewards,
    series_of,
    trains,
)

import jaxneuro.plasticity
from jaxneuro import simulate
from jaxneuro.core import leaf_paths
from jaxneuro.network import learned
from jaxneuro.plasticity import AbstractRule, Rules

STEPS, SOURCES, TARGETS = 120, 70, 40
every_rule = pytest.mark.parametrize("name", list(EXAMPLES))
# What lists do beside matrices is the same for every rule.
each_kind = pytest.mark.parametrize(
    ("name", "kind"), [*((name, "dense") for name in EXAMPLES), ("PairSTDP", "sparse")]
)
WEIGHT = np.random.default_rng(1).uniform(0.3, 0.7, (SOURCES, TARGETS))


def seen(steps, sources, targets, seed=0, rate=0.05):
    """Series of everything that a rule may look at."""
    pre, post = trains(steps, sources, targets, seed, rate)
    v = np.random.default_rng(seed + 100).normal(-1.0, 2.0, (steps, targets))
    return series_of(pre, post, rewards(steps), v)


def batch_of(lanes, *sizes, **options):
    """The series of some lanes, stacked, but for the reward."""
    each = [seen(*sizes, seed=seed, **options) for seed in range(lanes)]
    pre, post, signal, v = (jnp.stack(series) for series in zip(*each, strict=True))
    return pre, post, signal[0], v


LANES = eqx.filter_vmap(learn_alone, in_axes=(None, (0, 0, None, 0)))


def edge_of(name, weight, **options):
    return forced(EXAMPLES[name], weight, **options).edges["learns"]


def test_every_rule_has_an_example():
    rules = {
        name
        for name, cls in vars(jaxneuro.plasticity).items()
        if isinstance(cls, type) and issubclass(cls, AbstractRule) and not inspect.isabstract(cls)
    }
    shown = {type(part).__name__ for rule in EXAMPLES.values() for part in parts_of(rule)}
    assert rules == shown


def parts_of(rule):
    inner = (rule.first, rule.second) if isinstance(rule, Rules) else ()
    return [rule, *(part for one in inner for part in parts_of(one))]


@every_rule
def test_listed_synapses_learn_what_a_matrix_learns(name):
    series = seen(STEPS, SOURCES, TARGETS)
    dense = learn_alone(edge_of(name, WEIGHT), series)
    sparse = learn_alone(edge_of(name, WEIGHT, kind="sparse"), series)
    np.testing.assert_allclose(sparse.reshape(SOURCES, TARGETS), dense, atol=1e-5)
    assert np.abs(np.asarray(dense) - WEIGHT).max() > 1e-3
    assert np.isfinite(np.asarray(dense)).all()


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "Rules"])
def test_neurons_joined_one_to_one_learn_what_the_diagonal_learns(name):
    series = seen(40, 5, 5, rate=0.2)
    dense = learn_alone(edge_of(name, WEIGHT[:5, :5]), series)
    found = learn_alone(edge_of(name, WEIGHT[:5, :5], kind="one_to_one"), series)
    np.testing.assert_allclose(found, jnp.diagonal(dense), rtol=1e-5)
    assert np.abs(np.asarray(found) - np.diagonal(WEIGHT[:5, :5])).max() > 1e-3


@every_rule
def test_a_network_learns_what_the_rule_says_and_its_runs_can_be_cut(name):
    pre, post = trains(STEPS, 6, 5, rate=0.2)
    net = forced(EXAMPLES[name], WEIGHT[:6, :5])
    start = net.init(1.0, KEY)
    run = learn(net, pre, post, record=("b.v",), state=start)
    whole = run.state
    # What was sent in a step arrives in it, since the delay is 0.
    alone = learn_alone(net.edges["learns"], series_of(pre, post, rewards(STEPS), run["b.v"]))
    np.testing.assert_allclose(whole.edges["learns"].weight, alone, rtol=1e-6)
    half = learn(net, pre[:60], post[:60], state=start).state
    cut = simulate(net, inputs(net, pre[60:], post[60:], 60), dt=1.0, key=KEY, state=half).state
    for path, a, b in zip(
        leaf_paths(whole.edges),
        jax.tree.leaves(whole.edges),
        jax.tree.leaves(cut.edges),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b, err_msg=path)
    first, last = (jax.tree.map(lambda x: (x.shape, x.dtype), part.edges) for part in (half, whole))
    assert first == last


def test_a_sparse_network_learns_what_a_dense_one_learns():
    pre, post = trains(60, SOURCES, TARGETS)
    dense, sparse = (
        learn(forced(EXAMPLES["PairSTDP"], WEIGHT, kind=kind, delay=3.0), pre, post).state
        for kind in ("dense", "sparse")
    )
    found = sparse.edges["learns"].weight.reshape(SOURCES, TARGETS)
    np.testing.assert_allclose(found, dense.edges["learns"].weight, atol=1e-5)
    assert np.abs(np.asarray(found) - WEIGHT).max() > 1e-3


@each_kind
def test_lanes_learn_apart(name, kind):
    series = batch_of(3, 40, 6, 5, rate=0.2)
    edge = edge_of(name, WEIGHT[:6, :5], kind=kind)
    together = LANES(edge, series)
    for lane in range(3):
        own = series[0][lane], series[1][lane], series[2], series[3][lane]
        np.testing.assert_allclose(together[lane], learn_alone(edge, own), rtol=1e-5)
    assert not np.allclose(together[0], together[1])


@each_kind
def test_gradients_reach_the_first_weight_and_the_rule(name, kind, x64):
    series = series_of(*seen(60, 4, 3, 5, rate=0.15))
    weight = jnp.asarray(np.random.default_rng(2).uniform(0.4, 0.6, (4, 3)))
    aim = jnp.asarray(np.random.default_rng(3).normal(size=(4, 3)))
    edge = jax.tree.map(
        lambda x: jnp.asarray(x, float) if eqx.is_inexact_array(x) else x,
        edge_of(name, weight, kind=kind),
    )
    arrays, rest = eqx.partition(edge, eqx.is_inexact_array)
    treedef = jax.tree.structure(arrays)

    @jax.jit
    def loss(arrays):
        return jnp.sum(aim * learn_alone(eqx.combine(arrays, rest), series).reshape(4, 3))

    slope = jax.tree.leaves(jax.jit(jax.grad(loss))(arrays))
    step = 1e-6
    for index, path in enumerate(leaf_paths(arrays)):
        leaf = jax.tree.leaves(arrays)[index]
        numeric = np.zeros(leaf.shape)
        for place in np.ndindex(leaf.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = jax.tree.leaves(arrays)
                moved[index] = leaf.at[place].add(sign * step)
                ends.append(loss(jax.tree.unflatten(treedef, moved)))
            numeric[place] = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(slope[index], numeric, rtol=1e-3, atol=1e-7, err_msg=path)
    of_rule = [
        x for path, x in zip(leaf_paths(arrays), slope, strict=True) if path.startswith("rule.")
    ]
    assert any(np.abs(np.asarray(x)).max() > 1e-4 for x in of_rule)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_silent_neurons_have_gradients_too(kind, x64):
    # Where nothing spikes nothing is visited, but a spike that had been there would have counted.
    _, post, signal, v = seen(30, 4, 3, 5, rate=0.15)
    edge = edge_of("PairSTDP, additive", WEIGHT[:4, :3], kind=kind)
    edge = jax.tree.map(lambda x: jnp.asarray(x, float) if eqx.is_inexact_array(x) else x, edge)

    @jax.jit
    def loss(pre):
        return jnp.sum(learn_alone(edge, series_of(pre, post, signal, v)))

    silent = jnp.zeros((30, 4))
    slope = jax.grad(loss)(silent)
    for step in (3, 12, 25):
        ends = [loss(silent.at[step, 1].set(sign * 1e-6)) for sign in (1.0, -1.0)]
        np.testing.assert_allclose(slope[step, 1], (ends[0] - ends[1]) / 2e-6, rtol=1e-6)
    assert jnp.abs(slope).max() > 1e-2


def test_gradients_go_through_a_network(x64):
    pre, post = trains(30, 4, 3, 5, rate=0.15)
    rule = jax.tree.map(lambda x: jnp.asarray(x, float), EXAMPLES["PairSTDP"])

    @jax.jit
    def loss(a_plus):
        net = forced(eqx.tree_at(lambda rule: rule.a_plus, rule, a_plus), np.full((4, 3), 0.5))
        return jnp.sum(learn(net, pre, post).state.edges["learns"].weight)

    ends = [loss(rule.a_plus + sign * 1e-6) for sign in (1.0, -1.0)]
    slope = jax.grad(loss)(rule.a_plus)
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-5)
    assert abs(slope) > 1e-2


@every_rule
def test_a_shared_weight_takes_the_mean_of_the_changes_of_all_lanes(name):
    series = batch_of(4, 3, 6, 5, rate=0.5)
    weight = jnp.asarray(0.25 + 0.5 * WEIGHT[:6, :5])  # three steps reach no bound
    shared = eqx.filter_vmap(learn_alone, in_axes=(None, (0, 0, None, 0)), out_axes=None)
    found = shared(edge_of(name, weight, batch="shared"), series)
    assert found.shape == weight.shape
    each = LANES(edge_of(name, weight), series)
    change = np.asarray(jnp.mean(each, axis=0) - weight)
    assert np.abs(change).max() > 5e-4
    # What a lane has done to the weight alone changes what it does next a little.
    np.testing.assert_allclose(found - weight, change, atol=0.1 * np.abs(change).max())


def test_a_network_in_a_batch_learns_a_shared_weight():
    batch = [trains(20, 6, 5, seed, rate=0.2) for seed in range(3)]
    pre, post = (jnp.stack(side) for side in zip(*batch, strict=True))
    net = forced(EXAMPLES["PairSTDP"], WEIGHT[:6, :5], batch="shared")

    def lane(pre, post):
        return learn(net, pre, post, state=start).state.edges["learns"].weight

    start = net.init(1.0, KEY)
    found = eqx.filter_vmap(lane, out_axes=None)(pre, post)
    shared = eqx.filter_vmap(learn_alone, in_axes=(None, (0, 0, None, None)), out_axes=None)
    np.testing.assert_allclose(found, shared(net.edges["learns"], series_of(pre, post)), rtol=1e-5)


def test_what_was_learned_is_a_network_that_learns_no_more():
    pre, post = trains(60, 6, 5, rate=0.2)
    net = forced(EXAMPLES["PairSTDP"], WEIGHT[:6, :5])
    state = learn(net, pre, post).state
    plain = learned(net, state)
    np.testing.assert_array_equal(plain.edges["learns"].weight, state.edges["learns"].weight)
    run = learn(plain, pre, post, record=("b.spikes",))
    np.testing.assert_array_equal(run["b.spikes"] > 0, np.asarray(post) > 0)
