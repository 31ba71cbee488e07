import numpy as np
import pytest

from jaxneuro.analysis.criticality import branching_process, galton_watson, naive_branching


def test_separated_avalanches_give_the_ratio(getkey):
    for branching in (0.5, 0.9):
        series = galton_watson(getkey(), 20_000, branching)
        result = naive_branching(series)
        assert result.ratio_of_sums == pytest.approx(branching, abs=0.01)
        # 1 - 1 / mean size, exactly: every event but the first of an avalanche has a parent.
        sizes = series.sum() / 20_000
        assert result.ratio_of_sums == pytest.approx(1 - 1 / sizes, abs=1e-12)


def test_a_drive_leaves_only_the_slope_right(getkey):
    result = naive_branching(branching_process(getkey(), 50_000, 0.6, 1.0))
    assert result.slope == pytest.approx(0.6, abs=0.02)
    assert result.ratio_of_sums > 0.8
    assert result.mean_of_ratios > 1.0


def test_nothing_to_estimate_is_nan():
    for counts in (np.zeros(0), np.zeros(50), np.ones(1), np.ones(50)):
        assert np.isnan(naive_branching(counts)).all()
    with pytest.raises(ValueError, match=r"counts have shape \(5, 2\)"):
        naive_branching(np.ones((5, 2)))
