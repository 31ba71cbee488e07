import re
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.inputs import even_encode


def times(value, dt=0.1, **options):
    options = {"steps": round(90 / dt), "dt": dt, "max_rate": 200.0, "duration": 50.0} | options
    spikes = even_encode(jnp.asarray([value]), **options)[:, 0]
    return np.flatnonzero(spikes) * dt


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.04, []),
        (0.1, [25.0]),
        (0.24, [12.5, 37.5]),
        (0.3, [8.3, 25.0, 41.7]),  # 50/6, 150/6 and 250/6
        (1.0, [2.5 + 5.0 * i for i in range(10)]),
    ],
)
def test_spikes_come_in_the_middle_of_equal_parts(value, expected):
    np.testing.assert_allclose(times(value), expected, atol=1e-9)


def test_numbers_between_two_are_rounded_to_the_nearest():
    values = jnp.linspace(0.0, 1.0, 301)
    found = even_encode(values, steps=500, dt=0.1, max_rate=200.0).sum(0)
    np.testing.assert_array_equal(found, np.round(10 * np.asarray(values)))


def test_a_longer_step_keeps_the_numbers_and_moves_no_spike_by_more_than_half_of_it():
    for value in (0.3, 0.7, 1.0):
        fine, coarse = times(value), times(value, dt=0.5)
        assert np.abs(fine - coarse).max() <= 0.25 + 0.05 + 1e-9


def test_without_a_duration_spikes_fill_all_steps():
    np.testing.assert_allclose(times(1.0, duration=None, max_rate=20.0), [22.5, 67.5], atol=1e-9)


def test_under_jit_and_vmap(x64):
    values = jnp.linspace(0.0, 1.0, 12).reshape(4, 3)
    encode = lambda v: even_encode(v, steps=60, dt=1.0, max_rate=200.0, duration=50.0)  # noqa: E731
    whole = encode(values)
    assert whole.shape == (60, 4, 3)
    assert whole.dtype == values.dtype
    np.testing.assert_array_equal(jax.jit(encode)(values), whole)
    np.testing.assert_array_equal(jax.vmap(encode, out_axes=1)(values), whole)
    # What is traced is clipped.
    np.testing.assert_array_equal(jax.jit(encode)(values + 1.0)[:, -1, -1], whole[:, -1, -1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duration": 100.0}, "duration is 100 ms, but 900 steps of 0.1 ms take 90 ms"),
        ({"duration": 0.0}, "duration is 0 ms"),
        ({"max_rate": 2e4}, "20000 Hz are 1000 spikes in 50 ms, but a step of 0.1 ms holds one"),
        ({"value": 1.5}, "even_encode: values range from 1.5 to 1.5"),
    ],
)
def test_wrong_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        times(**({"value": 0.5} | options))


def test_the_example_runs():
    code = re.search(r"```python\n(.*?)```", even_encode.__doc__, re.S)
    assert code is not None
    names = {}
    exec(textwrap.dedent(code[1]), names)
    np.testing.assert_array_equal(names["counts"], [0.0, 1.0, 10.0])
    np.testing.assert_array_equal(np.flatnonzero(names["spikes"][:, 1]), [25])
    np.testing.assert_array_equal(np.flatnonzero(names["spikes"][:, 2])[:3], [2, 8, 12])
