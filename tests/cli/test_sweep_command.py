"""`jaxneuro sweep`: every lane is what the single command gives, and it can be stopped."""

import json
import os
import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest
from support import finish, free_port, start, wait_for

from jaxneuro import sweeps
from jaxneuro.cli import main

CONFIGS = Path(__file__).parents[2] / "configs"
NEURON = """
dt = 0.5
duration = 200.0
[neuron]
model = "LIF"
[neuron.parameters]
tau = 20.0
threshold = 1.0
[stimulus]
kind = "step"
start = 20.0
stop = 180.0
amplitudes = [1.5]
"""
NETWORK = """
dt = 0.5
duration = 100.0
measure_from = 10.0
seed = 3
[populations.exc]
size = 20
model = "LIF"
parameters = {tau = 20.0}
[populations.inh]
size = 5
model = "LIF"
parameters = {tau = 10.0}
[projections.ei]
source = "exc"
target = "inh"
rule = "fixed_probability"
probability = 0.4
weight = {distribution = "normal", mean = 5.0, sd = 0.5}
[projections.ie]
source = "inh"
target = "exc"
weight = 0.2
sign = -1
[inputs.drive]
target = "exc"
value = 1.2
kind = "constant"
[noise.n]
kind = "GaussianNoise"
target = "exc"
parameters = {sd = 0.3}
"""
SWEEP = """
config = "base.toml"
measure = ["rate", "cv", "first_spike", "spikes", "mean:v", "max:v"]
[axes.tau]
path = "neuron.parameters.tau"
values = [5.0, 20.0]
unit = "ms"
[axes.current]
path = "stimulus.amplitude"
values = [0.5, 1.5, 3.0]
"""


def write(folder, sweep=SWEEP, base=NEURON):
    (folder / "base.toml").write_text(base)
    (folder / "sweep.toml").write_text(sweep)
    return folder / "sweep.toml"


def sweep(config, folder, *flags):
    main(["sweep", str(config), "--run-dir", str(folder), *flags])
    return sweeps.load(folder / "results.zarr").load(), summary(folder)


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def single(folder, name, *flags):
    """The summary of `jaxneuro simulate base.toml`."""
    main(["simulate", str(folder / "base.toml"), "--run-dir", str(folder / name), *flags])
    return summary(folder / name)


def test_a_lane_is_one_neuron_of_simulate(tmp_path):
    results, told = sweep(write(tmp_path), tmp_path / "run")
    assert results.rate.dims == ("tau", "current")
    assert results.rate.attrs["units"] == "Hz"
    assert results.tau.attrs["units"] == "ms"
    for tau in (5.0, 20.0):
        flags = ("--stimulus.amplitudes", "0.5,1.5,3.0", "--neuron.parameters.tau", str(tau))
        wanted = single(tmp_path, f"tau{tau}", *flags)
        found = results.sel(tau=tau)
        # `simulate` finds spikes within their step, and here they end it.
        np.testing.assert_allclose(found.rate, wanted["rate_hz"], atol=1000 / 160)
        first = [np.nan if x is None else x for x in wanted["first_spike_ms"]]
        np.testing.assert_allclose(found.first_spike, first, atol=0.5)
        assert found.spikes.to_numpy().tolist() == wanted["spikes"]
        with np.load(tmp_path / f"tau{tau}" / "traces.npz") as traces:
            np.testing.assert_allclose(found.mean_v, traces["v"].mean(0), rtol=1e-5)
            np.testing.assert_allclose(found.max_v, traces["v"].max(0), rtol=1e-5)
    assert results.rate[0, 2] > 100
    assert results.rate[0, 0] == 0
    assert np.isnan(results.cv[0, 0])
    assert (results.status == 1).all()  # a silent neuron has no cv, but did not fail
    assert told["lanes"] == 6
    assert told["failed"] == 0
    assert told["programs"] == 1
    assert told["sets"] == {"tau": "nodes.neuron.neuron.tau", "current": "stimulus.amplitude"}
    assert told["results"]["rate"]["max"] == results.rate.max()
    for name in ("rate_map", "rate_family"):
        assert (tmp_path / "run" / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_every_kind_of_stimulus_is_affine_in_its_amplitude(tmp_path):
    """Ramp, sine, events and noise are the same at every point, but for their amplitude."""
    sine = NEURON.replace('"step"', '"sine"\nfrequency = 20.0\noffset = 0.8')
    found, _ = sweep(write(tmp_path, base=sine), tmp_path / "run")
    flags = ("--stimulus.amplitudes", "0.5,1.5,3.0", "--neuron.parameters.tau", "5.0")
    with_sine = single(tmp_path, "sine", *flags)
    assert found.spikes.sel(tau=5.0).to_numpy().tolist() == with_sine["spikes"]
    noise = NEURON.replace('"step"', '"frozen_noise"\nsd = 1.0\ntau = 5.0')
    found, _ = sweep(write(tmp_path, base=noise), tmp_path / "run2")
    with_noise = single(tmp_path, "noise", *flags)
    assert found.spikes.sel(tau=5.0).to_numpy().tolist() == with_noise["spikes"]
    assert with_noise["spikes"] != with_sine["spikes"]


def test_a_lane_is_one_network(tmp_path):
    text = """
    config = "base.toml"
    measure = ["rate", "silent"]
    [axes.w]
    path = "projections.ie.weight"
    values = [0.4]
    [axes.tau]
    path = "populations.exc.parameters.tau"
    values = [10.0, 20.0]
    [axes.p]
    path = "projections.ei.probability"
    values = [0.0, 0.4]
    [axes.drive]
    path = "inputs.drive.value"
    values = [0.9, 1.2]
    [axes.strength]
    path = "ei.weight"
    factor = true
    values = [1.0, 0.2]
    [axes.seed]
    values = [3]
    """
    results, told = sweep(write(tmp_path, text, NETWORK), tmp_path / "run")
    assert results.rate.dims == ("w", "tau", "p", "drive", "strength", "seed", "population")
    assert results.population.to_numpy().tolist() == ["exc", "inh"]
    # The weight's field has a sign beside it, and another probability is another network.
    assert told["programs"] == 2
    assert told["sets"]["w"] == "projections.ie.weight"
    assert told["sets"]["tau"] == "nodes.exc.neuron.tau"
    assert told["sets"]["drive"] == "inputs.drive.value"
    for point, name in (
        ({"w": 0.4, "tau": 10.0, "p": 0.4, "drive": 0.9}, "b"),
        ({"w": 0.4, "tau": 20.0, "p": 0.4, "drive": 1.2}, "a"),
    ):
        flags = ("--projections.ie.weight", str(point["w"]))
        flags += ("--populations.exc.parameters.tau", str(point["tau"]))
        flags += ("--inputs.drive.value", str(point["drive"]))
        wanted = single(tmp_path, name, *flags)["populations"]
        found = results.sel(**point, strength=1.0, seed=3)
        for population in ("exc", "inh"):
            rate, silent = (wanted[population][n] for n in ("rate_hz", "silent_fraction"))
            assert found.rate.sel(population=population) == pytest.approx(rate, rel=1e-5)
            assert found.silent.sel(population=population) == pytest.approx(silent)
    assert min(wanted[population]["rate_hz"] for population in ("exc", "inh")) > 0
    weaker = results.sel(w=0.4, tau=20.0, p=0.4, drive=1.2, seed=3, population="inh").rate
    assert weaker.sel(strength=0.2) < weaker.sel(strength=1.0)
    assert results.rate.sel(p=0.0, population="inh").max() == 0


def test_sampled_points_and_seeds(tmp_path):
    text = """
    method = "sobol"
    samples = 8
    measure = ["rate"]
    config = "base.toml"
    [axes.tau]
    path = "neuron.tau"
    low = 2.0
    high = 50.0
    scale = "log"
    [axes.current]
    path = "stimulus.amplitudes"
    low = 0.0
    high = 3.0
    [axes.seed]
    count = 2
    """
    results, told = sweep(write(tmp_path, text), tmp_path / "run")
    assert results.rate.dims == ("sample", "seed")
    assert told["lanes"] == 16
    assert 2.0 <= results.tau.min() < results.tau.max() <= 50.0
    assert (tmp_path / "run" / "figures" / "parallel_coordinates.png").is_file()


def test_a_table_of_points_and_the_run_s_own_configuration(tmp_path):
    text = 'config = "base.toml"\ntable = "points.csv"\n[axes.tau]\npath = "neuron.tau"\n'
    text += '[axes.how]\npath = "neuron.parameters.reset_by"\n'
    config = write(tmp_path, text)
    (tmp_path / "points.csv").write_text("tau,how\n5.0,value\n10.0,subtraction\n20.0,value\n")
    results, told = sweep(config, tmp_path / "run")
    assert told["programs"] == 2
    assert results.how.to_numpy().tolist() == ["value", "subtraction", "value"]
    assert len(set(results.rate.to_numpy().tolist())) == 3
    # It needs neither the table nor the base any more.
    for name in ("base.toml", "points.csv"):
        (tmp_path / name).unlink()
    again, _ = sweep(tmp_path / "run" / "config.toml", tmp_path / "again")
    np.testing.assert_array_equal(again.rate, results.rate)


def test_flags_reach_the_base_and_the_axes(tmp_path):
    config = write(tmp_path)
    flags = (
        "--base.neuron.parameters.threshold",
        "0.7",
        "--axes.tau.values",
        "7.0",
        "--measure",
        "rate",
    )
    results, _ = sweep(config, tmp_path / "run", *flags)
    table = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert table["base"]["neuron"]["parameters"] == {"tau": 20.0, "threshold": 0.7}
    assert results.tau.to_numpy().tolist() == [7.0]
    wanted = 1000 / (7.0 * np.log(3.0 / 2.3))
    assert results.rate[0, 2] == pytest.approx(wanted, rel=0.15)  # dt is 0.5 ms
    assert list(results.data_vars) == ["rate", "status"]


def test_failed_lanes_are_told(tmp_path, capsys):
    base = NEURON.replace('"LIF"', '"FitzHughNagumo"').replace("tau = 20.0\nthreshold = 1.0", "")
    text = """
    config = "base.toml"
    [axes.v0]
    path = "neuron.initial.v"
    values = [0.0, 1.0]
    [axes.current]
    path = "stimulus.amplitude"
    values = [0.0, 1e38]
    """
    base += "[neuron.initial]\nv = 0.0\n"
    results, told = sweep(write(tmp_path, text, base), tmp_path / "run")
    assert results.status.to_numpy().tolist() == [[1, 2], [1, 2]]
    assert "warning: 2 of 4 lanes did not stay finite" in capsys.readouterr().out
    assert told["failed"] == 2
    assert told["failed_points"][1] == {"v0": 1.0, "current": 1e38}


def test_stopped_and_resumed(tmp_path):
    """Ctrl-C names the command that goes on, and that ends with the same numbers."""
    text = SWEEP.replace("[5.0, 20.0]", "[5.0, 10.0, 15.0, 20.0]")
    text = text.replace("values = [0.5, 1.5, 3.0]", "low = 0.0\nhigh = 3.0\ncount = 400")
    text = text.replace("[axes.tau]", "tile = 16\nchunk = 16\n[axes.tau]")
    config = write(tmp_path, text, NEURON.replace("200.0", "2000.0"))
    run = tmp_path / "run"
    process = start(tmp_path, "sweep", config, "--run-dir", run)
    status = run / "results.zarr" / "status" / "c"
    wait_for(lambda: status.is_dir() and len(list(status.rglob("*"))) > 2, process)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130, err
    assert "--resume" in err
    assert "Traceback" not in err
    assert (sweeps.load(run / "results.zarr").status == 0).sum() > 0
    again = err.split("Go on with: jaxneuro ")[1].split()
    main(again)
    main(["sweep", str(config), "--run-dir", str(tmp_path / "whole")])
    one, other = (sweeps.load(p / "results.zarr").load() for p in (run, tmp_path / "whole"))
    assert one.equals(other)
    assert (one.status == 1).all()


def test_another_sweep_is_not_resumed(tmp_path, capsys):
    config = write(tmp_path)
    sweep(config, tmp_path / "run", "--measure", "rate")
    for flags in (("--axes.tau.values", "5.0,21.0"), ("--base.neuron.parameters.threshold", "0.9")):
        with pytest.raises(SystemExit) as end:
            sweep(config, tmp_path / "run", "--measure", "rate", "--resume", *flags)
        assert end.value.code == 2
        err = capsys.readouterr().err
        assert "holds another run" in err
        assert "21.0" in err or "threshold was 1.0, is 0.9" in err
    with pytest.raises(SystemExit):
        sweep(config, tmp_path / "run")
    assert "already holds a run" in capsys.readouterr().err
    main(
        ["sweep", str(config), "--run-dir", str(tmp_path / "run"), "--resume", "--measure", "rate"]
    )


def test_a_full_disk_is_told(tmp_path, monkeypatch, capsys):
    written = []

    def full(self, block, results):
        written.append(block)
        raise OSError(28, "No space left on device", "results.zarr/rate/c/0/0")

    monkeypatch.setattr("jaxneuro.sweeps._store.Store.write", full)
    with pytest.raises(SystemExit) as end:
        sweep(write(tmp_path), tmp_path / "run", "--measure", "rate")
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert "No space left on device" in err
    assert "--resume" in err
    monkeypatch.undo()
    _, told = sweep(write(tmp_path), tmp_path / "run", "--measure", "rate", "--resume")
    assert written
    assert told["failed"] == 0


@pytest.mark.slow
def test_two_processes_write_the_bytes_of_one(tmp_path):
    config = write(tmp_path)
    together = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2", "--devices", "4"]
    two = [
        start(tmp_path, "sweep", config, "--run-dir", "two", *together, "--process-id", number)
        for number in (0, 1)
    ]
    ended = [finish(process) for process in two]
    assert [code for code, _, _ in ended] == [0, 0], ended
    assert "6 lanes" in ended[0][1]
    assert ended[1][1] == ""
    sweep(config, tmp_path / "one")
    stores = [tmp_path / name / "results.zarr" for name in ("one", "two")]
    files = [
        {str(p.relative_to(store)): p.read_bytes() for p in store.rglob("*") if p.is_file()}
        for store in stores
    ]
    assert files[0] == files[1]
    assert summary(tmp_path / "two")["processes"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sweep_fi", "sweep_training"])
def test_the_configurations_run(tmp_path, name):
    small = {
        "sweep_fi": ("--axes.tau.count", "20", "--axes.current.count", "30"),
        "sweep_training": ("--base.training.epochs", "2", "--axes.seed.count", "1"),
    }
    results, told = sweep(CONFIGS / f"{name}.toml", tmp_path / "run", *small[name])
    assert told["failed"] == 0
    if name == "sweep_fi":
        current, tau = results.current.to_numpy()[None], results.tau.to_numpy()[:, None]
        safe = np.where(current > 1.05, current, 2.0)
        wanted = 1000 / (tau * np.log(safe / (safe - 1)))
        off = np.abs(results.rate.to_numpy() - wanted)[(current > 1.05) & (tau > 0)]
        assert off.max() < 0.03 * wanted.max()
    else:
        assert results.test_accuracy.max() > 0.5  # chance is 0.1
        assert results.train_loss.dims == ("learning_rate", "tau", "seed", "epoch")
    assert os.listdir(tmp_path / "run" / "figures")
