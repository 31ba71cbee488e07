import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import hand_made, score

from jaxneuro.analysis import van_rossum
from jaxneuro.fitting import VanRossum


def random_trains(count=5, spikes=40):
    """At most one spike in each step of 0.5 ms, and in some steps one of both, in either order."""
    random = np.random.default_rng(1)
    return [
        [
            np.sort(random.choice(200, spikes, replace=False) + random.uniform(0, 1, spikes)) * 0.5
            for _ in range(count)
        ]
        for _ in range(2)
    ]


@pytest.mark.parametrize("tau", [0.6, 5.0, 40.0])
@pytest.mark.parametrize("block", [None, 1, 7])
def test_it_is_the_square_of_the_distance_of_analysis(tau, block, x64):
    ours, theirs = random_trains()
    found = score(VanRossum(tau), hand_made(theirs), ours, block)
    wanted = [van_rossum(*pair, tau) ** 2 for pair in zip(ours, theirs, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_single_precision_is_enough():
    ours, theirs = random_trains()
    found = score(VanRossum(10.0), hand_made(theirs), ours)
    assert found.dtype == jnp.float32
    wanted = [van_rossum(*pair, 10.0) ** 2 for pair in zip(ours, theirs, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-4)  # sums of 80 terms up to 10


def test_known_distances(x64):
    target = hand_made([[], [30.0], [20.0]])
    found = score(VanRossum(5.0), target, [[40.0], [35.0], [20.0]])
    np.testing.assert_allclose(found, [1.0, 2.0 * (1.0 - np.exp(-1.0)), 0.0], atol=1e-12)


def test_the_derivative_in_a_spike_time_is_exact(x64):
    objective, target = VanRossum(5.0), hand_made([[30.0]])
    reducer = objective.record("n", target)["distance"]

    def distance(time):
        series = jnp.full((200, 1), jnp.inf).at[64, 0].set(time)
        return reducer.final(reducer.update(reducer.init(series[0]), series, jnp.int32(0)), 200)[0]

    slope = jax.grad(distance)(32.3)  # in step 64, late by 2.3 ms
    np.testing.assert_allclose(slope, 2.0 / 5.0 * np.exp(-2.3 / 5.0), rtol=1e-10)


def test_a_time_constant_shorter_than_a_step_is_refused():
    with pytest.raises(ValueError, match=r"tau is 0.3 ms, shorter than the target's step of 0.5"):
        VanRossum(0.3).record("n", hand_made([[30.0]]))
    with pytest.raises(ValueError, match=r"tau is 0.0 ms; it must be above 0"):
        VanRossum(0.0)
