import sys

import numpy as np
import pytest

from jaxneuro.fitting import read_folder, read_recording

DT, STEPS = 0.1, 1000
TIME = np.arange(STEPS) * DT


def cell(sweeps=3, gain=0.2):
    """Voltage (mV) and current (pA) of a passive cell of 200 MΩ under a family of steps, noisy."""
    inside = (TIME >= 20) & (TIME < 70)
    current = np.where(inside[:, None], 50.0 * np.arange(1, sweeps + 1), 0.0)
    kernel = np.exp(-TIME / 10)
    charged = [np.convolve(column, kernel / kernel.sum())[:STEPS] for column in current.T]
    noise = np.random.default_rng(0).normal(0, 0.1, current.shape)
    return -70 + gain * np.stack(charged, axis=1) + noise, current


def write_npz(folder, voltage=None, current=None, **changed):
    path = folder / "cell.npz"
    arrays = dict(zip(("voltage", "current"), cell(), strict=True)) | {"dt": DT} | changed
    arrays |= {} if voltage is None else {"voltage": voltage}
    arrays |= {} if current is None else {"current": current}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def write_csv(folder, columns, separator=","):
    path = folder / "cell.csv"
    rows = [separator.join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([separator.join(columns), *rows]))
    return path


def columns(sweeps=1, numbers=None, voltage="voltage_mV", current="current_pA", scale=(1.0, 1.0)):
    volts, amperes = cell(sweeps)
    table = {"time_ms": TIME}
    for place, number in enumerate(numbers or [""] * sweeps):
        table[f"{voltage}{number}"] = volts[:, place] * scale[0]
        table[f"{current}{number}"] = amperes[:, place] * scale[1]
    return table


def test_npz_is_read_as_it_is(tmp_path):
    made = read_recording(write_npz(tmp_path))
    voltage, current = cell()
    np.testing.assert_array_equal(made.voltage, voltage)
    np.testing.assert_array_equal(made.current, current)
    np.testing.assert_allclose(made.time, TIME)
    assert (made.name, made.labels, made.windows) == ("cell", (0, 1, 2), ((20.0, 70.0),))
    assert made.notes == ()
    np.testing.assert_allclose(made.baseline, -70, atol=0.03)


def test_npz_in_other_units_with_times(tmp_path):
    voltage, current = cell()
    path = write_npz(
        tmp_path,
        voltage / 1000,
        current / 1000,
        dt=None,
        time=5 + TIME / 1000,
        time_unit="s",
        voltage_unit="V",
        current_unit="nA",
    )
    made = read_recording(str(path))
    np.testing.assert_allclose(made.voltage, voltage)
    np.testing.assert_allclose(made.current, current)
    assert made.dt == pytest.approx(DT)
    assert made.notes == (
        "The voltage was converted from V to mV.",
        "The current was converted from nA to pA.",
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_of_one_sweep(tmp_path, separator):
    made = read_recording(write_csv(tmp_path, columns(), separator))
    np.testing.assert_array_equal(made.voltage, cell(1)[0])
    assert made.labels == (0,)
    assert made.dt == pytest.approx(DT)


def test_csv_of_several_sweeps_keeps_their_numbers(tmp_path):
    table = columns(3, ("_10", "_2", "_7"), "voltage_V", "current_A", (1e-3, 1e-12))
    made = read_recording(write_csv(tmp_path, table), sweeps=[7, 10])
    assert made.labels == (7, 10)
    np.testing.assert_allclose(made.voltage, cell()[0][:, [2, 0]])
    np.testing.assert_allclose(made.current, cell()[1][:, [2, 0]])


def test_csv_with_one_current_for_all_sweeps_and_names_of_its_own(tmp_path):
    table = columns(2, ("_0", "_1"), "Vm", "Im")
    table["Im"] = table.pop("Im_1")
    table.pop("Im_0")
    path = write_csv(tmp_path, table)
    made = read_recording(path, voltage="Vm", current="Im", voltage_unit="mV", current_unit="pA")
    np.testing.assert_array_equal(made.current, cell()[1][:, [1, 1]])
    with pytest.raises(ValueError, match=r"no columns hold the voltage, among \['time_ms', 'Vm_0'"):
        read_recording(path)
    with pytest.raises(ValueError, match=r"the voltage is in '', .* Pass voltage_unit"):
        read_recording(path, voltage="Vm", current="Im")


def test_rounded_times_are_regular(tmp_path):
    table = columns()
    table["time_ms"] = np.round(TIME / 3, 3)  # 0.0333 ms, of which nothing is left but 33 or 34 us
    assert read_recording(write_csv(tmp_path, table)).dt == pytest.approx(DT / 3, rel=1e-4)


def change(series, place, value):
    series = series.copy()
    series[place] = value
    return series


GAPS = {
    "missing": (
        np.delete(np.arange(STEPS + 3) * DT, [500, 501, 502]),
        "sample 500 comes 0.4 after",
    ),
    "doubled": (change(TIME, 300, TIME[299]), r"sample 300 comes 0 after .* \(2 such places\)"),
    "backwards": (TIME[::-1], "usual step is -0.1"),
    "not a number": (change(TIME, 7, np.nan), "no number for sample 7"),
    "drifting": (TIME**1.01, "the times drift"),
}


@pytest.mark.parametrize("fault", GAPS)
def test_refuses_irregular_times(tmp_path, fault):
    time, message = GAPS[fault]
    with pytest.raises(ValueError, match=message):
        read_recording(write_npz(tmp_path, dt=None, time=time))


UNITS = {
    "volts called millivolts": (
        (1e-3, 1.0),
        {},
        r"voltage in mV, but its numbers look like V: .* around 0\.062 .*voltage_unit='V'",
    ),
    "millivolts called volts": ((1.0, 1.0), {"voltage_unit": "V"}, "look like mV: .* around 62 "),
    "amperes called picoamperes": (
        (1.0, 1e-12),
        {},
        r"current in pA, but its numbers look like A: .* spans 1\.5e-10\. Pass current_unit='A'",
    ),
    "nanoamperes called picoamperes": ((1.0, 1e-3), {}, "look like nA: .* current_unit='nA'"),
    "picoamperes called nanoamperes": ((1.0, 1.0), {"current_unit": "nA"}, "look like pA"),
    "picoamperes called amperes": ((1.0, 1.0), {"current_unit": "A"}, "look like pA"),
}


@pytest.mark.parametrize("fault", UNITS)
def test_detects_a_wrong_unit_and_reads_the_right_one(tmp_path, fault):
    scale, declared, message = UNITS[fault]
    voltage, current = cell()
    path = write_npz(tmp_path, voltage * scale[0], current * scale[1], **declared)
    with pytest.raises(ValueError, match=message):
        read_recording(path)
    right = {1.0: ("mV", "pA"), 1e-3: ("V", "nA"), 1e-12: ("", "A")}
    made = read_recording(path, voltage_unit=right[scale[0]][0], current_unit=right[scale[1]][1])
    np.testing.assert_allclose(made.voltage, voltage)
    np.testing.assert_allclose(made.current, current)
    assert any("the file declares" in note for note in made.notes)


def test_missing_samples_are_kept_and_said(tmp_path):
    voltage = cell()[0]
    voltage[100:103, 1] = np.nan
    voltage[5, 2] = np.inf
    made = read_recording(write_npz(tmp_path, voltage))
    assert np.isnan(made.voltage).sum(axis=0).tolist() == [0, 3, 1]
    assert made.notes == (
        "4 samples of the voltage in sweeps 1, 2 are no finite number; they stay NaN and count for "
        "nothing.",
    )


def test_an_empty_cell_of_a_table_is_a_missing_sample(tmp_path):
    table = columns()
    table["voltage_mV"] = [value if k != 40 else "" for k, value in enumerate(cell(1)[0][:, 0])]
    made = read_recording(write_csv(tmp_path, table))
    assert np.flatnonzero(np.isnan(made.voltage[:, 0])).tolist() == [40]


def with_spikes(voltage, peak=50.0):
    """Spikes 1 ms wide, at 20 kHz or less sampled without two equal values."""
    wave = sum(np.exp(-0.5 * ((TIME - 25 - at) / 0.4) ** 2) for at in (0, 15, 30))
    return voltage + (peak + 70) * wave[:, None]


def test_saturated_samples_are_kept_and_said(tmp_path):
    spiking = np.round(with_spikes(cell()[0]) / 0.03) * 0.03  # as an AD converter rounds
    assert read_recording(write_npz(tmp_path, spiking)).notes == ()
    clipped = spiking.clip(-69.9, 10.0)
    clipped[1:] = np.where(TIME[1:, None] > 90, -69.9, clipped[1:])  # and lost at the end
    made = read_recording(write_npz(tmp_path, clipped))
    np.testing.assert_array_equal(made.voltage, clipped)
    high, low = made.notes
    assert high.startswith(f"{(clipped == 10.0).sum()} samples stand still at the highest voltage")
    assert low.endswith(
        "-69.9 mV, like those of a saturated amplifier: the true voltage may lie beyond."
    )


def test_a_slow_coarse_plateau_is_not_saturated(tmp_path):
    # Equal samples at the extreme, but rounded, as a step of 0.1 mV makes of any slow trace.
    voltage = np.round((-70 - 15 * np.exp(-0.5 * ((TIME - 50) / 20) ** 2)) / 0.1) * 0.1
    assert (voltage == voltage.min()).sum() > 10
    made = read_recording(write_npz(tmp_path, voltage, -cell(1)[1]))
    assert made.notes == ()


REFUSED = {
    "no current": ({"current": None}, {}, r"has no stimulus: it has no array 'current'.*stimulus="),
    "no change": ({"current": 0 * cell()[1]}, {}, r"no stimulus: the current stays at 0 pA.*=0\."),
    "current unknown": (
        {"current": change(cell()[1], (3, 1), np.nan)},
        {},
        "current has values that are not finite in sweep 1",
    ),
    "empty": ({"voltage": change(cell()[0], np.s_[:, 1], -70.0)}, {}, "sweep 1 of 3 are empty"),
    "zeros": (
        {"voltage": change(cell()[0], np.s_[:, [0, 2]], 0.0), "current": cell()[1] * [0, 1, 2]},
        {},
        "sweeps 0, 2 of 3 are emp",
    ),
    "all missing": ({"voltage": change(cell()[0], np.s_[:, 2], np.nan)}, {}, "sweep 2 of 3 are em"),
    "no samples": ({"voltage": cell()[0][:0]}, {}, r"'voltage' is float64 of shape \(0, 3\)"),
    "transposed": ({"voltage": cell()[0].T}, {}, r"shape \(3, 1000\), .* save the transpose"),
    "current transposed": ({"current": cell()[1].T}, {}, "save the transpose"),
    "currents": ({"current": cell(2)[1]}, {}, r"current has shape \(1000, 2\) but the voltage"),
    "shorter": ({"current": cell()[1][:-1]}, {}, "1000 samples of voltage but 999 of current"),
    "clamp": (
        {"voltage": cell()[1] - 70, "current": 5 * cell()[0]},
        {},
        "is a voltage clamp: the voltage moves in steps",
    ),
    "text": ({"voltage": np.array(["a"] * STEPS)}, {}, "'voltage' is <U1 of shape"),
    "no time": ({"dt": None}, {}, "has neither 'time' nor 'dt'"),
    "unit": ({"voltage_unit": "furlong"}, {}, "in 'furlong', which is no unit of voltage"),
    "array": ({}, {"voltage": "Vm"}, r"has no array 'Vm', but \['current', 'dt', 'voltage'\]"),
    "sweeps": ({}, {"sweeps": [1, 5]}, r"has 3 sweeps \(sweeps 0, 1, 2\), but sweeps=\[5\] were"),
    "none": ({}, {"sweeps": []}, r"but sweeps=\[\] were asked for"),
    "stimulus": ({}, {"stimulus": np.zeros(7)}, r"stimulus has shape \(7,\), but .* \(1000, 3\)"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_says_what_is_wrong(tmp_path, fault):
    changed, options, message = REFUSED[fault]
    arrays = dict(zip(("voltage", "current"), cell(), strict=True)) | {"dt": DT} | changed
    path = tmp_path / "cell.npz"
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(ValueError, match=f"cell.npz.*{message}"):
        read_recording(path, **options)


def test_a_noiseless_sweep_at_rest_is_not_empty(tmp_path):
    voltage, current = np.full((STEPS, 2), -70.0), cell(2)[1] * [0, 1]
    voltage[:, 1] += 0.2 * current[:, 1]
    assert read_recording(write_npz(tmp_path, voltage, current)).sweeps == 2


def test_the_stimulus_can_be_given(tmp_path):
    path = write_npz(tmp_path)
    one = np.where(TIME < 50, 0.0, 80.0)
    for stimulus in (one, np.repeat(one[:, None], 3, axis=1)):
        made = read_recording(path, stimulus=stimulus)
        np.testing.assert_array_equal(made.current, np.repeat(one[:, None], 3, axis=1))
        assert made.windows == ((50.0, 100.0),)
    made = read_recording(path, stimulus=0.0, windows=[(10, 30.0)])
    assert (np.ptp(made.current), made.windows) == (0.0, ((10.0, 30.0),))


TABLES = {
    "mixed units": ("time_ms,voltage_mV_0,voltage_V_1\n0,1,2\n1,2,3", "in one unit"),
    "no time": ("voltage_mV,current_pA\n-70,0\n-70,1", "no columns hold the time"),
    "no unit of time": ("time,voltage_mV\n0,1\n1,2", "the time is in '', which is no unit of time"),
    "lost current": (
        "time_ms,voltage_mV_0,voltage_mV_1,current_pA_1\n0,1,2,3\n1,2,3,4",
        r"no column holds the current of \['voltage_mV_0'\]",
    ),
    "words": ("time_ms,voltage_mV\n0,high\n1,2", "numpy cannot read it .*could not convert"),
    "no rows": ("time_ms,voltage_mV,current_pA", "has no rows"),
    "ragged": ("time_ms,voltage_mV\n0,1\n1,2,3", "numpy cannot read it"),
    "twice": ("time_ms,time_ms\n0,1\n1,2", "each once"),
    "no current": ("time_ms,voltage_mV\n0,-70\n1,-69", "has no stimulus: no column of 'current'"),
}


@pytest.mark.parametrize("fault", TABLES)
def test_says_what_is_wrong_with_a_table(tmp_path, fault):
    text, message = TABLES[fault]
    (tmp_path / "cell.csv").write_text(text)
    with pytest.raises(ValueError, match=f"cell.csv.*({message})"):
        read_recording(tmp_path / "cell.csv")


def test_refuses_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.abf does not exist"):
        read_recording(tmp_path / "absent.abf")
    with pytest.raises(FileNotFoundError, match="is a folder; use read_folder"):
        read_recording(tmp_path)


def test_a_folder_gives_its_recordings_and_why_the_others_are_none(tmp_path):
    write_npz(tmp_path).rename(tmp_path / "b.npz")
    write_csv(tmp_path, columns()).rename(tmp_path / "a.csv")
    (tmp_path / "broken.abf").write_bytes(b"not a recording")
    (tmp_path / "notes.md").write_text("# Cells")
    (tmp_path / ".hidden").write_text("")
    (tmp_path / "folder").mkdir()
    recordings, skipped = read_folder(tmp_path)
    assert list(recordings) == ["a.csv", "b.npz"]
    assert recordings["b.npz"].sweeps == 3
    assert list(skipped) == ["broken.abf", "notes.md"]
    assert "pyabf cannot read it" in skipped["broken.abf"]
    assert "neo cannot read it" in skipped["notes.md"]


def test_a_folder_without_recordings_says_why(tmp_path):
    with pytest.raises(ValueError, match=r"holds no recording that can be read\. It has no files"):
        read_folder(tmp_path)
    (tmp_path / "broken.abf").write_bytes(b"not a recording")
    with pytest.raises(ValueError, match=r"holds no recording .*\n- .*broken\.abf: pyabf cannot"):
        read_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="is a file; use read_recording"):
        read_folder(tmp_path / "broken.abf")


@pytest.mark.parametrize(
    ("suffix", "library"), [("abf", "pyabf"), ("nwb", "pynwb"), ("smr", "neo")]
)
def test_says_how_to_install_a_missing_library(tmp_path, monkeypatch, suffix, library):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, f"{library}.io", None)
    (tmp_path / f"cell.{suffix}").write_bytes(b"")
    with pytest.raises(ImportError, match=rf"cell\.{suffix}: .*{library}.*jaxneuro\[recordings\]"):
        read_recording(tmp_path / f"cell.{suffix}")
