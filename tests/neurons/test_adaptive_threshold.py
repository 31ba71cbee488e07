import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import simulate
from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.neurons import (
    LI,
    LIF,
    AdaptiveLIF,
    AdaptiveThreshold,
    Population,
    Refractory,
)

KEY = jax.random.key(0)


def run(neuron, current, dt, steps, state=None, size=1):
    population = Population(neuron, size)
    drive = Drive(current=jnp.broadcast_to(jnp.asarray(current), (size,)))

    def step(state, _):
        state, spikes = population.step(state, drive, dt)
        return state, (state, spikes)

    state = population.init(KEY) if state is None else state
    return jax.lax.scan(step, state, length=steps)[1]


def test_theta_is_the_sum_over_spikes_and_a_spike_needs_it(x64):
    neuron = AdaptiveThreshold(LIF(tau=10.0, reset_by="value"), increase=0.2, tau=50.0)
    states, spikes = run(neuron, 2.0, 0.1, 1500)
    fired = np.flatnonzero(spikes)
    time = 0.1 * np.arange(1500)
    wanted = sum(0.2 * np.exp(-(time - t) / 50.0) * (time >= t - 1e-9) for t in time[fired])
    np.testing.assert_allclose(states.theta[:, 0], wanted, atol=1e-12)
    # From reset, v = 2 (1 - exp(-t / tau)) reaches 1 + theta of that time, and not a step before.
    for last, now in itertools.pairwise(fired):
        v = 2.0 * (1.0 - np.exp(-0.1 * np.arange(now - last + 1) / 10.0))
        rise = wanted[last] * np.exp(-0.1 * np.arange(now - last + 1) / 50.0)
        assert v[-1] > 1.0 + rise[-1]
        assert np.all(v[:-1] <= 1.0 + rise[:-1])
    assert len(fired) > 5


def test_around_a_lif_it_is_an_adaptive_lif(x64):
    wrapped = AdaptiveThreshold(LIF(tau=10.0, reset_by="value"), increase=0.3, tau=40.0)
    own = AdaptiveLIF(tau=10.0, tau_threshold=40.0, step=0.3, reset_by="value")
    (a, spikes), (b, others) = run(wrapped, 3.0, 0.5, 400), run(own, 3.0, 0.5, 400)
    np.testing.assert_array_equal(spikes, others)
    np.testing.assert_allclose(a.v, b.v, atol=1e-12)
    np.testing.assert_allclose(a.theta, b.rise, atol=1e-12)
    assert spikes.sum() > 5


@pytest.mark.parametrize("current", [2.0, 6.0])
def test_with_a_rate_it_finds_the_threshold_for_it(current):
    neuron = AdaptiveThreshold(LIF(tau=20.0, reset_by="value"), increase=0.03, rate=20.0)
    _, spikes = run(neuron, current, 1.0, 20_000)
    assert float(spikes[-5000:].mean()) * 1000.0 == pytest.approx(20.0, rel=0.03)
    assert float(spikes[:200].mean()) * 1000.0 > 40.0


def test_without_spikes_it_falls_by_the_rate(x64):
    neuron = AdaptiveThreshold(LIF(), increase=0.5, tau=200.0, rate=10.0)
    states, _ = run(neuron, 0.0, 1.0, 300)
    time = np.arange(1, 301)
    wanted = -0.5 * 0.01 * 200.0 * (1.0 - np.exp(-time / 200.0))
    np.testing.assert_allclose(states.theta[:, 0], wanted, atol=1e-12)


def test_theta_is_carried_from_run_to_run():
    cells = Population(Refractory(AdaptiveThreshold(LIF(reset_by="value"), increase=0.1), 2.0), 3)
    inputs = {"neuron": Constant(3.0)}
    options = {"dt": 1.0, "steps": 200, "key": KEY, "record": ("neuron.theta", "neuron.spikes")}
    first = simulate(cells, inputs, **options)
    second = simulate(cells, inputs, state=first.state, **options)
    spikes = np.concatenate([first["neuron.spikes"], second["neuron.spikes"]])
    theta = np.concatenate([first["neuron.theta"], second["neuron.theta"]])
    np.testing.assert_allclose(theta, 0.1 * np.cumsum(spikes, axis=0), rtol=1e-3)
    assert 0 < second["neuron.spikes"].sum() < first["neuron.spikes"].sum()


def test_a_neuron_that_never_spikes_never_does():
    _, spikes = run(AdaptiveThreshold(LI(tau=5.0)), 9.0, 1.0, 20)
    assert spikes.sum() == 0


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match=r"AdaptiveThreshold: tau is 0\.0; it must be above 0"):
        AdaptiveThreshold(LIF(), tau=0.0)
