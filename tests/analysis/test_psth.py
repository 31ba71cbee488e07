import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis import align_to_events, bin_spike_times, psth, rate_map


def test_the_rate_is_the_mean_of_trials_with_its_error():
    spikes = np.random.default_rng(0).random((100, 8, 3)) < 0.2
    edges, rate, error = psth(spikes, 0.5, 5.0, start=-10.0)
    np.testing.assert_allclose(edges, np.arange(-10.0, 41.0, 5.0))
    of_trials = spikes.reshape(10, 10, 8, 3).sum(axis=1) * 200.0
    np.testing.assert_allclose(rate, of_trials.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(error, of_trials.std(axis=1, ddof=1) / np.sqrt(8), rtol=1e-5)
    fast = jax.jit(lambda spikes: psth(spikes, 0.5, 5.0, start=-10.0))(jnp.asarray(spikes))
    np.testing.assert_allclose(fast.rate, rate, rtol=1e-6)


def test_a_poisson_rate_comes_back():
    time = np.arange(2000) * 0.5
    rate = 40.0 + 30.0 * np.sin(2 * np.pi * time / 500.0)
    spikes = np.random.default_rng(1).random((2000, 2000)) < (rate * 0.0005)[:, None]
    found = psth(spikes, 0.5, 20.0)
    wanted = rate.reshape(50, 40).mean(axis=1)
    z = (found.rate - wanted) / found.error
    assert np.abs(z).max() < 4
    assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, abs=0.25)


def test_smoothing_is_that_of_the_rate_map():
    spikes = np.random.default_rng(2).random((200, 5)) < 0.1
    smooth = psth(spikes, 1.0, 5.0, smoothing=10.0).rate
    np.testing.assert_allclose(smooth, rate_map(spikes, 1.0, 5.0, 10.0).mean(axis=1), rtol=1e-6)


def test_silence_is_0_and_one_trial_has_no_error():
    silent = psth(np.zeros((10, 4)), 1.0, 5.0)
    assert silent.rate.tolist() == silent.error.tolist() == [0.0, 0.0]
    assert np.isnan(psth(np.ones((10, 1)), 1.0, 5.0).error).all()


def test_events_cut_a_train_into_trials():
    times = np.array([4.0, 12.0, 5.0, 31.0, 35.0, 25.0])
    trials = align_to_events(times, [10.0, 30.0, 100.0], -5.0, 5.0)
    # What is at the start is part of what came before.
    assert [trial.tolist() for trial in trials] == [[2.0], [1.0, 5.0], []]
    counts = bin_spike_times(trials, 1.0, 10.0, start=-5.0)
    assert counts.sum() == 3
    assert psth(counts, 1.0, 5.0, start=-5.0).rate.tolist() == pytest.approx([0.0, 200.0])
    assert align_to_events(np.array([]), [3.0], 0.0, 1.0)[0].shape == (0,)
    assert align_to_events(times, [], 0.0, 1.0) == []


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"spikes have shape \(9,\).*\(time, trials\)"):
        psth(np.zeros(9), 1.0, 3.0)
    with pytest.raises(ValueError, match=r"shape \(9, 0\)"):
        psth(np.zeros((9, 0)), 1.0, 3.0)
    with pytest.raises(ValueError, match=r"start is 3\.0 ms and stop is 1\.0 ms"):
        align_to_events(np.zeros(2), [1.0], 3.0, 1.0)
