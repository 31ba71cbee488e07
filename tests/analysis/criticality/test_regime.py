import math
import re
from pathlib import Path

import numpy as np
import pytest

from jaxneuro.analysis.criticality import (
    classify_regime,
    criticality_score,
    galton_watson,
    measure_criticality,
)


def saturating(branching, steps=20_000, neurons=500, drive=0.01):
    """A branching process that cannot exceed its neurons."""
    rng, activity, series = np.random.default_rng(0), 0, np.empty(steps, np.int64)
    for step in range(steps):
        mean = branching * activity * (1 - activity / neurons) + drive
        series[step] = activity = min(neurons, rng.poisson(mean))
    return series


@pytest.mark.parametrize(
    ("branching", "regime"), [(0.5, "subcritical"), (0.9, "subcritical"), (1.0, "critical")]
)
def test_branching_processes(getkey, branching, regime):
    measures = measure_criticality(galton_watson(getkey(), 20_000, branching, longest=1000), 1.0)
    assert measures.avalanches == 20_000
    assert classify_regime(measures) == regime


def test_activity_that_never_ends_is_supercritical():
    measures = measure_criticality(saturating(1.5), 1.0)
    assert measures.longest_share > 0.9
    assert classify_regime(measures) == "supercritical"


def test_seizures_take_the_whole_population():
    # 100 bursts of 200 neurons that each fire once or twice, in silence.
    rng = np.random.default_rng(0)
    spikes = np.zeros((20_000, 200), bool)
    for start in range(50, 20_000, 200):
        spikes[start : start + 10] = rng.random((10, 200)) < 0.15
    measures = measure_criticality(spikes, 1.0, 1.0)
    assert measures.system_share > 0.9
    assert measures.longest_share < 0.01
    assert classify_regime(measures) == "supercritical"
    few = measure_criticality(spikes.sum(axis=1), 1.0, 1.0)  # nobody knows how many neurons
    assert math.isnan(few.system_share)


def test_independent_neurons_are_subcritical():
    spikes = np.random.default_rng(0).random((50_000, 20)) < 0.01
    measures = measure_criticality(spikes, 1.0)
    assert classify_regime(measures) == "subcritical"
    assert math.isnan(measures.branching)


@pytest.mark.parametrize("spikes", [np.zeros((100, 5)), np.zeros(0), np.eye(100)[:, :10]])
def test_quiet_networks_are_silent(spikes):
    measures = measure_criticality(spikes, 0.1)
    assert classify_regime(measures) == "silent"
    assert math.isnan(measures.size_exponent)
    assert math.isnan(measures.branching)


def test_branching_has_its_own_bin():
    series = saturating(0.9, steps=50_000, drive=1.0)
    spikes = np.zeros((100_000,), np.int64)
    spikes[::2] = series  # a generation lasts two steps
    one, two = (measure_criticality(spikes, 1.0, branching_bin=bin) for bin in (1.0, 2.0))
    assert two.branching == pytest.approx(0.87, abs=0.03)  # 0.9 less the saturation
    assert not abs(one.branching - two.branching) < 0.02
    assert two.bin == one.bin


def test_the_score_is_that_of_the_original():
    assert criticality_score(1.5, 2.0, 1.5, 1.0, 0) == pytest.approx(1.0)
    parts = 0.3 * math.exp(-0.4) + 0.3 * math.exp(-1.0) + 0.2 * math.exp(-1.0) + 0.2 * 0.9
    assert criticality_score(1.7, 2.5, 2.0, 1.1, 50) == pytest.approx(parts * 1.05)
    assert criticality_score(1.7, 2.5, 2.0, 1.1, 900) == pytest.approx(parts * 1.15)
    known = 0.3 * math.exp(-0.4) + 0.2 * 0.9
    assert criticality_score(1.7, math.nan, math.nan, 0.9, 0) == pytest.approx(known / 0.5)
    assert math.isnan(criticality_score(*[math.nan] * 4, 0))


def test_the_example_of_the_docs_is_critical():
    text = (Path(__file__).parents[3] / "docs" / "criticality.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    names = {}
    exec(code, names)
    assert names["regime"] == "critical"
    assert names["relation"].deviation < 0.2
    assert names["better"]["exponential"].ratio > 0
    assert 0.95 < names["branching"].branching <= 1.0
    assert len(names["distributions"].axes) == 2
