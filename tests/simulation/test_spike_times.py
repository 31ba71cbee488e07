"""When spikes are: on the grid or between, recorded as a series or collected."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Population, simulate
from jaxneuro.inputs import Constant
from jaxneuro.neurons import LI, LIF, HHneuronCorbit
from jaxneuro.simulation import SpikeTimes

KEY = jax.random.key(0)


def run(population, current, **options):
    options = {"dt": 0.5, "steps": 120, "key": KEY} | options
    return simulate(population, {"neuron": Constant(current)}, **options)


def test_times_on_the_grid_are_the_ends_of_the_steps_with_spikes():
    done = run(
        Population(LIF(), 2),
        [1.4, 3.0],
        record=("neuron.spikes", "neuron.spike_times"),
    )
    spikes, times = np.asarray(done["neuron.spikes"]), np.asarray(done["neuron.spike_times"])
    assert 0 < spikes.sum() < spikes.size
    ends = 0.5 * np.arange(1, 121)[:, None] * np.ones((1, 2))
    np.testing.assert_allclose(times[spikes > 0], ends[spikes > 0], rtol=1e-6)
    assert np.isinf(times[spikes == 0]).all()


def test_interpolated_times_are_within_their_steps():
    record = ("neuron.spikes", "neuron.spike_times")
    done = run(Population(LIF(), 2), [1.4, 3.0], record=record, spike_times="interpolated")
    step, neuron = np.nonzero(np.asarray(done["neuron.spikes"]))
    times = np.asarray(done["neuron.spike_times"])[step, neuron]
    assert ((times > step * 0.5) & (times <= (step + 1) * 0.5)).all()
    assert (times < (step + 1) * 0.5 - 1e-3).any()


def test_interpolation_finds_where_a_linear_course_crosses(x64):
    # v rises linearly: tau is so long that nothing leaks.
    neuron = LIF(tau=1e9, resistance=1e9, reset_by="value")
    done = run(
        Population(neuron, 1), 0.13, record=("neuron.spike_times",), spike_times="interpolated"
    )
    first = np.asarray(done["neuron.spike_times"]).min()
    np.testing.assert_allclose(first, 1.0 / 0.13, rtol=1e-7)


def test_crossings_without_reset_are_interpolated_too(x64):
    fine, coarse = (
        run(
            Population(HHneuronCorbit(), 1),
            10.0,
            dt=dt,
            steps=round(20 / dt),
            record={"t": SpikeTimes("neuron", 1)},
            spike_times="interpolated",
        )["t"]
        for dt in (0.001, 0.01)
    )
    assert np.isfinite(fine).all()
    # First order: exponential Euler holds the gates while v moves, and the other way round.
    np.testing.assert_allclose(coarse, fine, atol=0.03)
    assert (coarse - np.round(coarse, 2)).any()


@pytest.mark.parametrize("block", [1, 16, 120])
def test_the_reducer_collects_the_series(block):
    record = {"series": "neuron.spike_times", "first": SpikeTimes("neuron", 5)}
    done = run(Population(LIF(), (2, 2)), [[1.4, 3.0], [0.2, 9.0]], record=record, block=block)
    series = np.asarray(done["series"]).reshape(120, 4)
    for index in range(4):
        times = series[:, index][np.isfinite(series[:, index])][:5]
        got = np.asarray(done["first"]).reshape(5, 4)[:, index]
        np.testing.assert_array_equal(got[: len(times)], times)
        assert np.isinf(got[len(times) :]).all()


def test_neurons_that_never_spike_have_no_times():
    done = run(Population(LI(), 2), 3.0, record={"t": SpikeTimes("neuron", 2)})
    assert np.isinf(done["t"]).all()


def test_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match=r"spike_times is 'exact'.*interpolated"):
        run(Population(LIF(), 1), 1.0, spike_times="exact")


def test_elapsed_is_that_of_each_lane():
    def until(current):
        done = simulate(
            Population(LIF(), 1),
            {"neuron": Constant(current)},
            dt=0.5,
            steps=100,
            key=KEY,
            until=lambda state: state.spikes("neuron").sum() > 0,
        )
        return done.elapsed, done.steps

    elapsed, steps = jax.vmap(until)(jnp.asarray([1.5, 2.0, 0.5]))
    # tau ln(I / (I - 1)) is 10.99 and 6.93 ms; the third never gets there.
    np.testing.assert_allclose(elapsed, [11.0, 7.0, 50.0])
    np.testing.assert_array_equal(steps, [22, 14, 100])
    whole = run(Population(LIF(), 1), 1.0)
    assert whole.elapsed == 60.0
