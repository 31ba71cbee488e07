import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.inputs import Cues, sample_block

KEY = jax.random.key(4)
compiled = eqx.filter_jit(sample_block)


def sampled(cues, steps, shape, *, dt=1.0, first=0):
    clock = jnp.arange(first, first + steps, dtype=jnp.int32)
    return np.asarray(compiled(cues, "cue", KEY, clock, shape, dt))


def test_cues_are_on_from_start_to_stop():
    cues = Cues([2.0, 5.0, 5.5], [4.0, 7.0, 6.0], [[1.0, 0.1], [2.0, 0.2], [5.0, 0.5]])
    series = sampled(cues, 20, (2,), dt=0.5)
    t = 0.5 * np.arange(20)
    wanted = (
        ((t >= 2) & (t < 4))[:, None] * np.asarray([1.0, 0.1])
        + ((t >= 5) & (t < 7))[:, None] * np.asarray([2.0, 0.2])
        + ((t >= 5.5) & (t < 6))[:, None] * np.asarray([5.0, 0.5])
    )
    np.testing.assert_allclose(series, wanted, rtol=1e-6)


def test_one_number_per_cue_drives_all_alike():
    series = sampled(Cues([0.0, 1.0], [1.0, 2.0], [3.0, 4.0]), 3, (2, 2))
    np.testing.assert_array_equal(series[:, 0, 0], [3.0, 4.0, 0.0])
    np.testing.assert_array_equal(series, np.broadcast_to(series[:, :1, :1], (3, 2, 2)))


@pytest.mark.parametrize("is_double", [False, True])
def test_steps_are_counted_exactly_after_a_long_time(is_double):
    with jax.enable_x64(is_double):
        for dt in (0.1, 0.05, 0.3):
            for first in (3000, 100_003):
                cues = Cues([first * dt], [(first + 2) * dt], [1.0])
                series = sampled(cues, 6, (), dt=dt, first=first - 2)
                np.testing.assert_array_equal(series, [0, 0, 1, 1, 0, 0])
    # Between two steps: from the next one on.
    np.testing.assert_array_equal(sampled(Cues([0.6], [1.01], [1.0]), 4, (), dt=0.5), [0, 0, 1, 0])


def test_other_cues_are_not_compiled_again():
    traces = []

    @eqx.filter_jit
    def total(cues):
        traces.append(1)
        return sample_block(cues, "cue", KEY, jnp.arange(10), (2,), 1.0).sum()

    assert total(Cues([0.0], [3.0], [[1.0, 0.0]])) == 3.0
    assert total(Cues([2.0], [9.0], [[2.0, 1.0]])) == 21.0
    assert total(Cues([9.0], [9.0], [[2.0, 1.0]])) == 0.0
    assert len(traces) == 1


def test_values_have_a_gradient():
    slope = jax.grad(
        lambda x: sample_block(Cues([1.0], [4.0], x), "c", KEY, jnp.arange(9), (), 1.0).sum()
    )
    np.testing.assert_array_equal(slope(jnp.asarray([2.0])), [3.0])


def test_misuse():
    with pytest.raises(ValueError, match=r"start has shape \(2,\), stop \(1,\) and values \(2,\)"):
        Cues([0.0, 1.0], [1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"cue 1 stops at 0\.5 ms, before it starts at 1\.0 ms"):
        Cues([0.0, 1.0], [1.0, 0.5], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"a value has shape \(3,\), but its node \(2,\)"):
        sampled(Cues([0.0], [1.0], [[1.0, 1.0, 1.0]]), 3, (2,))
