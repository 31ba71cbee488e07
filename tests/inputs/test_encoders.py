import re
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.inputs import delta_encode, latency_encode, population_encode, rate_encode

ENCODERS = [rate_encode, latency_encode, population_encode, delta_encode]


def test_rate_is_proportional_to_the_value(getkey):
    values = jnp.array([0.0, 0.1, 0.5, 1.0])
    crowd = jnp.tile(values, (100, 1))
    spikes = rate_encode(getkey(), crowd, steps=500, dt=0.5, max_rate=200.0)
    assert set(np.unique(spikes)) == {0.0, 1.0}
    p, draws = 0.1 * np.array(values), 100 * 500
    deviation = np.abs(np.array(spikes.sum((0, 1))) - draws * p)
    assert (deviation <= 4 * np.sqrt(draws * p * (1 - p))).all()


def test_rate_is_certain_at_the_ends(getkey):
    spikes = rate_encode(getkey(), jnp.array([0.0, 1.0]), steps=2000, dt=1.0, max_rate=1000.0)
    np.testing.assert_array_equal(spikes.sum(0), [0.0, 2000.0])


def test_rate_is_not_rounded_to_the_resolution_of_the_random_bits(getkey):
    # Half a unit of 2⁻¹⁶: rounding would give no spike or twice as many.
    values = jnp.full((2048,), 0.5 / 2**16)
    spikes = rate_encode(getkey(), values, steps=2048, dt=1.0, max_rate=1000.0)
    assert 16 < spikes.sum() < 48  # 32 are expected


def test_rate_spikes_are_independent_across_neurons_and_steps(getkey):
    spikes = rate_encode(getkey(), jnp.full((64,), 0.5), steps=1024, dt=1.0, max_rate=1000.0)
    centred = 2 * np.array(spikes) - 1
    across = centred.T @ centred / 1024 - np.eye(64)
    assert np.abs(across).max() < 6 / np.sqrt(1024)
    assert abs((centred[1:] * centred[:-1]).mean()) < 5 / np.sqrt(1024 * 64)


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_rate_series_begins_with_the_shorter_one(shape, getkey):
    key, values = getkey(), jnp.full(shape, 0.3)
    long = rate_encode(key, values, steps=200, dt=1.0, max_rate=900.0)
    short = rate_encode(key, values, steps=77, dt=1.0, max_rate=900.0)
    assert long.shape == (200, *shape)
    assert 0 < short.sum() < short.size
    np.testing.assert_array_equal(long[:77], short)


def test_rate_under_jit_and_vmap(getkey):
    keys = jax.random.split(getkey(), 3)
    values = jnp.linspace(0.0, 1.0, 15).reshape(3, 5)

    def encode(key, values):
        return rate_encode(key, values, steps=50, dt=1.0, max_rate=500.0)

    expected = jnp.stack([encode(key, row) for key, row in zip(keys, values, strict=True)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(encode))(keys, values), expected)


def test_rate_refuses_probabilities_above_one(getkey):
    with pytest.raises(ValueError, match=r"max_rate = 1500 Hz at dt = 1 ms makes 1.5 spikes"):
        rate_encode(getkey(), jnp.array([0.1]), steps=5, dt=1.0, max_rate=1500.0)


@pytest.mark.parametrize("bad", [255.0, -0.1, np.nan])
def test_rate_refuses_values_outside_the_unit_interval(bad, getkey):
    key, values = getkey(), jnp.array([0.5, bad])
    with pytest.raises(ValueError, match=r"values range .* must lie in \[0, 1\]"):
        rate_encode(key, values, steps=5, dt=1.0, max_rate=100.0)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        jax.jit(lambda: rate_encode(key, values, steps=5, dt=1.0, max_rate=100.0))()


def _one_spike_at(latencies, steps, dt):
    expected = np.zeros((steps, len(latencies)))
    for neuron, latency in enumerate(latencies):
        if latency is not None and round(latency / dt) < steps:
            expected[round(latency / dt), neuron] = 1
    return expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_latency_is_the_charging_time_of_a_leaky_integrator(dtype, x64):
    values = np.array([-1.0, 0.0, 0.2, 0.201, 0.3, 0.5, 0.9, 1.0, 50.0])
    latencies = [20 * np.log(x / (x - 0.2)) if x > 0.2 else None for x in values]
    spikes = latency_encode(jnp.asarray(values, dtype), steps=90, dt=0.5, tau=20.0, threshold=0.2)
    assert spikes.dtype == dtype
    np.testing.assert_array_equal(spikes, _one_spike_at(latencies, 90, 0.5))
    # 0.201 would spike after 106 ms, beyond the 45 ms of the series.
    np.testing.assert_array_equal(spikes.sum(0), [0, 0, 0, 0, 1, 1, 1, 1, 1])


def test_latency_is_linear_on_request():
    values = np.array([0.0, 0.1, 0.3, 0.7, 1.0, 1.2])
    spikes = latency_encode(
        jnp.asarray(values), steps=101, dt=0.1, tau=10.0, threshold=0.0, is_linear=True
    )
    expected = _one_spike_at([None, 9.0, 7.0, 3.0, 0.0, 0.0], 101, 0.1)
    np.testing.assert_array_equal(spikes, expected)


def test_latency_under_jit_and_vmap():
    images = jnp.linspace(0.0, 1.0, 24).reshape(4, 2, 3)

    def encode(image):
        return latency_encode(image, steps=30, dt=1.0, tau=10.0, threshold=0.1)

    expected = jnp.stack([encode(image) for image in images])
    assert expected.shape == (4, 30, 2, 3)
    np.testing.assert_array_equal(jax.jit(jax.vmap(encode))(images), expected)


@pytest.mark.parametrize(("tau", "threshold"), [(0.0, 0.1), (5.0, 0.0), (5.0, -1.0)])
def test_latency_refuses_what_has_no_latency(tau, threshold):
    with pytest.raises(ValueError, match="both must be positive"):
        latency_encode(jnp.array([0.5]), steps=5, dt=1.0, tau=tau, threshold=threshold)


def test_population_is_the_code_of_bohte(x64):
    values = np.array([[-2.0, 0.0, 1.3], [2.9, 4.0, 6.0]])
    activity = population_encode(jnp.asarray(values), neurons=6, lower=-2.0, upper=6.0)
    expected = np.empty((2, 3, 6))
    for i in range(1, 7):
        centre = -2.0 + (2 * i - 3) / 2 * 8.0 / 4
        width = 1 / 1.5 * 8.0 / 4
        expected[..., i - 1] = np.exp(-((values - centre) ** 2) / (2 * width**2))
    np.testing.assert_allclose(activity, expected, rtol=1e-12)


def test_population_takes_a_width_and_is_differentiable(x64):
    def activity(values):
        return population_encode(values, neurons=5, lower=0.0, upper=1.0, width=0.1)

    x, h = 0.4, 1e-6
    centres = (np.arange(5) - 0.5) / 3
    expected = np.exp(-((x - centres) ** 2) / 0.02)
    np.testing.assert_allclose(activity(jnp.array(x)), expected, rtol=1e-12)
    difference = (activity(jnp.array(x + h)) - activity(jnp.array(x - h))) / (2 * h)
    np.testing.assert_allclose(jax.jacobian(activity)(jnp.array(x)), difference, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"neurons": 2}, "neurons is 2, but the code needs at least 3"),
        ({"upper": -1.0}, "upper must exceed lower"),
        ({"width": 0.0}, "the width must be positive"),
    ],
)
def test_population_refuses_an_empty_code(wrong, message):
    with pytest.raises(ValueError, match=message):
        population_encode(jnp.array([0.5]), **({"neurons": 5, "lower": 0.0, "upper": 1.0} | wrong))


SIGNAL = np.array([0.0, 0.5, 0.25, 0.25, -1.0, 1.0])
ON, OFF = np.array([0, 1, 0, 0, 0, 1]), np.array([0, 0, 0, 0, 1, 0])


@pytest.mark.parametrize(
    ("polarity", "expected"),
    [("on", ON), ("signed", ON - OFF), ("split", np.stack([ON, OFF], axis=-1))],
)
def test_delta_marks_changes_of_at_least_the_threshold(polarity, expected):
    def encode(signal):
        return delta_encode(signal, threshold=0.5, polarity=polarity)

    np.testing.assert_array_equal(encode(jnp.asarray(SIGNAL)), expected)
    many = jnp.stack([jnp.asarray(SIGNAL), jnp.zeros(6)], axis=1)
    channels = jax.jit(encode)(many)
    np.testing.assert_array_equal(channels[:, 0], expected)
    assert not channels[:, 1].any()
    np.testing.assert_array_equal(jax.vmap(encode, 1, 1)(many), channels)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"threshold": 0.0}, "must be positive"), ({"polarity": "off"}, "polarity is 'off'; take")],
)
def test_delta_refuses_unknown_settings(wrong, message):
    with pytest.raises(ValueError, match=message):
        delta_encode(jnp.asarray(SIGNAL), **({"threshold": 0.5} | wrong))


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder.__name__)
def test_examples_run(encoder):
    code = re.search(r"```python\n(.*?)```", encoder.__doc__, re.DOTALL)
    assert code is not None
    exec(textwrap.dedent(code[1]), {})
