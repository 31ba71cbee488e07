import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.analysis import (
    cv,
    cv2,
    first_spike_times,
    interspike_intervals,
    isi_cv,
    lv,
    pad_spike_times,
)

MEASURES = [cv, cv2, lv]


def trains():
    rng = np.random.default_rng(0)
    return [np.sort(rng.uniform(0, 1000, spikes)) for spikes in (50, 3, 2, 1, 0, 20)]


def test_intervals_are_differences_with_nan_after_them():
    times = trains()
    intervals = interspike_intervals(times)
    assert intervals.shape == (49, 6)
    for column, train in zip(intervals.T, times, strict=True):
        known = max(0, len(train) - 1)
        np.testing.assert_array_equal(column[:known], np.diff(train))
        assert np.isnan(column[known:]).all()
    padded = pad_spike_times(times)
    np.testing.assert_array_equal(interspike_intervals(padded[::-1]), intervals)
    assert interspike_intervals(padded[:, 4]).shape == (49,)
    assert interspike_intervals([]).shape == (0, 0)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_regular_train_is_0_and_too_few_spikes_are_nan(measure):
    times = [np.arange(10.0), np.array([1.0, 5.0]), np.array([1.0]), np.array([])]
    values = measure(interspike_intervals(times))
    np.testing.assert_array_equal(values, [0.0, np.nan, np.nan, np.nan])
    # Spikes all at one time have no mean interval.
    assert np.isnan(measure(interspike_intervals(np.ones(5))))
    assert np.isnan(measure(np.zeros(0)))


@pytest.mark.parametrize("measure", MEASURES)
def test_a_poisson_process_is_1_and_a_gamma_process_as_known(measure):
    rng = np.random.default_rng(1)
    poisson = rng.exponential(20.0, (40_000, 2))
    np.testing.assert_allclose(measure(poisson), 1.0, atol=0.02)  # three standard errors
    # For intervals of the gamma distribution of order k, CV² = 1/k and LV = 3 / (2k + 1). CV2 for
    # order 2: the share x of one interval in both has the density 6x(1 - x), and 2 E|2x - 1| = 3/4.
    known = {cv: 2**-0.5, cv2: 0.75, lv: 0.6}[measure]
    gamma = rng.gamma(2.0, 10.0, 80_000)
    assert measure(gamma) == pytest.approx(known, abs=0.01)


def test_a_slow_change_of_rate_raises_cv_alone():
    intervals = np.linspace(10.0, 100.0, 2000)
    assert cv(intervals) == pytest.approx(90 / np.sqrt(12) / 55, rel=1e-3)
    assert cv2(intervals) < 2e-3
    assert lv(intervals) < 1e-5


def test_there_is_no_pair_across_a_gap():
    intervals = np.array([1.0, 3.0, np.nan, 3.0, 3.0])
    assert cv2(intervals) == (1.0 + 0.0) / 2
    assert lv(intervals) == (0.75 + 0.0) / 2
    assert cv(intervals) == pytest.approx(np.std([1, 3, 3, 3]) / 2.5)


@pytest.mark.parametrize("measure", MEASURES)
def test_arrays_of_jax_under_jit_and_vmap(measure):
    padded = pad_spike_times(trains())
    wanted = measure(interspike_intervals(padded))

    def of(times):
        return measure(interspike_intervals(times))

    fast = jax.jit(of)(jnp.asarray(padded, jnp.float32))
    assert fast.dtype == jnp.float32
    np.testing.assert_allclose(fast, wanted, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(of, in_axes=1)(jnp.asarray(padded)), wanted, rtol=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
def test_gradients_are_those_of_differences(measure, x64, getkey):
    padded = jnp.asarray(pad_spike_times([*trains(), np.arange(5.0)]))
    # The last is regular, which is where `cv` and `cv2` have a corner.
    moved = jnp.isfinite(padded).at[:, -1].set(False)

    @jax.jit
    def total(times):
        return jnp.nansum(measure(interspike_intervals(times)))

    slope = jax.jit(jax.grad(total))(padded)
    step = jnp.where(moved, 1e-4 * jax.random.normal(getkey(), padded.shape), 0.0)
    difference = (total(padded + step) - total(padded - step)) / 2
    assert float(jnp.vdot(slope, step)) == pytest.approx(float(difference), rel=1e-3)
    # Neither that nor a train without intervals makes the gradient NaN.
    assert jnp.isfinite(slope).all()


def test_the_cv_of_spikes_is_that_of_their_intervals():
    spikes = np.random.default_rng(2).random((3000, 4)) < [0.0, 0.01, 0.1, 0.5]
    fast = jax.jit(lambda spikes: cv(interspike_intervals(first_spike_times(spikes, 0.1, 3000))))
    np.testing.assert_allclose(fast(spikes), isi_cv(spikes), rtol=1e-4)
