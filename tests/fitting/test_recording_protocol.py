import numpy as np
import pytest

from jaxneuro.fitting._protocol import first_change, stimulus_windows

TIME = np.arange(0.0, 100.0, 0.1)


def steps(*parts, sweeps=1):
    """Current of several (start, stop, levels)."""
    current = np.zeros((len(TIME), sweeps))
    for start, stop, levels in parts:
        current[round(start / 0.1) : round(stop / 0.1)] = levels
    return current


def test_a_family_of_steps_is_one_window():
    current = steps((20, 60, [-50.0, 0.0, 50.0]), sweeps=3) + 12.0  # on a holding current
    assert stimulus_windows(current, 0.1) == ((20.0, 60.0),)
    assert first_change(current, 0.1) == 200


def test_a_prepulse_that_is_the_same_in_all_sweeps_is_no_window():
    # As in 18711001.abf.
    current = steps((5, 15, -100.0), (30, 70, [0.0, 10.0, 20.0]), sweeps=3)
    assert stimulus_windows(current, 0.1) == ((30.0, 70.0),)
    assert first_change(current, 0.1) == 50


def test_a_prepulse_at_the_level_of_one_step_splits_two_windows():
    # As in 171116sh_0018.abf, whose first sweep steps to the level of the prepulse before it.
    levels = [-100.0, 0.0, 100.0]
    current = steps((10, 30, levels), (50, 70, -100.0), (70, 90, levels), sweeps=3)
    assert stimulus_windows(current, 0.1) == ((10.0, 30.0), (70.0, 90.0))


def test_what_is_the_same_in_every_sweep_counts_when_nothing_differs():
    one = steps((5, 15, -100.0), (30, 70, 50.0))
    for current in (one, np.repeat(one, 4, axis=1)):
        assert stimulus_windows(current, 0.1) == ((5.0, 15.0), (30.0, 70.0))


def test_noise_is_one_window_though_it_crosses_holding():
    rng = np.random.default_rng(0)
    current = steps((20, 60, 0.0), sweeps=2)
    current[200:600] = np.round(rng.normal(0, 20, (400, 2)))  # whole pA: many are exactly 0
    current[[200, 599]] = 7.0, 9.0
    current[200, 0] = 8.0
    current[599, 0] = 8.0
    current[300:305] = 0.0
    assert stimulus_windows(current, 0.1) == ((20.0, 60.0),)


def test_noise_from_the_first_sample_is_one_window():
    current = np.random.default_rng(0).normal(0, 20, (len(TIME), 3))
    start, stop = stimulus_windows(current, 0.1)[0]
    assert (start, stop) == (0.1, 100.0)  # the first sample counts as holding
    assert first_change(current, 0.1) == 1


@pytest.mark.parametrize("is_rounded", [False, True])
def test_the_noise_of_a_measured_current_is_no_stimulus(is_rounded):
    current = steps((5, 15, -100.0), (30, 70, [0.0, 20.0, 40.0]), sweeps=3)
    current += np.random.default_rng(0).normal(3.0, 0.3, current.shape)
    if is_rounded:  # so coarsely that most neighbours are equal
        current = np.round(current)
    assert stimulus_windows(current, 0.1) == ((30.0, 70.0),)
    assert first_change(current, 0.1) == 50


def test_a_command_may_start_at_once():
    current = steps((1, 40, [50.0, 100.0]), sweeps=2)
    assert stimulus_windows(current, 0.1) == ((1.0, 40.0),)


def test_pulses_apart_stay_apart():
    current = steps((10, 12, 50.0), (14, 16, 50.0), (16.5, 18, 50.0))
    assert stimulus_windows(current, 0.1) == ((10.0, 12.0), (14.0, 18.0))


def test_no_stimulus_is_no_window():
    current = steps() + 3.0
    assert stimulus_windows(current, 0.1) == ()
    assert first_change(current, 0.1) == len(TIME)
