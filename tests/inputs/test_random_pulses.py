import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.inputs import RandomPulses, sample_block

KEY = jax.random.key(4)
compiled = eqx.filter_jit(sample_block)


def sampled(pulses, steps, shape, *, dt=0.1, first=0, key=KEY):
    clock = jnp.arange(first, first + steps, dtype=jnp.int32)
    return np.asarray(compiled(pulses, "stimulus", key, clock, shape, dt))


def test_pulses_come_at_their_times_in_so_many_channels():
    series = sampled(RandomPulses(2.5, 0.05), 101, (200,))
    assert set(np.unique(series)) == {0.0, 1.0}
    assert np.flatnonzero(series.any(1)).tolist() == [0, 25, 50, 75, 100]
    np.testing.assert_array_equal(series[::25].sum(1), 10)


def test_each_time_other_channels_are_drawn_and_all_alike():
    pulses = RandomPulses(0.1, 0.25)
    series = sampled(pulses, 2000, (4, 5))
    np.testing.assert_array_equal(series.sum((1, 2)), 5)
    # Binomial, within five standard errors.
    counts = series.sum(0)
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)
    overlap = (series[1:] * series[:-1]).sum((1, 2)).mean()
    assert overlap == pytest.approx(1.25, abs=0.15)
    np.testing.assert_array_equal(sampled(pulses, 2000, (4, 5)), series)
    assert np.any(sampled(pulses, 2000, (4, 5), key=jax.random.key(5)) != series)


@pytest.mark.parametrize("is_double", [False, True])
def test_times_stay_exact_for_long(is_double):
    with jax.enable_x64(is_double):
        for first in (0, 99_900, 3_000_000):
            series = sampled(RandomPulses(30.0, 0.5), 601, (2,), first=first)
            assert np.flatnonzero(series.any(1)).tolist() == [0, 300, 600]
    # Between two steps: in the next one.
    series = sampled(RandomPulses(0.25, 1.0), 11, ())
    assert np.flatnonzero(series).tolist() == [0, 3, 5, 8, 10]


def test_few_channels_and_none():
    assert sampled(RandomPulses(1.0, 0.01), 1, (9,)).sum() == 1.0
    assert sampled(RandomPulses(1.0, 0.0), 30, (9,)).sum() == 0.0


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"fraction is 1\.5; a fraction lies in \[0, 1\]"):
        RandomPulses(1.0, 1.5)
    with pytest.raises(ValueError, match=r"RandomPulses: interval is 0\.0; it must be above 0"):
        RandomPulses(0.0)
