"""What users of `jaxneuro fit` do wrong: one short message, exit code 2, nothing written."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from jaxneuro.cli import main
from jaxneuro.training import Diverged

GOOD = """
recording = "cell.npz"
dt = 0.5
baseline = "E_L"
[neuron]
model = "AdEx"
[neuron.parameters]
v_peak = 0.0
[free]
C = [100.0, 500.0, "log"]
E_L = [-3.0, 3.0]
[search]
starts = 2
population = 4
generations = 2
steps = 0
[synthetic]
amplitudes = [200.0, 800.0]
start = 10.0
stop = 60.0
duration = 80.0
"""


class Mistake(NamedTuple):
    wanted: tuple[str, ...]
    """What the message must contain."""
    flags: str = ""
    """After the configuration file, split at blanks."""
    file: str = GOOD
    """Content of c.toml."""


def flags(text, *wanted):
    return Mistake(wanted, text)


def swap(old, new, *wanted):
    assert old in GOOD
    return Mistake(wanted, file=GOOD.replace(old, new))


def synthetic(text, *wanted):
    return swap('recording = "cell.npz"', "", *wanted)._replace(flags=text)


MISTAKES = {
    "unknown model": flags("--neuron.model AdExx", "neuron.model: there is no 'AdExx'", "AdEx"),
    "no model": swap('model = "AdEx"', "", "neuron.model is missing"),
    "unknown parameter": flags("--neuron.parameters.CC 3", "AdEx has no such parameter", "mean C"),
    "list as parameter": flags("--neuron.parameters.C [1,2]", "neuron.parameters.C", "one finite"),
    "negative capacitance": flags("--neuron.parameters.C -3", "C is -3", "must be above 0"),
    "refractory period of a fragment": flags(
        "--neuron.model Izhikevich2007Syn --neuron.refractory 2", "synapses of its own"
    ),
    "nothing free": swap(
        'C = [100.0, 500.0, "log"]\nE_L = [-3.0, 3.0]', "", "free: nothing is", "[free]"
    ),
    "free path that matches nothing": flags(
        "--free.g_l 1,30", "free.g_l: AdEx has no parameter 'g_l'", "Did you mean g_L"
    ),
    "period without a refractory period": flags(
        "--free.period 1,5", "free.period", "neuron.refractory"
    ),
    "start outside its bounds": flags(
        "--free.g_L 1,20", "free.g_L: the start value 30 is outside the bounds 1 to 20", "[neuron"
    ),
    "period outside its bounds": flags(
        "--neuron.refractory 9 --free.period 1,5", "start value 9", "neuron.refractory"
    ),
    "baseline without 0": flags("--free.E_L 1,5", "free.E_L", "so 0 must be between them"),
    "bounds that the model refuses": flags("--free.C -100,500", "free.C: at -99", "above 0"),
    "reset that may pass the peak": flags(
        "--free.v_reset -80,20", "free.v_reset: at 19.9", "below threshold"
    ),
    "one bound": flags("--free.C 100", "--free.C: it must be [lower, upper]", "not 100"),
    "bounds that are no numbers": flags("--free.C low,high", "[lower, upper]", "'low,high'"),
    "bounds the wrong way": flags("--free.C 500,100", "lower bound 500 must be below"),
    "infinite bound": swap("[-3.0, 3.0]", "[-3.0, inf]", "free.E_L: it must be", "finite"),
    "logarithm of a negative bound": flags("--free.a -1,9,log", "on a log scale it must be above"),
    "unknown scale": flags("--free.C 100,500,square", "'square'", "'linear' and 'log'"),
    "unknown baseline": flags("--baseline E_l", "baseline: AdEx has no parameter 'E_l'", "E_L"),
    "unknown integrator": flags("--integrator rk5", "--integrator", "'rk4'"),
    "unknown strategy": flags("--search.strategy cma", "--search.strategy", "'hybrid'"),
    "unknown evolution": flags("--search.evolution CMAES", "no strategy 'CMAES'", "CMA_ES"),
    "no starts": flags("--search.starts 0", "--search.starts", "greater than or equal to 1"),
    "all weights 0": flags(
        "--objective.voltage.weight 0 --objective.spike-timing.weight 0 "
        "--objective.spike-count.weight 0 --objective.latency.weight 0",
        "objective: every term has the weight 0",
    ),
    "sd of 0": flags("--objective.voltage.sd 0", "--objective.voltage.sd", "greater than 0"),
    "unknown term": flags("--objective.spikes.weight 1", "unknown flag --objective.spikes"),
    "no features": flags("--objective.features.weight 1", "objective.features.names", "latency"),
    "unknown feature": flags(
        "--objective.features.weight 1 --objective.features.names latancy", "latancy", "latency"
    ),
    "sd of another feature": flags(
        "--objective.features.weight 1 --objective.features.names latency "
        "--objective.features.sd.sag_ratio 1",
        "objective.features.sd.sag_ratio",
    ),
    "no sum of squares": flags(
        "--search.strategy least_squares", "least_squares", "objective.spike_timing", "weight 0"
    ),
    "missing file": flags("--recording nowhere.abf", "nowhere.abf does not exist"),
    "not a recording": flags("--recording c.toml", "c.toml"),
    "not a recording by its content": flags("--recording fake.abf", "fake.abf"),
    "voltage clamp": flags("--recording clamp.npz", "clamp.npz: is a voltage clamp"),
    "empty sweeps": flags("--recording empty.npz", "empty.npz", "empty"),
    "no stimulus": flags("--recording silent.npz", "silent.npz", "stimulus"),
    "volts called millivolts": flags(
        "--recording volts.npz", "look like V", "Here that is reading.voltage_unit"
    ),
    "unknown channel": flags("--reading.voltage x", "cell.npz", "'x'"),
    "no steps to measure at": flags(
        "--recording ramp.npz", "reading.series_resistance: 'ramp' has no steps", "or 0"
    ),
    "negative resistance": flags(
        "--reading.series-resistance -1", "--reading.series-resistance", "'measured' or a number"
    ),
    "unknown sweep to read": flags("--reading.sweeps 0,9", "cell.npz", "9"),
    "windows that are none": flags("--reading.windows 5,10", "--reading.windows", "[start, stop]"),
    "empty folder": flags("--recording empty", "empty holds no recording", "It has no files"),
    "folder without recordings": flags(
        "--recording clamps", "clamps holds no recording that can be fitted", "is a voltage clamp"
    ),
    "unknown sweep": flags("--sweeps.train 0,9", "sweeps.train: 'cell' has no sweep 9", "0, 1, 2"),
    "sweep twice": flags("--sweeps.train 0,0", "--sweeps.train: each sweep once"),
    "no choice of sweeps": flags("--sweeps.train third", "--sweeps.train: it must be", "'even'"),
    "train and test overlap": flags(
        "--sweeps.train 0,1 --sweeps.test 1,2", "sweep 1 of 'cell' would both train and test"
    ),
    "nothing to test": flags("--sweeps.train 0,1,2,3", "sweeps.test: no sweep", "train = 'all'"),
    "nothing to train on": flags("--reading.sweeps 0 --sweeps.train odd", "sweeps.train: no sweep"),
    "longer than the recording": flags("--sweeps.duration 500", "duration is 500 ms", "'cell'"),
    "dt that does not fit": flags("--dt 0.0637", "cell", "0.0637"),
    "spikes closer than a step": flags("--recording fast.npz --dt 10", "two spikes within one"),
    "truth that is not free": synthetic("--synthetic.truth.g_L 9", "synthetic.truth.g_L", "free"),
    "truth outside its bounds": synthetic("--synthetic.truth.C 900", "is 900, outside the bounds"),
    "truth of the baseline": synthetic("--synthetic.truth.E_L 1", "neuron.parameters.E_L says"),
    "synthetic cell that never spikes": synthetic(
        "--synthetic.amplitudes -50,50", "none of 300 cells", "other amplitudes"
    ),
    "synthetic cell that runs away": synthetic(
        "--synthetic.truth.C 101 --synthetic.amplitudes -3e38 --neuron.parameters.a 100",
        "synthetic: the voltage of the cell does not stay finite",
    ),
    "synthetic current out of order": synthetic("--synthetic.stop 5", "from 10 to 5 ms"),
    "synthetic time off the grid": synthetic("--synthetic.start 10.2", "synthetic.start is 10.2"),
    "unknown key": swap("starts = 2", "start = 2", "c.toml: search.start is unknown", "starts"),
    "unknown flag": flags("--search.generation 3", "unknown flag", "--search.generations"),
    "run-dir of another run": flags("--run-dir done", "done already holds a run", "--resume"),
    "run-dir with other files": flags("--run-dir clamps", "clamps holds other files"),
    "resume what": flags("--resume", "--resume needs --run-dir"),
    "resume nothing": flags("--resume --run-dir nowhere", "there is no folder nowhere"),
    "resume another fit": flags("--resume --run-dir done", "done holds another run", "seed"),
    "too many devices": flags("--devices 999", "--devices is 999"),
}


def sweeps(steps=200, dt=0.5, amplitudes=(-50.0, 0.0, 50.0, 100.0)):
    """A membrane of 10 ms and 0.1 GΩ under steps of current."""
    time = np.arange(steps) * dt
    is_on = (time >= 20.0) & (time < 60.0)
    current = np.outer(is_on, amplitudes)
    charged = np.where(is_on, 1 - np.exp(-(time - 20.0).clip(0) / 10), 0.0)
    charged += (time >= 60.0) * np.exp(-(time - 60.0).clip(0) / 10)
    return -70.0 + 0.1 * np.outer(charged, amplitudes), current


def write_files():
    voltage, current = sweeps()
    np.savez("cell.npz", dt=0.5, voltage=voltage, current=current)
    np.savez("volts.npz", dt=0.5, voltage=voltage / 1000, current=current)
    np.savez("silent.npz", dt=0.5, voltage=voltage, current=0 * current)
    np.savez("empty.npz", dt=0.5, voltage=voltage[:0], current=current[:0])
    ramp = np.outer(np.linspace(0, 1, len(voltage)), [50.0, 100.0])
    np.savez("ramp.npz", dt=0.5, voltage=-70 + 0.1 * ramp, current=ramp)
    fast = voltage.copy()
    fast[[62, 66], 3] = 30.0
    np.savez("fast.npz", dt=0.5, voltage=fast, current=current)
    clamp = {"voltage": -70 + current / 5, "current": 30.0 * (voltage + 70.1)}
    Path("fake.abf").write_text("no recording")
    for folder in ("clamps", "done", "empty"):
        Path(folder).mkdir()
    Path("done", "config.toml").write_text("seed = 7\n" + GOOD)
    np.savez("clamp.npz", dt=0.5, **clamp)
    np.savez("clamps/one.npz", dt=0.5, **clamp)


@pytest.mark.parametrize("name", list(MISTAKES))
def test_a_mistake_gets_one_short_message_and_changes_nothing(name, tmp_path, monkeypatch, capfd):
    mistake = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(mistake.file)
    write_files()
    before = sorted(Path().rglob("*"))
    with pytest.raises(SystemExit) as caught:
        main(["fit", "c.toml", *mistake.flags.split()])
    out, err = capfd.readouterr()
    assert caught.value.code == 2
    assert out == ""
    for wanted in mistake.wanted:
        assert wanted in err
    assert err.startswith("jaxneuro: ")
    assert err.count("\n") == 1
    assert len(err) < 450
    assert sorted(Path().rglob("*")) == before


def test_a_fit_that_diverges_ends_in_a_message(tmp_path, monkeypatch, capfd):
    def diverge(*arguments, **options):
        raise Diverged("fit: no candidate has a finite loss. The parameter 'C' ran away.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxneuro.fitting.fit", diverge)
    write_files()
    Path("c.toml").write_text(GOOD)
    with pytest.raises(SystemExit) as caught:
        main(["fit", "c.toml"])
    assert caught.value.code == 1
    err = capfd.readouterr().err
    assert err == "jaxneuro: fit: no candidate has a finite loss. The parameter 'C' ran away.\n"


def test_a_full_disk_is_told(tmp_path, monkeypatch, capfd):
    def fail(*arguments, **options):
        raise OSError(28, "No space left on device", "runs/c/traces.npz")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxneuro.cli._fit.fit_cell", fail)
    write_files()
    Path("c.toml").write_text(GOOD)
    with pytest.raises(SystemExit) as caught:
        main(["fit", "c.toml"])
    assert caught.value.code == 2
    assert capfd.readouterr().err == "jaxneuro: runs/c/traces.npz: No space left on device.\n"
