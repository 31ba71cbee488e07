"""What users of `jaxneuro simulate` do wrong: one short message, exit code 2, nothing written."""

from pathlib import Path
from typing import NamedTuple

import pytest

from jaxneuro.cli import main

GOOD = """
dt = 0.1
duration = 20.0
[neuron]
model = "Izhikevich2007"
[stimulus]
start = 5.0
stop = 15.0
amplitudes = [100.0, 200.0]
"""


class Mistake(NamedTuple):
    wanted: tuple[str, ...]
    """What the message must contain."""
    flags: str = ""
    """After the configuration file, split at blanks."""
    file: str = GOOD
    """Content of c.toml."""
    csv: str = "time_ms,a,b\n0,1,2\n10,2,3\n"
    """Content of d.csv."""


def flags(text, *wanted):
    return Mistake(wanted, text)


def swap(old, new, *wanted):
    assert old in GOOD
    return Mistake(wanted, file=GOOD.replace(old, new))


def file(text, *wanted):
    driven = GOOD.replace("amplitudes = [100.0, 200.0]", 'kind = "csv"\npath = "d.csv"')
    return Mistake(wanted, file=driven, csv=text)


MISTAKES = {
    "unknown model": flags("--neuron.model Izhikevich2008", "no 'Izhikevich2008'", "Izhikevich200"),
    "wrapper as model": flags("--neuron.model Refractory", "neuron.model: there is no"),
    "no model": swap('model = "Izhikevich2007"', "", "neuron.model is missing", "LIF"),
    "unknown parameter": flags("--neuron.parameters.v_rest -60", "v_rest", "Did you mean", "v_r"),
    "unknown parameter of a composition": flags(
        "--neuron.model Izhikevich2007Syn --neuron.parameters.tau_amp 3", "Did you mean tau_ampa"
    ),
    "unknown parameter that would be handed on": flags(
        "--neuron.model HHneuronCorbitSyn --neuron.parameters.gg_Ba 3", "has no such", "gg_Na"
    ),
    "unknown parameter of the burster": flags(
        "--neuron.model burster --neuron.parameters.a_fats 3", "has no such", "a_fast"
    ),
    "elements of the burster": flags(
        "--neuron.model burster --neuron.parameters.elements 3", "has no such parameter"
    ),
    "text for a number": flags(
        "--neuron.parameters.C large", "neuron.parameters.C: it must be a number", "'large'"
    ),
    "claim for a number": flags("--neuron.parameters.C true", "must be a number", "not True"),
    "number for a text": flags(
        "--neuron.model LIF --neuron.parameters.reset_by 3", "reset_by: it must be a text"
    ),
    "number for a claim": flags(
        "--neuron.model Izhikevich2003 --neuron.parameters.nonlin_is_exponent 1", "true or false"
    ),
    "fraction for a whole number": flags(
        "--neuron.model GLIF --neuron.parameters.level 1.5", "level: it must be a whole number"
    ),
    "list for a whole number": flags(
        "--neuron.model GLIF --neuron.parameters.level [1,2]", "level: it must be a whole number"
    ),
    "unknown level": flags("--neuron.model GLIF --neuron.parameters.level 6", "level is 6"),
    "wrong option": flags(
        "--neuron.model LIF --neuron.parameters.reset_by minus", "reset_by is 'minus'", "value"
    ),
    "NaN as parameter": swap(
        "[stimulus]", "[neuron.parameters]\nC = nan\n[stimulus]", "neuron.parameters.C", "finite"
    ),
    "parameters of another number": flags(
        "--neuron.parameters.C [1,2,3]", "neuron.parameters.C has 3 numbers", "2 neurons"
    ),
    "negative capacitance": flags("--neuron.parameters.C -5", "C is -5", "must be above 0"),
    "one capacitance of 0": flags("--neuron.parameters.C [5,0]", "C is [5. 0.]", "above 0"),
    "negative time constant": flags(
        "--neuron.model Izhikevich2007Syn --neuron.parameters.tau_gaba -1", "tau", "above 0"
    ),
    "reset above threshold": flags(
        "--neuron.model LIF --neuron.parameters.v_reset 3", "v_reset is 3", "below threshold"
    ),
    "refractory period of a fragment": flags(
        "--neuron.model Izhikevich2007Syn --neuron.refractory 2", "synapses of its own"
    ),
    "negative refractory period": flags("--neuron.refractory -2", "greater than or equal to 0"),
    "unknown initial variable": flags(
        "--neuron.initial.w 3", "neuron.initial.w", "Did you mean u, v"
    ),
    "initial values of another number": flags("--neuron.initial.v [1,2,3]", "has 3 numbers"),
    "text as initial value": flags(
        "--neuron.initial.v low", "--neuron.initial.v: it must be a finite number", "'low'"
    ),
    "unknown variable": flags("--record v,w", "record: Izhikevich2007 has no variable 'w'", "v, "),
    "unknown variable of a fragment": flags(
        "--neuron.model Izhikevich2007Syn --record g_amp", "'g_amp'", "Did you mean g_ampa"
    ),
    "variable twice": flags("--record v,v", "each name once"),
    "nothing recorded": flags("--record []", "--record", "at least 1 item"),
    "no resting state": swap(
        'model = "Izhikevich2007"',
        'model = "IzhikevichCorbitFSI"\n[neuron.parameters]\nnonlin = 1.0\nI_app = 500.0',
        "settles in no stable state",
    )._replace(flags="--init rest"),
    "unknown start": flags("--init resting", "--init", "'original' or 'rest'"),
    "unknown integrator": flags("--integrator rk5", "--integrator", "'rk4'", "not 'rk5'"),
    "dt above the bound": flags(
        "--neuron.model LIF --neuron.parameters.tau 0.2 --integrator euler --dt 0.5",
        "LIF 'neuron' with Euler is unstable at dt = 0.5 ms",
        "largest safe step is 0.4 ms",
    ),
    "no multiple of dt": flags("--dt 0.3", "duration is 20 ms", "not a multiple of dt = 0.3"),
    "negative dt": flags("--dt -0.1", "--dt", "greater than 0"),
    "no duration": flags("--duration 0", "--duration", "greater than 0"),
    "infinite duration": flags("--duration inf", "--duration", "finite number"),
    "thinned by no multiple of dt": flags("--record-every 0.25", "record_every is 0.25 ms"),
    "thinned to nothing": flags("--record-every 30", "record_every is 30 ms, longer than the run"),
    "stimulus after the end": flags(
        "--duration 10", "the stimulus is from 5 to 15 ms, but the run lasts 10 ms"
    ),
    "stimulus that ends before it starts": flags("--stimulus.stop 4", "stop is 4 ms", "5 ms"),
    "stimulus before the start": flags("--stimulus.start -4", "greater than or equal to 0"),
    "unknown kind": flags("--stimulus.kind steps", "--stimulus.kind", "'step'", "not 'steps'"),
    "no amplitudes": swap("amplitudes = [100.0, 200.0]", "", "stimulus.amplitudes is missing"),
    "NaN as amplitude": flags("--stimulus.amplitudes 1,nan", "stimulus.amplitudes.1", "finite"),
    "text as amplitude": flags("--stimulus.amplitudes high", "stimulus.amplitudes.0", "'high'"),
    "one number as amplitudes": swap("[100.0, 200.0]", "100.0", "stimulus.amplitudes", "list"),
    "sine without frequency": flags("--stimulus.kind sine", "needs a frequency above 0"),
    "poisson without rate": flags("--stimulus.kind poisson", "needs a rate above 0"),
    "noise without tau": flags("--stimulus.kind frozen_noise --stimulus.sd 1", "a tau above 0"),
    "step with a frequency": flags("--stimulus.frequency 5", "kind is step, which has no freq"),
    "ramp with a file": flags("--stimulus.kind ramp --stimulus.path d.csv", "has no path"),
    "file without path": swap("amplitudes = [100.0, 200.0]", 'kind = "csv"', "needs a path"),
    "file and amplitudes": flags("--stimulus.kind csv --stimulus.path d.csv", "leave out amplit"),
    "unknown key": swap("start = 5.0", "begin = 5.0", "stimulus.begin is unknown"),
    "unknown flag": flags("--stimulus.amplitude 3", "unknown flag", "--stimulus.amplitudes"),
    "missing file": file("", "nowhere.csv: No such file")._replace(
        flags="--stimulus.path nowhere.csv"
    ),
    "folder as file": file("", "configs: Is a directory")._replace(flags="--stimulus.path configs"),
    "empty file": file("", "d.csv: it needs a first line with time_ms"),
    "file without numbers": file("time_ms,a\n", "d.csv: it needs a first line", "time_ms, a"),
    "file without times": file("time,a\n0,1\n", "d.csv: it needs", "'time, a'"),
    "file without neurons": file("time_ms\n0\n", "d.csv: it needs"),
    "file with NaN": file("time_ms,a,b\n0,1,2\n1,nan,3\n", "d.csv: line 3, column a: 'nan'"),
    "file with a gap": file("time_ms,a,b\n0,1,\n", "d.csv: line 2, column b: ''"),
    "file with text": file("time_ms,a\n0,1\n\n1,x\n", "d.csv: line 4, column a: 'x'"),
    "file with a short line": file("time_ms,a,b\n0,1\n", "line 2 has 2 values for 3 columns"),
    "file that goes back": file("time_ms,a\n0,1\n2,1\n1,1\n", "line 4, column time_ms", "increase"),
    "run-dir of another run": flags("--run-dir done", "done already holds a run", "another --run"),
    "run-dir with other files": flags("--run-dir configs", "configs holds other files"),
    "run-dir is a file": flags("--run-dir c.toml", "c.toml is a file"),
    "run-dir not writable": flags("--run-dir /proc/run", "/proc/run: No such file"),
    "resume": flags("--resume", "unknown flag --resume"),
}


@pytest.mark.parametrize("name", list(MISTAKES))
def test_a_mistake_gets_one_short_message_and_changes_nothing(name, tmp_path, monkeypatch, capfd):
    mistake = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(mistake.file)
    Path("d.csv").write_text(mistake.csv)
    for folder in ("configs", "done"):
        Path(folder).mkdir()
        Path(folder, "config.toml" if folder == "done" else "a.toml").write_text(GOOD)
    before = sorted(Path().rglob("*"))
    with pytest.raises(SystemExit) as caught:
        main(["simulate", "c.toml", *mistake.flags.split()])
    out, err = capfd.readouterr()
    assert caught.value.code == 2
    assert out == ""
    for wanted in mistake.wanted:
        assert wanted in err
    assert err.startswith("jaxneuro: ")
    assert err.count("\n") == 1
    assert len(err) < 400
    assert sorted(Path().rglob("*")) == before


def test_a_full_disk_is_told(tmp_path, monkeypatch, capfd):
    def fail(*arguments, **options):
        raise OSError(28, "No space left on device", "run/traces.npz")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxneuro.cli._simulate.np.savez", fail)
    Path("c.toml").write_text(GOOD)
    with pytest.raises(SystemExit) as caught:
        main(["simulate", "c.toml", "--run-dir", "run"])
    assert caught.value.code == 2
    assert capfd.readouterr().err == "jaxneuro: run/traces.npz: No space left on device.\n"
