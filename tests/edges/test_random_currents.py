import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import ExponentialCurrent, GaussianNoise, OrnsteinUhlenbeck, SharedReceptor
from jaxneuro.neurons import LIF

KEY = jax.random.key(8)
NEURONS = 400


def cells(edges, record, dt=0.5, steps=400, shape=NEURONS):
    """Independent cells, far from threshold, with a membrane time constant of 10 ms."""
    net = Network({"cell": Population(LIF(threshold=1e6), shape)}, edges)
    return simulate(net, dt=dt, steps=steps, key=KEY, record=record)


def within(sample, expected, deviation, independent):
    """The mean of a sample is within 4 standard errors of what is expected."""
    assert abs(float(np.mean(sample)) - expected) < 4 * deviation / np.sqrt(independent)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_the_effect_of_white_noise_does_not_depend_on_dt(dt, x64):
    mean, sd, tau = 2.0, 3.0, 10.0
    edges = {"noise": GaussianNoise("cell", mean=mean, sd=sd)}
    v = np.asarray(cells(edges, "cell.v", dt=dt, steps=round(150 / dt))["cell.v"])
    v = v[round(60 / dt) :]
    # v <- q v + (1 - q) I exactly, with a variance sd² / dt of I: sd² / (2 tau) for small dt.
    q = np.exp(-dt / tau)
    variance = (1 - q) / (1 + q) * sd**2 / dt
    np.testing.assert_allclose(variance, sd**2 / (2 * tau), rtol=1e-3)
    independent = NEURONS * 90 / (2 * tau)
    within(v, mean, np.sqrt(variance), independent)
    within((v - mean) ** 2, variance, np.sqrt(2) * variance, independent)


def draws(edge, dt=0.5, steps=200):
    """The currents of single steps: v <- q v + (1 - q) I."""
    v = np.asarray(cells({"noise": edge}, "cell.v", dt=dt, steps=steps)["cell.v"])
    q = np.exp(-dt / 10.0)
    return (v[1:] - q * v[:-1]) / (1 - q)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_noise_per_step_has_its_deviation_at_any_dt(dt, x64):
    current = draws(GaussianNoise("cell", mean=-1.0, sd=0.5, per_step=True), dt)
    within(current, -1.0, 0.5, current.size)
    within((current + 1.0) ** 2, 0.25, np.sqrt(2) * 0.25, current.size)
    within((current + 1.0) ** 4, 3 * 0.5**4, np.sqrt(96) * 0.5**4, current.size)
    for one, two in ((current[1:], current[:-1]), (current[:, 1:], current[:, :-1])):
        assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 4 / np.sqrt(one.size)


@pytest.mark.parametrize("dt", [0.5, 4.0])
def test_coloured_noise_is_stationary_and_decorrelates(dt, x64):
    mean, sd, tau = 1.0, 0.6, 8.0
    edges = {"noise": OrnsteinUhlenbeck("cell", mean=mean, sd=sd, tau=tau)}
    run = cells(edges, ("noise.I", "cell.v"), dt=dt)
    current = np.asarray(run["noise.I"])
    # From the first step on.
    within(current[0], mean, sd, NEURONS)
    within((current[0] - mean) ** 2, sd**2, np.sqrt(2) * sd**2, NEURONS)
    independent = NEURONS * 400 * dt / (2 * tau)
    within(current, mean, sd, independent)
    within((current - mean) ** 2, sd**2, np.sqrt(2) * sd**2, independent)
    for lag in (1, 5):
        lagged = (current[lag:] - mean) * (current[:-lag] - mean)
        within(lagged, sd**2 * np.exp(-lag * dt / tau), 2 * sd**2, independent)
    # It is what drives the cell, held within a step.
    q = np.exp(-dt / 10.0)
    v = np.asarray(run["cell.v"])
    np.testing.assert_allclose(v[1:], q * v[:-1] + (1 - q) * current[1:], rtol=1e-9, atol=1e-12)


def test_noise_may_feed_a_shared_receptor():
    edges = {
        "cell/i": SharedReceptor("cell", ExponentialCurrent(tau=3.0)),
        "a": GaussianNoise("cell/i", sd=0.0, mean=0.2),
        "b": OrnsteinUhlenbeck("cell/i", sd=0.0, mean=0.3),
    }
    q = np.exp(-0.5 / 3.0)
    i = cells(edges, "cell/i.i", shape=2)["cell/i.i"]
    np.testing.assert_allclose(i[-1], 0.5 * q / (1 - q), rtol=1e-5)


@pytest.mark.parametrize("kind", [GaussianNoise, OrnsteinUhlenbeck])
def test_gradients_match_finite_differences(kind, x64):
    @jax.jit
    @jax.value_and_grad
    def total(point):
        edge = kind("cell", *(point if kind is OrnsteinUhlenbeck else point[:2]))
        return (cells({"noise": edge}, "cell.v", steps=40, shape=5)["cell.v"] ** 2).sum()

    point = jnp.asarray([0.3, 2.0, 4.0])
    slope = total(point)[1]
    for index in range(3 if kind is OrnsteinUhlenbeck else 2):
        up, down = (total(point.at[index].add(sign * 1e-6))[0] for sign in (1, -1))
        assert slope[index] != 0
        np.testing.assert_allclose(slope[index], (up - down) / 2e-6, rtol=1e-5)


def test_misuse():
    with pytest.raises(ValueError, match=r"OrnsteinUhlenbeck: tau is 0\.0.*above 0"):
        OrnsteinUhlenbeck("cell", tau=0.0)
    for edge in (GaussianNoise("cell", sd=[1.0] * 3), OrnsteinUhlenbeck("cell", sd=[1.0] * 3)):
        with pytest.raises(ValueError, match=r"sd has shape \(3,\).*\(2,\)"):
            cells({"noise": edge}, "cell.v", shape=2)
