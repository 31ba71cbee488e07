import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plasticity_examples import alone, at

from jaxneuro import Network, Population, simulate
from jaxneuro.edges import ExponentialConductance, Projection
from jaxneuro.inputs import Constant, Poisson
from jaxneuro.neurons import LIF, Input
from jaxneuro.plasticity import HardBounds, InhibitorySTDP, Plastic, Unbounded

LAGS = np.array([-60, -20, -5, -1, 0, 1, 5, 20, 60])


def test_the_window_is_symmetric_with_an_offset(x64):
    rule = InhibitorySTDP(eta=0.02, rate=7.0, tau=15.0, bounds=Unbounded())
    found = [float(alone(rule, [[0.5]], at(200, 100), at(200, 100 + lag))[0, 0]) for lag in LAGS]
    alpha = 2 * 7.0 * 0.015
    np.testing.assert_allclose(found, 0.5 + 0.02 * (np.exp(-np.abs(LAGS) / 15.0) - alpha))


@pytest.mark.parametrize("rate", [5.0, 12.0])
def test_a_driven_neuron_comes_to_fire_at_the_rate_it_is_told(rate):
    rule = InhibitorySTDP(eta=0.002, rate=rate, bounds=HardBounds(0.0, 2.0))
    gaba = ExponentialConductance(tau=8.0, e_rev=-0.5)
    cells = LIF(tau=20.0, reset_by="value")
    net = Network(
        {"inh": Input(200), "exc": Population(cells, 8)},
        {"gaba": Plastic(Projection("inh", "exc", jnp.full((200, 8), 0.002), receptor=gaba), rule)},
    )

    def run(seconds, state=None):
        inputs = {"inh": Poisson(20.0), "exc": Constant(2.0)}
        run = simulate(
            net, inputs, dt=1.0, steps=1000 * seconds, key=jax.random.key(0), state=state,
            record=("exc.spikes",),
        )  # fmt: skip
        return run.state, float(run["exc.spikes"].mean()) * 1000.0

    state, first = run(1)
    state, _ = run(10, state)
    _, last = run(10, state)
    assert first > 2 * rate
    assert last == pytest.approx(rate, rel=0.1)


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match=r"InhibitorySTDP: tau is 0\.0; it must be above 0"):
        InhibitorySTDP(tau=0.0)
