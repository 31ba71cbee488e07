import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import hand_made, score

from jaxneuro.fitting import SpikeCount

WINDOWS = ((10.0, 40.0), (50.0, 90.0))


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def test_it_is_the_squared_difference_of_the_counts(x64):
    target = hand_made([[15.0, 20.0, 60.0], []], WINDOWS)
    found = score(SpikeCount(sd=2.0, softness=0.01), target, [[17.0], [45.0, 70.0]])
    # One less and one less; none and one more (that at 45 ms is in neither window).
    np.testing.assert_allclose(found, [(0.25 + 0.25) / 2, 0.25 / 2], rtol=1e-9)


def test_a_spike_at_a_step_counts_the_logistic_of_both_ends(x64):
    target = hand_made([[]], windows=((10.0, 16.0),))
    found = score(SpikeCount(softness=1.5), target, [[15.0]])
    np.testing.assert_allclose(found, (logistic(5 / 1.5) * logistic(1 / 1.5)) ** 2, rtol=1e-12)


def test_between_steps_the_ends_are_straight_lines(x64):
    target = hand_made([[]])
    roots = [np.sqrt(score(SpikeCount(), target, [[time]])[0]) for time in (89.5, 89.6, 90.0)]
    np.testing.assert_allclose(roots[1], 0.8 * roots[0] + 0.2 * roots[2], rtol=1e-9)


def test_recorded_spikes_at_an_end_count_in_the_same_way(x64):
    train = [10.2, 55.0, 89.7]
    np.testing.assert_allclose(score(SpikeCount(), hand_made([train]), [train]), 0.0, atol=1e-20)


@pytest.mark.parametrize("block", [1, 7])
def test_blocks_do_not_matter(block, x64):
    target, model = hand_made([[15.0, 41.0]], WINDOWS), [[9.8, 20.0, 39.7, 50.1]]
    objective = SpikeCount(softness=2.0)
    np.testing.assert_allclose(
        score(objective, target, model, block), score(objective, target, model), rtol=1e-12
    )


def test_the_count_has_a_derivative_near_the_ends_only(x64):
    target = hand_made([[30.0]])
    reducer = SpikeCount().record("n", target)["count"]
    series = hand_made([[30.25, 88.75]]).spike_series
    count = lambda series: reducer.of_series(series)[0, 0]  # noqa: E731
    slope = np.asarray(jax.grad(count)(series))[:, 0]
    assert abs(slope[60]) < 1e-6
    change = logistic(1.0) - logistic(1.5)
    np.testing.assert_allclose(slope[177], change / 0.5, rtol=1e-9)
    assert not slope[np.isinf(np.asarray(series)[:, 0])].any()


@pytest.mark.parametrize("wrong", [{"sd": 0.0}, {"softness": -1.0}])
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=r"SpikeCount: sd is .* both must be above 0"):
        SpikeCount(**wrong)


def test_counts_are_the_same_in_both_precisions():
    target, model = hand_made([[15.0, 41.0]], WINDOWS), [[9.8, 20.0, 39.7, 50.1]]
    single = score(SpikeCount(), target, model)
    assert single.dtype == jnp.float32
    with jax.enable_x64(True):
        double = score(SpikeCount(), hand_made([[15.0, 41.0]], WINDOWS), model)
    np.testing.assert_allclose(single, double, rtol=1e-5)
