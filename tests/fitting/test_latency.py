import numpy as np
import pytest
from objective_examples import hand_made, score

from jaxneuro.fitting import Latency

WINDOWS = ((10.0, 40.0), (50.0, 90.0))


def cost(error, most=10.0):
    h = np.sqrt(1.0 + error**2) - 1.0
    return h / (1.0 + h / most)


def test_it_is_that_of_the_first_spikes_of_each_window(x64):
    target = hand_made([[5.0, 15.0, 20.0, 45.0, 60.0]], WINDOWS)
    found = score(Latency(sd=2.0), target, [[8.0, 18.0, 19.0, 48.0, 57.5, 80.0]])
    np.testing.assert_allclose(found, (cost(1.5) + cost(-1.25)) / 2, rtol=1e-12)


def test_a_window_without_a_spike_has_one_at_its_end(x64):
    target = hand_made([[], [15.0], []], windows=((10.0, 40.0),))
    found = score(Latency(sd=5.0, most=3.0), target, [[], [], [30.0]])
    np.testing.assert_allclose(found, [0.0, cost(5.0, 3.0), cost(2.0, 3.0)], rtol=1e-12)
    assert (found < 3.0).all()


def test_a_spike_that_comes_in_at_the_end_changes_nothing(x64):
    target = hand_made([[20.0]])
    found = [score(Latency(), target, [train])[0] for train in ([], [89.999], [90.0], [90.001])]
    np.testing.assert_allclose(found, found[0], rtol=1e-4)


def test_small_errors_are_not_lost_in_single_precision():
    found = score(Latency(sd=3.0), hand_made([[20.0]]), [[20.003]])
    np.testing.assert_allclose(found, 0.5 * 0.001**2, rtol=0.01)  # times have 7 digits


@pytest.mark.parametrize("wrong", [{"sd": 0.0}, {"most": -1.0}])
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=r"Latency: sd is .* both must be above 0"):
        Latency(**wrong)
