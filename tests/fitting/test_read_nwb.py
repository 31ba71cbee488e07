import datetime
import warnings

import numpy as np
import pytest

from jaxneuro.fitting import read_recording

pynwb = pytest.importorskip("pynwb")
from pynwb import icephys  # noqa: E402

RATE, SAMPLES = 20_000.0, 2000
TIME = np.arange(SAMPLES) / RATE
CURRENT = np.where((TIME >= 0.02) & (TIME < 0.07), 1e-12, 0.0)


def voltage(number):
    rng = np.random.default_rng(number)
    return -0.07 + CURRENT * 1e8 * (number + 1) + rng.normal(0, 1e-4, SAMPLES)


class Writer:
    """A file of current-clamp sweeps; sweep n steps to 50 (n + 1) pA."""

    def __init__(self, *electrodes):
        start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        self.file = pynwb.NWBFile("a cell", "cell", start)
        device = self.file.create_device("amplifier")
        self.electrodes = [
            self.file.create_icephys_electrode(name=name, description="a pipette", device=device)
            for name in electrodes or ("e0",)
        ]

    def series(self, kind, name, data, electrode=0, **options):
        made = {"electrode": self.electrodes[electrode], "gain": 1.0, "rate": RATE} | options
        return getattr(icephys, kind)(name=name, data=data, **made)

    def response(self, number, **options):
        options = {"sweep_number": np.uint32(number)} | options
        return self.series("CurrentClampSeries", f"r{number}", voltage(number), **options)

    def stimulus(self, number, **options):
        options = {"sweep_number": np.uint32(number)} | options
        data = 50 * (number + 1) * CURRENT
        return self.series("CurrentClampStimulusSeries", f"s{number}", data, **options)

    def write(self, path):
        with pynwb.NWBHDF5IO(str(path), "w") as file:
            file.write(self.file)
        return path


def expected(numbers):
    voltages = np.stack([voltage(number) for number in numbers], axis=1) * 1e3
    return voltages, np.stack([50 * (number + 1) * CURRENT for number in numbers], axis=1) * 1e12


def check(made, numbers):
    voltages, currents = expected(numbers)
    np.testing.assert_allclose(made.voltage, voltages, rtol=1e-9)
    np.testing.assert_allclose(made.current, currents, rtol=1e-9)
    assert made.windows == ((20.0, 70.0),)


def test_sweeps_are_paired_by_number_and_converted(tmp_path):
    writer = Writer()
    for number in (3, 5, 8):
        writer.file.add_acquisition(writer.response(number))
    for number in (8, 5, 3):
        writer.file.add_stimulus(writer.stimulus(number))
    made = read_recording(writer.write(tmp_path / "cell.nwb"))
    check(made, (3, 5, 8))
    assert (made.labels, made.dt, made.name) == ((3, 5, 8), 0.05, "cell")
    assert made.notes == (
        "The voltage was converted from volts to mV.",
        "The current was converted from amperes to pA.",
    )


def test_conversion_and_offset_of_a_series_count(tmp_path):
    writer = Writer()
    counts = np.round((voltage(0) + 0.05) / 1e-6)
    writer.file.add_acquisition(
        writer.series("CurrentClampSeries", "r", counts, conversion=1e-6, offset=-0.05)
    )
    writer.file.add_stimulus(
        writer.series("CurrentClampStimulusSeries", "s", 50 * CURRENT * 1e12, conversion=1e-12)
    )
    made = read_recording(writer.write(tmp_path / "cell.nwb"))
    np.testing.assert_allclose(made.voltage[:, 0], voltage(0) * 1e3, atol=1e-3)
    np.testing.assert_allclose(made.current[:, 0], 50 * CURRENT * 1e12)


@pytest.mark.parametrize("key", ["starting_time", "order"])
def test_sweeps_without_number_are_paired_otherwise(tmp_path, key):
    writer = Writer()
    for number in (0, 1, 2):
        start = {"starting_time": 10.0 * number} if key == "starting_time" else {}
        writer.file.add_acquisition(writer.response(number, sweep_number=None, **start))
        writer.file.add_stimulus(writer.stimulus(number, sweep_number=None, **start))
    made = read_recording(writer.write(tmp_path / "cell.nwb"))
    check(made, (0, 1, 2))
    assert any("by the order of their names" in note for note in made.notes) == (key == "order")


def test_the_table_of_recordings_decides(tmp_path):
    # One long stimulus and one long response, cut into sweeps only by the table.
    writer = Writer()
    numbers = (0, 1, 2)
    response = writer.series(
        "CurrentClampSeries", "r", np.concatenate([voltage(number) for number in numbers])
    )
    levels = [50 * (number + 1) * CURRENT for number in reversed(numbers)]
    stimulus = writer.series("CurrentClampStimulusSeries", "s", np.concatenate(levels))
    writer.file.add_acquisition(response)
    writer.file.add_stimulus(stimulus)
    for number in numbers:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning)
            writer.file.add_intracellular_recording(
                electrode=writer.electrodes[0],
                response=response,
                response_start_index=number * SAMPLES,
                response_index_count=SAMPLES,
                stimulus=stimulus,
                stimulus_start_index=(2 - number) * SAMPLES,
                stimulus_index_count=SAMPLES,
            )
    writer.file.add_acquisition(writer.response(9))
    made = read_recording(writer.write(tmp_path / "cell.nwb"))
    check(made, numbers)
    assert made.labels == (0, 1, 2)
    assert made.notes[0] == "Responses outside the table of recordings were left out: r9."


def test_the_electrode_is_chosen(tmp_path):
    writer = Writer("left", "right")
    for electrode in (0, 1):
        for number in (0, 1):
            name = {"electrode": electrode, "sweep_number": np.uint32(number)}
            made = writer.series(
                "CurrentClampSeries", f"r{electrode}{number}", voltage(number + electrode), **name
            )
            writer.file.add_acquisition(made)
            data = 50 * (number + electrode + 1) * CURRENT
            made = writer.series(
                "CurrentClampStimulusSeries", f"s{electrode}{number}", data, **name
            )
            writer.file.add_stimulus(made)
    path = writer.write(tmp_path / "cell.nwb")
    message = (
        r"several channels of voltage: 0 'left' \(V\), 1 'right' \(V\)\. Choose one by voltage="
    )
    with pytest.raises(ValueError, match=message):
        read_recording(path)
    check(read_recording(path, voltage="right"), (1, 2))


def test_voltage_clamp_is_refused(tmp_path):
    writer = Writer()
    writer.file.add_acquisition(
        writer.series("VoltageClampSeries", "r0", CURRENT, sweep_number=np.uint32(0))
    )
    writer.file.add_stimulus(
        writer.series("VoltageClampStimulusSeries", "s0", voltage(0), sweep_number=np.uint32(0))
    )
    with pytest.raises(ValueError, match=r"is a voltage clamp \(1 VoltageClampSeries\)"):
        read_recording(writer.write(tmp_path / "cell.nwb"))


def test_what_is_no_current_clamp_is_left_out_and_said(tmp_path):
    writer = Writer()
    for number in (0, 1, 2):
        writer.file.add_acquisition(writer.response(number))
    for number in (0, 2):  # sweep 1 has no stimulus
        writer.file.add_stimulus(writer.stimulus(number))
    clamped = writer.series("VoltageClampSeries", "v", CURRENT, sweep_number=np.uint32(7))
    writer.file.add_acquisition(clamped)
    quiet = writer.series("IZeroClampSeries", "i", voltage(0), sweep_number=np.uint32(8))
    writer.file.add_acquisition(quiet)
    made = read_recording(writer.write(tmp_path / "cell.nwb"))
    check(made, (0, 2))
    assert made.labels == (0, 2)
    assert made.notes[0] == (
        "2 series that are no current clamp were left out, 1 of them voltage clamp."
    )
    assert made.notes[1] == "Responses without a stimulus were left out: r1."


def test_missing_stimulus_gaps_and_unlike_lengths_are_refused(tmp_path):
    writer = Writer()
    writer.file.add_acquisition(writer.response(0))
    path = writer.write(tmp_path / "missing.nwb")
    with pytest.raises(ValueError, match=r"no stimulus: no CurrentClampStimulusSeries belongs"):
        read_recording(path)
    assert read_recording(path, stimulus=0.0).sweeps == 1

    writer, times = Writer(), np.delete(np.arange(SAMPLES + 1) / RATE, 700)
    for make in (writer.response, writer.stimulus):
        made = make(0, rate=None, timestamps=times)
        (writer.file.add_acquisition if make == writer.response else writer.file.add_stimulus)(made)
    with pytest.raises(
        ValueError, match=r"'r0': the times are not regular: sample 700 comes 0.0001"
    ):
        read_recording(writer.write(tmp_path / "gap.nwb"))

    writer = Writer()
    for number, data in enumerate((voltage(0), voltage(1)[:-5], voltage(2))):
        name = {"sweep_number": np.uint32(number)}
        writer.file.add_acquisition(writer.series("CurrentClampSeries", f"r{number}", data, **name))
        current = (50 * (number + 1) * CURRENT)[: len(data)]
        made = writer.series("CurrentClampStimulusSeries", f"s{number}", current, **name)
        writer.file.add_stimulus(made)
    path = writer.write(tmp_path / "unlike.nwb")
    message = (
        "not alike: 2000 samples of 0.05 ms in sweeps 0, 2; 1995 samples of 0.05 ms in sweep 1"
    )
    with pytest.raises(ValueError, match=message):
        read_recording(path)
    check(read_recording(path, sweeps=[0, 2]), (0, 2))


def test_refuses_what_is_no_such_file(tmp_path):
    path = tmp_path / "cell.nwb"
    path.write_bytes(b"not HDF5")
    with pytest.raises(ValueError, match=r"cell\.nwb: pynwb cannot read it \(OSError: "):
        read_recording(path)
    with pytest.raises(ValueError, match=r"holds no CurrentClampSeries, but \[\]"):
        read_recording(Writer().write(tmp_path / "empty.nwb"))
