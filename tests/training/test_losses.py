import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.training import (
    accuracy,
    cross_entropy,
    first_spike_cross_entropy,
    first_spike_time,
    membrane_max,
    membrane_mean,
    membrane_sum,
    rate_mse,
    recall,
    saturation_penalty,
    silence_penalty,
    spike_count,
)

V = jnp.array([[1.0, -2.0, 0.5], [3.0, 0.0, 0.25], [-1.0, 1.0, 0.0], [2.0, 4.0, -8.0]])
SPIKES = jnp.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
READOUTS = [membrane_mean, membrane_sum, membrane_max, spike_count, first_spike_time]


def losses_of(label):
    """Every loss of a series, as a function `(series, mask)`."""
    return {
        "membrane_mean": lambda v, mask: cross_entropy(membrane_mean(v, mask), label, 0.1),
        "membrane_sum": lambda v, mask: cross_entropy(membrane_sum(v, mask), label),
        "membrane_max": lambda v, mask: cross_entropy(membrane_max(v, mask), label),
        "spike_count": lambda v, mask: cross_entropy(spike_count(v, mask), label),
        "first_spike": lambda v, mask: first_spike_cross_entropy(v, label, mask, 0.2),
        "rate_mse": lambda v, mask: rate_mse(v, label, mask),
    }


def test_membrane_readouts_are_mean_sum_and_maximum_over_time():
    np.testing.assert_array_equal(membrane_sum(V), V.sum(0))
    np.testing.assert_array_equal(membrane_mean(V), V.sum(0) / 4)
    np.testing.assert_array_equal(membrane_max(V), [3.0, 4.0, 0.5])


def test_spike_count():
    np.testing.assert_array_equal(spike_count(SPIKES), [2.0, 2.0, 0.0])


@pytest.mark.parametrize("length", [1, 7])
def test_first_spike_time_is_exact_for_every_time_and_all_steps_when_silent(length):
    spikes = np.tril(np.ones((length, length + 1), np.float32), 0)  # class c spikes from c on
    expected = np.arange(length + 1, dtype=np.float32)
    np.testing.assert_array_equal(first_spike_time(jnp.asarray(spikes)), expected)


def test_first_spike_time_counts_only_steps_of_the_mask():
    mask = jnp.array([1.0, 1.0, 1.0, 0.0])
    spikes = SPIKES.at[:3, 0].set(0.0)  # class 0 spikes in the padding alone
    np.testing.assert_array_equal(first_spike_time(spikes, mask), [3.0, 0.0, 3.0])


def test_cross_entropy_closed_form():
    scores = jnp.log(jnp.array([0.5, 0.25, 0.25]))
    assert cross_entropy(scores, jnp.array(1)) == pytest.approx(np.log(4.0), rel=1e-6)
    # 0.7 * -log(1/4) + 0.3 * the mean of (log 2, log 4, log 4)
    smooth = 0.7 * np.log(4.0) + 0.3 * np.log(32.0) / 3
    assert cross_entropy(scores, jnp.array(1), 0.3) == pytest.approx(smooth, rel=1e-6)


def test_cross_entropy_of_huge_scores_is_finite():
    scores = jnp.array([1e4, -1e4])
    assert cross_entropy(scores, jnp.array(1)) == pytest.approx(2e4)


def test_rate_mse_closed_form():
    # Rates 0.5, 0.5, 0; targets 0.1, 0.9, 0.1.
    expected = (0.4**2 + 0.4**2 + 0.1**2) / 3
    assert rate_mse(SPIKES, jnp.array(1)) == pytest.approx(expected, rel=1e-6)
    off = rate_mse(SPIKES, jnp.array(1), correct=0.5, wrong=0.0)
    assert off == pytest.approx(0.25 / 3, rel=1e-6)


def test_first_spike_cross_entropy_prefers_the_earliest_class():
    # First spikes after 2, 0 and 4 steps.
    expected = np.log(np.exp([-2.0, 0.0, -4.0]).sum())
    value = first_spike_cross_entropy(SPIKES, jnp.array(1))
    assert value == pytest.approx(expected, rel=1e-6)


def test_penalties_closed_forms():
    rates = jnp.array([0.0, 0.005, 0.2, 0.9])
    assert silence_penalty(rates) == pytest.approx((1e-4 + 0.25e-4) / 4, rel=1e-5)
    assert saturation_penalty(rates) == pytest.approx(0.16 / 4, rel=1e-5)
    assert silence_penalty(jnp.array([0.3])) == 0
    assert saturation_penalty(jnp.array([0.3])) == 0
    # They push in the right direction.
    assert jax.grad(silence_penalty)(rates)[0] < 0
    assert jax.grad(saturation_penalty)(rates)[3] > 0


def test_accuracy_counts_ties_silence_and_nan_as_wrong():
    scores = jnp.array([[1.0, 2.0, 0.0], [2.0, 2.0, 1.0], [0.0, 0.0, 0.0], [jnp.nan, 0.0, 1.0]])
    assert accuracy(scores, jnp.array([1, 0, 0, 2])) == 0.25
    assert accuracy(scores, jnp.array([0, 1, 1, 0])) == 0.0
    # A tie of the others, below the label's score, does not matter.
    assert accuracy(jnp.array([[0.0, 0.0, 1.0]]), jnp.array([2])) == 1.0


@pytest.mark.parametrize("kind", [jnp.float32, jnp.bool_])
@pytest.mark.parametrize("name", sorted(losses_of(0)))
def test_a_padded_series_with_mask_has_the_loss_and_gradient_of_the_short_one(name, kind, x64):
    loss = losses_of(jnp.array(2))[name]
    series = V.astype(jnp.float64) if "membrane" in name else SPIKES.astype(jnp.float64)
    padding = jnp.full((3, 3), 7.0) if "membrane" in name else jnp.ones((3, 3))
    padded = jnp.concatenate([series, padding])
    mask = jnp.array([1, 1, 1, 1, 0, 0, 0]).astype(kind)
    value, gradient = jax.value_and_grad(loss)(series, None)
    value_padded, gradient_padded = jax.value_and_grad(loss)(padded, mask)
    assert float(value_padded) == pytest.approx(float(value), rel=1e-14)
    np.testing.assert_allclose(gradient_padded[:4], gradient, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(gradient_padded[4:], 0.0)


@pytest.mark.parametrize("readout", READOUTS)
def test_a_mask_of_ones_changes_nothing(readout):
    np.testing.assert_array_equal(readout(V, jnp.ones(4)), readout(V))


@pytest.mark.parametrize("name", sorted(losses_of(0)))
def test_gradients_against_finite_differences(name, x64):
    # Between 0 and 1 all of them are smooth: the surrogate sees the derivative there.
    loss = losses_of(jnp.array(0))[name]
    series = jax.random.uniform(jax.random.key(3), (5, 4), jnp.float64, 0.05, 0.95)
    mask = jnp.array([1.0, 1.0, 1.0, 1.0, 0.0])
    direction = jax.random.normal(jax.random.key(4), series.shape, jnp.float64)
    exact = jnp.vdot(jax.grad(loss)(series, mask), direction)
    step = 1e-6
    ahead, behind = loss(series + step * direction, mask), loss(series - step * direction, mask)
    assert float(exact) == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-6)


def test_first_spike_gradient_exists_at_spikes_of_0_and_1():
    # d/dz_s of sum_t prod_{r<=t} (1 - z_r), by hand, for z = (0, 0, 1, 0): an earlier spike at 0
    # would take away the two steps 0 and 1, one at 1 only step 1, one less at 2 adds steps 2, 3.
    gradient = jax.grad(lambda z: first_spike_time(z[:, None])[0])(jnp.array([0.0, 0.0, 1.0, 0.0]))
    np.testing.assert_allclose(gradient, [-2.0, -1.0, -2.0, 0.0])


def test_recall_is_the_mean_over_the_classes_that_occur():
    scores = jnp.eye(4)[jnp.asarray([0, 0, 1, 2, 2, 2])]
    labels = jnp.asarray([0, 1, 1, 2, 2, 2])
    assert recall(scores, labels) == pytest.approx((1 + 0.5 + 1) / 3)
    assert accuracy(scores, labels) == pytest.approx(5 / 6)


def test_silence_is_a_wrong_answer():
    scores = jnp.zeros((3, 4))
    labels = jnp.asarray([0, 1, 2])
    assert recall(scores, labels) == 0.0
    assert accuracy(scores, labels) == 0.0
