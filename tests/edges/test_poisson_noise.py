import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import AMPA, PoissonNoise, SharedReceptor
from jaxneuro.edges._poisson_noise import poisson_counts
from jaxneuro.neurons import LIF

KEY = jax.random.key(7)
DT = 0.5

draw = jax.jit(poisson_counts, static_argnames="shape")


# In one draw, at the border to several, and in several draws, at once and of different sizes.
@pytest.mark.parametrize("mean", [1e-3, 0.18, 1.0, 4.0, 4.1, 30.0])
def test_counts_are_poisson_distributed(mean, x64):
    size = 100_000
    counts = np.asarray(draw(KEY, jnp.asarray(mean), (size,)))
    np.testing.assert_array_equal(counts, np.round(counts))
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / size)
    spread = np.sqrt((mean + 2 * mean**2) / size)
    assert abs(((counts - mean) ** 2).mean() - mean) < 4 * spread
    expected = stats.poisson.pmf(np.arange(80), mean)
    seen = np.bincount(counts.astype(int), minlength=80) / size
    assert np.all(np.abs(seen - expected) <= 4.5 * np.sqrt(expected / size) + 3 / size)


def test_means_may_differ_within_a_draw():
    means = jnp.asarray([0.0, 0.5, 3.0, 100.0, -1.0])
    many = jax.jit(jax.vmap(lambda key: poisson_counts(key, means, (5,))))
    counts = np.asarray(many(jax.random.split(KEY, 20_000)))
    wanted = np.maximum(np.asarray(means), 0.0)
    assert np.all(np.abs(counts.mean(0) - wanted) <= 4 * np.sqrt(wanted / 20_000))
    assert np.all(np.abs(counts.var(0) - wanted) <= 4 * np.sqrt((wanted + 2 * wanted**2) / 20_000))


def test_lanes_of_different_means_are_those_of_each_alone():
    means = jnp.asarray([0.3, 9.0, 2.0])
    lanes = jax.jit(jax.vmap(lambda mean: poisson_counts(KEY, mean, (50,))))(means)
    for mean, lane in zip(means, lanes, strict=True):
        np.testing.assert_array_equal(lane, draw(KEY, mean, (50,)))


def cells(edges, record, steps=400, shape=400):
    net = Network({"cell": Population(LIF(threshold=1e6), shape)}, edges)
    return simulate(net, dt=DT, steps=steps, key=KEY, record=record)


def test_background_input_has_the_mean_and_variance_of_shot_noise(x64):
    rate, weight, tau = 5000.0, 0.4, 5.0
    edges = {
        "cell/ampa": SharedReceptor("cell", AMPA(tau=tau)),
        "noise": PoissonNoise("cell/ampa", rate=rate, weight=weight),
    }
    s = np.asarray(cells(edges, ("cell/ampa.s",))["cell/ampa.s"])[100:]
    # Campbell's theorem for m events per step on average, s decaying by q per step.
    m, q = rate * DT / 1000.0, np.exp(-DT / tau)
    mean, variance = m * weight * q / (1 - q), m * weight**2 * q**2 / (1 - q**2)
    independent = 400 * 300 * DT / (2 * tau)
    assert abs(s.mean() - mean) < 4 * np.sqrt(variance / independent)
    assert abs(((s - mean) ** 2).mean() - variance) < 4 * 2 * variance / np.sqrt(independent)


def test_events_depend_on_key_and_absolute_step_alone():
    edges = {"noise": PoissonNoise("cell", rate=[300.0, 20_000.0], weight=[1.0, 0.1])}
    whole = cells(edges, "cell.v", shape=2)["cell.v"]
    net = Network({"cell": Population(LIF(threshold=1e6), 2)}, edges)
    blocks = simulate(net, dt=DT, steps=400, key=KEY, record="cell.v", block=7)["cell.v"]
    np.testing.assert_allclose(blocks, whole, rtol=1e-6)


def test_gradients_match_finite_differences(x64):
    @jax.jit
    @jax.value_and_grad
    def total(point):
        edges = {
            "cell/ampa": SharedReceptor("cell", AMPA(tau=point[1], e_rev=2.0)),
            "noise": PoissonNoise("cell/ampa", rate=point[2], weight=point[0]),
        }
        return cells(edges, ("cell.v",), steps=40, shape=5)["cell.v"].sum()

    point = jnp.asarray([0.3, 2.0, 10_000.0])
    slope = total(point)[1]
    for index in range(2):
        up, down = (total(point.at[index].add(sign * 1e-6))[0] for sign in (1, -1))
        assert slope[index] != 0
        np.testing.assert_allclose(slope[index], (up - down) / 2e-6, rtol=1e-5)
    assert slope[2] == 0  # the draws are held


def test_misuse():
    with pytest.raises(ValueError, match=r"PoissonNoise: rate is -1\.0; it must be 0 Hz or more"):
        PoissonNoise("cell", rate=-1.0)
    with pytest.raises(ValueError, match=r"PoissonNoise: weight has shape \(3,\).*\(2,\)"):
        cells({"noise": PoissonNoise("cell", weight=[1.0, 2.0, 3.0])}, "cell.v", shape=2)
