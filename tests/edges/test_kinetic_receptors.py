import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxneuro import Input, Network, Population, simulate
from jaxneuro.edges import (
    AMPA,
    GABAA,
    GABAB,
    NMDA,
    Alpha,
    Bounded,
    ConductanceReceptor,
    CurrentReceptor,
    DualExponential,
    ExponentialConductance,
    ExponentialCurrent,
    FirstOrder,
    GProtein,
    MagnesiumBlock,
    Projection,
    SecondOrder,
    SharedReceptor,
)
from jaxneuro.integrators import RK4
from jaxneuro.neurons import LIF

KEY = jax.random.key(0)
CELL = {"tau": 10.0, "v_rest": -65.0, "threshold": 50.0, "v_reset": -65.0, "resistance": 2.0}


def one_synapse(receptor, weight, dt=0.5, duration=30.0, events=(0.0, 12.0), record=("cell.v",)):
    """A passive cell with events at these times."""
    network = Network(
        {"in": Input(1), "cell": Population(LIF(**CELL), 1, integrator=RK4())},
        {
            "syn": Projection(
                "in", "cell", jnp.reshape(weight, (1, 1)), receptor=receptor, delay=0.0
            )
        },
    )
    at = jnp.asarray([round(t / dt) for t in events])
    spikes = jnp.zeros((round(duration / dt), 1)).at[at].set(1.0)
    return simulate(network, {"in": spikes}, dt=dt, key=KEY, record=record)


def nmda_cell(t, y):
    v, x, s = y
    g = 0.3 * s / (1 + np.exp(-0.062 * v) / 3.57)
    return [(-65.0 - v + 2.0 * g * (5.0 - v)) / 10.0, -x / 2.0, x * (1 - s) - s / 80.0]


def test_v_under_nmda_is_of_second_order_in_dt(x64):
    exact = np.asarray([-65.0, 0.0, 0.0])
    for span in (12.0, 18.0):
        exact[1] += 0.2
        exact = solve_ivp(nmda_cell, (0.0, span), exact, rtol=1e-11, atol=1e-13).y[:, -1]
    assert exact[0] > -64.0
    errors = [
        abs(float(one_synapse(NMDA(0.3, 5.0), 0.2, dt)["cell.v"][-1, 0]) - exact[0])
        for dt in (0.5, 0.25)
    ]
    assert errors[1] < 1e-3
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), 2.0, atol=0.2)


def test_first_order_kinetics_are_the_exponential_receptors(x64):
    record = ("cell.v", "syn.s")
    run = one_synapse(AMPA(g_max=0.5, e_rev=-10.0, tau=4.0), 0.6, record=record)
    same = one_synapse(ExponentialConductance(tau=4.0, e_rev=-10.0), 0.3)
    np.testing.assert_allclose(run["cell.v"], same["cell.v"], rtol=1e-12)
    np.testing.assert_allclose(run["syn.s"][0, 0], 0.6 * np.exp(-0.5 / 4.0), rtol=1e-12)
    run = one_synapse(CurrentReceptor(FirstOrder(tau=4.0), scale=3.0), 0.2)
    same = one_synapse(ExponentialCurrent(tau=4.0), 0.6)
    np.testing.assert_allclose(run["cell.v"], same["cell.v"], rtol=1e-12)


def test_the_receptors_of_the_textbook():
    assert isinstance(AMPA().kinetics, FirstOrder)
    assert (AMPA().kinetics.tau, AMPA().e_rev, AMPA().gate) == (2.0, 0.0, None)
    assert isinstance(GABAA().kinetics, FirstOrder)
    assert (GABAA().kinetics.tau, GABAA().e_rev) == (10.0, -70.0)
    assert isinstance(GABAB().kinetics, GProtein)
    assert GABAB().e_rev == -95.0
    nmda = NMDA(g_max=0.07, mg=2.0)
    assert isinstance(nmda.kinetics, SecondOrder)
    assert isinstance(nmda.gate, MagnesiumBlock)
    assert (nmda.kinetics.tau_rise, nmda.kinetics.tau_decay, nmda.gate.mg) == (2.0, 80.0, 2.0)
    assert nmda.g_max == jnp.float32(0.07)
    other = DualExponential(1.0, 7.0)
    for make in (AMPA, NMDA, GABAA, GABAB):
        assert make(kinetics=other).kinetics is other
        assert make(kinetics=other).e_rev == make().e_rev


def test_a_gated_receptor_may_be_shared_and_vary_over_the_target():
    # Two projections, one NMDA receptor: saturation is common to both.
    receptor = NMDA(g_max=[0.1, 0.3], e_rev=[0.0, 10.0], mg=[1.0, 0.5], tau_decay=[50.0, 80.0])
    network = Network(
        {"a": Input(1), "b": Input(1), "cell": Population(LIF(**CELL), 2)},
        {
            "cell/nmda": SharedReceptor("cell", receptor),
            "from_a": Projection("a", "cell/nmda", jnp.full((1, 2), 0.3), delay=0.0),
            "from_b": Projection("b", "cell/nmda", jnp.full((1, 2), 0.2), delay=0.0),
        },
    )
    spikes = jnp.zeros((40, 1)).at[0].set(1.0)
    record = ("cell.v", "cell/nmda.s")
    run = simulate(network, {"a": spikes, "b": spikes}, dt=0.5, key=KEY, record=record)
    for index in range(2):
        alone = jax.tree.map(lambda x, i=index: x[i] if x.ndim else x, receptor)
        one = one_synapse(alone, 0.5, duration=20.0, events=(0.0,), record=("cell.v", "syn.s"))
        s = run["cell/nmda.s"][:, index : index + 1]
        np.testing.assert_allclose(s, one["syn.s"], rtol=1e-5)
        # Another integrator: the two agree to their error.
        np.testing.assert_allclose(run["cell.v"][:, index], one["cell.v"][:, 0], atol=2e-3)


def test_a_neuron_of_unit_scale_refuses_a_gated_conductance():
    network = Network(
        {"in": Input(1), "cell": Population(LIF(input_scale="unit"), 1)},
        {"syn": Projection("in", "cell", jnp.ones((1, 1)), receptor=NMDA())},
    )
    with pytest.raises(ValueError, match="takes currents only"):
        simulate(network, {"in": jnp.ones((2, 1))}, dt=1.0, key=KEY)


RECEPTORS = {
    "AMPA": (AMPA, [0.5, 1.0, 3.0, 0.8]),
    "NMDA": (NMDA, [0.5, 1.0, 2.0, 40.0, 0.9, 0.8, 0.7, 3.0, 0.05]),
    "GABAA": (GABAA, [0.5, -70.0, 8.0, 0.9]),
    "GABAB": (GABAB, [3.0, -95.0, 0.09, 0.0012, 0.18, 0.034, 1e-4, 1.3]),
    "Bounded": (lambda g, e, *k: ConductanceReceptor(Bounded(*k), g, e), [0.5, 1.0, 3.0, 0.8]),
    "Alpha, gated": (
        lambda g, e, tau, mg: ConductanceReceptor(Alpha(tau), g, e, MagnesiumBlock(mg)),
        [0.5, 1.0, 3.0, 1.2],
    ),
    "DualExponential, current": (
        lambda scale, *k: CurrentReceptor(DualExponential(*k), scale),
        [2.0, 1.0, 5.0],
    ),
}


@pytest.mark.parametrize("name", RECEPTORS)
def test_gradients_match_finite_differences(name, x64):
    make, point = RECEPTORS[name]

    @jax.jit
    @jax.value_and_grad
    def last(values):
        run = one_synapse(make(*values[1:]), values[0], events=(0.0, 7.0))
        return run["cell.v"][10:, 0].mean()

    point = jnp.asarray([0.4, *point])
    slopes = last(point)[1]
    for index, size in enumerate(point):
        step = 1e-5 * abs(float(size))
        up, down = (last(point.at[index].add(sign * step))[0] for sign in (1, -1))
        assert slopes[index] != 0
        np.testing.assert_allclose(slopes[index], (up - down) / (2 * step), rtol=1e-5)


def test_gradients_are_those_of_every_dt(x64):
    # The slope of v by the weight itself converges: no part of the gradient is lost.
    def last(weight, dt):
        return one_synapse(NMDA(0.3), weight, dt)["cell.v"][-1, 0]

    coarse, fine = (jax.grad(last)(jnp.asarray(0.2), dt) for dt in (0.5, 0.125))
    np.testing.assert_allclose(coarse, fine, rtol=5e-3)
