"""What users who simulate networks do wrong: one short message, exit code 2, nothing written."""

from pathlib import Path
from typing import NamedTuple

import pytest

from jaxneuro.cli import main

GOOD = """
dt = 0.1
duration = 5.0
record = ["exc.v"]
[populations.exc]
size = 8
model = "LIF"
layout = "ring"
[populations.inh]
size = 2
model = "LIF"
[receptors."exc/ampa"]
kind = "ExponentialConductance"
parameters = {tau = 5.0, e_rev = 0.0}
[projections.ee]
source = "exc"
target = "exc/ampa"
rule = "fixed_probability"
probability = 0.5
weight = 1.0
[projections.ei]
source = "exc"
target = "inh"
[noise.hum]
kind = "GaussianNoise"
target = "exc"
[inputs.cue]
kind = "cues"
cues = [{start = 1.0, stop = 2.0, direction = 3.0}]
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
    return Mistake(wanted, file=GOOD.replace(old, new, 1))


def more(text, *wanted):
    return Mistake(wanted, file=f"{GOOD}\n{text}")


MISTAKES = {
    "both kinds of configuration": more("[neuron]\nmodel = 'LIF'", "both [neuron] and [populat"),
    "misspelt populations": swap(
        "[populations.exc]", "[population.exc]", "c.toml: population is unknown", "populations"
    ),
    "nothing but inputs": Mistake(
        ("populations is missing",), file='[inputs.x]\nkind = "constant"\nvalue = 1.0'
    ),
    "unknown field of a population": swap(
        "size = 8", "sise = 8", "c.toml: populations.exc.sise is unknown. Did you mean size"
    ),
    "unknown field of a receptor of a projection": swap(
        'target = "inh"', 'target = "inh"\nreceptor = {kin = "AMPA"}', "receptor.kin is unknown"
    ),
    "no neurons": flags("--populations.exc.size 0", "--populations.exc.size", "greater than or eq"),
    "unknown flag of a population": flags("--populations.exc.sizes 3", "Did you mean", "exc.size"),
    "flag of no population": flags("--populations.pyr.size 3", "unknown flag"),
    "no model": swap('model = "LIF"\n', "", "populations.exc.model is missing"),
    "unknown model": flags("--populations.exc.model LIFF", "populations.exc.model: there is no"),
    "unknown parameter": flags(
        "--populations.exc.parameters.tua 3", "populations.exc.parameters.tua", "Did you mean tau"
    ),
    "unknown parameter of a whole population": flags(
        "--populations.inh.model InterneuronRing --populations.inh.parameters.g_mnda 1",
        "populations.inh.parameters.g_mnda: InterneuronRing has no such",
        "g_nmda",
    ),
    "refractory period of a whole population": flags(
        "--populations.inh.model InterneuronRing --populations.inh.refractory 1",
        "populations.inh.refractory: InterneuronRing has the parameter period",
    ),
    "parameters of another number": flags(
        "--populations.exc.parameters.tau [1,2]",
        "populations.exc.parameters.tau: it has 2 numb",
        "8",
    ),
    "unknown initial variable": flags("--populations.exc.initial.w 3", "no state variable 'w'"),
    "negative period": flags(
        "--populations.exc.refractory -1", "populations.exc.refractory: ", "-1", "0 or more"
    ),
    "unknown distribution": flags(
        "--projections.ee.weight={distribution='norm',mean=1.0}", "no distribution 'norm'", "normal"
    ),
    "distribution without name": flags(
        "--projections.ee.weight={mean=1.0}", "--projections.ee.weight: it needs a distribution"
    ),
    "unknown setting of a distribution": swap(
        "weight = 1.0",
        "weight = {distribution = 'normal', mean = 1.0, sb = 2.0}",
        "c.toml: projections.ee.weight: normal has no sb. Did you mean sd",
    ),
    "missing setting of a distribution": swap(
        "weight = 1.0", "weight = {distribution = 'uniform', low = 1.0}", "uniform needs high"
    ),
    "text as setting": swap(
        "weight = 1.0",
        "weight = {distribution = 'uniform', low = 1.0, high = 'x'}",
        "high must be a finite number, not 'x'",
    ),
    "negative deviation": swap(
        "weight = 1.0",
        "weight = {distribution = 'normal', mean = 1.0, sd = -2.0}",
        "projections.ee.weight: normal: sd is -2.0",
    ),
    "text as weight": flags("--projections.ee.weight strong", "finite number, or a distribution"),
    "entry of what is a number": flags(
        "--projections.ee.weight.mean 2", "--projections.ee.weight.mean: the file has no table"
    ),
    "receptor of no population": swap(
        '"exc/ampa"]', '"exk/ampa"]', 'receptors."exk/ampa"', "Did you mean exc"
    ),
    "receptor without a name": swap('"exc/ampa"]', '"exc"]', "a receptor is named after its"),
    "unknown receptor": flags("--receptors.exc/ampa.kind AMPAR", "no 'AMPAR'. Did you mean AMPA"),
    "receptor without kind": swap('kind = "Exponen', '#"', 'receptors."exc/ampa".kind: it is miss'),
    "unknown parameter of a receptor": flags(
        "--receptors.exc/ampa.parameters.e_rew 1.0", "has no such parameter. Did you mean e_rev"
    ),
    "text for a number of a receptor": flags(
        "--receptors.exc/ampa.parameters.tau slow", "parameters.tau: it must be a number", "'slow'"
    ),
    "negative time constant": flags(
        "--receptors.exc/ampa.parameters.tau -3", 'receptors."exc/ampa": ', "must be above 0"
    ),
    "receptor without its kinetics": flags(
        "--receptors.exc/ampa.kind ConductanceReceptor --receptors.exc/ampa.parameters {}",
        "ConductanceReceptor needs kinetics",
    ),
    "kinetics of what has none": flags(
        "--receptors.exc/ampa.kinetics.kind Alpha", "ExponentialConductance has no kinetics"
    ),
    "unknown kinetics": flags(
        "--receptors.exc/ampa.kind GABAA --receptors.exc/ampa.kinetics.kind Alfa "
        "--receptors.exc/ampa.parameters {}",
        'receptors."exc/ampa".kinetics.kind: there is no',
        "Alpha",
    ),
    "unknown start value of a receptor": flags(
        "--receptors.exc/ampa.initial.s 1.0", 'receptors."exc/ampa".initial.s: there is no', "g"
    ),
    "unknown source": flags("--projections.ee.source ecx", "projections.ee.source: ", "mean exc"),
    "no source": swap('source = "exc"', "", "projections.ee.source: it is missing"),
    "unknown target": flags(
        "--projections.ee.target exc/ampb", "projections.ee.target: ", "Did you mean exc/ampa"
    ),
    "unknown port": flags("--projections.ei.target inh.base", "no port 'base'"),
    "unknown rule": flags("--projections.ee.rule random", "--projections.ee.rule", "'random'"),
    "rule without what it needs": flags(
        "--projections.ei.rule fixed_indegree", "rule is fixed_indegree, which needs degree"
    ),
    "what another rule has": flags(
        "--projections.ei.probability 0.5", "rule is all_to_all, which has no probability"
    ),
    "probability above 1": flags(
        "--projections.ee.probability 1.5",
        "--projections.ee.probability",
        "less than or equal to 1",
    ),
    "more partners than neurons": flags(
        "--projections.ei.rule fixed_indegree --projections.ei.degree 9", "projections.ei: ", "9"
    ),
    "one to one of unequal sizes": flags(
        "--projections.ei.rule one_to_one", "8 neurons and the target 2"
    ),
    "distance without positions": flags(
        "--projections.ei.rule distance_dependent --projections.ei.width 1", "needs a layout"
    ),
    "no self connections of two populations": flags(
        "--projections.ei.no-self-connections", "projections.ei: ", "self_connections"
    ),
    "distance from a direction to a point": flags(
        "--projections.ei.rule distance_dependent --projections.ei.width 1 "
        "--populations.inh.layout grid",
        "the layout of its source is ring, of its target grid",
    ),
    "delay between two steps": flags(
        "--projections.ee.delay 0.25", "Edge 'ee': its delay", "0.2 ms and 0.3"
    ),
    "negative delay": flags("--projections.ee.delay -1", "delay is -1 ms"),
    "negative delays": flags(
        "--projections.ee.delay={distribution='normal',mean=0.1,sd=1.0}",
        "projections.ee.delay: the shortest that was drawn is -",
    ),
    "cycle without delay": more(
        '[projections.ie]\nsource = "inh"\ntarget = "exc"\ndelay = 0.0',
        "exc -> inh -> exc",
        "cycle",
    )._replace(flags="--projections.ei.delay 0"),
    "receptor of a shared one": flags(
        "--projections.ee.receptor.kind AMPA", "is a shared receptor, so leave out receptor"
    ),
    "tuning without directions": flags(
        "--projections.ei.rule tuned_current", "the target has no directions"
    ),
    "tuning without a direction": flags(
        "--projections.ei.rule tuned_current --populations.inh.layout ring", "has 8 channels"
    ),
    "unknown noise": flags("--noise.hum.kind GausianNoise", "noise.hum.kind", "GaussianNoise"),
    "unknown target of noise": flags("--noise.hum.target exk", "noise.hum.target: there is no"),
    "negative rate": flags(
        "--noise.hum.kind PoissonNoise --noise.hum.parameters.rate -1", "noise.hum: ", "-1"
    ),
    "input without what it needs": more(
        '[inputs.a]\nkind = "step"\nvalue = 1.0', "kind is step, which needs start"
    ),
    "what another input has": more(
        "[inputs.a]\nvalue = 1.0\nrate = 3.0", "kind is constant, which has no rate"
    ),
    "input to no population": more("[inputs.a]\nvalue = 1.0\ntarget = 'x'", "no population 'x'"),
    "input of another number": more(
        "[inputs.a]\nvalue = [1.0, 2.0]\ntarget = 'exc'", "inputs.a: it has 2 numbers"
    ),
    "size of an input with a target": more(
        "[inputs.a]\nvalue = 1.0\ntarget = 'exc'\nsize = 8", "has the target's size"
    ),
    "cue that ends first": flags("--inputs.cue.cues.0.stop 0.5", "stop is 0.5 ms, but start is 1"),
    "directions for a current": flags("--inputs.cue.target exc", "have two channels"),
    "a cue without direction": more("[[inputs.cue.cues]]", "")._replace(
        wanted=("give each cue a direction, or none",),
        file=GOOD.replace("direction = 3.0}]", "direction = 3.0}, {start = 3.0, stop = 4.0}]"),
    ),
    "drawn input": more(
        "[inputs.a]\nvalue = {distribution = 'normal', mean = 1.0, sd = 1.0}",
        "inputs.a: value: give one number",
    ),
    "one name for two parts": more(
        "[noise.ee]\nkind = 'GaussianNoise'\ntarget = 'exc'", "noise.ee: there is projections.ee"
    ),
    "a name that no path could have": more(
        "[populations.'a b']\nmodel = 'LIF'", "'a b'", "letters, digits"
    ),
    "unknown path": flags("--record exc.w", "No path 'exc.w'. Did you mean"),
    "path twice": flags("--record exc.v,exc.v", "record: each path once"),
    "unknown figure": flags("--figures rasters", "figures.0", "'raster'"),
    "duration between two steps": flags("--duration 5.05", "duration is 5.05 ms"),
    "record_every above the run": flags("--record-every 10", "record_every is 10 ms, longer"),
    "nothing left to measure": flags(
        "--measure-from 5", "measure_from is 5 ms, but the run lasts 5"
    ),
    "dt above the bound": flags(
        "--populations.exc.parameters.tau 0.04 --populations.exc.integrator euler",
        "LIF 'exc' with Euler is unstable",
    ),
    "run-dir of another run": flags("--run-dir done", "done already holds a run"),
}


@pytest.mark.parametrize("name", list(MISTAKES))
def test_a_mistake_gets_one_short_message_and_changes_nothing(name, tmp_path, monkeypatch, capfd):
    mistake = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(mistake.file)
    Path("done").mkdir()
    Path("done", "config.toml").write_text(GOOD)
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
    assert len(err) < 420
    assert sorted(Path().rglob("*")) == before
