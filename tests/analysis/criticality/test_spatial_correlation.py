import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxneuro.analysis.criticality import spatial_correlation


def field(length, steps=4000, offset=0.0, neurons=200, seed=0):
    """Gaussian noise with correlation (1 - offset) exp(-r / length) + offset, and its places."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0.0, 10.0, (neurons, 2))
    covariance = (1 - offset) * np.exp(-cdist(places, places) / length) + offset
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(neurons))
    return rng.normal(size=(steps, neurons)) @ root.T, places


@pytest.mark.parametrize("length", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_a_known_length_is_found(length, offset):
    found = spatial_correlation(*field(length, offset=offset))
    assert found.length == pytest.approx(length, rel=0.1)
    assert found.offset == pytest.approx(offset, abs=0.05)
    assert found.amplitude == pytest.approx(1 - offset, abs=0.1)
    assert found.length_error < 0.1 * length


def test_counts_have_a_smaller_amplitude_and_the_same_length():
    values, places = field(1.5)
    counts = np.random.default_rng(1).poisson(np.exp(0.5 * values - 1.0))
    found = spatial_correlation(counts, places)
    assert found.length == pytest.approx(1.5, rel=0.15)
    assert 0.05 < found.amplitude < 0.5


def test_bins_hold_the_pairs_of_their_distance():
    values, places = field(1.0, steps=50, neurons=12)
    edges = np.array([0.0, 2.0, 4.0, 100.0])
    values[:, 3] = 1.0  # has no correlation
    found = spatial_correlation(values, places, bins=edges)
    rest = np.delete(np.arange(12), 3)
    for index in range(3):
        pairs = [
            (i, j)
            for i in rest
            for j in rest
            if i < j and edges[index] <= np.linalg.norm(places[i] - places[j]) < edges[index + 1]
        ]
        each = [np.corrcoef(values[:, i], values[:, j])[0, 1] for i, j in pairs]
        assert found.counts[index] == len(pairs)
        assert found.correlations[index] == pytest.approx(np.mean(each))
        assert found.errors[index] == pytest.approx(np.std(each) / np.sqrt(len(pairs)))
    assert np.isnan(found.length)  # three bins are too few


def test_a_silent_network_has_no_length():
    found = spatial_correlation(np.zeros((100, 30)), np.random.default_rng(0).random((30, 2)))
    assert np.isnan(found.length)
    assert found.counts.sum() == 0
    with pytest.raises(ValueError, match=r"counts have shape \(100, 30\), positions \(20, 2\)"):
        spatial_correlation(np.zeros((100, 30)), np.zeros((20, 2)))
