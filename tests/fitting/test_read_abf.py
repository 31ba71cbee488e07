"""Axon files, written by pyabf and completed by hand at the places it reads (its `headerV1`)."""

import os
import struct

import numpy as np
import pytest

from jaxneuro.fitting import read_folder, read_recording

pyabf = pytest.importorskip("pyabf")
from pyabf.abfWriter import writeABF1  # noqa: E402

RATE, SAMPLES = 20_000, 6400  # so that Clampex waits 100 samples, 5 ms, before the first epoch
SHORT, FULL = 2048, 6144  # bytes of header, before and since version 1.6


def voltages(sweeps=3):
    rng = np.random.default_rng(0)
    inside = (np.arange(SAMPLES) >= 2100) & (np.arange(SAMPLES) < 4100)
    trace = -70 + 10 * np.arange(1, sweeps + 1)[:, None] * inside
    return trace + rng.normal(0, 0.1, trace.shape)


def write(path, values=None, units="mV"):
    """As pyabf writes it: the short header, without a command."""
    writeABF1(voltages() if values is None else values, str(path), RATE, units)
    return path


def command(name=b"Cmd 0", unit=b"pA", epochs=((1, 0, 0, 2000), (1, 50, 25, 2000)), source=1):
    """Epochs as type, level, change of level from sweep to sweep, samples."""
    return {"name": name, "unit": unit, "epochs": epochs, "source": source}


def write_full(path, commands=({},), units="mV", channels=1, values=None):
    """With the long header, in which the commands of both outputs are; a dict each."""
    content = write(path, values, units).read_bytes()
    head = bytearray(content[:SHORT] + bytes(FULL - SHORT))
    struct.pack_into("f", head, 4, 1.83)
    struct.pack_into("i", head, 40, FULL // 512)
    if channels == 2:  # the samples in turn
        struct.pack_into("h", head, 120, 2)
        struct.pack_into("f", head, 122, 1e6 / RATE / 2)
        struct.pack_into("2h", head, 410, 0, 1)
        struct.pack_into("8s8s", head, 602, b"mV      ", b"pA      ")
        struct.pack_into("10s10s", head, 442, b"Vm        ", b"Im        ")
    for output, changed in enumerate(commands):
        made = command() | changed
        struct.pack_into("10s", head, 1306 + 10 * output, made["name"].ljust(10))
        struct.pack_into("8s", head, 1346 + 8 * output, made["unit"].ljust(8))
        struct.pack_into("h", head, 2296 + 2 * output, 1)
        struct.pack_into("h", head, 2300 + 2 * output, made["source"])
        for number, (kind, level, increment, samples) in enumerate(made["epochs"]):
            place = 10 * output + number
            struct.pack_into("h", head, 2308 + 2 * place, kind)
            struct.pack_into("f", head, 2348 + 4 * place, level)
            struct.pack_into("f", head, 2428 + 4 * place, increment)
            struct.pack_into("i", head, 2508 + 4 * place, samples)
    path.write_bytes(bytes(head) + content[SHORT:])
    return path


def test_sweeps_and_their_command(tmp_path):
    made = read_recording(write_full(tmp_path / "cell.abf"))
    # pyabf writes whole steps of 10 V / 2**15 at a gain of 1/10 for these values.
    np.testing.assert_allclose(made.voltage, voltages().T, atol=0.004)
    assert (made.dt, made.labels, made.name) == (0.05, (0, 1, 2), "cell")
    expected = np.zeros((SAMPLES, 3))
    expected[2100:4100] = [50.0, 75.0, 100.0]
    np.testing.assert_array_equal(made.current, expected)
    assert made.windows == ((105.0, 205.0),)
    assert made.notes == (
        "Version 1 of ABF stores no holding current; before and after the epochs it was taken as "
        "0 pA, the level of the first epoch.",
    )
    chosen = read_recording(tmp_path / "cell.abf", sweeps=[2, 0])
    np.testing.assert_array_equal(chosen.voltage, made.voltage[:, [2, 0]])


def test_a_rate_that_is_not_whole_hertz(tmp_path):
    path = write_full(tmp_path / "cell.abf")
    content = bytearray(path.read_bytes())
    struct.pack_into("f", content, 122, 30.0)  # us
    path.write_bytes(content)
    assert read_recording(path).dt == 0.03


def test_units_are_converted(tmp_path):
    path = write_full(
        tmp_path / "cell.abf",
        [{"unit": b"nA", "epochs": ((1, 0, 0, 2000), (1, 0.05, 0.025, 2000))}],
        units="V",
        values=voltages() / 1000,
    )
    made = read_recording(path)
    np.testing.assert_allclose(made.current[3000], [50, 75, 100], rtol=1e-6)
    assert made.voltage[0, 0] == pytest.approx(-70, abs=0.5)
    assert "The voltage was converted from V to mV." in made.notes


def test_the_command_in_amperes_is_taken(tmp_path):
    light = {"name": b"Light", "unit": b"V"}
    path = write_full(tmp_path / "cell.abf", [light, {"epochs": ((1, 0, 0, 99), (1, 60, 1, 99))}])
    np.testing.assert_array_equal(read_recording(path).current[200], [60, 61, 62])


def test_several_commands_need_a_choice(tmp_path):
    second = {"name": b"Cmd 1", "epochs": ((1, 0, 0, 99), (1, 60, 1, 99))}
    path = write_full(tmp_path / "cell.abf", [{}, second])
    message = r"several commands: 'Cmd 0' \(pA\), 'Cmd 1' \(pA\)\. Choose one by current="
    with pytest.raises(ValueError, match=message):
        read_recording(path)
    made = read_recording(path, current="Cmd 1")
    np.testing.assert_array_equal(made.current[200], [60, 61, 62])


def test_a_recorded_current_serves_where_there_is_no_command(tmp_path):
    voltage, current = voltages(), np.where(np.arange(SAMPLES) < 3000, 0.0, 80.0)
    both = np.stack([voltage, np.broadcast_to(current, voltage.shape)], axis=-1).reshape(3, -1)
    path = write_full(tmp_path / "cell.abf", [], channels=2, values=both)
    made = read_recording(path)
    np.testing.assert_allclose(made.voltage, voltage.T, atol=0.004)
    np.testing.assert_allclose(made.current[:, 0], current, atol=0.004)
    assert made.notes == ("The stimulus is the recorded channel 'Im', not a command.",)
    path = write_full(tmp_path / "cell.abf", channels=2, values=both)
    assert read_recording(path).current[3500, 0] == 50
    assert read_recording(path, current="Im").current[3500, 0] == pytest.approx(80, abs=0.01)
    assert read_recording(path, current=1).current[3500, 0] == pytest.approx(80, abs=0.01)
    with pytest.raises(ValueError, match=r"current='Il' is no channel of 0 'Vm' \(mV\), 1 'Im'"):
        read_recording(path, current="Il")


def test_refuses_voltage_clamp(tmp_path):
    path = write_full(tmp_path / "cell.abf", [{"unit": b"mV"}], units="pA")
    with pytest.raises(ValueError, match=r"is a voltage clamp, .* it records 0 '.*' \(pA\)"):
        read_recording(path)
    path = write_full(tmp_path / "cell.abf", [{"unit": b"mV"}], units="mV")
    with pytest.raises(ValueError, match=r"is a voltage clamp: its command is 'Cmd 0' in mV"):
        read_recording(path)


def test_a_file_without_a_command_needs_one(tmp_path):
    # What pyabf reads of the command of such a file is samples of the voltage.
    path = write(tmp_path / "cell.abf")
    with pytest.raises(ValueError, match=r"no stimulus: its protocol enables no .*stimulus="):
        read_recording(path)
    stimulus = np.where(np.arange(SAMPLES) < 3000, 0.0, 80.0)
    made = read_recording(path, stimulus=stimulus)
    assert made.windows == ((150.0, 320.0),)


def test_a_command_that_cannot_be_known_is_missing(tmp_path):
    path = write_full(tmp_path / "cell.abf", [{"source": 2}])
    with pytest.raises(ValueError, match="no stimulus: the command 'Cmd 0' came from another file"):
        read_recording(path)
    path = write_full(tmp_path / "cell.abf", [{"epochs": ((1, 0, 0, 99), (9, 60, 1, 99))}])
    with pytest.raises(ValueError, match="current has values that are not finite in sweeps 0, 1"):
        read_recording(path)
    path = write_full(tmp_path / "cell.abf")
    content = bytearray(path.read_bytes())
    struct.pack_into("h", content, 3360, 1)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="its epochs follow a user list"):
        read_recording(path)


@pytest.mark.skipif(
    "JAXNEURO_RECORDINGS" not in os.environ, reason="JAXNEURO_RECORDINGS names no folder"
)
def test_two_real_cells():
    recordings, _ = read_folder(os.environ["JAXNEURO_RECORDINGS"])
    steps, prepulse = recordings["171116sh_0018.abf"], recordings["18711001.abf"]
    assert steps.voltage.shape == (60_000, 17)
    assert steps.windows == ((146.85, 646.85), (1646.85, 2146.85))
    np.testing.assert_array_equal(steps.current[4000], np.arange(-100, 301, 25))
    np.testing.assert_array_equal(steps.current[24_000], np.full(17, -100))
    np.testing.assert_array_equal(steps.current[34_000], np.arange(-100, 301, 25))
    assert prepulse.voltage.shape == (30_000, 30)
    assert prepulse.windows == ((823.4, 1323.4),)
    np.testing.assert_array_equal(prepulse.current[1000], np.full(30, -100))
    np.testing.assert_array_equal(prepulse.current[20_000], np.arange(0, 300, 10))
    for made in (steps, prepulse):
        assert (made.sampling_rate, made.notes) == (20_000, ())
        assert made.labels == tuple(range(made.sweeps))
        assert ((made.baseline > -75) & (made.baseline < -60)).all()
        # Filtered, a spike is no more than its sharpest tip lower.
        fine, coarse = made.voltage.max(axis=0), made.resample(0.1).voltage.max(axis=0)
        assert np.abs(fine - coarse).max() < 0.6
