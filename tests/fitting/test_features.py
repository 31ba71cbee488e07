"""Features by hand, and under every transformation."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.fitting import FEATURES, Trace, extract

DT = 0.1
START, STOP = 100.0, 400.0


def series(samples=5000, current=-100.0, resistance=0.15, tau=20.0, rest=-70.0, noise=0.0):
    """A passive membrane under a step."""
    time = DT * np.arange(samples)
    is_on = (time > START - 1e-9) & (time < STOP - 1e-9)
    rising = 1 - np.exp(-np.maximum(time - START, 0) / tau)
    v = rest + resistance * current * np.where(is_on, rising, 0.0)
    v = v + noise * np.random.default_rng(0).standard_normal(samples)
    return v, np.where(is_on, current, 0.0)


def trace(voltage, current, times=(), dtype=jnp.float64, start=START, stop=STOP):
    padded = [*times] + [math.inf] * (9 - len(times))
    return Trace(*(jnp.asarray(x, dtype) for x in (voltage, current, padded, start, stop)), dt=DT)


@eqx.filter_jit
def measured(trace):
    return tuple(feature.function(trace) for feature in FEATURES.values())


def all_values(*args, **kwargs):
    return dict(zip(FEATURES, map(float, measured(trace(*args, **kwargs))), strict=True))


def value(name, *args, **kwargs):
    return all_values(*args, **kwargs)[name]


def test_spike_times_by_hand(x64):
    quiet = np.full(5000, -70.0), np.zeros(5000)
    # 50 is before the window and 400, where the window stops, is after it.
    times = [50.0, 110.0, 120.0, 140.0, 200.0, 320.0, 400.0]
    intervals = np.array([10.0, 20.0, 60.0, 120.0])
    wanted = {
        "spike_count": 5.0,
        "mean_rate": 5 / 0.3,
        "latency": 10.0,
        "first_isi": 10.0,
        "mean_isi": intervals.mean(),
        "isi_cv": intervals.std() / intervals.mean(),
        "adaptation_index": ((60 - 20) / 80 + (120 - 60) / 180) / 2,
    }
    found = all_values(*quiet, times)
    for name, number in wanted.items():
        assert found[name] == pytest.approx(number, rel=1e-12), name


@pytest.mark.parametrize(
    ("times", "defined"),
    [
        ([], set()),
        ([150.0], {"latency"}),
        ([150.0, 160.0], {"latency", "first_isi", "mean_isi"}),
        ([150.0, 160.0, 180.0], {"latency", "first_isi", "mean_isi", "isi_cv"}),
    ],
)
def test_too_few_spikes_define_nothing(times, defined, x64):
    names = {"latency", "first_isi", "mean_isi", "isi_cv", "adaptation_index"}
    outside = [20.0, 30.0, *times, 410.0, 420.0, 430.0]
    quiet = np.full(5000, -70.0), np.zeros(5000)
    found = all_values(*quiet, outside)
    assert {name for name in names if np.isfinite(found[name])} == defined
    assert found["spike_count"] == len(times)


def test_a_passive_membrane_by_hand(x64):
    v, i = series()
    assert value("resting_potential", v, i) == pytest.approx(-70.0, abs=1e-9)
    assert value("voltage_base", v, i) == pytest.approx(-70.0, abs=1e-9)
    # What is left of the relaxation in the last 30 ms is below 1e-4 mV.
    assert value("steady_state_voltage", v, i) == pytest.approx(-85.0, abs=1e-4)
    assert value("input_resistance", v, i) == pytest.approx(150.0, rel=1e-5)
    # Trapezia of 0.1 ms: (dt / tau)^2 / 12 = 2e-6.
    assert value("time_constant", v, i) == pytest.approx(20.0, rel=1e-5)
    assert value("sag_amplitude", v, i) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("tau", [2.0, 8.0, 60.0, 400.0])
@pytest.mark.parametrize("current", [-100.0, 30.0])
def test_the_time_constant_needs_no_steady_state(tau, current, x64):
    # At 400 ms, the step ends before the voltage is halfway.
    v, i = series(tau=tau, current=current)
    assert value("time_constant", v, i) == pytest.approx(tau, rel=3e-4)


def test_the_time_constant_bears_noise(x64):
    # 2 % of the deflection. The standard error of the best fit here is about 0.4 %.
    v, i = series(noise=0.3)
    assert value("time_constant", v, i) == pytest.approx(20.0, rel=0.02)


def test_single_precision_is_near(x64):
    v, i = series(noise=0.2)
    for times in ([], [110.0, 120.0, 140.0, 180.0, 390.0]):
        double, single = (all_values(v, i, times, dtype) for dtype in (jnp.float64, jnp.float32))
        for name, wanted in double.items():
            np.testing.assert_allclose(single[name], wanted, rtol=1e-3, atol=1e-4, err_msg=name)


def test_sag_is_from_the_lowest_voltage_to_the_steady_state(x64):
    v, i = series()
    time = DT * np.arange(5000) - START
    v = v + np.where(i < 0, -6.0 * (time / 50.0) * np.exp(1 - time / 50.0), 0.0)
    steady = v[3700:4000].mean()
    amplitude = steady - v.min()
    assert amplitude > 3.0
    assert value("sag_amplitude", v, i) == pytest.approx(amplitude, rel=1e-9)
    assert value("sag_ratio", v, i) == pytest.approx(amplitude / (-70.0 - v.min()), rel=1e-9)
    assert math.isnan(value("sag_amplitude", -v, -i))  # a step upwards has none


def test_rest_is_before_any_current(x64):
    # A step of the same sweep before the window moves its base, and not the rest.
    v, i = series()
    v, i = v.copy(), i.copy()
    v[300:900], i[300:900] = -90.0, -100.0
    v[900:1000] = -75.0
    assert value("resting_potential", v, i) == pytest.approx(-70.0, abs=1e-9)
    assert value("voltage_base", v, i) == pytest.approx(-75.0, abs=1e-9)
    assert value("resting_potential", v, 0 * i) == pytest.approx(v[:1000].mean(), abs=1e-9)


def test_a_triangular_spike_by_hand(x64):
    # Up from -60 at 40 mV/ms from 150 to 152.5 ms, down at 20 mV/ms to -80, then slowly up.
    time = DT * np.arange(5000)
    v = np.interp(time, [0, 150, 152.5, 159.5, 250, 500], [-60, -60, 40, -100, -60, -60])
    args = (v, 0 * v, [151.0])
    # The central derivative is 20 mV/ms at the corner and 0 before it: 10 between them.
    assert value("spike_threshold", *args) == pytest.approx(-60.0, abs=1e-9)
    assert value("spike_half_width", *args) == pytest.approx(50 / 40 + 50 / 20, abs=0.03)
    assert value("ahp_voltage", *args) == pytest.approx(-100.0, abs=1e-9)
    assert value("ahp_depth", *args) == pytest.approx(-40.0, abs=1e-9)
    # A parabola through a corner is a little above it, by (20 dt)^2 / (8 * 60 dt) here.
    assert value("spike_peak", *args) == pytest.approx(40.0 + 4 / 48, abs=1e-9)
    assert value("spike_amplitude", *args) == pytest.approx(100.0 + 4 / 48, abs=1e-9)


def test_spikes_in_a_burst_are_told_apart(x64):
    # The second spike is higher, and still falls when the window ends.
    time = DT * np.arange(5000)
    corners = [0, 150, 152, 154, 156, 158, 170], [-60, -60, 20, -75, -75, 45, -90]
    args = np.interp(time, *corners), np.zeros(5000), [151.0, 157.0]
    corner = np.square((40 - 47.5) * DT) / (8 * (40 + 47.5) * DT)
    corner += np.square((60 - 11.25) * DT) / (8 * (60 + 11.25) * DT)
    found = all_values(*args, stop=165.0)
    assert found["spike_peak"] == pytest.approx((20 + 45 + corner) / 2, abs=1e-9)
    assert found["ahp_voltage"] == pytest.approx(-75.0, abs=1e-9)
    assert all_values(*args, stop=180.0)["ahp_voltage"] == pytest.approx(-82.5, abs=1e-9)


def test_a_crossing_without_an_onset_has_no_shape(x64):
    # A step of noise on the way down crosses the threshold for a second time.
    v = np.interp(DT * np.arange(5000), [0, 150, 152.5, 159.5, 250], [-60, -60, 40, -100, -60])
    alone = all_values(v, 0 * v, [151.0])
    v[1556] = -19.0
    both = all_values(v, 0 * v, [151.0, 155.55])
    for name in ("spike_threshold", "spike_amplitude", "spike_half_width"):
        assert both[name] == alone[name]


def test_a_response_with_spikes_has_no_passive_properties(x64):
    v, i = series()
    for name in ("input_resistance", "time_constant", "sag_amplitude", "sag_ratio"):
        assert np.isfinite(value(name, v, i))
        assert math.isnan(value(name, v, i, [250.0]))
        assert np.isfinite(value(name, v, i, [50.0]))
        assert math.isnan(value(name, v, 0 * i))
        assert math.isnan(value(name, v, i, start=0.0))  # nothing before the window


def test_all_at_once_is_one_by_one(x64):
    many = [series(current=c, noise=0.2) for c in (-100.0, -50.0, 20.0)]
    v, i = (np.stack([sweep[k] for sweep in many], axis=1) for k in range(2))
    times = [np.array([]), np.array([150.0, 170.0]), np.array([110.0, 120.0, 140.0, 180.0, 390.0])]
    windows = [(START, STOP), (START, 250.0)]
    found = extract(v, i, DT, windows, spike_times=times)
    assert list(found) == list(FEATURES)
    for values in found.values():
        assert values.shape == (2, 3)
    for (w, s), _ in np.ndenumerate(np.zeros((2, 3))):
        start, stop = windows[w]
        one = all_values(v[:, s], i[:, s], times[s], start=start, stop=stop)
        for name, values in found.items():
            np.testing.assert_allclose(values[w, s], one[name], rtol=1e-12, err_msg=name)


def test_windows_may_be_traced():
    v, i = (jnp.asarray(x, jnp.float32)[:, None] for x in series())
    times = jnp.asarray([[150.0], [260.0], [jnp.inf]])

    @jax.jit
    def second(start):
        return extract(v, i, DT, [(start, start + 200.0)], spike_times=times, names=("latency",))[
            "latency"
        ]

    assert second(100.0).item() == 50.0
    assert second(200.0).item() == 60.0


def test_spikes_are_found_where_none_are_passed():
    v, i = (x[:, None] for x in series())
    v = v.copy()
    v[1500:1520] = 30.0
    found = extract(v, i, DT, [(START, STOP)], names=("spike_count", "latency"))
    assert found["spike_count"].item() == 1.0
    crossing = 0.1 * (1499 + (-20.0 - v[1499, 0]) / (30.0 - v[1499, 0]))
    assert found["latency"].item() == pytest.approx(crossing - START, abs=1e-4)


def test_the_series_of_a_run_begins_one_step_later():
    # What is recorded of step k is at (k + 1) dt, so that a run lacks the sample at 0.
    v, i = (x[:, None] for x in series(noise=0.2))
    windows, times = [(START, STOP)], [np.array([130.0])]
    names = ("latency", "steady_state_voltage", "voltage_base", "ahp_voltage")
    whole = extract(v, i, DT, windows, spike_times=times, names=names)
    run = extract(v[1:], i[1:], DT, windows, spike_times=times, names=names, first=DT)
    for name in names:
        np.testing.assert_allclose(run[name], whole[name], rtol=1e-3, err_msg=name)
    np.testing.assert_allclose(run["ahp_voltage"], whole["ahp_voltage"], rtol=1e-7)


def test_misuse_is_refused():
    v, i = (x[:, None] for x in series())
    windows = [(START, STOP)]
    with pytest.raises(ValueError, match=r"no feature 'latenzy'.*'latency'"):
        extract(v, i, DT, windows, names=("latenzy",))
    with pytest.raises(ValueError, match=r"shape \(5000, 1\) and the current \(5000,\)"):
        extract(v, i[:, 0], DT, windows)
    with pytest.raises(ValueError, match=r"window \(400.0, 100.0\) ms does not stop"):
        extract(v, i, DT, [(STOP, START)])
    with pytest.raises(ValueError, match=r"windows have shape \(2,\)"):
        extract(v, i, DT, (START, STOP))
    with pytest.raises(ValueError, match=r"shape \(3,\), but the voltage has 1 sweeps"):
        extract(v, i, DT, windows, spike_times=np.ones(3))
    with pytest.raises(ValueError, match=r"not looked for under jax.jit.*SpikeTimes"):
        jax.jit(lambda v: extract(v, i, DT, windows))(v)
    with pytest.raises(ValueError, match=r"Trace: dt is -0.1 ms"):
        Trace(v[:, 0], i[:, 0], np.ones(1), START, STOP, dt=-0.1)


def test_the_registry_is_complete():
    for name, feature in FEATURES.items():
        assert feature.name == name
        assert feature.sd > 0
        assert feature.function.__doc__
    assert {name for name, feature in FEATURES.items() if not feature.is_smooth} == {
        "spike_count",
        "mean_rate",
    }
