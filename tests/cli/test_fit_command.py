"""`jaxneuro fit`: from a recording, a folder or nothing to parameters, errors and a report."""

import csv
import io
import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import fitting
from jaxneuro.cli import main
from jaxneuro.cli._fit_cell import build_plan, prepare
from jaxneuro.cli._fit_config import FitArguments
from jaxneuro.cli._fit_objective import Objective, build_objective
from jaxneuro.cli._fit_recording import split
from jaxneuro.cli._fit_synthetic import synthesize
from jaxneuro.cli._parse import read_config
from jaxneuro.core import get_leaf
from jaxneuro.network import load
from jaxneuro.training import Bounds

CONFIGS = Path(__file__).parents[2] / "configs"
CONFIG = """
dt = 0.2
baseline = "E_L"
seed = 3
[neuron]
model = "AdEx"
refractory = 2.0
parameters = {C = 150.0, g_L = 10.0, v_t = -50.0, v_peak = 0.0, E_L = -70.0, v_reset = -58.0}
[free]
C = [50.0, 400.0, "log"]
v_t = [-60.0, -40.0]
period = [0.5, 10.0, "log"]
E_L = [-3.0, 3.0]
[synthetic]
truth = {C = 120.0, v_t = -52.0, period = 3.3}
amplitudes = [-50.0, 250.0, 350.0, 450.0]
start = 20.0
stop = 100.0
duration = 130.0
[search]
starts = 2
population = 8
generations = 80
steps = 15
checkpoint_seconds = 0.0
"""
OUTPUTS = {
    "checkpoints",
    "config.toml",
    "figures",
    "fit.html",
    "neuron.npz",
    "simulate.toml",
    "summary.json",
    "traces.npz",
    "trials.csv",
    "windows.csv",
}
FIGURES = {
    "sweeps.png",
    "raster.png",
    "rates.png",
    "features.png",
    "parameters.png",
    "convergence.png",
    "identifiability.png",
}
MEASURES = {
    "mean_abs_count_error",
    "latency_error_ms",
    "latency_error_median_ms",
    "isi_error",
    "subthreshold_rmse_mv",
}


def write(folder, text=CONFIG):
    path = folder / "c.toml"
    path.write_text(text)
    return path


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def table(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def arguments(folder, *flags):
    return read_config(FitArguments, write(folder), list(flags))


def plan(folder, *flags):
    return build_plan(arguments(folder, *flags), jax.devices())


@pytest.mark.parametrize(
    "name", [pytest.param("fit_adex", marks=pytest.mark.slow), "fit_synthetic"]
)
def test_the_configurations_are_sound(name):
    config = read_config(FitArguments, CONFIGS / f"{name}.toml")
    made = build_plan(config, jax.devices())
    assert list(made.bounds) == list(config.free)
    recording, values = synthesize(config, made.model, made.bounds)
    cell = prepare(made, recording, values)
    assert cell.train == list(range(0, recording.sweeps, 2))
    assert np.asarray(cell.target.spikes).sum() >= 8
    assert_recovered(made, cell, values)


def test_the_configuration_in_the_documentation_is_sound(tmp_path):
    text = (CONFIGS.parent / "docs" / "fitting.md").read_text(encoding="utf-8")
    (config,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    made = build_plan(read_config(FitArguments, write(tmp_path, config)), jax.devices())
    assert list(made.bounds) == ["C", "v_t", "period", "E_L"]


def assert_recovered(made, cell, values):
    """At the truth nothing is left of the fit's own loss, which knows the model's spikes."""
    baseline = made.config.baseline or None
    problem = fitting.make_problem(
        made.model, cell.target, made.bounds, made.objective, baseline=baseline
    )
    bounds = problem.chosen.bounds
    true = {path: bounds[path].free(jnp.asarray(values[n])) for path, n in problem.names.items()}
    loss = jax.jit(jax.vmap(lambda parameters: problem.loss(parameters, True)))
    both = {path: jnp.stack([x, x + 0.1]) for path, x in true.items()}
    right, wrong = loss(both)
    assert right < 2e-3  # the baseline is E_L up to the foot of the exponential
    assert wrong > 0.05


def test_a_synthetic_cell_is_recorded_with_its_very_spike_times(tmp_path):
    made = plan(tmp_path)
    recording, values = synthesize(made.config, made.model, made.bounds)
    assert values == {"C": 120.0, "v_t": -52.0, "period": 3.3, "E_L": pytest.approx(0.0, abs=0.01)}
    assert (recording.dt, recording.windows) == (0.2, ((20.0, 100.0),))
    np.testing.assert_array_equal(recording.current[100], [-50.0, 250.0, 350.0, 450.0])
    assert_recovered(made, prepare(made, recording, values), values)


def test_synthetic_parameters_are_drawn_by_the_seed_around_the_own(tmp_path):
    made = plan(tmp_path, "--synthetic.truth", "{}")
    one = synthesize(made.config, made.model, made.bounds).values
    other = plan(tmp_path, "--synthetic.truth", "{}", "--seed", "4")
    assert one == synthesize(made.config, made.model, made.bounds).values
    assert one != synthesize(other.config, other.model, other.bounds).values
    # A fifth of the interval to either side of the model's own.
    assert 46 < -one["v_t"] < 54
    assert 150 / 8**0.2 < one["C"] < 150 * 8**0.2


def test_noise_is_on_the_voltage_alone(tmp_path):
    made = plan(tmp_path)
    still = synthesize(made.config, made.model, made.bounds).recording
    noisy = plan(tmp_path, "--synthetic.noise", "0.5")
    noisy = synthesize(noisy.config, noisy.model, noisy.bounds).recording
    assert np.std((noisy.voltage - still.voltage)[:, 0]) == pytest.approx(0.5, rel=0.15)
    np.testing.assert_array_equal(
        np.concatenate(fitting.spike_times(noisy.voltage, 0.2)),
        np.concatenate(fitting.spike_times(still.voltage, 0.2)),
    )


def test_sweeps_are_chosen_by_their_numbers(tmp_path):
    recording = synthesize(*plan(tmp_path)[:3]).recording
    recording = fitting.Recording(
        recording.time, recording.voltage, recording.current, (), "cell", (3, 4, 7, 9)
    )

    def chosen(*flags):
        return split(recording, arguments(tmp_path, *flags).sweeps)

    assert chosen() == ([0, 2], [1, 3])
    assert chosen("--sweeps.train", "odd") == ([1, 3], [0, 2])
    assert chosen("--sweeps.train", "all") == ([0, 1, 2, 3], [])
    assert chosen("--sweeps.train", "9,3") == ([0, 3], [1, 2])
    assert chosen("--sweeps.train", "9", "--sweeps.test", "3,4") == ([3], [0, 1])
    assert chosen("--sweeps.test", "none") == ([0, 2], [])


def test_an_objective_has_the_terms_with_a_weight():
    given = Objective.model_validate(
        {
            "voltage": {"weight": 0.0},
            "latency": {"weight": 2.0, "sd": 7.0},
            "van_rossum": {"weight": 0.5, "tau": 12.0},
            "features": {"weight": 1.0, "names": ["latency"], "sd": {"latency": 4.0}},
        }
    )
    made = build_objective(given, "hybrid")
    assert made == fitting.WeightedSum(
        (
            fitting.SpikeTiming(),
            fitting.SpikeCount(sd=1.0),
            fitting.Latency(sd=7.0),
            fitting.VanRossum(tau=12.0),
            fitting.FeatureDistance(("latency",), {"latency": 4.0}),
        ),
        (3.0, 1.0, 2.0, 0.5, 1.0),
    )


def test_the_default_objective_is_that_of_fit():
    made, wanted = build_objective(Objective(), "hybrid"), fitting.default_objective()
    assert isinstance(made, fitting.WeightedSum)
    assert isinstance(wanted, fitting.WeightedSum)
    parts = [
        {type(t): (t, weight) for t, weight in zip(one.terms, one.weights, strict=True)}
        for one in (made, wanted)
    ]
    assert parts[0] == parts[1]


def test_flags_set_bounds_and_starts(tmp_path):
    made = plan(tmp_path, "--free.C", "60,300", "--free.g_L", '[2.0, 20.0, "log"]')
    assert made.bounds["C"] == Bounds(60.0, 300.0)
    assert made.bounds["g_L"] == Bounds(2.0, 20.0, "log")
    assert float(get_leaf({"neuron": made.model}, "neuron.period")) == 2.0


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A synthetic cell, fitted; its folder and what was printed."""
    folder = tmp_path_factory.mktemp("fit")
    told = run(write(folder), folder / "run")
    return folder / "run", told


def run(config, folder, *flags):
    with pytest.MonkeyPatch.context() as patch, io.StringIO() as told:
        patch.setattr("sys.stdout", told)
        main(["fit", str(config), "--run-dir", str(folder), *flags])
        return told.getvalue().splitlines()


@pytest.mark.slow
def test_a_fit_leaves_everything(fitted):
    folder, told = fitted
    assert {path.name for path in folder.iterdir()} == OUTPUTS
    assert {path.name for path in (folder / "figures").iterdir()} == FIGURES
    assert tomllib.loads((folder / "config.toml").read_text())["synthetic"]["truth"]["C"] == 120
    page = (folder / "fit.html").read_text()
    assert page.count("data:image/png") == len(FIGURES)
    assert "held out" in page
    found = summary(folder)
    for part in ("train", "test"):
        assert set(found[part]) >= MEASURES
    assert found["recording"]["train_sweeps"] == [0, 2]
    assert found["recording"]["test_sweeps"] == [1, 3]
    assert found["baseline"]["mean_abs_count_error"] > 0
    assert len(found["identifiability"]["eigenvalues"]) == 4
    assert told[0].startswith("synthetic cell: 2 sweeps fitted, 2 held out; AdEx, 4 free param")
    assert told[1].startswith("note: ")
    assert told[-1].startswith("synthetic cell, held out: |Δ count| 0.00 (neighbours ")


@pytest.mark.slow
def test_a_fit_finds_the_truth(fitted):
    folder, _ = fitted
    found = summary(folder)
    assert found["test"]["mean_abs_count_error"] == 0
    assert found["test"]["latency_error_ms"] < 0.2
    assert found["test"]["subthreshold_rmse_mv"] < 0.2
    for name, wanted in {"C": 120.0, "v_t": -52.0, "period": 3.3, "E_L": 0.0}.items():
        row = found["parameters"][name]
        assert row["truth"] == pytest.approx(wanted, abs=1e-3)
        assert abs(row["value"] - wanted) < 0.02 * (row["upper"] - row["lower"])
        assert row["lower"] < row["start"] < row["upper"]
    assert found["parameters"]["C"]["unit"] == "pF"
    assert found["parameters"]["C"]["start"] == 150.0


@pytest.mark.slow
def test_the_tables_agree_with_the_summary(fitted):
    folder, _ = fitted
    found = summary(folder)
    rows = table(folder / "windows.csv")
    assert [(row["sweep"], row["part"], float(row["amplitude_pA"])) for row in rows] == [
        ("0", "train", -50.0),
        ("1", "test", 250.0),
        ("2", "train", 350.0),
        ("3", "test", 450.0),
    ]
    held_out = [row for row in rows if row["part"] == "test"]
    errors = [abs(int(row["recorded_count"]) - int(row["simulated_count"])) for row in held_out]
    assert np.mean(errors) == found["test"]["mean_abs_count_error"]
    trials = table(folder / "trials.csv")
    assert len(trials) == 2
    assert float(trials[0]["loss"]) <= float(trials[1]["loss"])
    assert float(trials[0]["loss"]) == pytest.approx(found["loss"], rel=1e-6)
    assert float(trials[0]["C"]) == pytest.approx(found["parameters"]["C"]["value"], rel=1e-6)
    with np.load(folder / "traces.npz") as arrays:
        assert arrays["recorded"].shape == arrays["simulated"].shape == (650, 4)
        assert arrays["held_out"].tolist() == [False, True, False, True]
        counts = np.isfinite(arrays["simulated_spikes"]).sum(axis=0)
    assert counts.tolist() == [int(row["simulated_count"]) for row in rows]


@pytest.mark.slow
def test_the_fitted_neuron_can_be_simulated_and_loaded(fitted, tmp_path, capsys):
    folder, _ = fitted
    main(["simulate", str(folder / "simulate.toml"), "--run-dir", str(tmp_path / "sim")])
    simulated = json.loads((tmp_path / "sim" / "summary.json").read_text())
    rows = table(folder / "windows.csv")
    assert simulated["amplitudes"] == [-50.0, 250.0, 350.0, 450.0]
    # There the refractory period ends with a step.
    wanted = np.array([int(row["simulated_count"]) for row in rows])
    assert np.abs(np.array(simulated["spikes"]) - wanted).max() <= 1
    neuron = load(folder / "neuron.npz")
    for name, row in summary(folder)["parameters"].items():
        if name != "E_L":  # which has the baseline in it
            value = float(get_leaf({"neuron": neuron}, f"neuron.{name}"))
            assert value == pytest.approx(row["value"], rel=1e-6)
    assert float(neuron.neuron.E_L) == pytest.approx(-70.0, abs=0.2)


@pytest.mark.slow
def test_a_fit_that_is_stopped_goes_on_to_the_same_end(fitted, tmp_path, monkeypatch, capsys):
    folder, _ = fitted
    config = write(tmp_path)

    class Stopping:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def __call__(self, at):
            if at.stage == "evolution" and at.done >= 5:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("jaxneuro.cli._fit.fit_display", Stopping)
        with pytest.raises(SystemExit) as caught:
            main(["fit", str(config), "--run-dir", str(tmp_path / "run")])
    assert caught.value.code == 130
    err = capsys.readouterr().err
    again = f"jaxneuro fit {tmp_path}/run/config.toml --run-dir {tmp_path}/run --resume\n"
    assert err == f"jaxneuro: stopped. Go on with: {again}"
    assert not (tmp_path / "run" / "summary.json").exists()
    told = run(tmp_path / "run" / "config.toml", tmp_path / "run", "--resume")
    assert not told[2].startswith("generation 1/")
    assert (tmp_path / "run" / "trials.csv").read_text() == (folder / "trials.csv").read_text()


@pytest.mark.slow
def test_a_fit_does_not_go_on_with_another_recording(fitted, tmp_path, capsys):
    shutil.copytree(fitted[0], tmp_path / "run")
    file = tmp_path / "cell.npz"
    with np.load(fitted[0] / "traces.npz") as arrays:
        np.savez(file, dt=0.2, voltage=arrays["recorded"], current=arrays["current"])
    config = tmp_path / "run" / "config.toml"
    config.write_text(f'recording = "{file}"\n{config.read_text()}'.replace('"measured"', "0.0"))
    with pytest.raises(SystemExit) as caught:
        main(["fit", str(config), "--run-dir", str(tmp_path / "run"), "--resume"])
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert "was made with another key, recording, model or bounds" in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_folder_is_fitted_cell_by_cell_into_one_table(fitted, tmp_path):
    cells = tmp_path / "cells"
    cells.mkdir()
    with np.load(fitted[0] / "traces.npz") as arrays:
        spikes = arrays["recorded"].max(axis=0) > -20
        assert spikes.any()
        arrays = {"dt": 0.2, "voltage": arrays["recorded"], "current": arrays["current"]}
    np.savez(cells / "b.npz", **arrays)
    quiet = arrays["voltage"].clip(max=-50.0), arrays["current"]
    np.savez(cells / "a.npz", dt=0.2, voltage=quiet[0], current=quiet[1])
    (cells / "notes.txt").write_text("The second cell is nicer.")
    text = f'recording = "{cells}"\n{CONFIG}\n[reading]\nseries_resistance = 0.0\n'
    text = text.replace("generations = 80", "generations = 3").replace("steps = 15", "steps = 0")
    config = write(tmp_path, text)
    told = run(config, tmp_path / "run")
    rows = table(tmp_path / "run" / "cells.csv")
    assert [row["cell"] for row in rows] == ["a", "b", "notes"]
    assert "notes.txt" in rows[2]["problem"]
    assert rows[0]["problem"] == rows[1]["problem"] == ""
    for name, row in zip("ab", rows, strict=False):
        found = summary(tmp_path / "run" / name)
        assert {path.name for path in (tmp_path / "run" / name).iterdir()} == OUTPUTS - {
            "config.toml"
        }
        assert float(row["C"]) == pytest.approx(found["parameters"]["C"]["value"], rel=1e-6)
        wanted = found["test"]["mean_abs_count_error"]
        assert float(row["test_mean_abs_count_error"]) == pytest.approx(wanted)
    whole = summary(tmp_path / "run")
    assert list(whole["cells"]) == ["a", "b"]
    assert list(whole["problems"]) == ["notes"]
    assert told[-1].startswith("2 cells fitted, 1 not; ")
    # What was silent is fitted all the same, and said to be silent.
    assert sum("There is no spike" in line for line in told) == 1
    assert summary(tmp_path / "run" / "a")["test"]["latency_error_ms"] is None
    # A resumed run does not fit again what it has.
    before = (tmp_path / "run" / "cells.csv").read_text()
    again = run(config, tmp_path / "run", "--resume")
    assert [line for line in again if "generation" in line] == []
    assert (tmp_path / "run" / "cells.csv").read_text() == before


@pytest.mark.slow
@pytest.mark.skipif(
    "JAXNEURO_RECORDINGS" not in os.environ,
    reason="JAXNEURO_RECORDINGS does not name a folder of recordings",
)
@pytest.mark.parametrize("name", ["171116sh_0018", "18711001"])
def test_a_real_cell_is_fitted(name, tmp_path):
    file = Path(os.environ["JAXNEURO_RECORDINGS"], f"{name}.abf")
    flags = ["--search.starts", "2", "--search.generations", "20", "--search.steps", "0"]
    run(CONFIGS / "fit_adex.toml", tmp_path / "run", "--recording", str(file), *flags)
    found = summary(tmp_path / "run")
    assert found["recording"]["name"] == name
    assert found["baseline"]["mean_abs_count_error"] == pytest.approx(
        {"171116sh_0018": 0.25, "18711001": 0.23}[name], abs=0.005
    )
    assert found["test"]["mean_abs_count_error"] < 2.0
    assert found["test"]["subthreshold_rmse_mv"] < 8.0
    assert {path.name for path in (tmp_path / "run").iterdir()} == OUTPUTS
