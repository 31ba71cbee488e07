import sys

import fit_examples as small
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_examples import run

from jaxneuro import Population, simulate
from jaxneuro.fitting import Latency, Recording, SpikeTiming, Voltage, fit, make_target
from jaxneuro.fitting._least_squares import _residuals, is_squares, least_squares
from jaxneuro.fitting._polished import leave
from jaxneuro.integrators import ExponentialEuler
from jaxneuro.neurons import HodgkinHuxley

VOLTAGE = 0.5 * Voltage(sd=2.0)


def test_the_squares_of_the_residuals_add_up_to_the_loss():
    problem = small.problem(small.wrong(), objective=VOLTAGE + 2.0 * Voltage(sd=5.0))
    own = problem.chosen.split(problem.cell)
    residuals = jax.jit(lambda p: _residuals(problem, p))(own)
    wanted = float(problem.loss(own, True))
    assert wanted > 0.1
    assert float(jnp.sum(residuals**2)) == pytest.approx(wanted, rel=1e-4)


def test_the_truth_is_found_and_a_start_that_is_no_number_left():
    problem = small.problem(objective=VOLTAGE)
    near = small.free_numbers(problem, C=140.0, g_L=9.0)
    lost = {**near, "neuron.C": jnp.asarray(jnp.nan)}
    own = problem.chosen.split(problem.cell)  # where nothing is left to do
    begun = small.side_by_side(near, lost, own)
    found = least_squares(problem, begun, steps=30)
    values = problem.values(found.parameters)
    np.testing.assert_allclose(values["C"][::2], 120.0, rtol=1e-4)
    np.testing.assert_allclose(values["g_L"][::2], 8.0, rtol=1e-4)
    assert np.isinf(found.loss[1])
    np.testing.assert_allclose(found.history[0], leave(problem, begun).loss, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found.history[1], found.loss)
    assert (found.loss <= found.history[0]).all()


def test_it_is_for_sums_of_squares():
    assert is_squares(Voltage())
    assert is_squares(2.0 * Voltage() + Voltage(sd=3.0))
    assert not is_squares(2.0 * Voltage() + Latency())
    objective = Voltage() + Latency() + 0.5 * SpikeTiming()
    options = {"key": jax.random.key(0), "strategy": "least_squares"}
    with pytest.raises(ValueError, match=r"objective of squares, but Latency, SpikeTiming is"):
        fit(small.wrong(), small.target(), small.FREE, objective, **options)


@pytest.mark.parametrize("strategy", ["least_squares", "hybrid"])
def test_without_optimistix_it_says_what_to_install(strategy, monkeypatch):
    monkeypatch.setitem(sys.modules, "optimistix", None)
    options = {"key": jax.random.key(0), "strategy": strategy}
    message = r"needs? the package optimistix, .*pip install 'jaxneuro\[app\]'"
    with pytest.raises(ModuleNotFoundError, match=message):
        fit(small.wrong(), small.target(), small.FREE, Voltage(), **options)


def squid_axon(dt=0.05):
    """Noiseless sweeps of 70 ms of the classic axon: the target of a fit."""
    current = small.steps((3.0, 7.0, 10.0, 15.0), dt, (10.0, 50.0), 70.0)
    axon = Population(HodgkinHuxley(), 4, integrator=ExponentialEuler(), initial={"v": -65.0})
    inputs = {"neuron": jnp.asarray(current[:-1], float)}
    v = simulate(axon, inputs, dt=dt, key=jax.random.key(0), record="neuron.v")["neuron.v"]
    v = np.concatenate([np.full((1, 4), -65.0), np.asarray(v, float)])
    time = np.arange(len(v)) * dt
    cell = Recording(time, v, current, ((10.0, 50.0),), "axon", (0, 1, 2, 3))
    # Nothing is left out near a spike, which is as much of the model as the rest.
    return make_target(cell, dt=dt, spike_mask=(-1.0, -1.0))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_conductances_of_the_squid_axon_come_back(seed):
    random = np.random.default_rng(seed)
    true = {"g_Na": 120.0, "g_K": 36.0, "g_L": 0.3}
    off = random.uniform(0.25, 0.7, 3) * random.choice([-1.0, 1.0], 3)
    begun = {name: x * (1 + o) for (name, x), o in zip(true.items(), off, strict=True)}
    target = squid_axon()
    assert float(target.is_subthreshold.min()) == 1.0
    found = fit(
        HodgkinHuxley(**begun),
        target,
        {name: (x / 5, x * 5, "log") for name, x in true.items()},
        Voltage(sd=5.0),
        integrator=ExponentialEuler(),
        key=jax.random.key(seed),
        starts=4,
        generations=30,
        steps=40,
    )
    assert found.values == pytest.approx(true, rel=0.01)


def test_a_spike_without_reset_is_no_step_of_the_voltage():
    # The trace of the model itself: nothing is cut where it crosses the threshold.
    target = squid_axon()
    record = Voltage().residual_record("neuron", target)
    axon = HodgkinHuxley()
    assert np.isfinite(np.asarray(target.spike_times)).any()
    population = {"reset_gradient": "event"}
    recorded = run(axon, target.current, record, dt=target.dt, **population)
    assert np.isfinite(np.asarray(Voltage().residuals(recorded, target))).all()
