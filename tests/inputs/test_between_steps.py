import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, Population, simulate
from jaxneuro.edges import ExponentialCurrent, Projection
from jaxneuro.inputs import spread_events
from jaxneuro.neurons import LI

KEY = jax.random.key(0)


def test_an_event_is_shared_among_the_steps_next_to_it():
    times = np.array([0.0, 0.125, 0.5, 0.9, 2.0])
    series = np.asarray(spread_events(np.arange(5), times, n=5, steps=5, dt=0.5))
    np.testing.assert_allclose(series[0], [1, 0.75, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(series[1], [0, 0.25, 1, 0.2, 0], atol=1e-6)
    np.testing.assert_allclose(series[2], [0, 0, 0, 0.8, 0], atol=1e-6)
    np.testing.assert_array_equal(series[4], [0, 0, 0, 0, 1])


def test_number_and_mean_time_are_kept(x64):
    draw = np.random.default_rng(0)
    neurons, times = draw.integers(0, 7, 1000), draw.uniform(0.0, 99.0, 1000)
    series = np.asarray(spread_events(neurons, times, n=7, steps=1000, dt=0.1))
    np.testing.assert_allclose(series.sum(0), np.bincount(neurons), rtol=1e-12)
    moments = np.arange(1000) * 0.1 @ series
    np.testing.assert_allclose(moments, np.bincount(neurons, times), rtol=1e-12)


def test_what_events_cause_is_of_second_order(x64):
    times, tau = np.array([1.03, 2.718, 3.1416]), 3.0
    exact = np.exp(-(20.0 - times) / tau).sum()
    steps_per_ms = np.array([5, 10, 20, 40, 80])
    errors = []
    for dt in 1.0 / steps_per_ms:
        net = Network(
            {"in": Input(1), "out": Population(LI(), 1)},
            {"drive": Projection("in", "out", [[1.0]], None, ExponentialCurrent(tau), delay=0.0)},
        )
        series = spread_events(np.zeros(3, int), times, n=1, steps=round(20.0 / dt), dt=dt)
        run = simulate(net, {"in": series}, dt=dt, key=KEY, record=("drive.i",))
        errors.append(abs(float(run["drive.i"][-1, 0]) / exact - 1.0))
    assert errors[0] < 1e-3
    # The events are at other fractions of the steps each time: the slope, not each halving.
    assert np.polyfit(np.log(steps_per_ms), np.log(errors), 1)[0] < -1.6


def test_events_of_one_neuron_add_up_and_may_be_none():
    series = spread_events(jnp.array([0, 0]), jnp.array([0.25, 0.25]), n=1, steps=2, dt=1.0)
    assert series.tolist() == [[1.5], [0.5]]
    empty = spread_events(np.array([], int), np.array([]), n=2, steps=3, dt=1.0)
    np.testing.assert_array_equal(empty, np.zeros((3, 2)))
    assert spread_events(np.array([0]), np.array([0.0]), n=1, steps=1, dt=1.0).tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("neurons", "times", "steps", "dt", "message"),
    [
        ([0], [1.0, 2.0], 10, 0.5, "two lists of the same length"),
        ([2], [1.0], 10, 0.5, "event 0 is of neuron 2, but there are 2"),
        ([-1], [1.0], 10, 0.5, "neuron -1"),
        ([0, 1], [1.0, 4.7], 10, 0.5, r"event 1 is at 4.7 ms, but the last step begins at 4.5"),
        ([0], [-0.1], 10, 0.5, "at -0.1 ms"),
        ([0], [float("nan")], 10, 0.5, "at nan ms"),
        ([0], [0.0], 10, 0.0, "dt is 0.0 ms"),
        ([0], [0.0], 0, 0.1, "steps is 0"),
    ],
)
def test_mistakes_are_told(neurons, times, steps, dt, message):
    with pytest.raises(ValueError, match=message):
        spread_events(np.array(neurons), np.array(times), n=2, steps=steps, dt=dt)
