import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import hand_made, score

from jaxneuro.analysis import gamma_factor
from jaxneuro.fitting import SoftGamma
from jaxneuro.fitting._soft_gamma import _most_coincidences

RECORDED = [12.0, 31.0, 47.5, 70.0]
MODELS = {
    "equal": RECORDED,
    "near": [13.0, 29.5, 48.0, 69.0],
    "one more": [13.0, 20.0, 29.5, 48.0, 69.0],
    "two at one": [30.0, 32.0],
    "far": [20.0, 40.0, 60.0],
}


@pytest.mark.parametrize("name", MODELS)
def test_without_softness_it_is_the_factor_of_analysis(name, x64):
    target = hand_made([RECORDED])
    found = score(SoftGamma(3.0, softness=1e-4), target, [MODELS[name]])
    wanted = 1.0 - gamma_factor(RECORDED, MODELS[name], window=3.0, duration=80.0)
    np.testing.assert_allclose(found, [wanted], rtol=1e-9)


def test_a_model_that_fires_too_fast_has_a_bound(x64):
    # 2 ν window is 1.725; `analysis.gamma_factor` refuses it, and here the first factor is 4.
    fast = list(np.arange(11.0, 89.0, 3.5))
    found = score(SoftGamma(3.0, softness=1e-4, capacity=40), hand_made([RECORDED]), [fast])
    np.testing.assert_allclose(found, [1.0 - 4.0 * (4 - 1.725 * 4) / (4 + 23)], rtol=1e-9)


def test_the_matching_is_the_best_of_all_that_are_one_to_one(getkey):
    # Rows and columns of no order, so that crossing pairs would often be better.
    for _ in range(5):
        pairs = np.asarray(jax.random.uniform(getkey(), (4, 3)))
        best = max(
            sum(pairs[i, j] for i, j in zip(ours, theirs, strict=True))
            for count in range(4)
            for ours in itertools.combinations(range(4), count)
            for theirs in itertools.combinations(range(3), count)
        )
        np.testing.assert_allclose(_most_coincidences(jnp.asarray(pairs)), best, rtol=1e-6)


def test_spikes_outside_of_windows_do_not_count(x64):
    target = hand_made([[5.0, *RECORDED]], windows=((10.0, 40.0), (45.0, 95.0)))
    model = [[4.0, 12.5, 31.0, 42.0, 47.5, 70.0, 97.0]]
    found = score(SoftGamma(3.0, softness=1e-4, capacity=20), target, model)
    np.testing.assert_allclose(found, 0.0, atol=1e-9)


def test_silence_costs_nothing_on_both_sides_and_one_on_either(x64):
    target = hand_made([[], [30.0], []])
    found = score(SoftGamma(3.0), target, [[], [], [30.0]])
    np.testing.assert_allclose(found, [0.0, 1.0, 1.0])


def test_it_is_smooth_and_reaches_beyond_the_window(x64):
    objective, target = SoftGamma(3.0, softness=1.0), hand_made([[40.0]])

    @jax.jit
    def lost(time):
        times = jnp.full((10, 1), jnp.inf).at[0, 0].set(time)
        return objective.loss({"times": times}, target)[0, 0]

    slope = jax.jit(jax.grad(lost))
    for late in (0.0, 1.0, 2.9, 3.1, 5.0):
        time = 40.0 + late
        step = 1e-6
        numeric = (lost(time + step) - lost(time - step)) / (2 * step)
        np.testing.assert_allclose(slope(time), numeric, rtol=1e-5, atol=1e-8)
        assert late == 0.0 or numeric > 1e-2


@pytest.mark.parametrize("window", [8.3, 20.0])
def test_a_window_too_long_for_the_intervals_is_refused(window):
    target = hand_made([[30.0], RECORDED])
    with pytest.raises(ValueError, match=r"window is .*shortest recorded interval is 16.5 ms"):
        SoftGamma(window).record("n", target)


def test_a_traced_target_is_not_checked():
    def lost(target):
        objective = SoftGamma(20.0)
        objective.record("n", target)
        return objective.loss({"times": target.spike_times}, target)

    assert jax.jit(lost)(hand_made([RECORDED])).shape == (1, 1)


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match=r"window is -1.0 ms and softness 1.0 ms; both must be"):
        SoftGamma(-1.0)
