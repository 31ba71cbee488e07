"""`jaxneuro train` on several devices and in several processes."""

import os
import signal
import subprocess
import sys
import tomllib

import jax
import pytest
from support import checkpoints, environment, finish, free_port, rows, start, summary, wait_for

from jaxneuro.cli import main
from jaxneuro.cli._config import Config
from jaxneuro.network import load

CONFIG = """
seed = 3
[data]
validation = 0.0
[network]
layers = [{size = 12, dropout = 0.1}]
[augmentation]
shift = 0.5
[presentation]
steps = 3
gain = 3.0
[training]
epochs = 3
batch_size = 64
checkpoint_seconds = 0
"""
NUMBERS = ("train_loss", "train_accuracy")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a configuration and a run on one device."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "c.toml").write_text(CONFIG)
    before = os.getcwd()
    os.chdir(folder)
    main(["train", "c.toml", "--run-dir", "one", "--devices", "1"])
    os.chdir(before)
    return folder


def start_two(place, name, *arguments):
    """The same command in two processes, each with two devices."""
    together = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2"]
    given = ["train", "c.toml", "--run-dir", name, "--devices", "2", *together, *arguments]
    return [start(place, *given, "--process-id", number) for number in (0, 1)]


def check_equal_to_one(place, name):
    for mine, theirs in zip(rows(place / name), rows(place / "one"), strict=True):
        assert mine["epoch"] == theirs["epoch"]
        for key in NUMBERS:
            # Sums in another order; an accuracy could differ by one image of 1408.
            assert mine[key] == pytest.approx(theirs[key], abs=1e-3), key
    nets = [load(place / run / "network.npz") for run in (name, "one")]
    mine, theirs = [net.edges["input_to_hidden1"].edge.weight for net in nets]
    assert abs(mine - theirs).max() < 1e-5


def test_two_devices_give_the_same_as_one(place):
    code, out, err = finish(start(place, "train", "c.toml", "--run-dir", "two", "--devices", "2"))
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 5
    check_equal_to_one(place, "two")
    assert (summary(place / "two")["devices"], summary(place / "two")["processes"]) == (2, 1)
    assert "devices" not in summary(place / "one")
    # Where a run runs is not what it computes.
    table = tomllib.loads((place / "two" / "config.toml").read_text())
    assert table == tomllib.loads((place / "one" / "config.toml").read_text())
    assert Config.model_validate(table) == Config.model_validate(tomllib.loads(CONFIG))


@pytest.mark.slow
def test_two_processes_give_the_same_as_one_also_after_a_kill(place):
    run = place / "killed"
    first, second = start_two(place, run.name)
    wait_for(lambda: checkpoints(run), first)
    first.send_signal(signal.SIGKILL)
    assert finish(first)[0] == -signal.SIGKILL
    code, out, _ = finish(second)
    assert code != 0  # JAX ends it
    assert out == ""
    reached = max(checkpoints(run))
    ended = [finish(process) for process in start_two(place, run.name, "--resume")]
    assert [(code, err) for code, _, err in ended] == [(0, ""), (0, "")]
    (_, out, _), (_, silent, _) = ended
    assert silent == ""
    lines = out.splitlines()
    assert lines[1] == f"resuming after epoch {reached}"
    assert lines[-1].startswith("test accuracy ")
    check_equal_to_one(place, run.name)
    assert (summary(run)["devices"], summary(run)["processes"]) == (4, 2)


def test_what_ends_the_first_process_ends_the_other_with_the_same_code(place):
    ended = [finish(process) for process in start_two(place, "one")]
    assert [(code, out) for code, out, _ in ended] == [(2, ""), (2, "")]
    assert ended[0][2].startswith("jaxneuro: one already holds a run")
    assert [err.count("\n") for _, _, err in ended] == [1, 0]


@pytest.mark.parametrize("number", [0, 1])
def test_processes_that_do_not_meet(place, number):
    code = (
        "import sys; from jaxneuro.cli import _devices, main; "
        "_devices.SECONDS_TO_START = 1.0; main(sys.argv[1:])"
    )
    where = f"127.0.0.1:{free_port()}"
    flags = ["--coordinator", where, "--processes", "2", "--process-id", str(number)]
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "c.toml", *flags],
        cwd=place,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"jaxneuro: after 1 s not all processes have met at {where}. ")
    assert done.stderr.count("\n") == 1


MISTAKES = {
    "--devices -1": "--devices: Input should be greater than or equal to 0, not -1",
    "--devices many": "--devices",
    "--processes 2": "--processes without --coordinator and --process-id: several processes need",
    "--coordinator a:1 --process-id 0": "without --processes",
    "--coordinator a:1 --processes 2 --process-id 2": "--process-id is 2, but with --processes 2",
    "--coordinator a --processes 2 --process-id 1": "it must be HOST:PORT, such as 10.0.0.1:1234",
    "--coordinator a:0 --processes 2 --process-id 1": "it must be HOST:PORT",
    "--distributed --processes 2": "--distributed finds the processes by itself",
}


@pytest.mark.parametrize("flags", list(MISTAKES))
@pytest.mark.parametrize("command", ["train", "evolve"])
def test_mistakes(place, command, flags, monkeypatch, capfd):
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit) as caught:
        main([command, "c.toml", "--run-dir", "mistake", *flags.split()])
    out, err = capfd.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert MISTAKES[flags] in err
    assert err.count("\n") == 1
    assert not (place / "mistake").exists()


def test_more_devices_than_there_are(place, monkeypatch, capfd):
    # JAX has started here, so that no more can be had, as on an accelerator.
    monkeypatch.chdir(place)
    there = jax.device_count()
    with pytest.raises(SystemExit):
        main(["train", "c.toml", "--run-dir", "mistake", "--devices", str(there + 1)])
    wanted = f"--devices is {there + 1}, but there are only {there} of kind cpu. Take fewer"
    assert wanted in capfd.readouterr().err


def test_a_batch_that_the_devices_cannot_share(place):
    flags = ["--run-dir", "mistake", "--devices", "3"]
    code, out, err = finish(start(place, "train", "c.toml", *flags))
    assert (code, out) == (2, "")
    assert "a batch of 64 cannot be split over 3 devices evenly" in err
    assert "Choose a batch_size of 63 or 66" in err
    assert not (place / "mistake").exists()
