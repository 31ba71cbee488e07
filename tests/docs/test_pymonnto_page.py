"""The page for users of PymoNNto says what runs."""

import re
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # seven programs to compile
PAGE = Path(__file__).parents[2] / "docs" / "pymonnto.md"


@pytest.fixture(scope="module")
def names():
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 6
    names = {}
    exec("\n".join(blocks), names)
    return names


def test_the_first_network_fires(names):
    run = names["run"]
    assert run["voltage"].shape == (1000, 100)
    assert 200 < len(run["spikes"].rows) < 1200  # 536 in the original's own draws
    assert run["spikes"].missed == 0
    np.testing.assert_allclose(run["mean"], run["voltage"].mean(1), rtol=1e-5, atol=1e-6)


def test_homeostasis_evens_out_the_rates(names):
    spikes = np.asarray(names["rates"]["exc.spikes"])
    early, late = spikes[:500].mean(0), spikes[-1500:].mean(0)
    assert late.std() < 0.5 * early.std()
    assert abs(late.mean() - 0.02) < 0.005


def test_the_network_reports(names):
    busy = names["busy"]["busy"]
    assert busy.shape == (10,)
    assert (np.diff(busy) >= 0).all()
    assert 0 < busy[-1] < 1000


def test_learning_keeps_sums_and_can_be_switched_off(names):
    weights = names["trained"]["w"]
    assert weights.shape == (10, 100, 100)
    np.testing.assert_allclose(weights[-1].sum(0), 5.0, rtol=1e-4)
    frozen = names["frozen"].state.stages["glu/STDP"]["weight"]
    np.testing.assert_allclose(frozen, weights[-1], rtol=1e-4, atol=1e-6)
    assert np.abs(weights[-1] - weights[0]).max() > 1e-3


def test_a_sheet_with_receptive_fields_is_active(names):
    waves = names["waves"]
    assert waves["sheet.spikes"].sum() > 0
    assert waves["sheet.nox"].max() <= 1.0
    np.testing.assert_allclose(waves["sheet.nox"].sum(1), waves["sheet.spikes"].sum(1), rtol=1e-5)
