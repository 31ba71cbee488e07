import dataclasses

import fit_examples as small
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import hand_made

from jaxneuro.fitting import Simulated, compare, neighbour_baseline, window_table

WINDOWS = ((10.0, 40.0), (50.0, 90.0))
# Sweeps: (12, 20, 32 | 60), silent, (15 | 55, 65, 75, 85).
RECORDED = [[12.0, 20.0, 32.0, 60.0], [], [15.0, 55.0, 65.0, 75.0, 85.0]]
# The second window of the first stays silent, and the last sweep has one spike less.
MODEL = [[13.5, 24.5, 35.5], [], [14.0, 57.0, 69.0, 81.0]]


def simulated(trains, target, error=0.0):
    time = np.arange(1, target.steps + 1) * target.dt
    voltage = np.asarray(target.voltage) + error
    return Simulated(time, voltage, [np.asarray(train, float) for train in trains])


def target(trains=RECORDED):
    made = hand_made(trains, WINDOWS)
    current = jnp.zeros_like(made.current).at[20:80].set(100.0).at[100:180].set(-20.0)
    return dataclasses.replace(made, current=current * jnp.asarray([[1.0, 2.0, 3.0]]))


def test_windows_are_counted_one_by_one():
    aim = target()
    table = window_table(aim, simulated(MODEL, aim))
    nan = np.nan
    np.testing.assert_array_equal(table.amplitude, [[100.0, 200.0, 300.0], [-20.0, -40.0, -60.0]])
    np.testing.assert_array_equal(table.recorded_count, [[3, 0, 1], [1, 0, 4]])
    np.testing.assert_array_equal(table.simulated_count, [[3, 0, 1], [0, 0, 3]])
    np.testing.assert_allclose(table.recorded_latency, [[2.0, nan, 5.0], [10.0, nan, 5.0]])
    np.testing.assert_allclose(table.simulated_latency, [[3.5, nan, 4.0], [nan, nan, 7.0]])
    np.testing.assert_allclose(table.recorded_isi, [[10.0, nan, nan], [nan, nan, 10.0]])
    np.testing.assert_allclose(table.simulated_isi, [[11.0, nan, nan], [nan, nan, 12.0]])


def test_the_numbers_of_the_report():
    aim = target()
    scores = compare(aim, simulated(MODEL, aim))
    assert scores == {
        "mean_abs_count_error": pytest.approx(2 / 6),  # both silent is no error
        "latency_error_ms": pytest.approx((1.5 + 1.0 + 2.0) / 3),
        "latency_error_median_ms": pytest.approx(1.5),
        "isi_error": pytest.approx((1.0 + 2.0) / 2),
        "subthreshold_rmse_mv": 0.0,
        "windows": 6,
        "windows_both_fire": 3,
    }


def test_without_any_spike_there_is_no_latency():
    aim = target([[], [], []])
    scores = compare(aim, simulated([[], [], []], aim, error=3.0))
    assert scores["mean_abs_count_error"] == scores["windows_both_fire"] == 0
    assert scores["subthreshold_rmse_mv"] == pytest.approx(3.0)
    assert all(np.isnan(scores[f"{name}"]) for name in ("latency_error_ms", "isi_error"))
    assert np.isnan(scores["latency_error_median_ms"])


def test_the_voltage_near_a_spike_of_either_does_not_count():
    # 100 mV off from 2 ms before to 5 ms after each spike of the model, and where the recording's
    # mask says so; 1 mV elsewhere in one sweep, 2 mV in another.
    aim = target([[], [], []])
    masked = aim.is_subthreshold.at[:40, 1].set(0.0)
    aim = dataclasses.replace(aim, is_subthreshold=masked)
    time = np.arange(1, aim.steps + 1)[:, None] * aim.dt
    error = np.broadcast_to([1.0, 2.0, 1.0], aim.voltage.shape).copy()
    error[:40, 1] = 100.0
    error[((time >= 28.0) & (time <= 35.0))[:, 0], 2] = 100.0
    scores = compare(aim, simulated([[], [], [30.0]], aim, error))
    counted = 200 + 160 + 185
    wanted = np.sqrt((200 * 1.0 + 160 * 4.0 + 185 * 1.0) / counted)
    assert scores["subthreshold_rmse_mv"] == pytest.approx(wanted, rel=1e-6)


def test_a_recording_compares_like_its_target():
    cell = small.recording()
    aim = small.target()
    model = simulated([[], [], [50.0]], aim, error=1.0)
    assert compare(cell, model) == pytest.approx(compare(aim, model), nan_ok=True)
    short = model._replace(time=model.time[:-100], voltage=model.voltage[:-100])
    assert compare(cell, short)["subthreshold_rmse_mv"] == pytest.approx(1.0, rel=1e-4)


def test_another_recording_is_refused():
    aim = target()
    model = simulated(MODEL[:2], aim)._replace(voltage=np.zeros((aim.steps, 2)))
    with pytest.raises(ValueError, match=r"shape \(200, 2\), but the recording's \(200, 3\)"):
        compare(aim, model)


def test_the_trivial_model_is_the_mean_of_the_neighbours():
    trains = [[20.0], [18.0, 22.0], [16.0, 20.0, 24.0], [15.0], [12.0, 30.0], []]
    aim = hand_made(trains, ((10.0, 40.0),))
    # Sweep 1: counts (1 + 3) / 2 against 2, latencies (10 + 6) / 2 against 8. Sweep 3: (3 + 2) / 2
    # against 1, (6 + 2) / 2 against 5. Sweep 5 has one neighbour: 2 against 0, and no latency.
    scores = neighbour_baseline(aim, [0, 2, 4], [1, 3, 5])
    assert scores == {
        "mean_abs_count_error": pytest.approx((0.0 + 1.5 + 2.0) / 3),
        "latency_error_ms": pytest.approx((0.0 + 1.0) / 2),
        "latency_error_median_ms": pytest.approx(0.5),
    }
    # The nearest fitted ones, wherever they are.
    assert neighbour_baseline(aim, [4, 0], [3])["mean_abs_count_error"] == pytest.approx(0.5)
    assert neighbour_baseline(aim, [0, 5], [2])["latency_error_ms"] != 0
    with pytest.raises(ValueError, match=r"got train=\[\] and test=\[1\]"):
        neighbour_baseline(aim, [], [1])
