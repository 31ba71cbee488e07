"""`jaxneuro sweep` over how a spatial network is joined, and the measures of its regime."""

import json
import tomllib
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import sweeps, topology
from jaxneuro.analysis.criticality import classify_regime, galton_watson, measure_criticality
from jaxneuro.cli import main
from jaxneuro.cli._network_build import build_network
from jaxneuro.cli._network_config import NetworkSimulationConfig
from jaxneuro.cli._sweep_catalogue import draws_of, find_joining, joined
from jaxneuro.cli._sweep_criticality import OF_CRITICALITY, REGIMES, Activity, criticality_meter
from jaxneuro.cli._sweep_criticality_config import CriticalityConfig
from jaxneuro.cli._sweep_lane import Target
from jaxneuro.cli._sweep_network import network_model
from jaxneuro.core import Context
from jaxneuro.edges import Projection

CONFIGS = Path(__file__).parents[2] / "configs"
BASE = """
dt = 0.1
duration = 60.0
measure_from = 10.0
seed = 3
[catalogue]
network = "circular_network"
[catalogue.parameters]
size = 40
layout = "disc"
probability = 0.3
w_scale = 0.4
strength = 20.0
[inputs.stimulus]
kind = "pulses"
interval = 5.0
fraction = 0.2
"""
SWEEP = """
config = "base.toml"
measure = ["regime", "branching_ratio", "rate", "size_exponent", "avalanches"]
[criticality]
bin = 1.0
branching_bin = 1.0
[axes.p]
path = "catalogue.parameters.probability"
values = [0.1, 0.4]
[axes.w]
path = "catalogue.parameters.w_scale"
values = [0.02, 0.4, 1.0]
[axes.delay]
path = "catalogue.parameters.delay"
values = [0.5, 2.0]
"""
AXES = {"probability": [0.1, 0.4], "w_scale": [0.02, 0.4], "delay": [0.5, 2.0], "inhibition": [1.0]}


def configuration(**parameters):
    table = tomllib.loads(BASE)
    table["catalogue"]["parameters"] |= parameters
    return NetworkSimulationConfig.model_validate(table)


@pytest.fixture(scope="module")
def lane():
    """The model at a point, and the network it belongs to."""
    points = sweeps.grid(AXES)
    targets = [
        Target(name, f"catalogue.parameters.{name}", is_joining=True) for name in points.axes
    ]
    config = configuration()
    whole, joining = find_joining(config, targets, points)
    assert joining is not None
    built = build_network(whole)
    draws, model = draws_of(built, config.seed), network_model(whole)

    def at(point):
        own = joined(model, joining, draws, point)
        return eqx.tree_at(lambda n: (n.nodes, n.edges), built.network, (own.nodes, own.edges))

    return at


def test_the_largest_probability_is_what_simulate_builds(lane):
    point = {"probability": 0.4, "w_scale": 0.4, "delay": 2.0, "inhibition": 3.0}
    wanted: Any = build_network(configuration(**point)).network.edges
    found = lane(point).edges
    for name in ("exc", "inh"):
        is_there = np.asarray(found[name].weight) > 0
        assert 0 < is_there.sum() < is_there.size  # some are weaker than the weakest
        for part in ("pre", "post"):
            listed = np.asarray(getattr(found[name].connectivity, part))[is_there]
            np.testing.assert_array_equal(listed, getattr(wanted[name].connectivity, part))
        np.testing.assert_allclose(found[name].weight[is_there], wanted[name].weight, rtol=1e-5)
        np.testing.assert_allclose(found[name].delays[is_there], wanted[name].delays, rtol=1e-6)


def test_a_weight_of_zero_is_no_synapse(lane):
    """The switched synapses deliver, to the bit, what those do that are there."""
    network = lane({"probability": 0.1, "w_scale": 0.4, "delay": 2.0, "inhibition": 1.0})
    spikes = (np.arange(40) % 3 == 0).astype(np.float32)
    context = Context(jnp.asarray(7), jax.random.key(0), 0.1)
    for name in ("exc", "inh"):
        edge = network.edges[name]
        is_there = np.asarray(edge.weight) > 0
        assert 0 < is_there.sum() < 0.4 * is_there.size
        listed = Projection(
            "cells",
            edge.target,
            edge.weight[is_there],
            topology.keep(edge.connectivity, is_there),
            delays=edge.delays[is_there],
            longest_delay=edge.longest_delay,
        )
        ring = jnp.zeros((round(edge.longest_delay / 0.1) + 1, 40))
        one, other = (e.deliver(ring, jnp.asarray(spikes), context) for e in (edge, listed))
        assert (one[0] != 0).any(1).sum() > 3  # delays differ
        for found, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_lower_probabilities_keep_as_many_synapses_as_they_say(lane):
    point = {"w_scale": 5.0, "delay": 1.0, "inhibition": 1.0}  # hardly any is too weak
    count = {
        p: sum(
            int((lane(point | {"probability": p}).edges[n].weight > 0).sum())
            for n in ("exc", "inh")
        )
        for p in (0.0, 0.1, 0.2, 0.4)
    }
    assert count[0.0] == 0
    for p in (0.1, 0.2):
        wanted, part = count[0.4] * p / 0.4, p / 0.4
        assert abs(count[p] - wanted) < 4 * np.sqrt(count[0.4] * part * (1 - part))


@pytest.mark.parametrize("longer", [False, True])
def test_the_meter_measures_what_the_analysis_does(longer):
    series = galton_watson(jax.random.key(0), 4000, branching=1.0, longest=300)
    counts = series[: 40_000 if longer else 10_000].astype(np.int32)
    options = CriticalityConfig(bin=0.2, system=0.5, least_branching=0.7)
    meter = criticality_meter(OF_CRITICALITY, options, 0.2, len(counts), neurons=100_000)
    both = jax.jit(jax.vmap(meter))(jnp.stack([jnp.asarray(counts), jnp.zeros_like(counts)]))
    wanted = measure_criticality(counts, 0.2, 0.2, neurons=50_000)
    assert REGIMES[both["regime"][0]] == classify_regime(wanted, least_branching=0.7) == "critical"
    assert REGIMES[both["regime"][1]] == "silent"
    assert both["avalanches"][0] == wanted.avalanches
    np.testing.assert_allclose(both["branching_ratio"], [wanted.branching, np.nan], rtol=1e-6)
    np.testing.assert_allclose(both["size_exponent"][0], wanted.size_exponent, rtol=1e-6)
    np.testing.assert_allclose(both["deviation"][0], wanted.deviation, rtol=1e-5)


def test_activity_is_the_sum_over_populations_of_any_shape():
    reducer = Activity(("a.spikes", "b.spikes"), 7)
    draws = np.random.default_rng(0).integers(0, 2, (7, 5)).astype(np.float32)
    one, other = jnp.asarray(draws[:, :3]), jnp.asarray(draws[:, 3:].reshape(7, 1, 2))
    summary = reducer.init((one[0], other[0]))
    for start, stop in ((0, 4), (4, 7)):
        step = jnp.asarray(start, jnp.int32)
        summary = reducer.update(summary, (one[start:stop], other[start:stop]), step)
    np.testing.assert_array_equal(reducer.final(summary, 7), draws.sum(1))


def written(folder, sweep=SWEEP):
    (folder / "base.toml").write_text(BASE)
    (folder / "sweep.toml").write_text(sweep)
    return str(folder / "sweep.toml")


MISTAKES = {
    "probability that is none": (
        "--axes.p.values [0.1,1.5]",
        ("fixed_probability: probability is 1.5", "[0, 1]"),
    ),
    "delay below zero": ("--axes.delay.values [-1.0,1.0]", ("base is -1", "above 0")),
    "unknown parameter": (
        "--axes.p.path catalogue.parameters.probabilty",
        ("no such parameter", "probability"),
    ),
    "text": ('--axes.p.values ["high"]', ("catalogue.parameters.probability",)),
    "unknown measure": ("--measure regimes", ("no 'regimes'", "regime", "branching_ratio")),
    "a bin that is no multiple": ("--criticality.bin 0.25", ("0.25", "multiple")),
    "unknown limit": (
        "--criticality.most_shares 0.1",
        ("unknown flag", "--criticality.most-share,"),
    ),
    "system of nobody": ("--criticality.system 0.0", ("system", "greater than 0")),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_ends_in_one_line(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    flags, wanted = MISTAKES[name]
    with pytest.raises(SystemExit) as end:
        main(["sweep", written(tmp_path), *flags.split()])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("jaxneuro: ")
    assert err.count("\n") == 1
    for part in wanted:
        assert part in err, err
    assert not (tmp_path / "runs").exists()


def test_measures_of_criticality_are_those_of_networks(tmp_path, capsys):
    base = 'dt = 0.5\nduration = 20.0\n[neuron]\nmodel = "LIF"\n[stimulus]\namplitudes = [1.5]\n'
    (tmp_path / "neuron.toml").write_text(base)
    text = 'config = "neuron.toml"\nmeasure = ["regime"]\n[axes.x]\n'
    text += 'path = "neuron.tau"\nvalues = [1.0]\n'
    (tmp_path / "sweep.toml").write_text(text)
    with pytest.raises(SystemExit):
        main(["sweep", str(tmp_path / "sweep.toml")])
    assert "measure: there is no 'regime'" in capsys.readouterr().err


@pytest.mark.slow
def test_regimes_are_mapped_in_one_program(tmp_path, capsys):
    folder = tmp_path / "run"
    main(["sweep", written(tmp_path), "--run-dir", str(folder)])
    results = sweeps.load(folder / "results.zarr").load()
    told = json.loads((folder / "summary.json").read_text())
    assert told["programs"] == 1
    assert told["failed"] == 0
    assert sum(told["regimes"].values()) == told["lanes"] == 12
    assert results.regime.dims == ("p", "w", "delay")
    assert results.regime.attrs["units"].startswith("0 silent, 1 subcritical")
    rate = results.rate.sel(population="cells")
    assert (rate.sel(p=0.4, w=1.0) > rate.sel(p=0.4, w=0.02)).all()
    for name in ("regime", "branching_ratio", "rate_cells"):
        assert (folder / "figures" / f"{name}_maps.png").read_bytes().startswith(b"\x89PNG")
    main(["sweep", str(folder / "config.toml"), "--run-dir", str(folder), "--resume"])
    assert capsys.readouterr().out.count("subcritical") == 2


@pytest.mark.slow
def test_the_map_of_the_guide_runs(tmp_path):
    """A corner of it: silent where weights are small, supercritical where they are large."""
    flags = ["--axes.w_scale.values", "[0.03,0.25]", "--axes.probability.values", "[0.1]"]
    flags += ["--axes.inhibition.values", "[2.0]", "--axes.delay.values", "[1.0]"]
    flags += ["--base.duration", "1000.0", "--criticality.least_spikes", "75"]
    folder = tmp_path / "run"
    main(["sweep", str(CONFIGS / "criticality.toml"), "--run-dir", str(folder), *flags])
    results = sweeps.load(folder / "results.zarr").load()
    found = [REGIMES[code] for code in results.regime.to_numpy().ravel()]
    assert found == ["silent", "supercritical"]
