import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.edges import Delta, Dropout, ExponentialCurrent, Projection
from jaxneuro.network import Network
from jaxneuro.neurons import LI, LIF, AdaptiveLIF, Input, Population, Refractory


def _weight(seed, *shape):
    """Multiples of 1/8: sums over spikes are exact, whatever the order of a product."""
    whole = np.random.default_rng(seed).integers(-8, 33, shape)
    return jnp.asarray(whole, jnp.float32) / 8


@pytest.fixture
def network():
    """A little of everything: recurrence, delays, dropout, receptors with and without state."""
    return Network(
        nodes={
            "input": Input(4),
            "exc": Population(Refractory(LIF(tau=4.0, reset_by="value"), period=1.0), 5),
            "inh": Population(AdaptiveLIF(tau=5.0), 3),
            "out": Population(LI(tau=16.0), 2),
        },
        edges={
            "drive": Projection("input", "exc", 2.0 * _weight(0, 4, 5), delay=0.0),
            "late": Dropout(Projection("input", "inh", _weight(1, 4, 3), delay=4.0), 0.25),
            "loop": Projection(
                "exc", "exc", _weight(2, 5, 5) / 4, receptor=ExponentialCurrent(tau=4.0), delay=3.0
            ),
            "ei": Projection("exc", "inh", _weight(3, 5, 3), receptor=Delta(), delay=0.0),
            "ie": Dropout(
                Projection(
                    "inh", "exc", -_weight(4, 3, 5) / 4, receptor=ExponentialCurrent(tau=2.0)
                ),
                0.5,
            ),
            "read": Projection("exc", "out", _weight(5, 5, 2), delay=2.0),
        },
    )


@pytest.fixture
def small():
    """Input, one spiking and one reading population; quick to compile."""
    return Network(
        {
            "input": Input(4),
            "exc": Population(Refractory(LIF(tau=4.0), period=1.0), 3),
            "out": Population(LI(), 2),
        },
        {
            "drive": Projection("input", "exc", 0.75 * jnp.abs(_weight(7, 4, 3)), delay=0.0),
            "read": Projection("exc", "out", jnp.ones((3, 2)), delay=2.0),
        },
    )
