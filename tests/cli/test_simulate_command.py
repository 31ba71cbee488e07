"""`jaxneuro simulate`: what it writes is what `simulate` gives, for every model and stimulus."""

import csv
import json
import math
import os
import re
import signal
import tomllib
from pathlib import Path

import jax
import numpy as np
import pytest
from support import environment, finish, start

from jaxneuro import integrators
from jaxneuro.catalogue import MODELS
from jaxneuro.cli import main
from jaxneuro.cli._parse import read_config
from jaxneuro.cli._simulation_config import SimulateArguments
from jaxneuro.cli._stimulus import build_stimulus
from jaxneuro.cli._trial import run_trial
from jaxneuro.neurons import LIF, Population
from jaxneuro.simulation import simulate

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "neurons").glob("*.toml"))
SHORT = ("--duration", "60", "--stimulus.start", "10", "--stimulus.stop", "50")
AMPLITUDES = [0.5, 1.5, 3.0]
CONFIG = """
dt = 0.5
duration = 100.0
record = ["v", "spikes"]
[neuron]
model = "LIF"
[neuron.parameters]
tau = 20.0
threshold = [1.0, 1.0, 0.8]
[neuron.initial]
v = 0.25
[stimulus]
start = 10.0
stop = 90.0
amplitudes = [0.5, 1.5, 3.0]
"""
OUTPUTS = {"config.toml", "traces.npz", "spikes.csv", "summary.json", "figures"}


def run(config, folder, *flags):
    main(["simulate", str(config), "--run-dir", str(folder), *flags])
    with np.load(folder / "traces.npz") as file:
        traces = dict(file)
    return traces, json.loads((folder / "summary.json").read_text()), spikes(folder)


def spikes(folder):
    lines = list(csv.reader((folder / "spikes.csv").read_text().splitlines()))
    assert lines[0] == ["neuron", "time_ms"]
    return np.array([[int(neuron), float(time)] for neuron, time in lines[1:]]).reshape(-1, 2)


def write(folder, text=CONFIG):
    path = folder / "c.toml"
    path.write_text(text)
    return path


def stimulus(folder, text, *flags):
    path = folder / "s.toml"
    path.write_text(f"dt = 0.5\nduration = 100.0\n[stimulus]\nstart = 10.0\nstop = 90.0\n{text}")
    config = read_config(SimulateArguments, path, list(flags))
    return build_stimulus(config, round(config.duration / config.dt)).series


def direct(integrator, threshold=(1.0, 1.0, 0.8)):
    """The same by hand."""
    series = np.zeros((200, 3))
    series[20:180] = AMPLITUDES
    population = Population(
        LIF(tau=20.0, threshold=np.array(threshold)), 3, integrator=integrator, initial={"v": 0.25}
    )
    return simulate(
        population,
        {"neuron": series},
        dt=0.5,
        key=jax.random.key(0),
        record=("neuron.v", "neuron.spikes", "neuron.spike_times"),
        spike_times="interpolated",
    )


def test_every_model_has_a_configuration():
    named = {path.stem.replace("_", ""): tomllib.loads(path.read_text()) for path in CONFIGS}
    assert {stem: table["neuron"]["model"] for stem, table in named.items()} == {
        name.lower().replace("_", ""): name for name in MODELS
    }


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_runs(path, tmp_path, capsys):
    table = tomllib.loads(path.read_text())
    traces, summary, _ = run(path, tmp_path / "run", *SHORT, "--record-every", "0")
    size = len(table["stimulus"]["amplitudes"])
    steps = round(60.0 / table["dt"])
    assert traces.keys() == {"t", *table["record"]}
    for name in table["record"]:
        assert traces[name].shape == (steps, size)
        assert np.isfinite(traces[name]).all()
    assert summary["model"] == table["neuron"]["model"]
    assert summary["not_finite"] == []
    assert "warning" not in capsys.readouterr().out
    # The units and the source of the numbers are told.
    assert re.match(r"# .*\n", path.read_text())
    assert "# ms" in path.read_text()


@pytest.mark.parametrize("name", ["exponential_euler", "euler", "heun", "rk4"])
def test_outputs_are_those_of_simulate(name, tmp_path, capsys):
    traces, summary, events = run(write(tmp_path), tmp_path / "run", "--integrator", name)
    method = {"exponential_euler": "ExponentialEuler", "rk4": "RK4"}.get(name, name.capitalize())
    wanted = direct(getattr(integrators, method)())
    assert {path.name for path in (tmp_path / "run").iterdir()} == OUTPUTS
    np.testing.assert_array_equal(traces["t"], np.arange(1, 201) * 0.5)
    np.testing.assert_array_equal(traces["v"], wanted["neuron.v"])
    np.testing.assert_array_equal(traces["spikes"], wanted["neuron.spikes"])

    ticks = np.asarray(wanted["neuron.spike_times"])
    times = [column[np.isfinite(column)] for column in ticks.T]
    assert np.all(np.diff(events[:, 1]) >= 0)
    for neuron in range(3):
        # Four digits after the point are written.
        np.testing.assert_allclose(events[events[:, 0] == neuron, 1], times[neuron], atol=6e-5)
    within = [x[(x >= 10.0) & (x <= 90.0)] for x in times]
    intervals = [np.diff(x) for x in within]
    variation = [float(x.std() / x.mean()) if len(x) > 1 else None for x in intervals]
    assert len(within[0]) == 0
    assert len(within[2]) > 5
    assert summary["amplitudes"] == AMPLITUDES
    assert summary["rate_hz"] == pytest.approx([len(x) / 80.0 * 1000.0 for x in within])
    assert summary["first_spike_ms"] == [float(x[0]) if len(x) else None for x in within]
    assert summary["isi_cv"] == [None, *map(pytest.approx, variation[1:])]
    assert (summary["integrator"], summary["dt"], summary["simulated_ms"]) == (name, 0.5, 100.0)
    assert summary["wall_seconds"] > 0
    shown = ", ".join(f"{rate:.1f}" for rate in summary["rate_hz"])
    assert f"rates {shown} Hz" in capsys.readouterr().out


def test_the_rate_of_a_closed_form(tmp_path):
    flags = [
        "--duration",
        "10000",
        "--dt",
        "0.1",
        "--stimulus.start",
        "0",
        "--stimulus.stop",
        "10000",
    ]
    flags += ["--stimulus.stop", "10000", "--neuron.parameters.threshold", "1.0"]
    flags += ["--record-every", "10"]
    traces, summary, _ = run(write(tmp_path), tmp_path / "run", *flags)
    for rate, current in zip(summary["rate_hz"][1:], AMPLITUDES[1:], strict=True):
        # Resets by subtraction leave the overshoot, which is below one step's rise.
        period = 20.0 * math.log(current / (current - 1.0))
        assert rate == pytest.approx(1000.0 / period, rel=5e-3)
    assert len(traces["t"]) == 1000


def test_a_refractory_period_lengthens_every_interval(tmp_path):
    traces, _, events = run(
        write(tmp_path), tmp_path / "run", "--neuron.refractory", "12.5", "--stimulus.stop", "100"
    )
    _, _, without = run(write(tmp_path), tmp_path / "other", "--stimulus.stop", "100")
    intervals = np.diff(events[events[:, 0] == 2, 1])
    assert len(intervals) >= 3
    # LIF: tau ln(I / (I - threshold)) more than the period, to the step in which that ends.
    exact = 20.0 * math.log(3.0 / (3.0 - 0.8)) + 12.5
    np.testing.assert_allclose(intervals, exact, atol=0.5)
    assert len(without) > len(events)
    held = traces["v"][round(events[0, 1] / 0.5 + 1) :][:24, int(events[0, 0])]
    np.testing.assert_array_equal(held, held[0])


def test_the_written_configuration_gives_the_same_bits(tmp_path):
    noise = CONFIG.replace("start = 10.0", 'kind = "frozen_noise"\nsd = 1.0\ntau = 5.0\nstart = 10')
    first, one, _ = run(write(tmp_path, noise), tmp_path / "a", "--seed", "7")
    again, two, _ = run(tmp_path / "a" / "config.toml", tmp_path / "b")
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert one["rate_hz"] == two["rate_hz"]
    assert (tmp_path / "a" / "config.toml").read_text() == (
        tmp_path / "b" / "config.toml"
    ).read_text()
    other, _, _ = run(write(tmp_path, noise), tmp_path / "c", "--seed", "8")
    assert np.any(other["v"] != first["v"])


def test_record_every_keeps_every_nth_value(tmp_path):
    whole, one, _ = run(write(tmp_path), tmp_path / "a")
    thin, two, _ = run(write(tmp_path), tmp_path / "b", "--record-every", "2.5")
    for name in whole:
        np.testing.assert_array_equal(thin[name], whole[name][4::5])
    assert one["rate_hz"] == two["rate_hz"]


def test_a_fragment_is_recorded_by_the_names_of_the_literature(tmp_path):
    text = """
        dt = 0.1
        duration = 20.0
        record = ["g_ampa", "osc"]
        [neuron]
        model = "Izhikevich2007NoisyAmpaOscillating"
        [neuron.parameters]
        increase_noise = 2.0
        rates_noise = [0.0, 2000.0]
        freq = 50.0
        [stimulus]
        amplitudes = [0.0, 0.0]
    """
    traces, _, _ = run(write(tmp_path, text), tmp_path / "run")
    assert np.all(traces["g_ampa"][:, 0] == 0)
    assert traces["g_ampa"][:, 1].max() > 1.0
    assert traces["osc"].max() > 100.0


def test_start_at_rest(tmp_path):
    text = 'duration = 50.0\ninit = "rest"\n[neuron]\nmodel = "HHneuronCorbit"\n'
    text = f"dt = 0.05\n{text}[stimulus]\namplitudes = [0.0]\n"
    traces, summary, _ = run(write(tmp_path, text), tmp_path / "run")
    assert np.ptp(traces["v"]) < 0.01
    assert summary["rate_hz"] == [0.0]


def test_flags_write_lists(tmp_path):
    flags = ["--stimulus.amplitudes", "1, 2", "--record", "v,spikes,t_"]
    config = read_config(SimulateArguments, write(tmp_path), flags)
    assert config.stimulus.amplitudes == [1.0, 2.0]
    assert config.record == ["v", "spikes", "t_"]
    flags = ["--stimulus.amplitudes=[1]", "--neuron.parameters.tau", "[1.0]"]
    flags += ["--neuron.parameters.reset-by", "value", "--neuron.parameters.x", "true"]
    config = read_config(SimulateArguments, write(tmp_path), flags)
    assert config.stimulus.amplitudes == [1.0]
    parameters = {"tau": [1.0], "threshold": [1.0, 1.0, 0.8], "reset_by": "value", "x": True}
    assert config.neuron.parameters == parameters


def test_a_neuron_that_leaves_for_infinity_is_told(tmp_path, capsys):
    flags = ["--stimulus.amplitudes", "1e38,1.0,1e38", "--neuron.parameters.resistance", "1e10"]
    _, summary, _ = run(write(tmp_path), tmp_path / "run", *flags)
    assert summary["not_finite"] == [0, 2]
    assert "the neurons of 1e+38, 1e+38 did not stay finite" in capsys.readouterr().out


def test_by_default_the_folder_is_named_after_the_file(tmp_path, monkeypatch, capsys):
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        main(["simulate", "c.toml"])
    assert {path.name for path in Path("runs").iterdir()} == {"c", "c-2"}


def test_interrupted_it_says_so_and_leaves_nothing(tmp_path, monkeypatch, capfd):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxneuro.cli._trial.simulate", interrupt)
    with pytest.raises(SystemExit) as caught:
        run(write(tmp_path), tmp_path / "run")
    assert caught.value.code == 130
    assert capfd.readouterr().err == "jaxneuro: stopped.\n"
    assert not (tmp_path / "run").exists()


def test_interrupted_while_it_computes_it_stops_after_the_part(tmp_path, monkeypatch, capfd):
    calls = []

    def interrupted(*arguments, **options):
        calls.append(os.kill(os.getpid(), signal.SIGINT))
        return simulate(*arguments, **options)

    monkeypatch.setattr("jaxneuro.cli._trial.simulate", interrupted)
    with pytest.raises(SystemExit) as caught:
        run(write(tmp_path), tmp_path / "run", "--duration", "20000")
    assert caught.value.code == 130
    assert len(calls) == 1
    assert capfd.readouterr().err == "jaxneuro: stopped.\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("steps", [5, 16_384, 16_385, 40_000])
def test_a_run_in_parts_is_one_run(steps):
    population = Population(LIF(tau=20.0), 2)
    series = np.random.default_rng(0).normal(1.0, 3.0, (steps, 2)).astype(np.float32)
    record = ("neuron.v", "neuron.spike_times")
    options = {"record": record, "spike_times": "interpolated", "block": 128}
    whole = simulate(population, {"neuron": series}, dt=0.1, key=jax.random.key(0), **options)
    parts = run_trial(population, series, {"v": "neuron.v"}, dt=0.1, every=3, seed=0)
    np.testing.assert_array_equal(parts.traces["v"], whole["neuron.v"][2::3])
    np.testing.assert_array_equal(parts.times, (np.arange(steps) + 1)[2::3] * 0.1)
    times = np.asarray(whole["neuron.spike_times"])
    for neuron in range(2):
        np.testing.assert_array_equal(
            parts.spikes[neuron], times[:, neuron][times[:, neuron] < 1e9]
        )
    assert parts.is_finite.all()


def test_help_lists_the_fields(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["simulate", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    for field in ("--stimulus.kind", "--record-every", "--neuron.model", "--init"):
        assert field in out


def test_it_runs_as_a_command(tmp_path):
    write(tmp_path)
    assert environment()["JAX_PLATFORMS"] == "cpu"
    code, out, err = finish(start(tmp_path, "simulate", "c.toml", "--run-dir", "run"))
    assert (code, err) == (0, "")
    assert out.startswith("LIF: 3 neurons, 100 ms in ")
    assert out.count("\n") == 1


def test_a_step_keeps_its_charge_at_any_dt(tmp_path):
    text = "amplitudes = [2.0]"
    whole = stimulus(tmp_path, text)
    np.testing.assert_array_equal(whole[:, 0], np.r_[np.zeros(20), np.full(160, 2), np.zeros(20)])
    odd = stimulus(tmp_path, text, "--dt", "0.4", "--stimulus.start", "10.1")
    assert odd[25, 0] == pytest.approx(2.0 * 0.3 / 0.4)
    assert odd.sum() * 0.4 == pytest.approx(2.0 * 79.9)


def test_a_ramp_rises_from_0_to_the_amplitude(tmp_path):
    series = stimulus(tmp_path, 'kind = "ramp"\namplitudes = [8.0, -4.0]')
    np.testing.assert_allclose(series[20:180, 0], 8.0 * (np.arange(160) + 0.5) / 160)
    np.testing.assert_allclose(series[:, 1], -series[:, 0] / 2)
    assert not series[:20].any()
    assert not series[180:].any()


def test_a_sine_begins_at_its_offset(tmp_path):
    text = 'kind = "sine"\namplitudes = [2.0]\nfrequency = 25.0\noffset = 1.0'
    series = stimulus(tmp_path, text)[20:180, 0]
    times = (np.arange(160) + 0.5) * 0.5
    np.testing.assert_allclose(series, 1.0 + 2.0 * np.sin(2 * np.pi * 25.0 * times / 1000.0))


def test_poisson_events_have_their_rate_charge_and_decay(tmp_path):
    text = 'kind = "poisson"\namplitudes = [1.0, 1.0, 3.0]\nrate = 200.0\ntau = 4.0'
    flags = ["--duration", "50000", "--stimulus.start", "0", "--stimulus.stop", "50000"]
    series = stimulus(tmp_path, text, *flags)
    # 10,000 events expected of each neuron; 4 standard errors.
    charge = series.sum(0) * 0.5 / np.array([1.0, 1.0, 3.0]) / 4.0
    np.testing.assert_allclose(charge, 10_000, atol=400)
    assert np.any(series[:, 0] != series[:, 1])
    quiet = series[1:, 0] < series[:-1, 0]
    np.testing.assert_allclose(
        series[1:, 0][quiet], series[:-1, 0][quiet] * math.exp(-0.5 / 4.0), rtol=1e-9
    )


def test_frozen_noise_is_the_same_for_all_and_has_its_moments(tmp_path):
    text = 'kind = "frozen_noise"\namplitudes = [0.0, 5.0]\nsd = 2.0\ntau = 10.0'
    flags = ["--duration", "200000", "--stimulus.start", "0", "--stimulus.stop", "200000"]
    series = stimulus(tmp_path, text, *flags)
    np.testing.assert_allclose(series[:, 1] - series[:, 0], 5.0)
    noise = series[:, 0]
    # Some 10,000 independent values: 4 standard errors.
    assert abs(noise.mean()) < 4 * 2.0 * math.sqrt(2 * 10.0 / 200_000)
    assert noise.std() == pytest.approx(2.0, rel=4 / math.sqrt(2 * 10_000))
    late = np.corrcoef(noise[20:], noise[:-20])[0, 1]
    assert late == pytest.approx(math.exp(-1.0), abs=0.05)


def test_a_file_is_interpolated(tmp_path):
    path = tmp_path / "drive.csv"
    path.write_text("time_ms, soft,hard\n0,0,1\n\n50,10,1\n100,0,3\n")
    text = f'kind = "csv"\npath = "{path}"'
    series = stimulus(tmp_path, text)
    times = (np.arange(200) + 0.5) * 0.5
    inside = (times > 10) & (times < 90)
    soft = np.where(times < 50, times / 5, 20 - times / 5)
    np.testing.assert_allclose(series[:, 0], soft * inside, atol=1e-12)
    np.testing.assert_allclose(series[:, 1], (1 + np.maximum(times - 50, 0) / 25) * inside)
    config = CONFIG.replace("amplitudes = [0.5, 1.5, 3.0]", text).replace("[1.0, 1.0, 0.8]", "1.0")
    _, summary, _ = run(write(tmp_path, config), tmp_path / "run")
    assert summary["columns"] == ["soft", "hard"]
    assert len(summary["rate_hz"]) == 2
