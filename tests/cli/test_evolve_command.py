import json
import re
import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest
from support import finish, rows, start, summary, wait_for

from jaxneuro.cli import main

CONFIG = """
seed = 3

[network]
layers = [{size = 12}]

[presentation]
steps = 3
gain = 3.0

[training]
epochs = 2
batch_size = 64
checkpoint_seconds = 0

[evolution]
population = 128
generations = 60
batch_size = 2
slices = 64
learning_rate = 0.05
validate_every = 5
span = true
options = {noise = "sign", rank = 2}
"""
KEYS = {
    "test_accuracy",
    "train_accuracy",
    "best_validation_accuracy",
    "wall_seconds",
    "compile_seconds",
    "samples_per_second",
    "generations",
    "samples",
    "failed_members",
    "parameters",
    "parameters_sha256",
    "seed",
    "device",
    "versions",
}
FIGURES = ("confusion_matrix", "evolution", "hardest_mistakes", "raster", "readout_membrane")


def generations(run):
    folder = run / "checkpoints" / "evolution"
    return [int(p.name) for p in folder.iterdir() if p.name.isdigit()] if folder.is_dir() else []


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a configuration and a finished run that nothing stopped."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "c.toml").write_text(CONFIG)
    code, out, err = finish(start(folder, "evolve", "c.toml", "--run-dir", "whole"))
    assert (code, err) == (0, "")
    (folder / "whole.txt").write_text(out)
    return folder


def test_the_run_folder(place):
    run = place / "whole"
    assert {p.name for p in run.iterdir()} == {
        "checkpoints",
        "config.toml",
        "figures",
        "metrics.jsonl",
        "network.npz",
        "summary.json",
    }
    assert {p.stem for p in (run / "figures").iterdir()} == set(FIGURES)
    table = tomllib.loads((run / "config.toml").read_text())
    assert table["evolution"]["options"] == {"noise": "sign", "rank": 2}


def test_metrics_have_one_line_per_generation(place):
    lines = rows(place / "whole")
    assert [row["generation"] for row in lines] == list(range(1, 61))
    assert lines[-1]["mean_fitness"] > lines[0]["mean_fitness"]
    for row in lines:
        assert row["best_fitness"] > row["mean_fitness"] == pytest.approx(-row["train_loss"])
        assert row["fitness_spread"] > 0
        assert row["diversity"] > 0
        assert row["failed"] == 0
        assert (row["validation_accuracy"] is not None) == (row["generation"] % 5 == 0)


def test_summary(place):
    said, lines = summary(place / "whole"), rows(place / "whole")
    assert set(said) == KEYS
    scores = [row["validation_accuracy"] for row in lines if row["validation_accuracy"] is not None]
    assert said["best_validation_accuracy"] == max(scores)
    assert said["samples"] == 60 * 128 * 2
    assert said["parameters"] == 64 * 12 + 12 + 12 * 10 + 10
    assert 0.3 < said["test_accuracy"] <= 1.0  # chance is 0.1


def test_lines_and_evaluate(place, monkeypatch, capfd):
    lines = (place / "whole.txt").read_text().splitlines()
    assert lines[0].startswith("digits: 1294 training, 144 validation, 359 test images")
    pattern = (
        r"generation \d+/60  fitness -\d\.\d{4} best, -\d\.\d{4} ± \d\.\d{4}  "
        r"accuracy \d+\.\d\d%(  validation \d+\.\d\d%)?  [\d,]+ samples/s$"
    )
    assert len(lines) == 2 + 30
    assert all(re.match(pattern, line) for line in lines[1:-1])
    monkeypatch.chdir(place)
    main(["evaluate", "whole"])
    assert capfd.readouterr().out.splitlines()[0] == lines[-1].split(", train")[0]


def test_a_killed_run_resumes_to_the_same_bits(place, monkeypatch, capfd):
    run = place / "killed"
    process = start(place, "evolve", "c.toml", "--run-dir", "killed")
    wait_for(lambda: generations(run), process)
    process.send_signal(signal.SIGKILL)
    assert finish(process)[0] == -signal.SIGKILL
    assert not (run / "summary.json").exists()
    reached = max(generations(run))
    monkeypatch.chdir(place)
    main(["evolve", "c.toml", "--run-dir", "killed", "--resume"])
    assert f"resuming after generation {reached}\n" in capfd.readouterr().out
    for key in ("parameters_sha256", "test_accuracy", "best_validation_accuracy"):
        assert summary(run)[key] == summary(place / "whole")[key]
    same = ("generation", "best_fitness", "mean_fitness", "diversity", "validation_loss")
    for mine, theirs in zip(rows(run), rows(place / "whole"), strict=True):
        assert {key: mine[key] for key in same} == {key: theirs[key] for key in same}


@pytest.fixture(scope="module")
def hybrid(place):
    """A run of evolution and then of gradient descent, killed in the second part and resumed."""
    flags = ["--run-dir", "hybrid", "--evolution.then-train", "--training.epochs", "40"]
    run = place / "hybrid"
    gradient = run / "checkpoints" / "gradient"
    process = start(place, "evolve", "c.toml", *flags)
    wait_for(
        lambda: gradient.is_dir() and any(p.name.isdigit() for p in gradient.iterdir()), process
    )
    process.send_signal(signal.SIGKILL)
    finish(process)
    code, out, err = finish(start(place, "evolve", "c.toml", *flags, "--resume"))
    assert (code, err) == (0, "")
    return run, out


@pytest.mark.slow
def test_gradient_descent_goes_on_where_evolution_ended(hybrid, place, monkeypatch):
    run, out = hybrid
    assert re.search(r"resuming after generation 60\n", out)
    assert re.search(r"training by gradient takes over\nresuming after epoch \d+\n", out)
    assert out.count("digits: 1294 training") == 1
    lines = rows(run)
    assert [row.get("generation") for row in lines[:60]] == list(range(1, 61))
    assert [row.get("epoch") for row in lines[60:]] == list(range(1, 41))
    seconds = [row["wall_seconds"] for row in lines]
    assert seconds == sorted(seconds)
    # The first epoch starts from what evolution reached, not from the first weights.
    assert lines[60]["train_loss"] < lines[59]["train_loss"] < lines[0]["train_loss"] - 0.05
    said = summary(run)
    assert said["epochs"] == 40
    assert said["evolution"]["generations"] == 60
    assert said["test_accuracy"] > 0.8
    assert {p.stem for p in (run / "figures").iterdir()} == {*FIGURES, "learning_curves"}
    monkeypatch.chdir(place)
    main(["evolve", "hybrid/config.toml", "--run-dir", "hybrid-whole"])
    assert summary(place / "hybrid-whole")["parameters_sha256"] == said["parameters_sha256"]


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ("--evolution.strategy SNES", {}),
        pytest.param("--evolution.strategy CMA_ES", {}, marks=pytest.mark.slow),
        ("--evolution.strategy Open_ES", {}),
        ("--evolution.strategy GeneticAlgorithm --evolution.fitness recall", {"mutation": 0.1}),
        pytest.param(
            "--evolution.strategy DifferentialEvolution --evolution.fitness accuracy",
            {},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_other_strategies_and_fitnesses(tmp_path, monkeypatch, flags, options):
    text = CONFIG.replace('options = {noise = "sign", rank = 2}', "")
    text = (
        text.replace("span = true", "")
        .replace("slices = 64", "slices = 1")
        .replace("0.05\nvalidate", "0.0\nvalidate")
    )
    (tmp_path / "c.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    given = [f"--evolution.options.{name}={value}" for name, value in options.items()]
    main(["evolve", "c.toml", *flags.split(), *given, "--evolution.generations=5", "--run-dir=r"])
    lines = rows(Path("r"))
    assert len(lines) == 5
    assert all(np.isfinite(row["best_fitness"]) for row in lines)
    if "recall" in flags or "accuracy" in flags:
        assert all(0 <= row["mean_fitness"] <= row["best_fitness"] <= 1 for row in lines)
    table = tomllib.loads(Path("r/config.toml").read_text())
    assert table["evolution"].get("options", {}) == options


def test_a_fitness_that_is_lost_ends_with_a_message(tmp_path, monkeypatch, capfd):
    (tmp_path / "c.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["evolve", "c.toml", "--run-dir", "r", "--evolution.sigma", "1e30"])
    assert caught.value.code == 1
    err = capfd.readouterr().err
    assert err.startswith("jaxneuro: Evolution diverged: the fitness of all 128 members")
    assert json.loads(Path("r/metrics.jsonl").read_text() or "{}") == {}
