"""`jaxneuro simulate` of networks: what it writes is what `simulate` gives."""

import csv
import json
import os
import re
import signal
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import topology
from jaxneuro.analysis import angular_difference, population_vector
from jaxneuro.catalogue import cue_probe_ring
from jaxneuro.cli import _network_run, main
from jaxneuro.cli._network_build import build_network
from jaxneuro.cli._network_config import NetworkArguments
from jaxneuro.cli._parse import read_config
from jaxneuro.core import init_key
from jaxneuro.edges import (
    AMPA,
    Dense,
    ExponentialConductance,
    OneToOne,
    Projection,
    SharedReceptor,
    ShortTermPlasticity,
    Sparse,
    TunedCurrent,
    TunedPoisson,
)
from jaxneuro.inputs import Constant, Cues, Poisson
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, Input, Population, Refractory
from jaxneuro.simulation import simulate

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "networks").glob("*.toml"))
OUTPUTS = {"config.toml", "traces.npz", "spikes.csv", "summary.json", "figures", "network.html"}

# Nothing in it is drawn, so that it can be built by hand.
CONFIG = """
dt = 0.5
duration = 100.0
record = ["exc.v", "exc/ampa.g", "inh.spikes"]
record_neurons = 3
record_every = 2.0
[populations.exc]
size = 4
model = "LIF"
parameters = {tau = [10.0, 12.0, 14.0, 16.0], reset_by = "value"}
initial = {v = 0.3}
refractory = 2.0
layout = "ring"
[populations.inh]
size = 2
model = "LIF"
[receptors."exc/ampa"]
kind = "ExponentialConductance"
parameters = {tau = 5.0, e_rev = 4.0}
initial = {g = 0.2}
[projections.ring]
source = "exc"
target = "exc/ampa"
rule = "all_to_all"
self_connections = false
weight = 0.05
delay = 1.5
[projections.forth]
source = "exc"
target = "inh"
weight = 8.0
[projections.back]
source = "inh"
target = "exc"
weight = 0.1
sign = -1
receptor = {kind = "AMPA", parameters = {e_rev = -1.0}}
[inputs.drive]
kind = "step"
target = "exc"
value = [1.2, 1.3, 1.4, 1.5]
start = 10.0
stop = 80.0
"""


def run(config, folder, *flags):
    main(["simulate", str(config), "--run-dir", str(folder), *flags])
    with np.load(folder / "traces.npz") as file:
        traces = dict(file)
    return traces, json.loads((folder / "summary.json").read_text()), spikes(folder)


def spikes(folder):
    with (folder / "spikes.csv").open() as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["population", "neuron", "time_ms"]
    return [(name, int(neuron), float(time)) for name, neuron, time in lines[1:]]


def write(folder, text=CONFIG):
    path = folder / "net.toml"
    path.write_text(text)
    return path


def build(folder, text, *flags):
    return build_network(read_config(NetworkArguments, write(folder, text), list(flags)))


def by_hand():
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    sparse = Sparse([i for i, _ in pairs], [j for _, j in pairs], 4, shared=True)
    cell = LIF(tau=np.array([10.0, 12.0, 14.0, 16.0]), reset_by="value")
    network = Network(
        {
            "exc": Population(Refractory(cell, 2.0), 4, initial={"v": 0.3}),
            "inh": Population(LIF(), 2),
            "drive": Input(4),
        },
        {
            "exc/ampa": SharedReceptor("exc", ExponentialConductance(tau=5.0, e_rev=4.0)),
            "ring": Projection("exc", "exc/ampa", 0.05, sparse, delay=1.5),
            "forth": Projection("exc", "inh", jnp.full((4, 2), 8.0)),
            "back": Projection("inh", "exc", jnp.full((2, 4), -0.1), receptor=AMPA(e_rev=-1.0)),
            "drive/current": Projection("drive", "exc", 1.0, OneToOne(shared=True), delay=0.0),
        },
    )
    key = jax.random.key(0)
    state = network.init(0.5, key)
    g = jnp.full(4, 0.2)
    state.edges["exc/ampa"] = type(state.edges["exc/ampa"])(g)
    source = Cues([10.0], [80.0], [[1.2, 1.3, 1.4, 1.5]])
    record = ("exc.v", "exc/ampa.g", "exc.spikes", "inh.spikes")
    return simulate(
        network, {"drive": source}, dt=0.5, steps=200, key=key, state=state, record=record
    )


def test_outputs_are_those_of_simulate(tmp_path, capsys):
    traces, summary, events = run(write(tmp_path), tmp_path / "run")
    wanted = by_hand()
    assert {path.name for path in (tmp_path / "run").iterdir()} == OUTPUTS
    np.testing.assert_array_equal(traces["t"], np.arange(1, 51) * 2.0)
    for path, which in (("exc.v", [0, 2, 3]), ("exc/ampa.g", [0, 2, 3]), ("inh.spikes", [0, 1])):
        np.testing.assert_array_equal(traces[f"{path}:neurons"], which)
        np.testing.assert_array_equal(traces[path], wanted[path][3::4][:, np.array(which)])
    found = []
    for name in ("exc", "inh"):
        steps, neurons = np.nonzero(np.asarray(wanted[f"{name}.spikes"]))
        found += [(name, int(n), (int(s) + 1) * 0.5) for s, n in zip(steps, neurons, strict=True)]
    assert {name for name, *_ in found} == {"exc", "inh"}
    assert sorted(events) == sorted(found)
    assert [time for *_, time in events] == sorted(time for *_, time in events)

    exc = summary["populations"]["exc"]
    of_exc = [event for event in found if event[0] == "exc"]
    assert exc["spikes"] == len(of_exc)
    assert exc["rate_hz"] == pytest.approx(len(of_exc) / 4 * 10.0)
    times = [np.array([t for _, n, t in of_exc if n == index]) for index in range(4)]
    variation = [np.diff(x).std() / np.diff(x).mean() for x in times if len(x) > 2]
    assert exc["isi_cv"] == pytest.approx(np.mean(variation))
    assert exc["silent_fraction"] == np.mean([len(x) == 0 for x in times])
    assert (exc["size"], exc["model"], exc["not_finite"]) == (4, "LIF", 0)
    assert summary["synapses"] == {"ring": 12, "forth": 8, "back": 8}
    assert (summary["dt"], summary["simulated_ms"], summary["seed"]) == (0.5, 100.0, 0)
    assert summary["wall_seconds"] > 0
    out = capsys.readouterr().out
    assert out.startswith("6 neurons, 28 synapses, 100 ms in ")
    assert f"exc {exc['rate_hz']:.1f} Hz" in out
    assert out.count("\n") == 1
    figures = {path.stem for path in (tmp_path / "run" / "figures").iterdir()}
    assert figures == {
        "raster",
        "activity",
        "traces_exc",
        "conductances_exc",
        "rate_map_exc",
        "population_vector_exc",
    }


def test_parts_make_one_run(tmp_path, monkeypatch):
    flags = ("--dt", "0.25", "--figures", "[]", "--record-every", "1.5")
    whole = run(write(tmp_path), tmp_path / "whole", *flags)
    monkeypatch.setattr(_network_run, "LARGEST_PART", 1)  # parts of one block
    parts = run(write(tmp_path), tmp_path / "parts", *flags)
    assert len(whole[0]["t"]) == 66
    for path, values in whole[0].items():
        np.testing.assert_array_equal(parts[0][path], values)
    assert parts[2] == whole[2]
    assert not (tmp_path / "parts" / "figures").exists()


def test_the_written_configuration_repeats_the_run(tmp_path):
    text = CONFIG + '[noise.n]\nkind = "GaussianNoise"\ntarget = "exc"\nparameters = {sd = 0.5}\n'
    flags = ["--seed", "3", "--figures", "synapses", "--populations.inh.size", "3"]
    flags += ["--projections.ring.delay", "{distribution = 'uniform', low = 1.0, high = 3.0}"]
    _, summary, events = run(write(tmp_path, text), tmp_path / "a", *flags)
    _, again, same = run(tmp_path / "a" / "config.toml", tmp_path / "b")
    assert same == events
    assert again["populations"] == summary["populations"]
    assert summary["populations"]["inh"]["size"] == 3
    assert [path.stem for path in (tmp_path / "a" / "figures").iterdir()] == ["synapses_ring"]
    assert run(tmp_path / "a" / "config.toml", tmp_path / "c", "--seed", "4")[2] != events


def test_statistics_are_of_the_time_that_is_measured(tmp_path):
    flags = ("--measure-from", "50", "--figures", "[]")
    _, summary, events = run(write(tmp_path), tmp_path / "run", *flags)
    late = [time for name, _, time in events if name == "exc" and time > 50.0]
    assert summary["populations"]["exc"]["rate_hz"] == pytest.approx(len(late) / 4 * 20.0)
    assert summary["populations"]["exc"]["spikes"] > len(late)
    assert summary["measured_ms"] == [50.0, 100.0]


def test_interpolated_times_lie_within_their_steps(tmp_path):
    flags = ("--spike-times", "interpolated", "--figures", "[]", "--record", "exc.spikes")
    exact = run(write(tmp_path), tmp_path / "exact", *flags, "--record-every", "0")
    count = exact[0]["exc.spikes"].sum(axis=0)
    for index, neuron in enumerate(exact[0]["exc.spikes:neurons"]):
        times = [t for name, n, t in exact[2] if (name, n) == ("exc", neuron)]
        ends = exact[0]["t"][exact[0]["exc.spikes"][:, index] > 0]
        assert len(times) == count[index] > 3
        # Four digits after the point are written.
        assert np.all(np.array(times) <= ends + 1e-4)
        assert np.all(np.array(times) >= ends - 0.5 - 1e-4)
        assert np.any(np.array(times) < ends - 1e-3)


OF_CATALOGUE = {
    "circular": ["--catalogue.parameters.size", "60"],
    # So few are silent for 30 ms without stronger noise.
    "critical": [
        *("--catalogue.parameters.size", "100", "--catalogue.cells.v_noise", "0.3"),
        *("--measure-from", "0"),
    ],
    "layered": ["--catalogue.parameters.sizes", "[30,20,10]"],
}


def sizes(path):
    """Flags for a small network, where the configuration does not depend on its size."""
    if path.stem == "ring_working_memory":
        return []
    if "catalogue" in tomllib.loads(path.read_text()):
        return OF_CATALOGUE[path.stem]
    return ["--populations.exc.size", "160", "--populations.inh.size", "40"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_can_be_built(path):
    text = path.read_text()
    # The units and the source of the numbers are told.
    assert re.match(r"# .*\n", text)
    assert "# ms" in text
    config = read_config(NetworkArguments, path, sizes(path))
    built = build_network(config)
    assert set(built.network.populations) == set(tomllib.loads(text).get("populations", ["cells"]))
    assert all(joined.synapses > 0 for joined in built.joined.values())


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_runs(path, tmp_path, capsys):
    table = tomllib.loads(path.read_text())
    traces, _, events = run(path, tmp_path / "run", "--duration", "30", *sizes(path))
    for name in table["record"]:
        assert traces[name].shape == (round(30.0 / table["record_every"]), 10)
        assert np.isfinite(traces[name]).all()
    assert events
    assert "warning" not in capsys.readouterr().out


@pytest.mark.slow
def test_the_ring_remembers_its_cue(tmp_path):
    path = next(path for path in CONFIGS if path.stem == "ring_working_memory")
    config = read_config(NetworkArguments, path)
    _, _, events = run(path, tmp_path / "run", "--figures", "[]")
    counts = np.zeros(256)
    for name, neuron, time in events:
        if name == "pyr" and time > config.duration - 500.0:
            counts[neuron] += 1
    angle, length = population_vector(counts, topology.ring(256))
    # The bump drifts at random: over 20 seeds its standard deviation is 0.07 rad by then.
    assert abs(float(angular_difference(angle, jnp.asarray(np.pi)))) < 0.25
    assert float(length) > 0.8


def test_start_values_and_parameters_are_drawn(tmp_path):
    config = """
    [populations.exc]
    size = 4000
    model = "LIF"
    parameters = {tau = {distribution = "uniform", low = 5.0, high = 15.0}}
    initial = {v = {distribution = "normal", mean = -2.0, sd = 0.5}}
    refractory = {distribution = "uniform", low = 2.0, high = 2.5}
    [receptors."exc/gaba"]
    kind = "ExponentialConductance"
    initial = {g = {distribution = "normal", mean = 200.0, sd = 120.0}}
    """
    built = build(tmp_path, config)
    cell = built.network.populations["exc"].neuron
    for values, mean, sd in (
        (built.state.nodes["exc"].v, -2.0, 0.5),
        (built.state.edges["exc/gaba"].g, 200.0, 120.0),
        (cell.neuron.tau, 10.0, 10.0 / np.sqrt(12.0)),
        (cell.period, 2.25, 0.5 / np.sqrt(12.0)),
    ):
        assert values.shape == (4000,)
        assert abs(float(values.mean()) - mean) < 4 * sd / np.sqrt(4000)
        assert float(values.std()) == pytest.approx(sd, rel=0.05)
    other = build(tmp_path, config, "--seed", "1")
    assert np.any(np.asarray(other.state.nodes["exc"].v != built.state.nodes["exc"].v))


TWO = """
[populations.a]
size = 30
model = "LIF"
layout = "ring"
[populations.b]
size = 30
model = "LIF"
layout = "ring"
[projections.p]
source = "a"
target = "b"
"""


def pairs(edge):
    return list(zip(edge.connectivity.pre.tolist(), edge.connectivity.post.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "make"),
    [
        (
            'rule = "fixed_probability"\nprobability = 0.2\nself_connections = false',
            lambda key: topology.fixed_probability(key, 30, 30, 0.2, self_connections=False),
        ),
        (
            'rule = "fixed_indegree"\ndegree = 7',
            lambda key: topology.fixed_indegree(key, 30, 30, 7),
        ),
        (
            'rule = "fixed_outdegree"\ndegree = 40\nmultapses = true',
            lambda key: topology.fixed_outdegree(key, 30, 30, 40, multapses=True),
        ),
        (
            'rule = "small_world"\nneighbours = 4\nrewiring = 0.3',
            lambda key: topology.small_world(key, 30, 4, 0.3),
        ),
        (
            'rule = "distance_dependent"\nkernel = "von_mises"\nwidth = 5.0\npeak = 0.9',
            lambda key: topology.distance_dependent(
                key,
                topology.ring(30),
                topology.ring(30),
                topology.VonMises(5.0, 0.9),
                self_connections=True,
                periodic=2 * np.pi,
            ),
        ),
        (
            'rule = "all_to_all"\nself_connections = false',
            lambda key: topology.all_to_all(30, 30, self_connections=False),
        ),
    ],
)
def test_rules_are_those_of_topology(text, make, tmp_path):
    key = init_key(jax.random.key(0), "projections.p")
    text = f"{TWO}{text}\n"
    shared = build(tmp_path, text + "weight = 0.25").joined["p"]
    assert pairs(shared.edge) == list(
        zip(make(key).pre.tolist(), make(key).post.tolist(), strict=True)
    )
    assert shared.edge.weight.shape == ()  # one number, not one for each synapse
    assert shared.synapses == len(pairs(shared.edge))
    drawn = build(
        tmp_path,
        text + 'sign = -1\nweight = {distribution = "lognormal", mean = 2.0, sd = 1.0}\n'
        'delay = {distribution = "uniform", low = 1.0, high = 3.0}',
    ).joined["p"]
    assert pairs(drawn.edge) == pairs(shared.edge)
    assert drawn.edge.weight.shape == drawn.edge.delays.shape == (drawn.synapses,)
    assert float(drawn.edge.weight.max()) < 0
    assert 1.0 <= float(drawn.edge.delays.min()) < 1.5
    np.testing.assert_array_equal(drawn.weights, drawn.edge.weight)
    np.testing.assert_array_equal(drawn.delays, drawn.edge.delays)


def test_dense_rules_keep_a_matrix(tmp_path):
    dense = build(tmp_path, TWO + "weight = 0.5").joined["p"]
    assert isinstance(dense.edge.connectivity, Dense)
    np.testing.assert_array_equal(dense.edge.weight, np.full((30, 30), 0.5))
    assert (dense.synapses, dense.weights) == (900, None)
    one = build(tmp_path, TWO + 'rule = "one_to_one"\nweight = 0.5').joined["p"]
    assert one.edge.connectivity == OneToOne(shared=True)
    assert one.synapses == 30
    ring = build(tmp_path, TWO + 'rule = "ring"\nweight = 2.0\nshare = 0.6\nsigma = 0.1')
    wanted = 2.0 * topology.ring_weights(30, 30, p=0.6, sigma=0.1)
    np.testing.assert_allclose(ring.joined["p"].edge.weight, wanted, rtol=1e-6)
    listed = build(
        tmp_path, TWO + 'delay = {distribution = "uniform", low = 1.0, high = 2.0}'
    ).joined["p"]
    assert listed.edge.delays.shape == (900,)


def test_short_term_plasticity_and_kinetics(tmp_path):
    built = build(
        tmp_path,
        TWO + "short_term = {U = 0.2, tau_rec = 100.0}\n"
        'receptor = {kind = "GABAA", kinetics = {kind = "Bounded", parameters = {tau = 8.0}}, '
        "initial = {s = 0.25}}",
    )
    edge = built.joined["p"].edge
    assert isinstance(edge, ShortTermPlasticity)
    assert (float(edge.U), float(edge.tau_rec), edge.tau_facil) == (
        pytest.approx(0.2),
        100.0,
        None,
    )
    assert type(edge.edge.receptor.kinetics).__name__ == "Bounded"
    assert float(edge.edge.receptor.kinetics.tau) == 8.0
    np.testing.assert_array_equal(built.state.edges["p"].inner.s, np.full(30, 0.25))


def test_cues_reach_a_ring(tmp_path):
    cues = (
        '[inputs.cue]\nkind = "cues"\ncues = [{start = 10.0, stop = 20.0, value = 3.0, '
        'direction = 1.5, label = "left"}, {start = 30.0, stop = 40.0, direction = 0.5}]\n'
    )
    tuned = TWO.replace('"a"', '"cue"') + "kappa = 4.0\n"
    built = build(tmp_path, cues + tuned + 'rule = "tuned_current"')
    edge, source = built.joined["p"].edge, built.inputs["cue"]
    assert isinstance(edge, TunedCurrent)
    assert float(edge.kappa) == 4.0
    np.testing.assert_allclose(edge.directions, topology.ring(30))
    assert built.network.nodes["cue"].shape == (2,)
    np.testing.assert_array_equal(source.values, np.array([[3.0, 1.5], [1.0, 0.5]], np.float32))
    np.testing.assert_array_equal(source.start, [10.0, 30.0])
    poisson = tuned + 'rule = "tuned_poisson"\nweight = 0.5\nreceptor = {kind = "AMPA"}'
    edge = build(tmp_path, cues + poisson).joined["p"].edge
    assert isinstance(edge, TunedPoisson)
    assert float(edge.weight) == 0.5


def test_inputs_send_what_they_say(tmp_path):
    config = TWO + (
        '[inputs.c]\ntarget = "b"\nvalue = 2.0\n'
        '[inputs.p]\nkind = "poisson"\nsize = 3\nrate = [10.0, 20.0, 30.0]\n'
        '[inputs.s]\nkind = "sine"\nvalue = 2.0\nfrequency = 25.0\noffset = 0.5\n'
    ).replace("[inputs.p]", "[inputs.q]")
    built = build(tmp_path, config)
    assert isinstance(built.inputs["c"], Constant)
    np.testing.assert_array_equal(built.inputs["c"].value, np.full(30, 2.0))
    assert built.network.edges["c/current"].target == "b"
    assert isinstance(built.inputs["q"], Poisson)
    assert built.network.nodes["q"].shape == (3,)
    step = jnp.asarray(7, jnp.int32)
    value = built.inputs["s"].sample(jax.random.key(0), step, (1,), 0.5)
    np.testing.assert_allclose(value, 0.5 + 2.0 * np.sin(2 * np.pi * 25.0 * 3.5e-3), rtol=1e-5)


def test_a_fragment_may_be_refractory(tmp_path):
    built = build(
        tmp_path,
        '[populations.a]\nmodel = "Izhikevich2007Syn"\nrefractory = 2.0\nsize = 3\n'
        '[projections.p]\nsource = "a"\ntarget = "a/ampa"\n',
    )
    assert isinstance(built.network.populations["a"].neuron, Refractory)
    assert "a/ampa" in built.network.edges


def test_one_part_more_leaves_the_draws_of_the_others(tmp_path):
    text = TWO + 'rule = "fixed_probability"\nprobability = 0.3\n'
    more = text + '[projections.q]\nsource = "b"\ntarget = "a"\n'
    assert pairs(build(tmp_path, text).joined["p"].edge) == pairs(
        build(tmp_path, more).joined["p"].edge
    )


def test_what_does_not_stay_finite_is_told(tmp_path, capsys):
    text = CONFIG.replace("value = [1.2, 1.3, 1.4, 1.5]", "value = [1e38, 1.0, 1.0, 1.0]").replace(
        'model = "LIF"\nparameters = {tau = [10.0, 12.0, 14.0, 16.0], reset_by = "value"}',
        'model = "LIF"\nparameters = {threshold = 3e38, resistance = 1e30}',
    )
    _, summary, _ = run(write(tmp_path, text), tmp_path / "run", "--figures", "[]")
    assert summary["populations"]["exc"]["not_finite"] >= 1
    assert "neurons of exc did not stay finite" in capsys.readouterr().out


def test_ctrl_c_ends_it_between_two_parts(tmp_path, monkeypatch, capfd):
    calls = []

    def interrupted(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return simulate(*arguments, **options)

    monkeypatch.setattr(_network_run, "simulate", interrupted)
    monkeypatch.setattr(_network_run, "LARGEST_PART", 1)
    with pytest.raises(SystemExit) as caught:
        main(["simulate", str(write(tmp_path)), "--run-dir", str(tmp_path / "run"), "--dt", "0.1"])
    assert caught.value.code == 130
    assert len(calls) == 2
    assert capfd.readouterr().err == "jaxneuro: stopped.\n"
    assert not (tmp_path / "run").exists()


def test_help_lists_the_fields_of_the_file(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["simulate", str(write(tmp_path)), "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    for field in ("--populations.exc.size", "--projections.ring.delay", "--record-neurons"):
        assert field in out


def test_the_ring_is_that_of_the_catalogue():
    path = next(path for path in CONFIGS if path.stem == "ring_working_memory")
    built = build_network(read_config(NetworkArguments, path))
    ring = cue_probe_ring(256, 64, sparse=False)
    assert built.network.nodes.keys() == ring.nodes.keys()
    assert built.network.edges.keys() == ring.edges.keys()
    ours, theirs = jax.tree.leaves(built.network), jax.tree.leaves(ring)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert jax.tree.structure(built.network) == jax.tree.structure(ring)
