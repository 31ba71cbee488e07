"""`jaxneuro simulate` of whole networks of the catalogue, and the report of a network's run."""

import json
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxneuro.catalogue import critical_network, grid_network, layered_network
from jaxneuro.cli import main
from jaxneuro.cli._network_build import build_network
from jaxneuro.cli._network_config import NetworkArguments
from jaxneuro.cli._parse import read_config
from jaxneuro.core import init_key
from jaxneuro.inputs import Poisson, RandomPulses
from jaxneuro.simulation import simulate
from jaxneuro.topology import LayerProbabilities

LAYERED = """
dt = 0.1
duration = 20.0
record = ["cells.v", "cells/ampa.g", "cells/gaba.g"]
units = {v = "mV", g = "1/ms"}
record_every = 0.5
[catalogue]
network = "layered_network"
probabilities = {exc_recurrent = 0.2, feedforward_1 = 0.5}
cells = {period = {distribution = "uniform", low = 1.0, high = 2.0}, g_noise = 0.01}
[catalogue.parameters]
sizes = [20, 12, 6]
inhibitory_fraction = [0.2, 0.3, 0.0]
w_min = 0.05
w_scale = 0.3
[inputs.input]
kind = "poisson"
rate = 100.0
"""
GRID = """
dt = 0.1
duration = 15.0
[catalogue]
network = "grid_network"
parameters = {size = 30, probability = 0.3, w_scale = 0.2}
[inputs.stimulus]
kind = "pulses"
interval = 5.0
fraction = 0.1
"""
KEY = jax.random.key(0)


def write(folder, text):
    path = folder / "net.toml"
    path.write_text(text)
    return path


def build(folder, text, *flags):
    return build_network(read_config(NetworkArguments, write(folder, text), list(flags)))


def run(folder, text, *flags):
    main(["simulate", str(write(folder, text)), "--run-dir", str(folder / "run"), *flags])
    return json.loads((folder / "run" / "summary.json").read_text())


def same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6)


def test_networks_are_those_of_the_catalogue(tmp_path):
    key = init_key(KEY, "catalogue")
    built = build(tmp_path, GRID)
    same(built.network, grid_network(key, 30, probability=0.3, w_scale=0.2).network)
    assert isinstance(built.inputs["stimulus"], RandomPulses)
    assert built.inputs["stimulus"].fraction == 0.1
    critical = build(
        tmp_path,
        '[catalogue]\nnetwork = "critical_network"\nparameters = {size = 40}\n'
        'cells = {v_noise = 0.1, noise = "per_step"}',
    )
    same(critical.network, critical_network(key, 40, of_cells={"v_noise": 0.1}).network)
    layered = build(tmp_path, LAYERED)
    wanted = layered_network(
        key,
        (20, 12, 6),
        LayerProbabilities(exc_recurrent=0.2, feedforward_1=0.5),
        inhibitory_fraction=[0.2, 0.3, 0.0],
        w_min=0.05,
        w_scale=0.3,
    )
    for name in ("exc", "inh", "input_cells"):
        same(layered.network.edges[name], wanted.network.edges[name])
    period = np.asarray(layered.network.nodes["cells"].neuron.period)
    assert 1.0 <= period.min() < 1.3 < 1.7 < period.max() < 2.0
    assert isinstance(layered.inputs["input"], Poisson)
    assert layered.network.nodes["input"].shape == (20,)


def test_groups_are_types_or_layers(tmp_path):
    built = build(tmp_path, GRID)
    is_inhibitory = np.asarray(built.made.is_inhibitory)
    assert built.groups.keys() == {"exc", "inh"}
    np.testing.assert_array_equal(built.groups["inh"][1], np.flatnonzero(is_inhibitory))
    groups = build(tmp_path, LAYERED).groups
    assert {name: which.size for name, (_, which) in groups.items()} == {
        "layer 0": 20,
        "layer 1": 12,
        "layer 2": 6,
    }


def test_a_run_has_a_report_with_its_figures(tmp_path, capsys):
    summary = run(tmp_path, LAYERED)
    folder = tmp_path / "run"
    page = (folder / "network.html").read_text(encoding="utf-8")
    figures = {path.stem for path in (folder / "figures").iterdir()}
    assert figures == {
        "raster",
        "activity",
        "graph",
        "synapses",
        "traces_cells",
        "conductances_cells",
    }
    assert page.count("<img src='data:image/png;base64,") == len(figures)
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings[:5] == ["Statistics", "Connections", "Spikes", "Activity", "Network"]
    # Each number of the table is that of the summary, which test_simulate_network holds.
    rows = re.findall(r"<tr><th scope='row'>(.*?)</th>(.*?)</tr>", page)
    cells = {name: re.findall(r">([^<]*)</td>", row) for name, row in rows}
    for name, one in (summary["populations"] | summary["groups"]).items():
        assert cells[name][0] == str(one["size"])
        assert cells[name][1] == f"{one['rate_hz']:.4g}"
        assert cells[name][3] == f"{one['silent_fraction']:.4g}"
    assert summary["groups"].keys() == {"layer 0", "layer 1", "layer 2"}
    sizes = {"layer 0": 20, "layer 1": 12, "layer 2": 6}
    total = sum(summary["groups"][name]["rate_hz"] * n for name, n in sizes.items())
    assert total / 38 == pytest.approx(summary["populations"]["cells"]["rate_hz"])
    assert cells["exc"][2] == str(summary["synapses"]["exc"])
    assert "cells" in capsys.readouterr().out


def test_stimuli_are_recorded_and_filmed(tmp_path):
    from PIL import Image

    run(tmp_path, GRID, "--figures", "animation", "--duration", "6")
    folder = tmp_path / "run"
    assert [path.name for path in (folder / "figures").iterdir()] == ["animation.gif"]
    with Image.open(folder / "figures" / "animation.gif") as film:
        assert film.n_frames == 6
    assert "figures/animation.gif" in (folder / "network.html").read_text()


def test_spikes_of_stimuli_are_those_of_the_input(tmp_path):
    from jaxneuro.cli._network_run import run_network

    built = build(tmp_path, GRID)
    options = {"dt": 0.1, "steps": 120, "every": 1, "neurons": 3, "is_exact": True}
    outcome = run_network(built, [], **options)
    whole = simulate(
        built.network,
        built.inputs,
        dt=0.1,
        steps=120,
        key=KEY,
        record=("stimulus.spikes", "cells.spikes"),
    )
    for found, path in (
        (outcome.stimuli["stimulus"], "stimulus.spikes"),
        (outcome.spikes["cells"], "cells.spikes"),
    ):
        counts = [len(times) for times in found]
        assert counts == np.asarray(whole[path]).sum(0).astype(int).tolist()
        assert sum(counts) >= 9
    assert {round(t, 6) for times in outcome.stimuli["stimulus"] for t in times} == {0.1, 5.1, 10.1}


def test_other_parts_may_join(tmp_path):
    text = GRID + (
        '[populations.extra]\nmodel = "LIF"\nsize = 4\n'
        '[projections.p]\nsource = "extra"\ntarget = "cells/ampa"\nweight = 0.2\n'
        '[noise.n]\nkind = "GaussianEvents"\ntarget = "cells/gaba"\nparameters = {sd = 0.01}\n'
        '[inputs.push]\ntarget = "cells"\nvalue = 0.5\n'
    )
    built = build(tmp_path, text)
    assert set(built.network.nodes) == {"cells", "stimulus", "extra", "push"}
    assert built.joined["p"].synapses == 120
    assert built.network.target("n").receptor == "cells/gaba"
    assert set(built.groups) == {"exc", "inh", "extra"}


MISTAKES = {
    "unknown network": (GRID.replace("grid_network", "grid"), "catalogue.network"),
    "no network": (GRID.replace('network = "grid_network"', ""), "parameters: they are those of"),
    "unknown parameter": (GRID.replace("w_scale", "w_scal"), "Did you mean w_scale"),
    "layout of a grid": (GRID.replace("w_scale = 0.2", "layout = 'disc'"), "no such parameter"),
    "a list": (GRID.replace("size = 30", "size = [3, 4]"), "it must be one number or text"),
    "a text": (GRID.replace("w_scale = 0.2", "w_scale = 'a'"), "it must be a number"),
    "no whole sizes": (LAYERED.replace("20, 12, 6", "2.5, 1"), "a list of whole numbers"),
    "probabilities": (
        GRID + "[catalogue.probabilities]\nexc_recurrent = 0.1",
        "grid_network has none",
    ),
    "unknown probability": (LAYERED.replace("exc_rec", "ex_rec"), "Did you mean exc_recurrent"),
    "unknown cell parameter": (LAYERED.replace("g_noise", "g_nois"), "Did you mean g_noise"),
    "kind of noise": (LAYERED.replace("g_noise = 0.01", "noise = 'pink'"), "noise is 'pink'"),
    "no stimulus": (GRID[: GRID.index("[inputs")], "inputs.stimulus is missing"),
    "size of the stimulus": (GRID + "size = 3", "inputs.stimulus.size: that of the network"),
    "pulses without an interval": (GRID.replace("interval = 5.0", ""), "needs interval"),
    "twice the same name": (GRID + '[populations.cells]\nmodel = "LIF"', "populations.cells"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_one_line(name, tmp_path, capsys):
    text, wanted = MISTAKES[name]
    with pytest.raises(SystemExit) as caught:
        main(["simulate", str(write(tmp_path, text)), "--run-dir", str(tmp_path / "run")])
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert wanted in message
    assert message.count("\n") == 1
    assert not Path(tmp_path / "run").exists()
