"""What users do wrong: one short message, exit code 2, and nothing is written."""

import gzip
import json
import struct
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.cli import main
from jaxneuro.cli._run_folder import RunFolder
from jaxneuro.network import save
from jaxneuro.neurons import LIF
from jaxneuro.training import Diverged

GOOD = """
[data]
validation = 0.0
[network]
layers = [{size = 4}]
[presentation]
steps = 2
[training]
epochs = 1
"""


class Mistake(NamedTuple):
    command: str
    """The arguments, split at blanks."""
    wanted: tuple[str, ...]
    """What the message must contain."""
    file: str | bytes = GOOD
    """Content of c.toml."""


def config(text):
    return lambda *wanted: Mistake("train c.toml", wanted, text)


def flags(text, *wanted):
    return Mistake(f"train c.toml {text}", wanted)


def evolving(text, *wanted):
    return Mistake(f"evolve c.toml {text}", wanted)


def mnist(folder):
    return f'[data]\nname = "mnist"\npath = "{folder}"\nvalidation = 0.0\n'


MISTAKES = {
    "no command": Mistake("", ("usage: jaxneuro",)),
    "unknown command": Mistake(
        "trian c.toml",
        ("no command 'trian'", "train, evolve, learn, fit, sweep, simulate, evaluate, info"),
    ),
    "no configuration": Mistake("train", ("needs a configuration file", "--help")),
    "flags alone": Mistake("train --seed 3", ("configuration file comes first",)),
    "missing file": Mistake("train d.toml", ("no configuration file d.toml", "configs/a.toml")),
    "folder as file": Mistake("train configs", ("configs is a folder",)),
    "two files": Mistake("train c.toml configs/a.toml", ("'configs/a.toml' is one argument too",)),
    "no TOML": config("[data\nname = 3")("c.toml is not valid TOML", "line 1"),
    "no text": config(b"\xff\xfe[data]")("c.toml is not a text file in UTF-8"),
    "unknown section": config("[trianing]\nepochs = 2")(
        "c.toml: trianing", "Did you mean training"
    ),
    "unknown key": config("[training]\nepoch = 2")("training.epoch is", "Did you mean epochs"),
    "unknown key of a layer": config("[network]\nlayers = [{sise = 4}]")(
        "network.layers.0.sise", "Did you mean size"
    ),
    "section that is a number": config("training = 3")("c.toml: training", "not 3"),
    "unknown flag": flags(
        "--training.epoch 3", "unknown flag --training.epoch. Did you mean --training.epochs"
    ),
    "flag of a missing layer": flags(
        "--network.layers.1.size 3", "unknown flag", "--network.layers.0.size"
    ),
    "flag without value": flags("--training.epochs", "--training.epochs needs a value"),
    "flag instead of value": flags("--training.epochs --resume", "--training.epochs needs a value"),
    "claim with a value": flags("--network.train-tau=1", "--network.train-tau takes no value"),
    "text for a number": config('[training]\nepochs = "three"')("training.epochs", "'three'"),
    "text for a number as flag": flags("--training.epochs three", "--training.epochs", "'three'"),
    "float for an integer": config("[training]\nepochs = 2.0")("training.epochs", "not 2.0"),
    "float for an integer as flag": flags("--seed 2.0", "--seed", "'2.0'"),
    "claim for a number": config("[optimizer]\nlearning_rate = true")("learning_rate", "not True"),
    "claim for an integer": config("seed = true")("seed", "valid integer", "not True"),
    "number for a claim": config("[network]\ntrain_tau = 1")("network.train_tau", "not 1"),
    "negative learning rate": flags("--optimizer.learning-rate -0.1", "greater than 0, not -0.1"),
    "infinite learning rate": flags("--optimizer.learning-rate inf", "finite number, not inf"),
    "NaN as gain": config("[network]\ngain = nan")("network.gain", "finite number"),
    "NaN as fraction": flags("--data.validation nan", "--data.validation", "not nan"),
    "dropout of all": flags("--network.layers.0.dropout 1.0", "layers.0.dropout", "less than 1"),
    "no epochs": flags("--training.epochs 0", "--training.epochs", "greater than or equal to 1"),
    "batch above the set": flags(
        "--training.batch_size 5000", "training.batch_size is 5000", "1438 training images"
    ),
    "nearly all for validation": flags("--data.validation 0.9", "less than or equal to 0.5"),
    "too few for validation": flags("--data.validation 0.001", "validation_fraction 0.001"),
    "negative seed": flags("--seed -1", "--seed", "greater than or equal to 0, not -1"),
    "unknown choice": flags("--network.neuron.model LIFF", "'CurrentLIF'", "not 'LIFF'"),
    "no layers": config("[network]\nlayers = []")("network.layers", "at least 1 item"),
    "many mistakes": config("[training]\na = 1\nb = 1\nc = 1\nd = 1\ne = 1")(
        "training.a", "And 2 more"
    ),
    "IF has no tau": flags("--network.neuron.model IF --network.train-tau", "IF neurons have no"),
    "mnist without path": config('[data]\nname = "mnist"')("c.toml: data", "--data.path DIR"),
    "mnist without folder": config(mnist("nowhere"))("mnist: nowhere does not exist"),
    "mnist in an empty folder": config(mnist("configs"))("train-images-idx3-ubyte"),
    "mnist truncated": config(mnist("truncated"))("truncated/train-images", "truncated"),
    "mnist gzip truncated": config(mnist("broken"))("broken/train-images", "corrupt or truncated"),
    "mnist exchanged": config(mnist("swapped"))("swapped/train-images", "which is labels"),
    "mnist foreign": config(mnist("foreign"))("foreign/train-images", "saved web page"),
    "run-dir is a file": flags("--run-dir c.toml", "c.toml is a file, not a folder"),
    "run-dir of another run": flags(
        "--run-dir unfinished",
        "unfinished already holds a run",
        "nothing was overwritten",
        "--resume",
    ),
    "run-dir with other files": flags("--run-dir configs", "configs holds other files"),
    "run-dir below a file": flags("--run-dir c.toml/run", "c.toml", "Not a directory"),
    "run-dir not writable": flags("--run-dir /proc/run", "/proc/run: No such file"),
    "resume what": flags("--resume", "--resume needs --run-dir"),
    "resume nothing": flags("--resume --run-dir nowhere", "there is no folder nowhere"),
    "resume other files": flags("--resume --run-dir configs", "there is no run in configs"),
    "resume with changed settings": flags(
        "--resume --run-dir unfinished --training.epochs 7 --network.layers.0.size 9",
        "network.layers.0.size was 4, is 9; training.epochs was 1, is 7",
    ),
    "resume a broken configuration": flags(
        "--resume --run-dir broken-config", "broken-config/config.toml is not valid TOML"
    ),
    "evaluate nothing": Mistake("evaluate", ("needs the folder of a run",)),
    "evaluate no run": Mistake("evaluate configs", ("there is no run in configs",)),
    "evaluate a missing folder": Mistake("evaluate nowhere", ("there is no run in nowhere",)),
    "evaluate a file": Mistake("evaluate c.toml", ("there is no run in c.toml",)),
    "evaluate unfinished": Mistake("evaluate unfinished", ("is not finished", "--resume")),
    "evaluate a broken network": Mistake("evaluate broken-network", ("network.npz", "is damaged")),
    "evaluate a truncated network": Mistake("evaluate cut-network", ("network.npz", "damaged")),
    "evaluate a neuron": Mistake("evaluate a-neuron", ("holds a LIF, not a network",)),
    "evaluate a broken configuration": Mistake(
        "evaluate broken-config", ("broken-config/config.toml is not valid TOML",)
    ),
    "evaluate a wrong configuration": Mistake(
        "evaluate wrong-config", ("wrong-config/config.toml: training.epochs", "not 0")
    ),
    "evaluate more": Mistake("evaluate unfinished more", ("does not understand more",)),
    "evaluate path without value": Mistake(
        "evaluate broken-network --data.path", ("--data.path needs a value",)
    ),
    "info with arguments": Mistake("info now", ("takes no arguments, not now",)),
    "odd mirrored population": evolving(
        "--evolution.population 7", "mirrored pairs", "even number"
    ),
    "odd mirrored population of evosax": evolving(
        "--evolution.strategy Open_ES --evolution.population 7", "mirrored pairs", "even number"
    ),
    "unknown strategy": evolving(
        "--evolution.strategy SNSE", "no 'SNSE'", "Did you mean SNES", "There are LowRankES, Gene"
    ),
    "unknown option": evolving(
        "--evolution.options.rang 2", "evolution.options.rang: LowRankES has no such", "mean rank"
    ),
    "option that is a setting": evolving(
        "--evolution.options.sigma 2", "evolution.options.sigma: LowRankES has no such option"
    ),
    "text for a whole number": evolving("--evolution.options.rank two", "whole number, not 'two'"),
    "fraction for a whole number": evolving("--evolution.options.rank 1.5", "whole number, not 1."),
    "number for a text": evolving("--evolution.options.noise 3", "must be a text, not 3"),
    "text for a gene": evolving(
        "--evolution.strategy GeneticAlgorithm --evolution.options.lower low", "a number, not 'low'"
    ),
    "weight decay without AdamW": evolving(
        "--evolution.strategy SNES --evolution.weight-decay 0.1", "is of AdamW"
    ),
    "unknown option of evosax": evolving(
        "--evolution.strategy SNES --evolution.options.lr 2",
        "SNES has no option 'lr'",
    ),
    "text for a number of evosax": evolving(
        "--evolution.strategy SNES --evolution.options.lr_std_init high", "must be a number"
    ),
    "no optimiser in the strategy": evolving(
        "--evolution.strategy CMA_ES --evolution.learning-rate 0.1",
        "learning_rate is 0.1, but CMA_ES uses no optimiser",
    ),
    "span of another strategy": evolving(
        "--evolution.strategy SNES --evolution.span", "SNES knows no span"
    ),
    "gene bounds reversed": evolving(
        "--evolution.strategy GeneticAlgorithm --evolution.options.lower 3", "below upper"
    ),
    "slices that do not divide": evolving("--evolution.slices 7", "cannot share 7 slices"),
    "more slices than images": evolving(
        "--evolution.batch-size 900 --evolution.slices 2", "is 1800", "only 1438 training images"
    ),
    "no population": evolving("--evolution.population 0", "population", "1"),
    "unknown fitness": evolving("--evolution.fitness f1", "'loss', 'accuracy' or 'recall'"),
    "table as one flag": evolving("--evolution.options 3", "--evolution.options"),
}


def idx(values):
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def write_mnist(folder, images, labels):
    folder.mkdir()
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with all sorts of data and runs."""
    root = tmp_path_factory.mktemp("place")
    images, labels = idx(np.zeros((4, 28, 28))), idx(np.arange(4))
    write_mnist(root / "truncated", images[:-5], labels)
    write_mnist(root / "broken", gzip.compress(images)[:-9], labels)
    write_mnist(root / "swapped", labels, images)
    write_mnist(root / "foreign", b"<!DOCTYPE html><html></html>", labels)
    (root / "configs").mkdir()
    (root / "configs" / "a.toml").write_text(GOOD)

    config = GOOD
    for name in ("unfinished", "broken-network", "cut-network", "a-neuron"):
        (root / name).mkdir()
        (root / name / "config.toml").write_text(config)
    (root / "broken-network" / "network.npz").write_bytes(b"no zip")
    save(LIF(tau=jnp.ones(400)), root / "a-neuron" / "network.npz")
    whole = (root / "a-neuron" / "network.npz").read_bytes()
    (root / "cut-network" / "network.npz").write_bytes(whole[: len(whole) // 2])
    for name, text in (("broken-config", "[data"), ("wrong-config", "[training]\nepochs = 0")):
        (root / name).mkdir()
        (root / name / "config.toml").write_text(text)
        (root / name / "network.npz").write_bytes(whole)
    return root


def snapshot(folder):
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else None)
        for p in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("name", list(MISTAKES))
def test_a_mistake_gets_one_short_message_and_changes_nothing(name, place, monkeypatch, capfd):
    mistake = MISTAKES[name]
    content = mistake.file if isinstance(mistake.file, bytes) else mistake.file.encode()
    (place / "c.toml").write_bytes(content)
    monkeypatch.chdir(place)
    before = snapshot(place)
    with pytest.raises(SystemExit) as caught:
        main(mistake.command.split())
    out, err = capfd.readouterr()
    assert caught.value.code == 2
    assert out == ""
    for wanted in mistake.wanted:
        assert wanted in err
    assert len(err) < 500
    if name != "no command":
        assert err.startswith("jaxneuro: ")
        assert err.count("\n") == 1
    assert snapshot(place) == before


def test_a_mistake_in_the_file_is_told_although_a_flag_touches_its_section(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text("network = 4\ntraining = 5")
    with pytest.raises(SystemExit) as caught:
        main(["train", "c.toml", "--network.layers.0.size", "3", "--training.epochs", "2"])
    assert caught.value.code == 2
    assert "c.toml: network: " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OSError(28, "No space left on device", "run/x"), 2, "run/x: No space left on device."),
        (Diverged("Training diverged: the loss is nan."), 1, "Training diverged: the loss is nan."),
    ],
)
def test_what_ends_a_started_run(tmp_path, monkeypatch, capfd, error, code, message):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("jaxneuro.cli._train.train", fail)
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(GOOD)
    with pytest.raises(SystemExit) as caught:
        main(["train", "c.toml", "--run-dir", "run"])
    assert caught.value.code == code
    assert capfd.readouterr().err == f"jaxneuro: {message}\n"


def test_lines_missing_from_the_metrics_of_a_resumed_run(tmp_path):
    folder = RunFolder(tmp_path)
    folder.metrics.write_text(json.dumps({"epoch": 1}) + "\n" + json.dumps({"epoch": 3}) + "\n")
    with pytest.raises(SystemExit) as caught:
        folder.keep_metrics({"epoch": 2})
    assert caught.value.code == 2
    assert folder.metrics.read_text().count("\n") == 2
