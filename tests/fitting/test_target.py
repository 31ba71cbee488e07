import dataclasses

import numpy as np
import pytest
from objective_examples import hand_made

from jaxneuro.fitting import Recording, make_target

WINDOWS = ((20.0, 40.0), (60.0, 80.0))


def recording(step=0.05, length=100.0, crossings=((25.03, 70.0), ()), **changes):
    """Sweeps at -70 mV, but linear through -20 mV at each crossing; current in both windows."""
    time = np.arange(round(length / step) + 1) * step
    voltage = np.full((len(time), len(crossings)), -70.0)
    for sweep, times in enumerate(crossings):
        for crossing in times:
            after = int(np.ceil(crossing / step - 1e-9))
            fraction = crossing / step - (after - 1)
            voltage[after, sweep] = -70.0 + 50.0 / fraction * (1 + 1e-12)
    inside = sum((time >= a) & (time < b) for a, b in WINDOWS) * 100.0
    current = inside[:, None] * np.arange(1.0, len(crossings) + 1)
    made = Recording(time, voltage, current, WINDOWS, "cell", tuple(range(len(crossings))))
    return dataclasses.replace(made, **changes)


def test_a_row_is_the_current_of_a_step_and_the_voltage_at_its_end():
    ramp = recording(crossings=((), ()))
    ramp = dataclasses.replace(ramp, voltage=np.stack([ramp.time - 90.0, -ramp.time - 60.0], 1))
    target = make_target(ramp, dt=0.05, duration=100.0)
    assert (target.steps, target.sweeps) == (2000, 2)
    np.testing.assert_allclose(target.voltage[:, 0], 0.05 * np.arange(1, 2001) - 90.0, atol=1e-4)
    np.testing.assert_array_equal(target.current[398:402, 0], [0.0, 0.0, 100.0, 100.0])
    np.testing.assert_array_equal(target.current[800 - 2 : 802, 1], [200.0, 200.0, 0.0, 0.0])
    np.testing.assert_allclose(target.baseline, np.median(ramp.voltage[:400], axis=0), atol=1e-5)
    assert target.windows == WINDOWS


@pytest.mark.parametrize("dt", [0.05, 0.1, 0.2])
def test_spikes_keep_their_times(dt, x64):
    target = make_target(recording(), dt=dt)
    np.testing.assert_allclose(target.spike_times[:, 0], [25.03, 70.0], atol=1e-9)
    assert np.isinf(target.spike_times[:, 1]).all()
    series = np.asarray(target.spike_series)
    steps = np.flatnonzero(np.isfinite(series[:, 0]))
    np.testing.assert_allclose(series[steps, 0], [25.03, 70.0], atol=1e-9)
    np.testing.assert_array_equal(steps, [int(25.03 / dt), round(70.0 / dt) - 1])
    np.testing.assert_allclose(target.fraction[steps, 0], [25.03 / dt % 1, 1.0], atol=1e-6)
    assert target.spikes.sum() == 2


def test_a_spike_where_two_steps_meet_belongs_to_the_first(x64):
    made = recording(crossings=((),))
    made.voltage[600:602, 0] = -20.0, 10.0
    target = make_target(made, dt=0.1)
    np.testing.assert_array_equal(np.flatnonzero(target.spikes[:, 0]), [299])
    np.testing.assert_allclose(target.fraction[299], 1.0, rtol=1e-9)


def test_the_voltage_near_spikes_does_not_count():
    made = recording(crossings=((25.03, 70.02), ()))
    target = make_target(made, dt=0.1, spike_mask=(1.0, 3.0), duration=100.0)
    counts = np.asarray(target.is_subthreshold)
    ends = 0.1 * np.arange(1, 1001)
    off = ((ends >= 24.03) & (ends <= 28.03)) | ((ends >= 69.02) & (ends <= 73.02))
    np.testing.assert_array_equal(counts[:, 0], ~off)
    assert counts[:, 1].all()


def test_what_was_not_measured_does_not_count():
    gap = recording(crossings=((), ()))
    gap.voltage[-5:, 1] = np.nan
    target = make_target(gap, dt=0.05, duration=100.0)
    counts = np.asarray(target.is_subthreshold)
    assert counts[:, 0].all()
    np.testing.assert_array_equal(counts[-6:, 1], [1, 0, 0, 0, 0, 0])
    assert np.isfinite(target.voltage).all()


def test_the_end_is_150_ms_after_the_stimulus_unless_told():
    long = recording(length=400.0)
    assert make_target(long, dt=0.1).steps == 2300
    short = make_target(long, dt=0.1, duration=70.05)
    assert short.steps in (700, 701)
    # The second window lasts until then, and a spike after it is gone.
    np.testing.assert_allclose(short.windows, [(20.0, 40.0), (60.0, 70.0)], atol=0.11)
    before = make_target(long, dt=0.1, duration=50.0)
    assert before.windows == ((20.0, 40.0),)
    assert before.spikes.sum() == 1


def test_without_a_stimulus_the_window_is_the_whole_time():
    target = make_target(recording(windows=()), dt=0.1, duration=100.0)
    assert target.windows == ((0.0, 100.0),)


def test_another_threshold_finds_other_spikes():
    high = recording(crossings=((30.03,),))
    assert make_target(high, dt=0.1, spike_threshold=10.0).spikes.sum() == 1
    assert make_target(high, dt=0.1, spike_threshold=200.0).spikes.sum() == 0


def test_a_duration_longer_than_the_recording_is_refused():
    with pytest.raises(ValueError, match=r"duration is 101 ms, but 'cell' has 100 ms"):
        make_target(recording(), dt=0.1, duration=101.0)


def test_two_spikes_in_one_step_are_refused():
    fast = recording(crossings=((30.03, 30.13),), labels=(7,))
    with pytest.raises(
        ValueError, match=r"sweep 7 of 'cell' has two spikes within one step of 0.2"
    ):
        make_target(fast, dt=0.2)


@pytest.mark.parametrize(
    "windows", [(), ((10.0, 30.0), (20.0, 40.0)), ((30.0, 40.0), (10.0, 20.0)), ((90.0, 110.0),)]
)
def test_windows_that_do_not_follow_each_other_are_refused(windows):
    with pytest.raises(ValueError, match=r"Target: the windows are .*without overlap"):
        hand_made([[20.0]], windows)
