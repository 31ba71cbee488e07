import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import hand_made, score

from jaxneuro.fitting import Voltage


def test_a_constant_error_costs_its_square(x64):
    target = hand_made([[], []])
    off = target.voltage + jnp.asarray([[3.0, -6.0]])
    found = score(Voltage(sd=4.0), target, [[], []], voltage=off)
    # Above, v counts as sd above the highest recorded voltage at most.
    np.testing.assert_allclose(found, [(3 / 4) ** 2, (6 / 4) ** 2], rtol=1e-12)
    high = score(Voltage(sd=2.0), target, [[], []], voltage=target.voltage + 50.0)
    np.testing.assert_allclose(high, 1.0, rtol=1e-12)


@pytest.mark.parametrize("block", [None, 1, 7])
def test_it_is_the_mean_of_the_trapezoids_that_count(block, x64):
    random = np.random.default_rng(0)
    error, counts = random.normal(-5.0, 2.0, 200), random.integers(0, 2, 200)
    target = hand_made([[]])
    target = eqx.tree_at(lambda t: t.is_subthreshold, target, jnp.asarray(counts[:, None], float))
    voltage = target.voltage + jnp.asarray(error)[:, None]
    found = score(Voltage(sd=3.0), target, [[]], block, voltage)
    square = np.minimum(error, 3.0) ** 2
    before = np.concatenate([square[:1], square[:-1]])
    wanted = np.sum(counts * 0.5 * (before + square)) / counts.sum() / 9.0
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_step_with_a_spike_is_divided_at_it(x64):
    # 2 mV too low before the spike at 0.3 of the step, 5 mV after: the ceiling is 4 mV above.
    target = hand_made([[]])
    off = np.where(np.arange(200) < 100, -2.0, -5.0)[:, None]
    found = score(Voltage(sd=4.0), target, [[50.15]], voltage=target.voltage + off)
    divided = 0.3 * 0.5 * (2.0**2 + 4.0**2) + 0.7 * 5.0**2
    wanted = (100 * 2.0**2 + divided + 99 * 5.0**2) / 200 / 4.0**2
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_a_crossing_without_a_reset_divides_nothing(x64):
    target = hand_made([[]])
    off = np.where(np.arange(200) < 100, -5.0, -2.0)[:, None]
    found = score(Voltage(sd=4.0), target, [[50.15]], voltage=target.voltage + off)
    wanted = (100 * 5.0**2 + 0.5 * (5.0**2 + 2.0**2) + 99 * 2.0**2) / 200 / 4.0**2
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_a_sweep_that_does_not_count_costs_nothing(x64):
    target = hand_made([[], []])
    target = eqx.tree_at(
        lambda t: t.is_subthreshold, target, target.is_subthreshold.at[:, 0].set(0.0)
    )
    found = score(Voltage(), target, [[], []], voltage=target.voltage - 4.0)
    np.testing.assert_allclose(found, [0.0, 1.0])


def test_a_wrong_sd_is_refused():
    with pytest.raises(ValueError, match=r"Voltage: sd is 0.0 mV; it must be above 0"):
        Voltage(sd=0.0)
