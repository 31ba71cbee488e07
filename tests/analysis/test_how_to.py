import re
from pathlib import Path

import numpy as np

from jaxneuro import analysis, plotting

TEXT = (Path(__file__).parents[2] / "docs" / "spike_trains.md").read_text(encoding="utf-8")


def test_the_example_of_spike_trains_measures_what_was_put_in():
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    names = {}
    exec(code, names)
    for values in (*names["irregularity"], names["fano"]):
        assert values.shape == (20,)
        assert abs(values.mean() - 1.0) < 0.08  # Poisson
    # Rates of 0.01 and 0.005 per ms; what is shared has half of 0.005 in any two.
    correlation = names["correlation"][~np.eye(20, dtype=bool)]
    assert abs(correlation.mean() - 0.0025 / 0.015) < 0.03
    assert names["lags"][np.argmax(names["pairs"])] == 0
    assert (names["distances"][np.triu_indices(5, 1)] > 0.1).all()
    assert [axes.get_ylabel() for axes in names["figure"].axes] == ["Trial", "Rate (Hz)"]


def test_every_name_in_the_tables_exists():
    for name in re.findall(r"^\| `(\w+)`", TEXT, re.M):
        assert hasattr(analysis, name), name
    for name in re.findall(r"`plotting\.(\w+)`", TEXT):
        assert hasattr(plotting, name), name
