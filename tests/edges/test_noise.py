import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import (
    BaselineNoise,
    ExponentialConductance,
    PoissonEvents,
    SharedReceptor,
    UniformDraw,
)
from jaxneuro.neurons import LIF

KEY = jax.random.key(5)
DT, NEURONS = 0.5, 400


def cells(edges, record, steps=400, shape=NEURONS):
    """Independent cells, far from threshold, with these edges."""
    net = Network({"cell": Population(LIF(threshold=1e6), shape)}, edges)
    return simulate(net, dt=DT, steps=steps, key=KEY, record=record)


def within(sample, expected, deviation, independent):
    """The mean of a sample is within 4 standard errors of what is expected."""
    assert abs(float(np.mean(sample)) - expected) < 4 * deviation / np.sqrt(independent)


def test_poisson_events_make_shot_noise(x64):
    rate, weight, tau = 300.0, 0.4, 5.0
    edges = {
        "cell/g": SharedReceptor("cell", ExponentialConductance(tau=tau)),
        "noise": PoissonEvents("cell/g", rate=rate, weight=weight),
    }
    g = np.asarray(cells(edges, ("cell/g.g",))["cell/g.g"])[100:]
    # Campbell's theorem for events with probability p per step, g decaying by q.
    p, q = rate * DT / 1000.0, np.exp(-DT / tau)
    mean, variance = p * weight * q / (1 - q), p * (1 - p) * weight**2 * q**2 / (1 - q**2)
    independent = NEURONS * 300 * DT / (2 * tau)
    within(g, mean, np.sqrt(variance), independent)
    within((g - mean) ** 2, variance, 3 * variance, independent)
    # In the limit of small dt: rate w tau and rate w² tau / 2.
    np.testing.assert_allclose(mean, rate / 1000 * weight * tau, rtol=0.1)


def test_the_baseline_is_normal_and_held_for_random_times(x64):
    mean, noise, rate = 3.0, 2.0, 100.0
    edges = {"base": BaselineNoise("cell", mean=mean, noise=noise, rate=rate)}
    run = cells(edges, ("base.I_base", "base.offset_base"), steps=1000)
    current, offset = (np.asarray(run[f"base.{n}"]) for n in ("I_base", "offset_base"))
    np.testing.assert_allclose(current, mean + offset, rtol=1e-12)
    p = rate * DT / 1000.0
    # Nothing is drawn at the start.
    within(offset[0] == 0, 1 - p, np.sqrt(p * (1 - p)), NEURONS)
    offset = offset[400:]
    held = np.mean(offset[1:] == offset[:-1])
    within(held, 1 - p, np.sqrt(p * (1 - p)), offset.size)
    independent = NEURONS * 600 * p / 2
    within(offset, 0.0, noise, independent)
    within(offset**2, noise**2, np.sqrt(2) * noise**2, independent)
    within(offset**4, 3 * noise**4, np.sqrt(96) * noise**4, independent)
    lagged = np.mean(offset[20:] * offset[:-20])
    within(lagged, noise**2 * (1 - p) ** 20, 2 * noise**2, independent)


def test_uniform_draws_are_uniform_and_fresh(x64):
    # tau dv/dt = -v + U: what is drawn is tau (v - decayed) / (1 - decay).
    v = np.asarray(cells({"draw": UniformDraw("cell")}, ("cell.v",))["cell.v"])
    decay = np.exp(-DT / 10.0)
    draws = (v[1:] - decay * v[:-1]) / (1 - decay)
    assert draws.min() > -1e-9
    assert draws.max() < 1 + 1e-9
    count = np.histogram(draws, np.linspace(0, 1, 21))[0]
    chi_squared = ((count - draws.size / 20) ** 2).sum() / (draws.size / 20)
    assert chi_squared < 19 + 4 * np.sqrt(38)
    for pair in ((draws[1:], draws[:-1]), (draws[:, 1:], draws[:, :-1])):
        assert abs(np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1]) < 4 / np.sqrt(draws.size)


def test_an_event_in_each_step_is_the_most_there_is():
    edges = {"noise": PoissonEvents("cell", rate=5000.0, weight=0.7)}
    v = cells(edges, ("cell.v",), steps=3, shape=2)["cell.v"]
    exact = 0.7 * (1 - np.exp(-DT * np.arange(1, 4) / 10.0))
    np.testing.assert_allclose(v, np.stack([exact, exact], 1), rtol=1e-5)


@pytest.mark.parametrize("kind", ["events", "baseline"])
def test_gradients_match_finite_differences(kind, x64):
    # The draws stay the same, so that what they are multiplied with has a gradient.
    def edges(a, b):
        if kind == "baseline":
            return {"base": BaselineNoise("cell", mean=a, noise=b, rate=400.0)}
        return {
            "cell/g": SharedReceptor("cell", ExponentialConductance(tau=b, e_rev=2.0)),
            "noise": PoissonEvents("cell/g", rate=400.0, weight=a),
        }

    @jax.jit
    @jax.value_and_grad
    def total(point):
        return cells(edges(*point), ("cell.v",), steps=40, shape=5)["cell.v"].sum()

    point = jnp.asarray([0.3, 2.0])
    slope = total(point)[1]
    for index in range(2):
        up, down = (total(point.at[index].add(sign * 1e-6))[0] for sign in (1, -1))
        assert slope[index] != 0
        np.testing.assert_allclose(slope[index], (up - down) / 2e-6, rtol=1e-5)
