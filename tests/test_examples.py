import importlib.util
import re
from pathlib import Path

import jax.numpy as jnp

ROOT = Path(__file__).parent.parent


def test_the_readme_example_runs_and_fires():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    names = {}
    exec(code, names)
    assert names["run"]["inh.v"].shape == (1000, 20)
    assert 0 < jnp.mean(names["run"]["exc.spikes"]) < 0.02  # below 200 Hz at 0.1 ms


def test_the_experiment_learns(capsys):
    path = ROOT / "experiments" / "digits_backprop.py"
    spec = importlib.util.spec_from_file_location("digits_backprop", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(epochs=10) > 0.8  # chance is 0.1
    assert "test accuracy" in capsys.readouterr().out
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
