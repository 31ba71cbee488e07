import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.plotting import isi_histogram

INTERVALS = np.random.default_rng(0).exponential(20.0, (1000, 3))


def test_intervals_are_counted_beside_those_of_a_poisson_process():
    intervals = np.where(INTERVALS > 1.0, INTERVALS, np.nan)
    figure = isi_histogram(jnp.asarray(intervals), bins=30, title="cell")
    figure.canvas.draw()
    (axes,) = figure.axes
    histogram, poisson = (patch.get_data() for patch in axes.patches)
    known = intervals[np.isfinite(intervals)]
    assert histogram.values.sum() == len(known)
    np.testing.assert_allclose(histogram.edges, np.linspace(0.0, known.max(), 31), rtol=1e-6)
    middle = (poisson.edges[1:] + poisson.edges[:-1]) / 2
    density = len(known) / known.mean() * np.exp(-middle / known.mean())
    np.testing.assert_allclose(poisson.values, density * np.diff(poisson.edges), rtol=0.02)
    cv = known.std() / known.mean()
    told = f"{len(known):,} intervals: mean {known.mean():.3g} ms, CV {cv:.2f}"
    assert axes.get_title(loc="left") == told
    assert figure.get_suptitle() == "cell"


def test_logarithmic_bins_hold_all_intervals():
    (axes,) = isi_histogram(INTERVALS, bins=25, is_log=True).axes
    histogram = axes.patches[0].get_data()
    assert histogram.values.sum() == INTERVALS.size
    np.testing.assert_allclose(np.diff(np.log(histogram.edges)).std(), 0.0, atol=1e-9)
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("is_log", [False, True])
def test_few_intervals_are_drawn(is_log):
    none = isi_histogram(np.full((3, 2), np.nan), is_log=is_log)
    none.canvas.draw()
    assert none.axes[0].texts[0].get_text() == "no intervals"
    one = isi_histogram(np.array([5.0]), is_log=is_log)
    one.canvas.draw()
    assert one.axes[0].get_title(loc="left") == "1 interval: mean 5 ms, CV nan"
    isi_histogram(np.zeros(3)).canvas.draw()


def test_misuse_is_named():
    with pytest.raises(ValueError, match="bins is 0"):
        isi_histogram(INTERVALS, bins=0)
    with pytest.raises(ValueError, match="negative or infinite"):
        isi_histogram(np.array([1.0, np.inf]))
    with pytest.raises(ValueError, match="0 ms, which has no logarithm"):
        isi_histogram(np.array([1.0, 0.0]), is_log=True)
