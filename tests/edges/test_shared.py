import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, Population, simulate
from jaxneuro.edges import ExponentialConductance, ExponentialCurrent, Projection, SharedReceptor
from jaxneuro.neurons import LIF

KEY = jax.random.key(0)
DT = 0.5


def network(weight, tau, **options):
    """Two sources that share one conductance of two cells."""
    nodes = {"a": Input(1), "b": Input(2), "cell": Population(LIF(threshold=50.0), 2)}
    edges = {
        "cell/g": SharedReceptor("cell", ExponentialConductance(tau=tau, e_rev=3.0)),
        "from_a": Projection(
            "a", "cell/g", weight * jnp.asarray([[1.0, 2.0]]), delay=0.0, **options
        ),
        "from_b": Projection("b", "cell/g", weight * jnp.ones((2, 2)), delay=1.0),
    }
    return Network(nodes, edges)


def run(weight, tau):
    inputs = {
        "a": jnp.zeros((30, 1)).at[0].set(1.0),
        "b": jnp.zeros((30, 2)).at[6].set(jnp.asarray([1.0, 3.0])),
    }
    return simulate(
        network(weight, tau), inputs, dt=DT, key=KEY, record=("cell/g.g", "cell.v", "cell.spikes")
    )


def test_it_is_the_sum_of_what_its_feeders_send(x64):
    g = run(0.2, 4.0)["cell/g.g"]
    t = DT * np.arange(1, 31)[:, None]
    # The delay of 1 ms puts the events of step 6 at the start of step 8.
    early = 0.2 * np.asarray([1.0, 2.0]) * np.exp(-t / 4.0)
    late = 0.2 * 4.0 * np.exp(-(t - 4.0) / 4.0) * (t > 4.0)
    np.testing.assert_allclose(g, early + late, rtol=1e-12)


def test_without_events_it_stays_closed():
    edge = SharedReceptor("cell", ExponentialCurrent(tau=4.0))
    net = Network({"cell": Population(LIF(), 2)}, {"cell/i": edge})
    run = simulate(net, dt=DT, steps=5, key=KEY, record=("cell/i.i", "cell.v"))
    assert run["cell/i.i"].shape == (5, 2)
    assert not run["cell/i.i"].any()
    assert not run["cell.v"].any()


def test_gradients_match_finite_differences(x64):
    @jax.jit
    @jax.value_and_grad
    def total(point):
        result = run(point[0], point[1])
        return (result["cell.v"] * jnp.asarray([[1.0, -0.4]])).sum()

    point = jnp.asarray([0.2, 4.0])
    slope = total(point)[1]
    for index in range(2):
        up, down = (total(point.at[index].add(sign * 1e-6))[0] for sign in (1, -1))
        assert slope[index] != 0
        np.testing.assert_allclose(slope[index], (up - down) / 2e-6, rtol=1e-5)


def test_a_feeder_with_a_receptor_of_its_own_is_refused():
    wrong = network(0.2, 4.0, receptor=ExponentialCurrent())
    with pytest.raises(ValueError, match=r"Edge 'from_a' feeds a SharedReceptor.*Direct"):
        simulate(wrong, {"a": jnp.ones((2, 1)), "b": jnp.ones((2, 2))}, dt=DT, key=KEY)
