"""Noise of conductances: what drives them, and what keeps them from falling below 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import (
    DirectConductance,
    ExponentialConductance,
    GaussianEvents,
    NonNegative,
    SharedReceptor,
)
from jaxneuro.neurons import LIF

NEURONS, TAU = 300, 3.0


def conductances(receptor, noise, dt, duration=150.0):
    """g of independent cells at the end of each step, once it is stationary."""
    cells = Population(LIF(threshold=1e6), NEURONS)
    edges = {"cell/g": SharedReceptor("cell", receptor), "noise": noise}
    run = simulate(
        Network({"cell": cells}, edges),
        dt=dt,
        steps=round(duration / dt),
        key=jax.random.key(2),
        record=("cell/g.g",),
    )
    return np.asarray(run["cell/g.g"])[round(30.0 / dt) :]


@pytest.mark.parametrize("dt", [0.1, 0.5])
def test_fluctuations_do_not_depend_on_dt(dt, x64):
    noise = GaussianEvents("cell/g", sd=0.2)
    g = conductances(ExponentialConductance(tau=TAU), noise, dt)
    kept = np.exp(-dt / TAU)
    variance = 0.2**2 * dt * kept**2 / (1 - kept**2)
    assert g.var() == pytest.approx(variance, rel=0.05)
    assert variance == pytest.approx(0.2**2 * TAU / 2, rel=0.2)
    assert abs(g.mean()) < 4 * np.sqrt(variance * 2 * TAU / (NEURONS * 120.0))


def test_a_conductance_reflected_at_0_is_half_normal(x64):
    """In the limit of small dt: its mean is sd sqrt(tau / pi)."""
    noise = GaussianEvents("cell/g", sd=0.2)
    receptor = NonNegative(ExponentialConductance(tau=TAU))
    means = [conductances(receptor, noise, dt, 90.0).mean() for dt in (0.1, 0.025)]
    # The error of reflection at the grid falls with sqrt(dt).
    limit = 2 * means[1] - means[0]
    assert limit == pytest.approx(0.2 * np.sqrt(TAU / np.pi), rel=0.03)
    assert conductances(receptor, noise, 0.1, 60.0).min() == 0.0


def test_rectified_noise_raises_the_mean(x64):
    noise = GaussianEvents("cell/g", sd=0.2, rectified=True, per_step=True)
    g = conductances(ExponentialConductance(tau=TAU), noise, 0.1)
    kept = np.exp(-0.1 / TAU)
    assert g.mean() == pytest.approx(0.2 / np.sqrt(2 * np.pi) * kept / (1 - kept), rel=0.01)
    coarse = conductances(ExponentialConductance(tau=TAU), noise, 0.5)
    kept = np.exp(-0.5 / TAU)
    assert coarse.mean() == pytest.approx(0.2 / np.sqrt(2 * np.pi) * kept / (1 - kept), rel=0.01)


def test_a_direct_conductance_lasts_for_its_step(x64):
    receptor = DirectConductance(e_rev=-70.0)
    _, drive = receptor.step(None, jnp.asarray([0.5, 0.0]), jnp.zeros(2), 0.1)
    np.testing.assert_allclose(drive.at(jnp.asarray([-60.0, -60.0])), [0.5 * (-70.0 + 60.0), 0.0])
    np.testing.assert_allclose(drive.at(jnp.asarray([-60.0, -60.0]), 1.0), [-5.0, 0.0])


def test_deviations_by_neuron_must_fit():
    cells = Population(LIF(), 3)
    edges = {
        "cell/g": SharedReceptor("cell", ExponentialConductance()),
        "noise": GaussianEvents("cell/g", sd=[0.1, 0.2]),
    }
    with pytest.raises(ValueError, match=r"sd has shape \(2,\).*\(3,\)"):
        simulate(Network({"cell": cells}, edges), dt=0.1, steps=1, key=jax.random.key(0))
