from pathlib import Path

import numpy as np
import pytest

from jaxneuro.analysis.criticality import (
    branching_process,
    multistep_regression,
    naive_branching,
    subsample,
)

# Drawn by branching_process(key(0), 3000, 0.95, 20, trials=8), 10 % seen by subsample(key(1)), and
# given to mrestimator 0.2.0: coefficients(method="stationarymean", steps=(1, 60), dt=4) of all
# trials and of the first; fits "exponential" and "exponentialoffset": tau, m, amplitude, offset.
FROZEN = np.load(Path(__file__).parents[2] / "data" / "mrestimator.npz")


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("has_offset", [False, True])
def test_as_the_authors_program(which, has_offset):
    counts = FROZEN["counts"] if which == 0 else FROZEN["counts"][:, 0]
    result = multistep_regression(counts, 4.0, lags=60, has_offset=has_offset)
    np.testing.assert_allclose(result.slopes, FROZEN["slopes"][which], rtol=1e-8)
    tau, branching, amplitude, offset = FROZEN["fits"][which, int(has_offset)]
    # Their optimiser stops at 1e-5 or so.
    assert result.branching == pytest.approx(branching, rel=1e-6)
    assert result.tau == pytest.approx(tau, rel=1e-5)
    assert result.amplitude == pytest.approx(amplitude, rel=1e-5)
    assert result.offset == pytest.approx(offset, abs=1e-6)
    assert result.interval[0] < result.branching < result.interval[1]
    assert result.tau_interval[0] < result.tau < result.tau_interval[1]


def test_slopes_are_those_of_least_squares():
    counts = np.random.default_rng(0).gamma(1.0, 1.0, 500)
    result = multistep_regression(counts + np.sin(np.arange(500) / 9), lags=7, bootstraps=0)
    for lag, slope in zip(result.lags, result.slopes, strict=True):
        x = counts + np.sin(np.arange(500) / 9)
        assert np.polyfit(x[:-lag], x[lag:], 1)[0] == pytest.approx(slope, abs=1e-12)


@pytest.mark.parametrize(
    ("branching", "steps"), [(0.8, 60_000), (0.9, 60_000), (0.95, 60_000), (0.98, 100_000)]
)
def test_right_under_subsampling_where_the_slope_is_not(getkey, branching, steps):
    series = branching_process(getkey(), steps, branching, 200 * (1 - branching))
    for share in (1.0, 0.1, 0.01):
        seen = subsample(getkey(), series, share)
        result = multistep_regression(seen)
        width = (result.interval[1] - result.interval[0]) / 2
        assert abs(result.branching - branching) < 1.6 * width  # three standard errors
        assert width < (0.02 if share == 1.0 else 0.2)  # wide at 1 %, and says so
        # A thinned series has b = Var(A) / (Var(A) + mean (1 - p) / p), so the slope is b m.
        b = 1.0 / (1.0 + (1.0 - branching**2) * (1.0 - share) / share)
        slope = naive_branching(seen).slope
        assert slope == pytest.approx(b * branching, abs=0.04)
        assert result.slopes[0] == pytest.approx(slope, abs=1e-9)
        if share == 0.01:
            assert slope < branching - 0.2


def test_at_criticality_the_time_diverges(getkey):
    # Trials that start at 1000 and do not end; there is no stationary state.
    series = branching_process(getkey(), 400, 1.0, 0.0, trials=200, start=1000)
    result = multistep_regression(subsample(getkey(), series, 0.1), lags=50)
    assert result.branching == pytest.approx(1.0, abs=0.005)
    assert result.interval[0] < 1.0
    assert result.tau > 200.0


def test_growth_is_more_than_one(getkey):
    series = branching_process(getkey(), 60, 1.05, 0.0, trials=400, start=50)
    result = multistep_regression(series, lags=10)
    assert result.branching > 1.0
    assert np.isinf(result.tau)


@pytest.mark.slow
@pytest.mark.parametrize("branching", [0.8, 0.98])
def test_the_interval_covers(getkey, branching):
    series = branching_process(getkey(), 50_000, branching, 100 * (1 - branching), trials=200)
    seen = subsample(getkey(), series, 0.05)
    ends = np.array([multistep_regression(seen[:, i]).interval for i in range(200)])
    covered = np.mean((ends[:, 0] <= branching) & (branching <= ends[:, 1]))
    assert 0.87 < covered < 0.99  # of 0.95; 20 blocks make it a little narrow


@pytest.mark.parametrize(
    "counts", [np.zeros(100), np.ones(100), np.random.default_rng(0).poisson(3.0, 5000)]
)
def test_without_correlation_there_is_no_branching(counts):
    result = multistep_regression(counts)
    assert np.isnan([result.branching, result.tau, *result.interval, result.offset]).all()
    assert result.slopes.shape == result.lags.shape == result.errors.shape


def test_long_silence_leaves_the_rest(getkey):
    counts = np.zeros(20_000, np.int64)
    for start in (3000, 12_000):
        counts[start : start + 800] = branching_process(getkey(), 800, 0.9, 0.0, start=4000)
    result = multistep_regression(counts)
    assert result.branching == pytest.approx(0.9, abs=0.01)
    assert np.isfinite([*result.interval, *result.errors]).all()


def test_errors_of_slopes_are_calibrated():
    counts = np.random.default_rng(1).poisson(3.0, 20_000)
    result = multistep_regression(counts)
    np.testing.assert_allclose(result.errors.mean(), 20_000**-0.5, rtol=0.15)  # of white noise


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"counts have shape \(10, 1\)"):
        multistep_regression(np.ones(10))
    with pytest.raises(ValueError, match="lags is 60, and there are 100 bins"):
        multistep_regression(np.ones(100), lags=60)
