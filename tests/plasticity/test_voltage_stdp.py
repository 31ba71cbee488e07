import jax
import numpy as np
import pytest
from plasticity_examples import alone, at

from jaxneuro.plasticity import HardBounds, Unbounded, VoltageSTDP

CLAMPED = np.array([-80.0, -70.6, -65.0, -55.0, -45.3, -40.0, -30.0, -10.0])


@pytest.mark.parametrize("dt", [1.0, 0.25])
def test_pairing_with_a_clamped_voltage_depresses_then_potentiates(dt, x64):
    # Their Figure 1: as in Artola, Bröcher & Singer (1990) and Ngezahayo et al. (2000).
    rule = VoltageSTDP(bounds=Unbounded())
    start, spikes = round(400 / dt), 25
    steps = start + round((spikes * 40 + 400) / dt)
    pre = at(steps, *(start + round(40 / dt) * np.arange(spikes)))
    v = np.ones((steps, 1)) * CLAMPED
    found = alone(rule, np.zeros((1, 8)), pre, np.zeros((steps, 8)), v=v, dt=dt)[0]
    # After 400 ms both filters are at the clamped voltage, up to exp(-40); each spike's trace then
    # adds up to 1.
    above = np.maximum(CLAMPED + 70.6, 0.0)
    ltd, ltp = 14e-5 * above, 8e-5 * np.maximum(CLAMPED + 45.3, 0.0) * above
    np.testing.assert_allclose(found, spikes * (ltp - ltd), rtol=1e-9, atol=1e-15)
    assert np.all(found[:2] == 0)
    assert np.all(found[2:5] < 0)
    assert np.all(found[6:] > 0)


def twin(rule, weight, pre, post, v, dt):
    """The same in NumPy, a step at a time."""
    rule = jax.tree.map(float, rule)
    minus, plus = np.full((2, v.shape[1]), rule.theta_minus)
    x, average, since = np.zeros(pre.shape[1]), np.zeros(v.shape[1]), np.full(v.shape[1], 1e9)

    def filtered(u, old, tau):
        return old * np.exp(-dt / tau) + u * (1.0 - np.exp(-dt / tau))

    def above(u, theta):
        return np.maximum(u - theta, 0.0)

    for z, s, u in zip(pre, post, v, strict=True):
        since = np.where(s > 0, 0.0, since + dt)
        u = np.where(since < rule.spike_width - 1e-6, rule.v_spike, u)
        x = x * np.exp(-dt / rule.tau_x) + z
        ltd = rule.a_ltd * (average / rule.u_ref) ** 2 * above(minus, rule.theta_minus)
        weight = rule.bounds.clip(weight - np.outer(z, ltd))
        ltp = rule.a_ltp * above(u, rule.theta_plus) * above(plus, rule.theta_minus)
        weight = rule.bounds.clip(weight + (1 - np.exp(-dt / rule.tau_x)) * np.outer(x, ltp))
        minus, plus = filtered(u, minus, rule.tau_minus), filtered(u, plus, rule.tau_plus)
        average = filtered(above(u, rule.theta_minus), average, rule.tau_average)
    return np.asarray(weight)


def test_a_run_is_that_of_its_equations(x64):
    rng = np.random.default_rng(3)
    pre = (rng.random((400, 4)) < 0.1).astype(float)
    post = (rng.random((400, 3)) < 0.05).astype(float)
    v = -65.0 + 12.0 * rng.standard_normal((400, 3))
    weight = rng.uniform(0.3, 0.7, (4, 3))
    rule = VoltageSTDP(
        a_ltd=2e-3, a_ltp=3e-4, u_ref=8.0, tau_average=100.0, v_spike=20.0, spike_width=2.0,
        bounds=HardBounds(0.2, 0.8),
    )  # fmt: skip
    found = alone(rule, weight, pre, post, v=v, dt=0.5)
    np.testing.assert_allclose(found, twin(rule, weight, pre, post, v, 0.5), atol=1e-12)
    change = np.asarray(found) - weight
    assert change.max() > 0.05
    assert change.min() < -0.05


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match=r"VoltageSTDP: tau_x is 0\.0; it must be above 0"):
        VoltageSTDP(tau_x=0.0)
