import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import hand_made, score

from jaxneuro.fitting import FEATURES, FeatureDistance

TARGET = [[20.0, 40.0], [], [], [25.0]]


def bounded(x, most=10.0):
    return x**2 / (1.0 + (x / most) ** 2)


def test_known_features(x64):
    objective = FeatureDistance(("latency", "spike_count"), sd={"latency": 2.0})
    found = score(objective, hand_made(TARGET), [[23.0, 41.0, 60.0], [], [50.0], []])
    # The registry's sd of a count is 1. Where one side has no spike, it has no latency.
    assert FEATURES["spike_count"].sd == 1.0
    wanted = [bounded(1.5) + bounded(1.0), 0.0, 100.0 + bounded(1.0), 100.0 + bounded(1.0)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_it_is_the_mean_over_windows(x64):
    windows = ((10.0, 50.0), (60.0, 90.0))
    target = hand_made([[20.0, 70.0]], windows)
    found = score(FeatureDistance("latency", most=5.0), target, [[23.0, 73.0 + 3.0]])
    np.testing.assert_allclose(found, (bounded(1.0, 5.0) + bounded(2.0, 5.0)) / 2, rtol=1e-12)


def test_no_difference_counts_as_much_as_a_feature_that_is_missing(x64):
    objective, target = FeatureDistance("resting_potential", most=4.0), hand_made([[]])
    far = score(objective, target, [[]], voltage=jnp.full_like(target.voltage, 1e4))
    assert 15.9 < far[0] < 16.0


def test_voltages_are_those_at_the_ends_of_steps(x64):
    # v rises by 1 mV a step: before the window, at 10 ms, lie the ends of steps 0 to 18.
    target = hand_made([[]])
    ramp = -70.0 + 0.1 * jnp.arange(200.0)[:, None]
    found = score(FeatureDistance("resting_potential"), target, [[]], voltage=ramp)
    np.testing.assert_allclose(found, bounded(0.9), rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeatureDistance(("latencies",)), r"names has 'latencies'.*Did you mean latency"),
        (lambda: FeatureDistance("latency", sd={"mean_isi": 1.0}), r"sd has 'mean_isi'.*latency"),
        (lambda: FeatureDistance("latency", sd={"latency": 0.0}), r"sd \(0.0,\).*above 0"),
        (lambda: FeatureDistance(()), r"names are \(\).*There must be a name"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
