"""Measures of spike trains against those of Elephant and PySpike, frozen and live."""

import elephant_values as reference
import numpy as np
import pytest

from jaxneuro import analysis

FROZEN = reference.load()
TRAINS = FROZEN["trains"]
WANTED = {name: np.array(value) for name, value in FROZEN["values"].items()}


def counts(bin):
    return analysis.bin_spike_times(TRAINS, bin, reference.DURATION)


@pytest.mark.parametrize("name", ["cv", "cv2", "lv"])
def test_irregularity(name):
    intervals = analysis.interspike_intervals(TRAINS)
    np.testing.assert_allclose(getattr(analysis, name)(intervals), WANTED[name], rtol=1e-12)


def test_fano_factor():
    over_trains = analysis.counts_between(TRAINS, 0.0, reference.DURATION)
    assert analysis.fano_factor(over_trains) == pytest.approx(WANTED["fano_factor"], rel=1e-12)


def test_covariance_and_correlation():
    binned = counts(reference.COUNT_BIN)
    np.testing.assert_allclose(
        analysis.count_covariance(binned), WANTED["covariance"], rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(
        analysis.count_correlation(binned), WANTED["correlation"], rtol=1e-12, atol=1e-14
    )


def test_correlograms(x64):
    a, b = counts(reference.LAG_BIN)[:, [1, 2]].T
    options = {"bin": reference.LAG_BIN, "max_lag": reference.LAGS * reference.LAG_BIN}
    plain = analysis.cross_correlogram(a, b, **options)
    np.testing.assert_array_equal(plain.values, WANTED["correlogram"])
    corrected = analysis.cross_correlogram(a, b, **options, is_corrected=True).values
    np.testing.assert_allclose(corrected, WANTED["corrected"], rtol=1e-12)
    coefficient = analysis.cross_correlogram(a, b, **options, scale="coefficient").values
    np.testing.assert_allclose(coefficient, WANTED["coefficient"], rtol=1e-12, atol=1e-14)
    own = analysis.autocorrelogram(a, **options).values
    # Elephant counts each spike as a pair with itself.
    own = own.at[reference.LAGS].add(len(TRAINS[1]))
    np.testing.assert_array_equal(own, WANTED["autocorrelogram"])


def test_rates(x64):
    # Elephant takes a spike to the start of its step of 0.1 ms; the trains have it in the middle.
    at = np.arange(0.0, reference.DURATION, 0.1)[reference.SAMPLES] + 0.05
    rates = analysis.instantaneous_rate(TRAINS, at, reference.SMOOTHING)
    # It cuts the Gaussian off, and convolves by Fourier transforms.
    np.testing.assert_allclose(rates, WANTED["rate"], rtol=1e-10, atol=1e-10)
    over_trains = analysis.psth(counts(1.0), 1.0, reference.PSTH_BIN).rate
    np.testing.assert_allclose(over_trains, WANTED["psth"], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("victor_purpura", {"cost": reference.COST}),
        ("van_rossum", {"tau": reference.TAU}),
        ("isi_distance", {"start": 0.0, "stop": reference.DURATION}),
        ("spike_distance", {"start": 0.0, "stop": reference.DURATION}),
    ],
)
def test_distances(name, options):
    matrix = analysis.distance_matrix(TRAINS, getattr(analysis, name), **options)
    np.testing.assert_allclose(matrix, WANTED[name], rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Elephant's own, about what it calls
@pytest.mark.parametrize("library", ["elephant", "pyspike"])
def test_the_frozen_values_are_those_of_the_library(library):
    pytest.importorskip(library)
    measured = getattr(reference, f"by_{library}")(TRAINS)
    for name, value in measured.items():
        np.testing.assert_allclose(value, WANTED[name], rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("seed", range(3))
def test_many_random_pairs_are_as_in_pyspike(seed):
    pyspike = pytest.importorskip("pyspike")
    rng = np.random.default_rng(seed)
    for _ in range(40):
        # On a coarse grid some spikes coincide, and some are on the edges.
        a, b = (np.unique(rng.integers(0, 51, rng.integers(0, 9))) * 2.0 for _ in range(2))
        if any(np.array_equal(train, [0.0]) for train in (a, b)):
            continue  # see the test below
        one, two = pyspike.SpikeTrain(a, (0, 100)), pyspike.SpikeTrain(b, (0, 100))
        for name in ("isi_distance", "spike_distance"):
            wanted = getattr(pyspike, name)(one, two)
            value = getattr(analysis, name)(a, b, 0.0, 100.0)
            assert value == pytest.approx(wanted, rel=1e-10, abs=1e-12), (name, a, b)


def test_one_spike_on_the_very_start_is_where_pyspike_depends_on_the_direction_of_time():
    pyspike = pytest.importorskip("pyspike")

    def theirs(a, b):
        trains = [pyspike.SpikeTrain(np.sort(train), (0, 100)) for train in (a, b)]
        return pyspike.spike_distance(*trains)

    a, b = np.array([0.0]), np.array([12.0, 38.0, 51.0, 52.0, 96.0])
    turned = theirs(100 - a, 100 - b)
    assert theirs(a, b) != pytest.approx(turned, rel=0.01)
    assert analysis.spike_distance(a, b, 0.0, 100.0) == pytest.approx(turned, rel=1e-12)
