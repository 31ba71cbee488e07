import contextlib
import itertools
import os
import pty
import random
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
from support import checkpoints, command, environment, finish, rows, start, summary, wait_for

from jaxneuro.cli import main
from jaxneuro.cli._config import Config
from jaxneuro.cli._flags import _flags
from jaxneuro.cli._parse import parse, read_config
from jaxneuro.cli._run_folder import free_folder
from jaxneuro.cli._session import Session
from jaxneuro.cli._train import Descent, TrainArguments
from jaxneuro.network import load

CONFIG = """
seed = 3

[network]
layers = [{size = 12}, {size = 8, dropout = 0.1}]

[augmentation]
shift = 0.5

[presentation]
steps = 3
gain = 3.0

[training]
epochs = 8
batch_size = 64
checkpoint_seconds = 0
"""
EPOCHS = 8
FIGURES = ("confusion_matrix", "hardest_mistakes", "learning_curves", "raster", "readout_membrane")
KEYS = {
    "test_accuracy",
    "train_accuracy",
    "best_validation_accuracy",
    "wall_seconds",
    "compile_seconds",
    "samples_per_second",
    "epochs",
    "parameters",
    "parameters_sha256",
    "seed",
    "device",
    "versions",
}
ESCAPE = "\x1b"


def in_process(folder, *arguments):
    """`jaxneuro train` in this process: the same bits as in one of its own."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        main(["train", "c.toml", *arguments])
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a configuration and a finished run that nothing stopped."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "c.toml").write_text(CONFIG)
    code, out, err = finish(start(folder, "train", "c.toml", "--run-dir", "whole"))
    assert (code, err) == (0, "")
    (folder / "whole.txt").write_text(out)
    return folder


def test_the_run_folder(place):
    run = place / "whole"
    assert sorted(p.name for p in run.iterdir()) == [
        "checkpoints",
        "config.toml",
        "figures",
        "metrics.jsonl",
        "network.npz",
        "summary.json",
    ]
    assert sorted(checkpoints(run)) == [EPOCHS - 1, EPOCHS]


def test_the_configuration_is_complete_and_reloadable(place):
    table = tomllib.loads((place / "whole" / "config.toml").read_text())
    config = Config.model_validate(table)
    assert config == Config.model_validate(tomllib.loads(CONFIG))
    assert table["optimizer"]["learning_rate"] == 2e-3  # a default that the file did not give
    assert table["network"]["layers"][1]["dropout"] == 0.1


def test_metrics_have_one_line_per_epoch(place):
    lines = rows(place / "whole")
    assert [row["epoch"] for row in lines] == list(range(1, EPOCHS + 1))
    steps = 1294 // 64
    assert [row["step"] for row in lines] == [steps * e for e in range(1, EPOCHS + 1)]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]
    assert set(lines[0]["layers"]) == {"hidden1", "hidden2"}
    assert set(lines[0]["layers"]["hidden1"]) == {"rate", "silent", "saturated"}
    assert all(a["wall_seconds"] <= b["wall_seconds"] for a, b in itertools.pairwise(lines))


def test_summary(place):
    run = place / "whole"
    said, lines = summary(run), rows(run)
    assert set(said) == KEYS
    assert 0.1 < said["test_accuracy"] <= 1.0
    assert said["best_validation_accuracy"] == max(row["validation_accuracy"] for row in lines)
    assert said["samples_per_second"] == np.median([row["samples_per_second"] for row in lines])
    assert said["wall_seconds"] >= lines[-1]["wall_seconds"] >= said["compile_seconds"] > 0
    assert (said["seed"], said["epochs"]) == (3, EPOCHS)
    assert said["parameters"] == 64 * 12 + 12 + 12 * 8 + 8 + 8 * 10 + 10
    assert re.fullmatch("[0-9a-f]{64}", said["parameters_sha256"])
    assert said["device"].startswith("cpu")
    assert said["versions"]["jax"][0].isdigit()


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_images(place, name):
    from matplotlib.image import imread

    image = imread(place / "whole" / "figures" / f"{name}.png")
    assert image.shape[0] > 200
    assert image.shape[1] > 200
    assert len(np.unique(image)) > 10


def test_the_network_loads(place):
    net = load(place / "whole" / "network.npz")
    assert net.edges["input_to_hidden1"].weight.shape == (64, 12)
    assert net.edges["hidden1_to_hidden2"].rate == 0.1


def test_plain_lines_where_there_is_no_terminal(place):
    lines = (place / "whole.txt").read_text().splitlines()
    assert lines[0].startswith("digits: 1294 training, 144 validation, 359 test images")
    assert lines[0].endswith("whole")
    for epoch, line in enumerate(lines[1:-1], 1):
        assert re.match(
            rf"epoch {epoch}/8  loss \d\.\d+  accuracy \d+\.\d+%  validation \d+\.\d+%  "
            r"spikes hidden1 \d+\.\d+, hidden2 \d+\.\d+  [\d,]+ samples/s$",
            line,
        )
    assert lines[-1].startswith("test accuracy ")
    assert ESCAPE not in "".join(lines)


def test_evaluate_gives_the_same_accuracy_and_draws(place, monkeypatch, capfd):
    monkeypatch.chdir(place)
    figure = Path("whole/figures/confusion_matrix.png")
    figure.unlink()
    main(["evaluate", "whole"])
    out, err = capfd.readouterr()
    accuracy = summary(place / "whole")["test_accuracy"]
    assert out.startswith(
        f"test accuracy {accuracy:.2%} ({round((1 - accuracy) * 359)} of 359 wrong)"
    )
    assert out.splitlines()[0] == (place / "whole.txt").read_text().splitlines()[-1].split(",")[0]
    assert err == ""
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_another_seed_gives_other_parameters_and_flags_override_the_file(place):
    # Where there is no --run-dir, the folder is named after the file.
    in_process(place, "--seed", "4", "--training.checkpoint_seconds=1e3")
    run = place / "runs" / "c"
    assert summary(run)["seed"] == 4
    assert summary(run)["parameters_sha256"] != summary(place / "whole")["parameters_sha256"]
    table = tomllib.loads((run / "config.toml").read_text())
    assert table["training"] == {"epochs": EPOCHS, "batch_size": 64, "checkpoint_seconds": 1e3}
    assert checkpoints(run) == [EPOCHS]
    assert (place / "c.toml").read_text() == CONFIG
    assert free_folder(place / "runs", "c") == place / "runs" / "c-2"


def test_flags_reach_layers_that_are_there_by_default(tmp_path):
    (tmp_path / "c.toml").write_text("[network]\ngain = 3.0")
    flags = ["--network.layers.1.size", "7", "--network.layers.0.recurrent", "--network.gain=4"]
    config = read_config(TrainArguments, tmp_path / "c.toml", flags)
    assert [layer.size for layer in config.network.layers] == [256, 7]
    assert [layer.recurrent for layer in config.network.layers] == [True, False]
    assert config.network.gain == 4.0


def test_a_finished_run_is_resumed_to_the_same_end(place):
    before = summary(place / "whole")
    in_process(place, "--run-dir", "whole", "--resume")
    after = summary(place / "whole")
    assert after["parameters_sha256"] == before["parameters_sha256"]
    assert after["test_accuracy"] == before["test_accuracy"]
    assert after["samples_per_second"] == before["samples_per_second"]
    assert after["wall_seconds"] > rows(place / "whole")[-1]["wall_seconds"]
    assert [row["epoch"] for row in rows(place / "whole")] == list(range(1, EPOCHS + 1))


def resumed(place, name):
    code, out, err = finish(start(place, "train", "c.toml", "--run-dir", name, "--resume"))
    assert (code, err) == (0, "")
    return out


def check_equal_to_whole(place, name):
    run, whole = place / name, place / "whole"
    assert summary(run)["parameters_sha256"] == summary(whole)["parameters_sha256"]
    for key in ("test_accuracy", "train_accuracy", "best_validation_accuracy"):
        assert summary(run)[key] == summary(whole)[key]
    assert [row["epoch"] for row in rows(run)] == list(range(1, EPOCHS + 1))
    same = ("train_loss", "train_accuracy", "validation_loss", "layers")
    for mine, theirs in zip(rows(run), rows(whole), strict=True):
        assert {key: mine[key] for key in same} == {key: theirs[key] for key in same}
    assert not [p.name for p in run.iterdir() if p.name.startswith(".")]


def test_a_killed_run_resumes_to_the_same_bits(place, capfd):
    run = place / "killed"
    process = start(place, "train", "c.toml", "--run-dir", "killed")
    wait_for(lambda: checkpoints(run), process)
    process.send_signal(signal.SIGKILL)
    assert finish(process)[0] == -signal.SIGKILL
    assert not (run / "summary.json").exists()
    reached = max(checkpoints(run))
    in_process(place, "--run-dir", "killed", "--resume")
    assert f"resuming after epoch {reached}\n" in capfd.readouterr().out
    check_equal_to_whole(place, "killed")
    # The time before the kill is counted.
    seconds = [row["wall_seconds"] for row in rows(run)]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


STAGES = {
    "no configuration": {},
    "half a configuration": {".config.toml.4711": "[dat"},
    "no checkpoint": {
        "config.toml": None,
        "metrics.jsonl": '{"epoch": 1, "train_lo',
        ".metrics.jsonl.4711": "",
        "checkpoints/1.orbax-checkpoint-tmp/half": "",
    },
}


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_run_killed_before_its_first_checkpoint_starts_over(place, stage, monkeypatch):
    name = stage.replace(" ", "-")
    run = place / name
    run.mkdir()
    for path, text in STAGES[stage].items():  # what is on disk at these moments
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        (run / path).write_text((place / "whole" / path).read_text() if text is None else text)
    monkeypatch.chdir(place)
    session, first = opened("train", "c.toml", "--run-dir", name, "--resume")
    assert (first, session.rows, session.spent) == (0, [], 0.0)
    assert (run / "config.toml").read_text() == (place / "whole" / "config.toml").read_text()
    assert not list(run.glob(".*"))


def opened(*arguments):
    """The session that a command would run, with its folder opened, and the epochs it has done."""
    path, options = parse(TrainArguments, list(arguments[1:]), "train")
    session = Session(options, path.stem, 0.0)
    session.open()
    descent = Descent(session, session.folder.checkpoints)
    session.go_on({"epoch": descent.first})
    return session, descent.first


@pytest.fixture(scope="module")
def stopped(place):
    """A run on a terminal, stopped by Ctrl-C: its exit code, what was shown, and its stderr."""
    run = place / "stop ped"
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command("train", "c.toml", "--run-dir", run.name, "--training.epochs", "500"),
        cwd=place,
        env=environment() | {"COLUMNS": "120"},
        stdout=follower,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(follower)
    shown = []
    reader = threading.Thread(target=read_terminal, args=(leader, shown))
    reader.start()
    wait_for(lambda: checkpoints(run), process)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    reader.join()
    os.close(leader)
    return code, b"".join(shown).decode(), err


def read_terminal(leader, shown):
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # how Linux ends a terminal
            return
        if not part:
            return
        shown.append(part)


def test_ctrl_c_tells_how_to_go_on(place, stopped, monkeypatch):
    code, _, err = stopped
    assert code == 130
    assert err == (
        "jaxneuro: stopped. Go on with: "
        "jaxneuro train 'stop ped/config.toml' --run-dir 'stop ped' --resume\n"
    )
    # This command works although the one that was stopped had flags.
    monkeypatch.chdir(place)
    session, first = opened(*shlex.split(err.split(": ")[2])[1:])
    assert first == max(checkpoints(place / "stop ped"))
    assert session.config.training.epochs == 500


def test_a_progress_bar_on_a_terminal(stopped):
    text = stopped[1]
    assert ESCAPE in text
    assert "━" in text
    for part in ("digits: 1294 training", "epoch 1/500", "samples/s", "accuracy", "left"):
        assert part in text
    assert re.search(r"loss \d\.\d{4}", text)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--help"], ["train", "evolve", "evaluate", "info"]),
        (["train", "--help"], ["--training.epochs INT", "(default: 20)", "--resume", "--run-dir"]),
        (["train", "c.toml", "--help"], ["Passes over the training images. (default: 8)"]),
        (["train", "c.toml", "--seed", "9", "-h"], ["noise. (default: 9)"]),
        (["evaluate", "--help"], ["RUN_DIR", "--data.path DIR", "default"]),
        (["info", "--help"], ["usage: jaxneuro info"]),
    ],
)
def test_help(place, monkeypatch, capfd, arguments, wanted):
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    out, err = capfd.readouterr()
    assert caught.value.code == 0
    assert err == ""
    for part in wanted:
        assert part in out


def test_help_explains_every_field_and_gives_its_default(capfd):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    blocks = re.split(r"│ (?=--)", capfd.readouterr().out)[1:]
    explained = {}
    for block in blocks:
        text = " ".join(re.sub("[│╭╰─╮╯]", " ", block).split())
        names = re.findall(r"--[\w.-]+", text.split("(default")[0])
        explained |= dict.fromkeys(names, text)
    for name in _flags(TrainArguments, {}):
        assert name in explained
        # An empty table, such as the options of a strategy, is shown as nothing.
        shown = r"\(default: \)" if name.endswith(".options") else r"\(default: .+?\)"
        assert re.search(rf"[A-Z][^.]*\. {shown}", explained[name]), explained[name]


def test_info(capfd):
    main(["info"])
    out, err = capfd.readouterr()
    assert err == ""
    for wanted in ("Python 3", "jax ", "equinox ", "device 0: cpu", "cores", "GiB of memory"):
        assert wanted in out


@pytest.mark.parametrize("arguments", [["--help"], ["info"], ["train"]])
def test_heavy_packages_are_left_alone_until_they_are_needed(arguments, tmp_path):
    code = (
        "import sys\nfrom jaxneuro.cli import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit:\n    pass\n"
        "heavy = {'orbax', 'matplotlib', 'sklearn', 'scipy.stats', 'tyro', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_a_run_killed_many_times_resumes_to_the_same_bits(place):
    """Before the first checkpoint, at random moments, and while a checkpoint is being written."""
    rng, run, in_the_middle = random.Random(0), place / "often", 0
    process = start(place, "train", "c.toml", "--run-dir", "often")
    wait_for(run.is_dir, process)
    process.kill()
    process.communicate()
    for attempt in range(6):
        before = max(checkpoints(run), default=0)
        process = start(place, "train", "c.toml", "--run-dir", "often", "--resume")
        left = half_checkpoints(run)
        if attempt % 2 == 0:
            wait_for(
                lambda b=before, h=left: half_checkpoints(run) - h or has_passed(run, b), process
            )
        else:
            time.sleep(rng.uniform(0.0, 12.0))
        in_the_middle += bool(half_checkpoints(run) - left)
        process.kill()
        process.communicate()
    resumed(place, "often")
    check_equal_to_whole(place, "often")
    assert in_the_middle > 0


def half_checkpoints(run):
    """What is being written, or was when the process was killed, told apart by its inode."""
    folder, found = run / "checkpoints", set()
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.name.isdigit():
            with contextlib.suppress(FileNotFoundError):
                found.add(path.stat().st_ino)
    return found


def has_passed(run, epoch):
    """Or is at the end, where no checkpoint follows."""
    return max(checkpoints(run), default=0) > epoch or epoch == EPOCHS
