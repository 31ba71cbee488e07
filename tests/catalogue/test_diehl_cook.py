import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import simulate
from jaxneuro.catalogue import diehl_cook_network
from jaxneuro.inputs import Poisson
from jaxneuro.network import learned
from jaxneuro.plasticity import Plastic

KEY = jax.random.key(0)
WEIGHT = jax.random.uniform(jax.random.key(1), (60, 12), minval=0.3, maxval=1.0)


def run(net, rate=40.0, steps=300, **options):
    return simulate(net, {"input": Poisson(rate)}, dt=1.0, steps=steps, key=KEY, **options)


def test_one_neuron_wins_and_silences_the_others():
    net = diehl_cook_network(WEIGHT, threshold_step=0.0, learns=False)
    spikes = np.asarray(run(net, record=("exc.spikes",))["exc.spikes"])
    alone = diehl_cook_network(WEIGHT, threshold_step=0.0, inhibition=1e-9, learns=False)
    free = np.asarray(run(alone, record=("exc.spikes",))["exc.spikes"])
    assert (free.sum(0) > 10).all()
    # An inhibitory neuron answers within steps, so that few spike until then.
    assert spikes.sum() < 0.2 * free.sum()
    assert spikes.sum() > 5


def test_lists_that_learn_and_matrices_that_do_not_do_the_same():
    net = diehl_cook_network(WEIGHT, threshold_step=0.0)
    assert isinstance(net.edges["input_exc"], Plastic)
    still = learned(net, net.init(1.0, KEY))
    plain = diehl_cook_network(WEIGHT, threshold_step=0.0, learns=False)
    a, b = (run(n, record=("exc.v", "exc.spikes"), steps=100) for n in (still, plain))
    np.testing.assert_array_equal(a["exc.spikes"], b["exc.spikes"])
    np.testing.assert_allclose(a["exc.v"], b["exc.v"], atol=1e-3)
    assert a["exc.spikes"].sum() > 3


def test_the_threshold_rises_with_every_spike_and_stays():
    done = run(diehl_cook_network(WEIGHT, threshold_step=0.5), record=("exc.spikes",))
    rise = done.state.nodes["exc"].inner.rise
    np.testing.assert_allclose(rise, 0.5 * done["exc.spikes"].sum(0), rtol=1e-3)
    assert rise.max() > 0.9


def test_a_neuron_learns_the_pattern_it_is_shown():
    pattern = jnp.where(jnp.arange(60) < 20, 60.0, 0.0)
    net = diehl_cook_network(WEIGHT)
    state = None
    for _ in range(8):
        done = run(net, pattern, steps=500, state=state)
        state = done.state
    weight = np.asarray(state.edges["input_exc"].weight).reshape(60, 12)
    winner = int(np.argmax(np.asarray(state.nodes["exc"].inner.rise)))
    assert weight[:20, winner].min() > np.asarray(WEIGHT)[:20, winner].min() + 0.1
    np.testing.assert_allclose(weight[20:], np.asarray(WEIGHT)[20:], atol=0.02)
    assert weight.max() <= 1.0


@pytest.mark.parametrize("batch", ["separate", "shared"])
def test_both_ways_to_learn_are_one_rule(batch):
    net = diehl_cook_network(WEIGHT, batch=batch)
    weight = run(net, 60.0, steps=150).state.edges["input_exc"].weight.reshape(60, 12)
    other = diehl_cook_network(WEIGHT, batch="shared" if batch == "separate" else "separate")
    wanted = run(other, 60.0, steps=150).state.edges["input_exc"].weight.reshape(60, 12)
    np.testing.assert_allclose(weight, wanted, atol=1e-4)
    assert np.abs(np.asarray(weight - WEIGHT)).max() > 0.01
