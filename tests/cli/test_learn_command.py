import json

import numpy as np
import pytest

from jaxneuro.cli import main
from jaxneuro.network import load

CONFIG = """
[data]
validation = 0.0
[network]
neurons = 8
first_weight = 1.5
[rule]
mean_weight = 0.5
largest_weight = 5.0
a_plus = 0.05
[presentation]
duration = 60.0
dt = 1.0
rate = 200.0
raise_by = 200.0
most_attempts = 2
[learning]
examples = 60
report_every = 20
assign = 50
"""


def run(folder, *flags):
    config = folder.parent / "c.toml"
    config.write_text(CONFIG)
    main(["learn", str(config), "--run-dir", str(folder), *flags])
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.slow
def test_a_run_learns_reports_and_can_be_stopped_anywhere(tmp_path, capsys, monkeypatch):
    whole = run(tmp_path / "whole")
    said = capsys.readouterr().out
    assert "60 images" in said
    assert f"test accuracy {whole['test_accuracy']:.2%}" in said
    assert 0.05 < whole["test_accuracy"] < 0.9  # eight neurons, 60 images
    assert sum(whole["neurons_of_each_class"]) <= 8
    for name in ("receptive_fields", "confusion_matrix"):
        assert (tmp_path / "whole" / "figures" / f"{name}.png").read_bytes()[1:4] == b"PNG"
    net = load(tmp_path / "whole" / "network.npz")
    assert net.edges["input_exc"].weight.shape == (64, 8)
    np.testing.assert_allclose(net.edges["input_exc"].weight.mean(0), 0.5, rtol=1e-4)

    # Stopped after two parts, and gone on.
    from jaxneuro.cli import _learn

    learn, calls = _learn.learn, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return learn(*arguments)

    monkeypatch.setattr(_learn, "learn", interrupted)
    with pytest.raises(SystemExit) as stop:
        run(tmp_path / "cut")
    assert stop.value.code == 130
    assert "--resume" in capsys.readouterr().err
    monkeypatch.setattr(_learn, "learn", learn)
    again = run(tmp_path / "cut", "--resume")
    assert again["test_accuracy"] == whole["test_accuracy"]
    rows = [
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("whole", "cut")
    ]
    assert [row["part"] for row in rows[1]] == [1, 2, 3]
    assert [r["spikes"] for r in rows[0]] == [r["spikes"] for r in rows[1]]


@pytest.mark.slow
def test_a_batch_shares_its_weights(tmp_path):
    flags = "--learning.batch 10 --presentation.most-attempts 1 --presentation.least-spikes 0"
    found = run(tmp_path / "run", *flags.split())
    assert 0.1 < found["test_accuracy"] < 1.0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--learning.report-every 25", "learning.examples (60) must be a multiple of report_every"),
        ("--learning.batch 3 --presentation.most-attempts 1", "and that of batch (3)"),
        ("--learning.batch 10", "Set most_attempts = 1"),
        ("--rule.mean-weight 6", "mean_weight is 6 and largest_weight 5"),
        ("--presentation.dt 200", "duration is 60 ms, shorter than a step"),
        ("--network.nuerons 5", "nuerons"),
        ("--resume", "--resume needs --run-dir"),
    ],
)
def test_mistakes_end_in_one_message(flags, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG)
    with pytest.raises(SystemExit) as stop:
        main(["learn", "c.toml", *flags.split()])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
