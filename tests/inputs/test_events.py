import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.inputs._events import array_to_events, events_to_array


@pytest.mark.parametrize("dt", [1.0, 0.1, 0.025, 1 / 3, 0.7])
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_round_trip_is_exact(dt, precision):
    spikes = (np.random.default_rng(0).random((5000, 7)) < 0.3).astype(np.float32)
    neurons, steps = array_to_events(spikes)
    stamps = (steps + 1).astype(precision) * precision(dt)
    back = events_to_array(neurons, stamps, n=7, steps=5000, dt=dt)
    np.testing.assert_array_equal(back, spikes)


def test_every_step_up_to_a_million_is_its_own_stamp():
    steps = np.arange(1_000_000)
    for precision in (np.float32, np.float64):
        stamps = (steps + 1).astype(precision) * precision(0.1)
        back = events_to_array(np.zeros_like(steps), stamps, n=1, steps=1_000_000, dt=0.1)
        assert float(back.min()) == 1.0 == float(back.max())


def test_steps_are_open_at_their_start_and_closed_at_their_end():
    times = np.array([1e-9, 0.5, 0.500001, 1.0, 1.25, 2.0])
    series = events_to_array(np.arange(6), times, n=6, steps=4, dt=0.5)
    assert jnp.argmax(series, axis=0).tolist() == [0, 0, 1, 1, 2, 3]
    assert float(series.sum()) == 6.0


def test_whole_milliseconds_and_jax_arrays_are_accepted():
    series = events_to_array(jnp.array([0, 1]), jnp.array([1, 3]), n=2, steps=3, dt=1.0)
    np.testing.assert_array_equal(series, [[1, 0], [0, 0], [0, 1]])


def test_events_of_one_step_add_up_and_come_back():
    series = events_to_array(np.array([1, 1, 0]), np.array([0.2, 0.9, 1.5]), n=2, steps=2, dt=1.0)
    np.testing.assert_array_equal(series, [[0, 2], [1, 0]])
    neurons, steps = array_to_events(series)
    assert (neurons.tolist(), steps.tolist()) == ([1, 1, 0], [0, 0, 1])


@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32])
def test_events_come_in_the_order_of_time(dtype):
    neurons, steps = array_to_events(np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0]], dtype))
    assert (neurons.tolist(), steps.tolist()) == ([1, 2, 0], [0, 0, 2])
    assert neurons.dtype == steps.dtype == np.int32


def test_no_events():
    neurons, steps = array_to_events(np.zeros((4, 2)))
    assert len(neurons) == len(steps) == 0
    series = events_to_array(neurons, steps, n=2, steps=4, dt=1.0)
    np.testing.assert_array_equal(series, np.zeros((4, 2)))


def test_float_type_follows_jax():
    with jax.enable_x64(True):
        series = events_to_array(np.array([0]), np.array([1.0]), n=1, steps=1, dt=1.0)
        assert series.dtype == jnp.float64


@pytest.mark.parametrize(
    ("neurons", "times", "message"),
    [
        ([0, 3], [0.5, 0.5], "event 1 is of neuron 3, but there are 3 neurons"),
        ([-1], [0.5], "event 0 is of neuron -1"),
        ([0, 1], [0.5, -0.5], "event 1 is at -0.5 ms, but times must be above 0"),
        ([0], [0.0], r"event 0 is at 0.0 ms, but times must be above 0 .* \(0, 0.5\] ms"),
        ([0], [2.01], r"event 0 is at 2.01 ms, beyond the window of 4 steps of 0.5 ms \(2 ms\)"),
        ([0], [1e300], "beyond the window"),
        ([0], [np.nan], "event 0 is at nan ms"),
        ([0], [np.inf], "event 0 is at inf ms, beyond the window"),
    ],
)
def test_refuses_events_outside_the_grid(neurons, times, message):
    with pytest.raises(ValueError, match=message):
        events_to_array(np.array(neurons), np.array(times), n=3, steps=4, dt=0.5)


def test_refuses_different_lengths_and_steps_of_no_length():
    # ValueError of the function, or the type checker's error where that comes first.
    with pytest.raises((ValueError, TypeError)):
        events_to_array(np.array([0, 1]), np.array([0.5]), n=3, steps=4, dt=0.5)
    with pytest.raises(ValueError, match=r"dt is 0\.0 ms"):
        events_to_array(np.array([0]), np.array([0.5]), n=3, steps=4, dt=0.0)


@pytest.mark.parametrize("value", [0.5, -1.0, np.nan, np.inf])
def test_refuses_what_is_no_number_of_spikes(value):
    with pytest.raises(ValueError, match="which is no number of spikes"):
        array_to_events(np.array([[1.0, value]]))
