import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxneuro import Input, Network, Population, simulate
from jaxneuro.edges import ExponentialConductance, Projection
from jaxneuro.neurons import LIF

KEY = jax.random.key(0)
CELL = {"tau": 10.0, "v_rest": -65.0, "threshold": 50.0, "v_reset": -65.0, "resistance": 2.0}


def one_synapse(weight, tau, e_rev, dt, duration=30.0, rectify="none", events=(0.0, 12.0)):
    """v, and the conductance, of a passive cell with events at these times."""
    receptor = ExponentialConductance(tau=tau, e_rev=e_rev, rectify=rectify)
    network = Network(
        {"in": Input(1), "cell": Population(LIF(**CELL), 1)},
        {
            "syn": Projection(
                "in", "cell", jnp.reshape(weight, (1, 1)), receptor=receptor, delay=0.0
            )
        },
    )
    at = jnp.asarray([round(t / dt) for t in events])
    spikes = jnp.zeros((round(duration / dt), 1)).at[at].set(1.0)
    run = simulate(network, {"in": spikes}, dt=dt, key=KEY, record=("cell.v", "syn.g"))
    return run["cell.v"][:, 0], run["syn.g"][:, 0]


def test_the_conductance_is_a_sum_of_exponentials(x64):
    dt = 0.5
    g = one_synapse(0.7, 4.0, 0.0, dt)[1]
    t = dt * np.arange(1, g.size + 1)
    exact = sum(0.7 * np.exp(-(t - s) / 4.0) * (t > s) for s in (0.0, 12.0))
    np.testing.assert_allclose(g, exact, rtol=1e-12)


def test_v_is_of_second_order_in_dt(x64):
    def slope(t, v):
        g = sum(0.3 * np.exp(-(t - s) / 4.0) * (t >= s) for s in (0.0, 12.0))
        return (-65.0 - v + 2.0 * g * (0.0 - v)) / 10.0

    exact = np.asarray([-65.0])
    for span in ((0.0, 12.0 - 1e-12), (12.0, 30.0)):
        exact = solve_ivp(slope, span, exact, rtol=1e-11, atol=1e-11).y[:, -1]
    errors = [abs(float(one_synapse(0.3, 4.0, 0.0, dt)[0][-1]) - exact[0]) for dt in (0.5, 0.25)]
    assert errors[1] < 2e-3
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), 2.0, atol=0.2)


def test_a_lasting_conductance_has_its_fixed_point(x64):
    # v = (v_rest + R g e_rev) / (1 + R g).
    v, g = one_synapse(0.6, 1e9, -20.0, 0.5, duration=200.0, events=(0.0,))
    np.testing.assert_allclose(g[-1], 0.6, rtol=1e-6)
    np.testing.assert_allclose(v[-1], (-65.0 - 2.0 * 0.6 * 20.0) / 2.2, rtol=1e-6)


@pytest.mark.parametrize(
    ("rectify", "below", "above"),
    [("none", 1.0, 1.0), ("depolarising", 1.0, 0.0), ("hyperpolarising", 0.0, 1.0)],
)
def test_rectification(rectify, below, above):
    receptor = ExponentialConductance(tau=5.0, e_rev=-10.0, rectify=rectify)
    v = jnp.asarray([-30.0, 15.0])
    state, drive = receptor.step(receptor.init((2,)), jnp.full(2, 2.0), v, 0.5)
    wanted = 2.0 * np.asarray([below, above])
    decay = np.exp(-0.1)
    np.testing.assert_allclose(drive.conductance, wanted, rtol=1e-6)
    np.testing.assert_allclose(drive.conductance_end, wanted * decay, rtol=1e-6)
    np.testing.assert_allclose(drive.current, -10.0 * wanted, rtol=1e-6)
    np.testing.assert_allclose(drive.current_end, -10.0 * wanted * decay, rtol=1e-6)
    # The conductance itself goes on.
    np.testing.assert_allclose(state.g, 2.0 * decay, rtol=1e-6)


@pytest.mark.parametrize("rectify", ["none", "depolarising"])
def test_gradients_match_finite_differences(rectify, x64):
    @jax.jit
    @functools.partial(jax.value_and_grad, argnums=(0, 1, 2))
    def last(weight, tau, e_rev):
        return one_synapse(weight, tau, e_rev, 0.5, rectify=rectify)[0][-1]

    point = [jnp.asarray(x) for x in (0.3, 4.0, 1.0)]
    slopes = last(*point)[1]
    for index, slope in enumerate(slopes):
        up, down = (
            last(*(x + sign * 1e-6 * (i == index) for i, x in enumerate(point)))[0]
            for sign in (1, -1)
        )
        assert slope != 0
        np.testing.assert_allclose(slope, (up - down) / 2e-6, rtol=1e-5)
