"""What users of `jaxneuro sweep` do wrong: one short message, exit code 2, nothing written."""

from typing import NamedTuple

import pytest

from jaxneuro.cli import main

NEURON = """
dt = 0.5
duration = 20.0
[neuron]
model = "LIF"
[stimulus]
amplitudes = [1.5]
"""
NETWORK = """
dt = 0.5
duration = 20.0
[populations.exc]
size = 3
model = "LIF"
[projections.ee]
source = "exc"
target = "exc"
weight = 0.1
"""
GOOD = """
config = "neuron.toml"
[axes.tau]
path = "neuron.parameters.tau"
values = [5.0, 20.0]
[axes.current]
path = "stimulus.amplitude"
low = 0.0
high = 3.0
count = 4
"""


class Mistake(NamedTuple):
    wanted: tuple[str, ...]
    """What the message must contain."""
    flags: str = ""
    """After the configuration file, split at blanks."""
    file: str = GOOD
    """Content of c.toml."""
    table: str = "tau\n5.0\n"
    """Content of points.csv."""


def flags(text, *wanted):
    return Mistake(wanted, text)


def swap(old, new, *wanted):
    assert old in GOOD
    return Mistake(wanted, file=GOOD.replace(old, new))


def axis(text, *wanted, config="neuron"):
    return Mistake(wanted, file=f'config = "{config}.toml"\n[axes.x]\n{text}\n')


def table(text, *wanted):
    file = 'config = "neuron.toml"\ntable = "points.csv"\n[axes.tau]\npath = "neuron.tau"\n'
    return Mistake(wanted, file=file, table=text)


MISTAKES = {
    "no base": swap('config = "neuron.toml"', "", "config is missing"),
    "base that is not there": swap("neuron.toml", "neurons.toml", "no configuration file"),
    "no axes": Mistake(("axes is missing",), file='config = "neuron.toml"'),
    "unknown field": swap("parameters.tau", "parameters.tua", "no such parameter", "tau"),
    "unknown parameter": axis(
        'path = "neuron.tua"\nvalues = [1.0]', "no 'neuron.tua'", "neuron.tau"
    ),
    "unknown path in a network": axis(
        'path = "exc.tua"\nvalues = [1.0]', "no 'exc.tua'", "exc.neuron.tau", config="network"
    ),
    "unknown field of a training": axis(
        'path = "optimizer.rate"\nvalues = [1.0]', "no 'optimizer.rate'", config="training"
    ),
    "no values": axis('path = "neuron.tau"', "axes.x", "values"),
    "values and a range": axis("values = [1.0]\nlow = 0.0\nhigh = 1.0", "not both"),
    "half a range": axis("low = 0.0\ncount = 3", "low and high"),
    "a range backwards": axis("low = 2.0\nhigh = 1.0\ncount = 3", "low is 2", "high is 1"),
    "a range without count": axis('path = "neuron.tau"\nlow = 1.0\nhigh = 2.0', "count"),
    "zero on a log scale": axis('low = 0.0\nhigh = 1.0\ncount = 3\nscale = "log"', "above 0"),
    "a value out of bounds": axis('path = "neuron.tau"\nvalues = [-1.0]', "-1", "at least 0"),
    "a field out of bounds": axis('path = "dt"\nvalues = [0.0]', "dt", "greater than 0"),
    "a training out of bounds": axis(
        'path = "optimizer.learning_rate"\nvalues = [-1.0]', "greater than 0", config="training"
    ),
    "text for a number": axis('path = "dt"\nvalues = ["fast"]', "dt", "fast"),
    "a seed below zero": axis('path = "seed"\nvalues = [-1]', "a seed is a whole number"),
    "a fraction for a seed": axis('path = "seed"\nvalues = [0.5]', "a seed is a whole number"),
    "two axes for one thing": swap(
        'path = "stimulus.amplitude"', 'path = "neuron.tau"', "two axes set", "tau"
    ),
    "a factor of a training": axis(
        'path = "training.epochs"\nvalues = [2]\nfactor = true', "factor", config="training"
    ),
    "unknown measure": flags("--measure rates", "no 'rates'", "rate"),
    "unknown variable": flags("--measure mean:w", "no variable 'w'"),
    "measure of a training": Mistake(
        ("measure is for simulations",),
        file='config = "training.toml"\nmeasure = ["rate"]\n[axes.seed]\ncount = 2\n',
    ),
    "sampled without samples": flags("--method sobol", "needs samples"),
    "samples of a product": flags("--samples 3", "has no samples"),
    "no power of two": Mistake(
        ("power", "4 or 8"),
        file='config = "neuron.toml"\nmethod = "sobol"\nsamples = 5\n'
        '[axes.x]\npath = "neuron.tau"\nlow = 1.0\nhigh = 2.0\n',
    ),
    "a zip of unequal lengths": flags("--method zip", "one length"),
    "several amplitudes": Mistake(
        ("stimulus.amplitudes has 2",),
        "--base.stimulus.amplitudes [1.0,2.0]",
        file='config = "neuron.toml"\n[base.stimulus]\n[axes.x]\npath="neuron.tau"\nvalues=[1.0]\n',
    ),
    "more than a billion": flags("--axes.current.count 600000000", "1,200,000,000 points", "--yes"),
    "unknown flag": flags("--axes.current.counts 3", "unknown flag", "count"),
    "resume without a folder": flags("--resume", "--run-dir"),
    "an empty table": table("tau\n", "points.csv"),
    "a column too few": table("tau,y\n1.0\n", "points.csv", "row 2"),
    "a name for an axis": Mistake(
        ("slash",),
        file='config = "neuron.toml"\n[axes."a/b"]\npath = "neuron.tau"\nvalues = [1.0]\n',
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_ends_in_one_line(name, tmp_path, monkeypatch, capsys):
    mistake = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    files = {"c.toml": mistake.file, "neuron.toml": NEURON, "network.toml": NETWORK}
    files |= {"training.toml": "[training]\nepochs = 1\n", "points.csv": mistake.table}
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    with pytest.raises(SystemExit) as end:
        main(["sweep", "c.toml", *mistake.flags.split()])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("jaxneuro: ")
    assert err.count("\n") == 1
    for part in mistake.wanted:
        assert part in err, err
    assert not (tmp_path / "runs").exists()
