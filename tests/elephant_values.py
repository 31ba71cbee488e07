"""What Elephant and PySpike make of some spike trains, frozen in data/elephant.json.

`python tests/elephant_values.py` computes them anew, with both libraries installed.
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "data" / "elephant.json"
DURATION = 1000.0  # ms
COST, TAU = 0.05, 20.0  # 1/ms, ms
SMOOTHING, SAMPLES = 20.0, slice(None, None, 500)  # ms, of steps of 0.1 ms
PSTH_BIN, COUNT_BIN, LAG_BIN, LAGS = 50.0, 20.0, 5.0, 12


def load() -> dict:
    frozen = json.loads(FILE.read_text(encoding="utf-8"))
    frozen["trains"] = [np.array(train) for train in frozen["trains"]]
    return frozen


def draw() -> list[np.ndarray]:
    """Poisson, two that share spikes, bursts, and a regular one with jitter; in the middles of
    steps of 0.1 ms, so that no bin is in doubt."""
    rng = np.random.default_rng(7)
    shared = rng.uniform(0, DURATION, 12)
    bursts = np.add.outer(rng.uniform(0, DURATION, 6), [0.0, 4.0, 9.0]).ravel()
    trains = [
        rng.uniform(0, DURATION, 30),
        np.append(shared, rng.uniform(0, DURATION, 8)),
        np.append(shared + rng.normal(0, 2.0, 12), rng.uniform(0, DURATION, 5)),
        bursts,
        np.arange(20.0, DURATION, 50.0) + rng.normal(0, 3.0, 20),
    ]
    steps = [np.unique(np.floor(train[(train > 0) & (train < DURATION)] * 10)) for train in trains]
    return [np.round(step / 10 + 0.05, 2) for step in steps]


def by_elephant(trains: list[np.ndarray]) -> dict:
    import neo
    import quantities as pq
    import scipy.stats
    from elephant import spike_train_correlation as correlation
    from elephant import spike_train_dissimilarity as dissimilarity
    from elephant import statistics
    from elephant.conversion import BinnedSpikeTrain
    from elephant.kernels import GaussianKernel

    spiketrains = [neo.SpikeTrain(train, t_stop=DURATION, units="ms") for train in trains]
    intervals = [statistics.isi(train).magnitude for train in spiketrains]
    counts = BinnedSpikeTrain(spiketrains, bin_size=COUNT_BIN * pq.ms)
    one, two = (BinnedSpikeTrain(spiketrains[i], bin_size=LAG_BIN * pq.ms) for i in (1, 2))

    def correlogram(a, b, **options):
        histogram, _ = correlation.cross_correlation_histogram(a, b, [-LAGS, LAGS], **options)
        return histogram.magnitude[:, 0]

    rate = statistics.instantaneous_rate(
        spiketrains, 0.1 * pq.ms, GaussianKernel(SMOOTHING * pq.ms), cutoff=10.0
    )
    histogram = statistics.time_histogram(spiketrains, PSTH_BIN * pq.ms, output="rate")
    return {
        "cv": [scipy.stats.variation(one) for one in intervals],  # what statistics.cv was
        "cv2": [statistics.cv2(one) for one in intervals],
        "lv": [statistics.lv(one) for one in intervals],
        "fano_factor": statistics.fanofactor(spiketrains),
        "rate": rate.magnitude[SAMPLES],
        "psth": 1000.0 * histogram.rescale("1/ms").magnitude[:, 0],
        "covariance": correlation.covariance(counts),
        "correlation": correlation.correlation_coefficient(counts),
        "correlogram": correlogram(one, two),
        "corrected": correlogram(one, two, border_correction=True),
        "coefficient": correlogram(one, two, cross_correlation_coefficient=True),
        "autocorrelogram": correlogram(one, one),
        "victor_purpura": dissimilarity.victor_purpura_distance(spiketrains, COST / pq.ms),
        "van_rossum": dissimilarity.van_rossum_distance(spiketrains, TAU * pq.ms),
    }


def by_pyspike(trains: list[np.ndarray]) -> dict:
    import pyspike

    spiketrains = [pyspike.SpikeTrain(train, (0.0, DURATION)) for train in trains]
    return {
        "isi_distance": pyspike.isi_distance_matrix(spiketrains),
        "spike_distance": pyspike.spike_distance_matrix(spiketrains),
    }


def write() -> None:
    from importlib.metadata import version

    trains = draw()
    values = by_elephant(trains) | by_pyspike(trains)
    names = ("elephant", "pyspike", "neo", "numpy", "scipy")
    lines = {
        "about": "Measures of five spike trains (ms, 0 to 1000) by Elephant and, for the last "
        "two, PySpike; the parameters are in tests/elephant_values.py, which writes this file.",
        "versions": {name: version(name) for name in names},
        "trains": [train.tolist() for train in trains],
        "values": {name: np.asarray(value).tolist() for name, value in values.items()},
    }
    FILE.write_text(json.dumps(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
