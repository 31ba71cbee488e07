import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis import firing_rate, isi_cv


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32])
def test_rate_counts_spikes_per_second(dt, dtype):
    spikes = np.zeros((200, 2, 3), dtype)
    spikes[::20, 0, 1] = 1
    rate = firing_rate(spikes, dt)
    assert rate.shape == (2, 3)
    assert rate[0, 1] == pytest.approx(10 / (200 * dt) * 1000, rel=1e-6)
    assert rate.sum() == rate[0, 1]


def test_rate_of_one_neuron_and_under_jit():
    spikes = np.array([1.0, 0.0, 0.0, 1.0], np.float32)
    assert float(firing_rate(spikes, 2.0)) == 250.0
    assert float(jax.jit(lambda spikes: firing_rate(spikes, 2.0))(jnp.asarray(spikes))) == 250.0


def test_rate_refuses_no_time_and_no_step():
    with pytest.raises(ValueError, match="no time at all"):
        firing_rate(np.zeros((0, 3)), 1.0)
    with pytest.raises(ValueError, match=r"dt is 0\.0 ms"):
        firing_rate(np.zeros((2, 3)), 0.0)


def test_cv_of_known_trains():
    spikes = np.zeros((100, 4), np.float32)
    spikes[::10, 0] = 1  # regular
    spikes[np.cumsum([0, 1, 3, 1, 3]), 1] = 1  # intervals 1 and 3: mean 2, deviation 1
    spikes[[3, 50], 2] = 1  # one interval
    cv = isi_cv(jnp.asarray(spikes))
    np.testing.assert_array_equal(cv, [0.0, 0.5, np.nan, np.nan])


def test_cv_of_a_bernoulli_train_is_that_of_the_geometric_law():
    probability = 0.2
    spikes = np.random.default_rng(0).random((200_000, 2, 1)) < probability
    cv = isi_cv(spikes)
    assert cv.shape == (2, 1)
    # 40,000 intervals: the standard error is about 0.004.
    np.testing.assert_allclose(cv, np.sqrt(1 - probability), atol=0.02)


def test_cv_of_one_train_and_of_no_neurons():
    assert isi_cv(np.ones(5)).item() == 0.0
    assert isi_cv(np.zeros((5, 0))).shape == (0,)
