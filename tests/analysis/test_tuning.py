import numpy as np
import pytest

from jaxneuro.analysis import smooth_curve, tuning_curves


def test_mean_and_standard_error_by_stimulus():
    rng = np.random.default_rng(0)
    stimuli = rng.permutation(np.repeat([3.0, -1.0, 7.0], [5, 2, 9]))
    counts = rng.poisson(4.0, (16, 3))
    curves = tuning_curves(counts, stimuli)
    assert curves.stimuli.tolist() == [-1.0, 3.0, 7.0]
    assert curves.trials.tolist() == [2, 5, 9]
    for index, stimulus in enumerate(curves.stimuli):
        own = counts[stimuli == stimulus]
        np.testing.assert_allclose(curves.mean[index], own.mean(axis=0))
        wanted = np.sqrt(own.var(axis=0, ddof=1) / len(own))
        np.testing.assert_allclose(curves.error[index], wanted)


def test_names_as_stimuli_and_a_single_trial():
    curves = tuning_curves(np.array([1.0, 2.0, 4.0]), np.array(["B", "A", "B"]))
    assert curves.stimuli.tolist() == ["A", "B"]
    np.testing.assert_array_equal(curves.mean, [2.0, 2.5])
    np.testing.assert_allclose(curves.error, [np.nan, 1.5])


def test_a_spline_without_smoothing_goes_through_its_points_and_a_stiff_one_is_a_line():
    x = np.array([0.0, 1.0, 2.5, 3.0, 4.5, 6.0])
    y = np.array([0.0, 2.0, 1.0, 3.0, -1.0, 4.0])
    order = np.array([3, 0, 5, 1, 4, 2])
    np.testing.assert_allclose(smooth_curve(x[order], y[order], x, smoothing=0.0), y, atol=1e-8)
    line = np.polyval(np.polyfit(x, y, 1), x)
    np.testing.assert_allclose(smooth_curve(x, y, x, smoothing=1e10), line, atol=1e-5)


def test_cross_validation_finds_a_sine_under_noise():
    x = np.linspace(0.0, 2 * np.pi, 60)
    noise = np.random.default_rng(0).normal(0.0, 0.3, (20, 60))
    curves = np.stack([smooth_curve(x, np.sin(x) + one, x) for one in noise])
    assert np.sqrt(np.mean((curves - np.sin(x)) ** 2)) < 0.15  # half of the noise of a point


def test_a_periodic_curve_joins_up_with_itself():
    x = np.arange(24) * 2 * np.pi / 24
    noise = np.random.default_rng(1).normal(0.0, 0.2, 24)
    at = np.array([0.0, 1e-3, 2 * np.pi - 1e-3, 2 * np.pi, 4 * np.pi, -0.5, 2 * np.pi - 0.5])
    curve = smooth_curve(x + 1.0, np.cos(x) + noise, at, period=2 * np.pi)
    np.testing.assert_allclose(curve[1:5], curve[0], atol=5e-3)
    np.testing.assert_allclose(curve[5], curve[6])


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"responses have shape \(3, 2\), but stimuli \(2,\)"):
        tuning_curves(np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="at least one trial"):
        tuning_curves(np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(ValueError, match="4 finite points at 4 different x"):
        smooth_curve(np.arange(5.0), np.array([0, 1, 2, 3, np.nan]), np.zeros(1))
    with pytest.raises(ValueError, match="each x once"):
        smooth_curve(np.array([0.0, 1, 1, 2, 3]), np.zeros(5), np.zeros(1))
    with pytest.raises(ValueError, match="one y for each x"):
        smooth_curve(np.zeros(5), np.zeros(6), np.zeros(1))
