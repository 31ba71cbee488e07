import jax.numpy as jnp
import numpy as np
import pytest
from plasticity_examples import alone, forced, learn_alone, series_of, trains

from jaxneuro.plasticity import HomeostaticScaling, PairSTDP, Rules, Unbounded

WEIGHT = np.random.default_rng(0).uniform(-1.0, 1.0, (6, 3))
SILENT = np.zeros((40, 6)), np.zeros((40, 3))


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_sums_are_exact_and_shares_stay(kind, x64):
    total = jnp.array([1.0, 2.0, 5.0])
    edge = forced(HomeostaticScaling(total, every=40.0), WEIGHT, kind=kind).edges["learns"]
    found = np.asarray(learn_alone(edge, series_of(*SILENT))).reshape(6, 3)
    np.testing.assert_allclose(np.abs(found).sum(0), total, rtol=1e-12)
    np.testing.assert_allclose(found / WEIGHT, np.ones((6, 1)) * (found / WEIGHT)[0], rtol=1e-12)


def test_nothing_happens_before_it_is_due(x64):
    found = alone(HomeostaticScaling(1.0, every=41.0), WEIGHT, *SILENT)
    np.testing.assert_array_equal(found, WEIGHT)


def test_a_rate_brings_the_sums_nearer_geometrically(x64):
    found = alone(HomeostaticScaling(2.0, every=10.0, rate=0.3), WEIGHT, *SILENT)
    first, last = np.abs(WEIGHT).sum(0), np.abs(np.asarray(found)).sum(0)
    np.testing.assert_allclose(np.log(last / 2.0), 0.7**4 * np.log(first / 2.0), rtol=1e-10)


def test_a_neuron_without_weights_is_left_alone(x64):
    weight = WEIGHT * np.array([1.0, 0.0, 1.0])
    found = np.asarray(alone(HomeostaticScaling(2.0), weight, *SILENT))
    np.testing.assert_array_equal(found[:, 1], 0.0)
    np.testing.assert_allclose(np.abs(found).sum(0), [2.0, 0.0, 2.0])


def test_two_rules_come_one_after_the_other(x64):
    pre, post = trains(40, 6, 3, rate=0.3)
    pair, scaling = PairSTDP(0.02, 0.03, bounds=Unbounded()), HomeostaticScaling(2.0, every=40.0)
    both = alone(Rules(pair, scaling), WEIGHT, pre, post)
    learned = alone(pair, WEIGHT, pre, post)
    np.testing.assert_allclose(both, learned * 2.0 / jnp.abs(learned).sum(0, keepdims=True))
    assert np.abs(np.asarray(learned) - WEIGHT).max() > 0.01


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match=r"rate is 1\.5; it must be at most 1"):
        HomeostaticScaling(rate=1.5)
    with pytest.raises(ValueError, match=r"every is 0\.0 ms; it must be above 0"):
        HomeostaticScaling(every=0.0)
    with pytest.raises(ValueError, match=r"every is 1\.5 ms, which is not a multiple of dt = 1 ms"):
        alone(HomeostaticScaling(every=1.5), WEIGHT, *SILENT)
