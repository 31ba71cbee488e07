import dataclasses

import numpy as np
import pytest

from jaxneuro.fitting import Recording


def recording(voltage, current=None, dt=0.05, **changed):
    """A recording of these series, shape (time,) or (time, sweeps)."""
    voltage = np.asarray(voltage, float).reshape(len(voltage), -1)
    current = np.zeros_like(voltage) if current is None else np.asarray(current, float)
    current = np.broadcast_to(current.reshape(len(voltage), -1), voltage.shape)
    labels = tuple(range(voltage.shape[1]))
    time = np.arange(len(voltage)) * dt
    made = Recording(time, voltage, current, (), "cell", labels)
    return dataclasses.replace(made, **changed)


def sine(frequency, dt=0.05, length=200.0):
    """Amplitude 1 mV around rest; frequency in Hz, times in ms."""
    time = np.arange(0, length, dt)
    return time, -70 + np.sin(2 * np.pi * frequency * time / 1000)


def test_steps_rates_and_sweeps():
    made = recording(np.full((30, 2), -70.0), dt=0.1)
    assert (made.dt, made.sampling_rate, made.sweeps) == (0.1, 10_000.0, 2)


def test_baseline_is_the_median_before_any_sweep_changes():
    current = np.zeros((100, 3))
    current[40:60, 1] = 50.0
    current[60:, 2] = 20.0
    voltage = np.full((100, 3), [-60.0, -65.0, -70.0])
    voltage[10:25] = 40.0  # a spontaneous spike, in fewer than half of the samples
    voltage[40:] = 0.0
    voltage[:3, 2] = np.nan
    np.testing.assert_array_equal(recording(voltage, current).baseline, [-60, -65, -70])
    voltage[:40, 0] = np.nan
    np.testing.assert_array_equal(recording(voltage, current).baseline, [np.nan, -65, -70])


def test_baseline_without_stimulus_is_that_of_the_whole_sweep():
    np.testing.assert_array_equal(recording([-70.0, -71.0, -72.0]).baseline, [-71.0])


def test_select_keeps_order_labels_and_windows():
    made = recording(
        np.arange(40.0).reshape(10, 4), windows=((0.1, 0.2),), labels=(3, 5, 7, 9), notes=("a.",)
    )
    chosen = made.select([2, 0])
    assert chosen.labels == (7, 3)
    assert (chosen.windows, chosen.notes) == (((0.1, 0.2),), ("a.",))
    np.testing.assert_array_equal(chosen.voltage[1], [6.0, 4.0])
    assert made.select(np.arange(0, 4, 2)).labels == (3, 7)


@pytest.mark.parametrize("indices", [[], [4], [0, -5]])
def test_select_refuses_sweeps_that_do_not_exist(indices):
    with pytest.raises(ValueError, match=r"'cell': has 4 sweeps, but .* from 0 to 3"):
        recording(np.zeros((10, 4))).select(indices)


WRONG = {
    "transposed": ({"voltage": np.zeros((2, 10))}, r"voltage of shape \(2, 10\)"),
    "labels": ({"labels": (0,)}, r"10 times and 1 labels came with a voltage of shape \(10, 2\)"),
    "offset": ({"time": 1.0 + np.arange(10.0)}, r"must rise from 0 .* starts \[1\.0, 2\.0, 3\.0\]"),
    "gap": ({"time": np.r_[:5, 6:11] * 1.0}, "must rise from 0 in equal steps"),
    "lost current": ({"current": np.full((10, 2), np.nan)}, "current has values that are not fin"),
    "window": ({"windows": ((2.0, 11.0),)}, "the window from 2.0 to 11.0 ms is empty or not with"),
    "empty window": ({"windows": ((2.0, 2.0),)}, "the window from 2.0 to 2.0 ms is empty"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_refuses_what_is_no_recording(fault):
    changed, message = WRONG[fault]
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(recording(np.zeros((10, 2)), dt=1.0), **changed)


@pytest.mark.parametrize("dt", [0.1, 0.075, 0.5])
def test_resampling_removes_what_is_above_the_new_nyquist_frequency(dt):
    nyquist = 500 / dt
    for frequency, amplitude in ((0.2 * nyquist, 1.0), (0.7 * nyquist, 1.0), (1.3 * nyquist, 0.0)):
        made = recording(sine(frequency)[1]).resample(dt)
        assert made.dt == dt
        kept = made.voltage[20:-20, 0] + 70  # ends, where the filter sees no more than half
        expected = amplitude * np.sin(2 * np.pi * frequency * made.time[20:-20] / 1000)
        np.testing.assert_allclose(kept, expected, atol=1e-3)  # 1e-5 of the 70 mV at rest
        if amplitude == 0:  # and without the filter it would be there in full
            plain = np.interp(made.time, *sine(frequency)) + 70
            assert np.abs(plain).max() > 0.5


def test_resampling_keeps_the_ends_and_rings_little_around_a_spike():
    time = np.arange(0, 100, 0.05)
    # Half-width of 0.7 ms, as of a fast cortical cell, on a rest far from 0.
    spike = -70 + 110 * np.exp(-((time - 50) ** 2) / (2 * 0.3**2))
    made = recording(spike).resample(0.1)
    np.testing.assert_allclose(made.voltage[:, 0], spike[::2], atol=2e-3)


def test_a_step_of_the_current_stays_a_step():
    time = np.arange(0, 100, 0.05)
    current = np.where((time >= 20) & (time < 60), 130.0, -20.0)
    made = recording(np.full_like(time, -70), current, windows=((20.0, 60.0),)).resample(0.1)
    expected = np.where((made.time >= 19.99) & (made.time < 59.99), 130.0, -20.0)
    np.testing.assert_array_equal(made.current[:, 0], expected)
    assert made.windows == ((20.0, 60.0),)


@pytest.mark.parametrize("dt", [0.1, 0.125, 0.02, 0.05])
def test_resampling_keeps_the_charge(dt):
    time = np.arange(0, 100, 0.05)
    # 20.05 ms falls between two multiples of 0.1 ms.
    current = np.where((time > 20.04) & (time < 60), 100.0, 0.0)
    made = recording(np.full_like(time, -70), current).resample(dt)
    np.testing.assert_allclose(made.current.sum() * dt, 100 * (60 - 20.05), rtol=1e-9)
    between = made.current[(made.current != 0) & (np.abs(made.current - 100) > 1e-9)]
    assert len(between) <= 2


def test_missing_samples_stay_missing_and_spread_to_their_neighbours_only():
    voltage = sine(50)[1]
    voltage[[501, 1000]] = np.nan
    made = recording(np.stack([voltage, sine(50)[1]], axis=1)).resample(0.1)
    assert np.flatnonzero(np.isnan(made.voltage[:, 0])).tolist() == [250, 251, 500]
    assert not np.isnan(made.voltage[:, 1]).any()
    known = np.isfinite(made.voltage[:, 0])
    np.testing.assert_allclose(made.voltage[known, 0], sine(50, 0.1)[1][known], atol=5e-3)


def test_a_finer_step_interpolates_and_says_so():
    made = recording([-70.0, -60.0, -80.0], [0.0, 10.0, 20.0], dt=0.1)
    finer = made.resample(0.05)
    np.testing.assert_allclose(finer.voltage[:, 0], [-70, -65, -60, -70, -80])
    np.testing.assert_allclose(finer.current[:, 0], [0, 0, 10, 10, 20])
    assert finer.notes == ("The voltage was interpolated from steps of 0.1 ms to 0.05 ms.",)
    assert made.resample(0.1) is made


@pytest.mark.parametrize(
    ("dt", "message"),
    [
        (0.0, r"resample got dt=0\.0 ms\. Pass a positive"),
        (float("nan"), "resample got dt=nan"),
        (0.05 * np.e, r"no simple fraction of its step of 0\.05 ms\. Pass for example 0\.13591"),
        (1e-6, "no simple fraction of its step"),
        (20.0, r"resample got dt=20\.0 ms, but it lasts 4\.95 ms"),
    ],
)
def test_refuses_a_step_it_cannot_resample_to(dt, message):
    with pytest.raises(ValueError, match=message):
        recording(np.zeros(100)).resample(dt)
