import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plasticity_examples import alone, at

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import Projection
from jaxneuro.neurons import LIF, Input
from jaxneuro.plasticity import BCM, HardBounds, Plastic, Unbounded


def regular(steps, intervals):
    """Trains that spike at step 0 and then at these intervals, in steps; 0 is silence."""
    return np.concatenate(
        [at(steps, *(range(0, steps, n) if n else ())) for n in intervals], axis=1
    )


def test_the_change_is_a_parabola_with_zeros_at_silence_and_at_the_threshold(x64):
    intervals = np.array([0, 100, 50, 40, 25, 10])
    steps, tau, theta = 1001, 100.0, 28.0
    rule = BCM(eta=1e-5, tau=tau, tau_theta=1e15, theta_start=theta, bounds=Unbounded())
    probe = at(steps, steps - 1)
    change = np.asarray(alone(rule, np.zeros((1, 6)), probe, regular(steps, intervals))[0])
    # The probe comes with a spike of every train, whose earlier ones are n steps apart.
    rate = np.array(
        [(1000 / tau) * np.exp(-np.arange(0, steps, n) / tau).sum() if n else 0 for n in intervals]
    )
    np.testing.assert_allclose(change, 1e-5 * rate * (rate - theta), rtol=1e-9, atol=1e-15)
    assert change[0] == 0
    assert np.all(change[1:3] < 0)
    assert np.all(change[3:] > 0)


def test_the_threshold_slides_past_the_rate_it_follows(x64):
    # A steady 5 or 20 Hz, with a probe before and after theta has become y^2 / y_0.
    steps, intervals = 3001, [20, 5]  # of 10 ms
    rule = BCM(
        eta=1e-6, y_0=10.0, tau=1000.0, tau_theta=3000.0, theta_start=10.0, bounds=Unbounded()
    )
    changes = []
    for when in (150, 3000):
        train = regular(steps, intervals)[: when + 1]
        found = alone(rule, np.zeros((1, 2)), at(when + 1, when), train, dt=10.0)
        changes.append(np.sign(found[0]))
    np.testing.assert_array_equal(changes, [[-1, 1], [1, -1]])


def test_neurons_come_to_answer_one_of_two_patterns():
    rng = np.random.default_rng(0)
    neurons, seconds = 8, 60
    rule = BCM(
        eta=4e-6, y_0=20.0, tau=50.0, tau_theta=2000.0, theta_start=20.0,
        bounds=HardBounds(0.0, 1.5),
    )  # fmt: skip
    weight = jnp.asarray(rng.uniform(0.5, 0.8, (20, neurons)), float)
    cells = Population(LIF(tau=20.0, resistance=6.0, reset_by="value"), neurons)
    net = Network(
        {"input": Input(20), "cells": cells},
        {"learns": Plastic(Projection("input", "cells", weight), rule)},
    )
    # 200 ms of ten sources at 40 Hz, then of the other ten.
    is_first = (np.arange(1000 * seconds) // 200) % 2 == 0
    rates = np.where(is_first[:, None] == (np.arange(20) < 10), 40.0, 2.0)
    spikes = jnp.asarray(rng.random(rates.shape) < rates / 1000.0, float)
    run = simulate(net, {"input": spikes}, dt=1.0, key=jax.random.key(0), record=("cells.spikes",))
    fired = np.asarray(run["cells.spikes"])

    def selectivity(part):
        a, b = (fired[part][is_first[part] == first].sum(0) for first in (True, False))
        return np.abs(a - b) / (a + b)

    assert np.median(selectivity(slice(0, 4000))) < 0.3
    assert np.min(selectivity(slice(-10_000, None))) > 0.7


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match=r"BCM: tau_theta is 0\.0; it must be above 0"):
        BCM(tau_theta=0.0)
