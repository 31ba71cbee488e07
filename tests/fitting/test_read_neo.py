"""Files that Neo reads: WinWCP, a format of patch-clamp rigs, written by hand as Neo expects it."""

import struct

import numpy as np
import pytest

from jaxneuro.fitting import read_recording

neo = pytest.importorskip("neo")
import quantities  # noqa: E402

SAMPLES = 2048  # so that sweeps of one, two and four channels fill sectors of 512 bytes
TIME = np.arange(SAMPLES) * 0.05
CURRENT = np.where((TIME >= 20) & (TIME < 70), 50.0, 0.0)
LARGEST = 32767


def voltage(number):
    noise = np.random.default_rng(number).normal(0, 0.1, SAMPLES)
    return -70 + 0.1 * number * CURRENT + noise


def write(path, channels, *sweeps):
    """Channels are pairs of a name and a unit; a sweep is a list of their values."""
    peaks = np.abs(np.array(sweeps)).max(axis=(0, 2))
    sectors = 2 * SAMPLES * len(channels) // 512
    lines = ["VER=8", f"NC={len(channels)}", f"NR={len(sweeps)}", "NBA=2", f"NBD={sectors}"]
    lines += [f"ADCMAX={LARGEST}"]
    for place, ((name, unit), peak) in enumerate(zip(channels, peaks, strict=True)):
        lines += [f"YN{place}={name}", f"YU{place}={unit}", f"YO{place}={place}"]
        lines += [f"YG{place}={float(1 / peak)!r}"]
    content = "\r\n".join([*lines, ""]).encode().ljust(1024)
    for sweep in sweeps:
        head = struct.pack("<8s4sfff8f", b"ACCEPTED", b"TEST", 1, 0, 5e-5, *([1.0] * 8))
        counts = np.round(np.stack(sweep, axis=1) / peaks * LARGEST).astype("<i2")
        content += head.ljust(1024, b"\0") + counts.tobytes()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("unit", "scale"), [("mV", 1.0), ("V", 1e-3)])
def test_segments_are_sweeps(tmp_path, unit, scale):
    sweeps = [[voltage(n) * scale, n * CURRENT / 1000] for n in (1, 2, 3)]
    made = read_recording(write(tmp_path / "cell.wcp", [("Vm", unit), ("Im", "nA")], *sweeps))
    expected = np.stack([voltage(n) for n in (1, 2, 3)], axis=1)
    np.testing.assert_allclose(made.voltage, expected, atol=0.003)  # 16 bits
    np.testing.assert_allclose(made.current, CURRENT[:, None] * [1, 2, 3], atol=0.003)
    assert made.dt == pytest.approx(0.05)
    assert (made.labels, made.name) == ((0, 1, 2), "cell")
    np.testing.assert_allclose(made.windows, ((20.0, 70.0),))
    assert made.notes[-1] == "The current was converted from nA to pA."


def test_channels_are_chosen_by_name_or_number(tmp_path):
    path = tmp_path / "cell.wcp"
    channels = [("soma", "mV"), ("dendrite", "mV"), ("Im", "pA"), ("light", "V")]
    write(path, channels, [voltage(1), voltage(2), CURRENT, CURRENT])
    with pytest.raises(ValueError, match=r"several channels of voltage: 0 'soma' \(mV\), 1 'dendr"):
        read_recording(path)
    for chosen in ("dendrite", 1, "1"):
        made = read_recording(path, voltage=chosen)
        np.testing.assert_allclose(made.voltage[:, 0], voltage(2), atol=0.003)
    with pytest.raises(
        ValueError, match=r"voltage='axon' is no channel of .*number of one, .* to 3"
    ):
        read_recording(path, voltage="axon")


def test_refuses_what_is_no_current_clamp(tmp_path):
    path = tmp_path / "cell.wcp"
    write(path, [("Im", "pA")], [CURRENT])
    with pytest.raises(
        ValueError, match=r"is a voltage clamp, .* it holds 0 'Im' \(pA\), and none"
    ):
        read_recording(path)
    write(path, [("Vm", "mV")], [voltage(1)])
    with pytest.raises(ValueError, match=r"no stimulus: it holds 0 'Vm' \(mV\), and none in A"):
        read_recording(path)
    np.testing.assert_allclose(read_recording(path, stimulus=CURRENT).windows, ((20.0, 70.0),))
    # The command of a voltage clamp, recorded with the current it takes.
    write(path, [("Vm", "mV"), ("Im", "pA")], [-70 + CURRENT, 10 * voltage(1)])
    with pytest.raises(ValueError, match="is a voltage clamp: the voltage moves in steps"):
        read_recording(path)


def test_refuses_what_neo_cannot_read_and_pickles(tmp_path):
    path = tmp_path / "cell.wcp"
    path.write_bytes(b"a recording")
    with pytest.raises(ValueError, match=r"cell\.wcp: neo cannot read it \("):
        read_recording(path)
    path = tmp_path / "cell.unknown"
    path.write_text("a recording")
    with pytest.raises(ValueError, match=r"neo cannot read it .*unknown is not a supported format"):
        read_recording(path)
    path = tmp_path / "cell.pkl"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is a pickle, and reading one runs whatever code"):
        read_recording(path)


class Reader:
    """Stands for a reader of Neo, few of whose formats can be written."""

    def __init__(self, *segments):
        self.block = neo.Block()
        for signals in segments:
            segment = neo.Segment()
            for values, unit, name in signals:
                made = neo.AnalogSignal(
                    values[:, None], unit, sampling_rate=20 * quantities.kHz, name=name
                )
                segment.analogsignals.append(made)
            self.block.segments.append(segment)

    def read(self):
        return [self.block]


def test_segments_must_hold_the_same_channels(tmp_path, monkeypatch):
    path = tmp_path / "cell.any"
    path.write_bytes(b"")
    both = [(voltage(1), "mV", "Vm"), (CURRENT, "pA", "Im")]
    readers = iter([Reader(both, both), Reader(both, both[:1]), Reader([], [])])
    monkeypatch.setattr(neo.io, "get_io", lambda _: next(readers))
    np.testing.assert_array_equal(read_recording(path).voltage, np.stack([voltage(1)] * 2, axis=1))
    with pytest.raises(
        ValueError, match=r"segment 0 holds 0 'Vm'.* but segment 1 0 'Vm' \(mV\)\. "
    ):
        read_recording(path)
    with pytest.raises(ValueError, match=r"finds no regularly sampled signal in it \(2 segments\)"):
        read_recording(path)
