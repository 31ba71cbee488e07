import re

import equinox as eqx
import jax.numpy as jnp
import pytest

from jaxneuro.edges import Dense, Dropout, ExponentialCurrent, Projection
from jaxneuro.network import AbstractStage, Advance, Network, count_parameters
from jaxneuro.neurons import LI, LIF, Input, Population, Refractory
from jaxneuro.plasticity import PairSTDP, Plastic
from jaxneuro.surrogates import Arctan


class Watch(AbstractStage):
    tag: str = eqx.field(static=True, default="watch")

    def init(self, network, key):
        return None

    def step(self, network, state, context):
        return state


@pytest.fixture
def network():
    return Network(
        {
            "image": Input((28, 28)),
            "exc": Population(Refractory(LIF(tau=jnp.arange(1.0, 101.0)), period=3.0), (10, 10)),
            "inh": Population(LIF(tau=7.5), 20, surrogate=Arctan(), reset_gradient="surrogate"),
            "out": Population(LI(), 10),
        },
        {
            "drive": Projection("image", "exc", connectivity=Dense((10, 10)), delay=0.0),
            "ei": Dropout(Projection("exc", "inh", jnp.ones((100, 20)), delay=1.5), 0.3),
            "ie": Projection(
                "inh",
                "exc",
                jnp.ones((20, 100)),
                receptor=ExponentialCurrent(tau=4.0),
                connectivity=Dense((10, 10)),
                bias=jnp.ones((10, 10)),
            ),
            "read": Projection("exc", "out", jnp.ones((100, 10))),
        },
    )


def _row(text, start):
    return next(line for line in text.splitlines() if re.match(rf"{start}\b", line))


def test_it_names_sizes_models_and_parameters(network):
    text = str(network)
    weights = 100 * 20 + 20 * 100 + 100 + 100 * 10
    assert f"3 populations, 130 neurons, 4 edges, {weights:,} weights and biases" in text
    assert "28 x 28" in _row(text, "image")
    row = _row(text, "exc")
    assert "10 x 10" in row
    assert "Refractory(LIF(tau: array, threshold=1" in row
    assert "period=3" in row
    assert "SuperSpike(slope=25), ExponentialEuler(), detached reset" in row
    assert "LIF(tau=7.5" in _row(text, "inh")
    assert "Arctan(" in _row(text, "inh")
    assert "surrogate reset" in _row(text, "inh")


def test_it_lists_edges_with_delay_and_weights(network):
    text = str(network)
    assert re.search(r"image -> exc +0 ms +0 ", _row(text, "drive"))
    assert re.search(r"exc -> inh +1.5 ms +2,000 +Dropout\(Projection\(", _row(text, "ei"))
    assert re.search(r"inh -> exc +1 step +2,100 .*ExponentialCurrent\(tau=4\)", _row(text, "ie"))


def test_it_shows_the_order_of_execution(network):
    lines = str(network).splitlines()
    order = lines[lines.index("order of execution") + 1 :]
    assert order == [
        "  1. exc, inh: recurrent, step by step; hears drive, ei, ie",
        "  2. out: element-wise over a block; hears read",
    ]


def test_it_names_the_stage_that_forces_single_steps(network):
    staged = Network(network.nodes, network.edges, (Advance(), Watch()))
    message = "order of execution (step by step: stage 'watch' sees every step)"
    assert message in str(staged)
    assert "step by step: stage" not in str(network)


def test_it_names_plastic_edges_that_force_single_steps(network):
    learning = Plastic(network.edges["ei"], PairSTDP(a_plus=0.03))
    text = str(eqx.tree_at(lambda n: n.edges["ei"], network, learning))
    message = "order of execution (step by step: plastic edge 'ei' learns from every step)"
    assert message in text
    row = _row(text, "ei")
    assert re.search(r"exc -> inh +1.5 ms +2,000 +Plastic\(Dropout\(Projection\(", row)
    assert "PairSTDP(a_plus=0.03, a_minus=0.012" in row


def test_count_parameters_counts_weights_and_biases_only(network):
    assert count_parameters(network.edges["ie"]) == 2100
    # An undrawn weight counts nothing, nor does tau.
    assert count_parameters(network.edges["drive"]) == 0
    assert count_parameters(network.nodes) == 0
