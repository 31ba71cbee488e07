import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro.core import Drive
from jaxneuro.inputs import Constant
from jaxneuro.integrators import RK4, Euler
from jaxneuro.neurons import (
    ConductanceElement,
    CurrentElement,
    Filter,
    Gate,
    Neuromorphic,
    Population,
    burster,
    conductance_burster,
)
from jaxneuro.neurons._neuromorphic import FilteredVoltage
from jaxneuro.simulation import simulate

KEY = jax.random.key(0)


def mixed():
    """Every kind of element; no parameter at its default."""
    return Neuromorphic(
        (
            ConductanceElement(0.9, -0.2),
            CurrentElement(-2.1, 0.1),
            CurrentElement(1.8, 0.2, tau=40.0),
            ConductanceElement(0.7, -3.0, (Gate(3.0, -0.5, 40.0), Gate(-2.0, 0.4, 300.0, v0=0.3))),
        ),
        C=1.3,
        v_start=-1.0,
        filter_start=-0.7,
        threshold=0.2,
    )


def test_the_equations(x64):
    neuron = mixed()
    v, x, y = -0.4, 0.3, -0.8
    state = FilteredVoltage(jnp.asarray(v), (jnp.asarray(x), jnp.asarray(y)))
    opening = 1 / (1 + np.exp(-3.0 * (x + 0.5))) / (1 + np.exp(2.0 * (y - 0.4)))
    outward = 0.9 * (v + 0.2) - 2.1 * np.tanh(v - 0.1) + 1.8 * np.tanh(x - 0.2)
    outward += 0.7 * (v + 3.0) * opening
    slope = neuron.derivative(state, Drive(current=jnp.asarray(0.6)))
    np.testing.assert_allclose(slope.v, (0.6 - outward) / 1.3, rtol=1e-12)
    np.testing.assert_allclose(slope.filters, [(v - x) / 40.0, (v - y) / 300.0], rtol=1e-12)


def test_elements_of_equal_tau_share_a_filter():
    neuron = mixed()
    assert [float(f.tau) for f in neuron.filters] == [40.0, 300.0]
    state = neuron.init((2,), KEY)
    np.testing.assert_array_equal(state.v, [-1.0, -1.0])
    np.testing.assert_allclose(state.filters, [[-0.7, -0.7], [0.3, 0.3]])
    own = Neuromorphic([CurrentElement(1.0, 0.0, 5.0, v0) for v0 in (None, 2.0, None, 2.0)])
    assert [e.filter for e in own.elements] == [0, 1, 0, 2]
    apart = Neuromorphic([CurrentElement(1.0, 0.0, jnp.asarray([5.0, tau])) for tau in (5.0, 6.0)])
    assert [f.tau.tolist() for f in apart.filters] == [[5.0, 5.0], [5.0, 6.0]]


def test_a_start_value_of_zero_is_a_start_value():
    # The original takes 0 for "none given".
    neuron = Neuromorphic([CurrentElement(1.0, 0.0, 5.0, v0=0.0)])
    assert float(neuron.init((), KEY).filters[0]) == 0.0


def test_the_start_of_filters_belongs_to_one_neuron():
    # In the original the latest neuron's default is that of all.
    element = CurrentElement(1.0, 0.0, 5.0)
    first, _ = Neuromorphic([element]), Neuromorphic([element], filter_start=3.0)
    np.testing.assert_allclose(first.init((), KEY).filters[0], -1.8)


def test_explicit_euler_runs():
    # `simulate(method="Euler")` of the original raises UnboundLocalError.
    run = simulate(
        Population(burster(), 1, integrator=Euler()), dt=1.0, steps=3, key=KEY, record="neuron.v"
    )
    assert jnp.isfinite(run["neuron.v"]).all()


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (CurrentElement(1.0, 0.0, 0.0, v0=1.0), "CurrentElement: v0 is 1.0, but tau = 0"),
        (ConductanceElement(1.0, 0.0, [Gate(1.0, 0.0, 0.0, 0.0)]), "Gate: v0 is 0.0"),
        (CurrentElement(1.0, 0.0, -5.0), "CurrentElement: tau is -5.0; it must be 0"),
        (CurrentElement(1.0, 0.0, jnp.asarray([0.0, 5.0])), "tau is .*it must be 0"),
        (CurrentElement(1.0, 0.0, None, filter=2), "filter is 2, but the neuron has 1 filters"),
    ],
)
def test_elements_that_are_refused(element, message):
    with pytest.raises(ValueError, match=message):
        Neuromorphic([element], filters=[Filter(5.0)])


def test_a_traced_tau_needs_a_filter():
    with pytest.raises(ValueError, match=r"tau is being traced.*filters=\(Filter"):
        jax.jit(lambda tau: Neuromorphic([CurrentElement(1.0, 0.0, tau)]))(5.0)
    slow = jax.jit(lambda tau: burster(tau_slow=tau).filters[0].tau)(30.0)
    assert float(slow) == 30.0


def test_every_parameter_changes_without_compiling_anew():
    traces = []

    @eqx.filter_jit
    def step(neuron):
        traces.append(1)
        state = neuron.init((2,), KEY)
        return neuron.advance(state, Drive(), 0.5, RK4())

    neuron = mixed()
    before = step(neuron)
    leaves, structure = jax.tree.flatten(neuron)
    for index, leaf in enumerate(leaves):
        changed = [*leaves[:index], leaf * 1.1, *leaves[index + 1 :]]
        after = step(structure.unflatten(changed))
        # The threshold alone changes no trajectory.
        assert eqx.tree_equal(before, after) == (leaf is neuron.threshold)
    assert len(traces) == 1


def test_replace_keeps_elements_and_filters():
    neuron = mixed()
    other = dataclasses.replace(neuron, C=2.0)
    assert float(other.C) == 2.0
    assert eqx.tree_equal(other.elements, neuron.elements)
    assert eqx.tree_equal(other.filters, neuron.filters)


def test_parameters_by_neuron():
    each = burster(a_fast=jnp.asarray([-2.0, -1.0]), tau_slow=jnp.asarray([50.0, 20.0]))
    population = Population(each, 2, integrator=RK4())
    both = simulate(population, dt=0.5, steps=50, key=KEY, record="neuron.v")["neuron.v"]
    for index, one in enumerate([burster(), burster(a_fast=-1.0, tau_slow=20.0)]):
        alone = Population(one, 1, integrator=RK4())
        v = simulate(alone, dt=0.5, steps=50, key=KEY, record="neuron.v")["neuron.v"]
        np.testing.assert_allclose(both[:, index], v[:, 0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"elements\.1\.a has shape \(2,\).*shape \(3,\)"):
        each.init((3,), KEY)


def test_parameters_change_while_running():
    population = Population(burster(), 1, integrator=RK4())
    options = {"dt": 0.5, "key": KEY, "record": "neuron.v"}
    first = simulate(population, {"neuron": Constant(-2.0)}, steps=64, **options)
    quiet = eqx.tree_at(lambda p: p.neuron.elements[1].a, population, jnp.asarray(0.0))
    inputs = {"neuron": Constant(-2.0)}
    same = simulate(population, inputs, steps=64, state=first.state, **options)
    other = simulate(quiet, inputs, steps=64, state=first.state, **options)
    assert float(jnp.abs(same["neuron.v"] - other["neuron.v"]).max()) > 0.5


@pytest.mark.parametrize("make", [mixed, burster, conductance_burster])
def test_gradients_match_finite_differences(make, x64):
    neuron = make() if make is not conductance_burster else make(g_sodium=1.0, g_calcium=0.3)

    @jax.jit
    @jax.value_and_grad
    def final(neuron):
        state = neuron.init((), KEY)
        for _ in range(5):
            state = neuron.advance(state, Drive(current=jnp.asarray(0.3)), 0.5, RK4())
        return state.v + 2.0 * sum(state.filters)

    gradient = final(neuron)[1]
    leaves, structure = jax.tree.flatten(neuron)
    for index, (leaf, slope) in enumerate(zip(leaves, jax.tree.leaves(gradient), strict=True)):

        def shifted(amount, index=index, leaf=leaf):
            moved = [*leaves[:index], leaf + amount, *leaves[index + 1 :]]
            return final(structure.unflatten(moved))[0]

        numeric = (shifted(1e-5) - shifted(-1e-5)) / 2e-5
        np.testing.assert_allclose(slope, numeric, rtol=1e-3, atol=1e-8)


def test_static_current_holds_what_is_slower(x64):
    neuron = mixed()
    v, rest = jnp.asarray(0.7), -0.9
    at = [neuron.static_current(v, rest, tau) for tau in (0.0, 40.0, 1000.0)]

    def current(x, y):
        return neuron._current(v, lambda place: v if place is None else (x, y)[place])

    wanted = [current(rest, rest), current(v, rest), current(v, v)]
    np.testing.assert_allclose(at, wanted, rtol=1e-12)


def test_filters_are_named_for_edges():
    neuron = mixed()
    assert [neuron.filter_path(tau) for tau in (0.0, 40.0, 300.0)] == [
        "v",
        "filters.0",
        "filters.1",
    ]
    with pytest.raises(ValueError, match=r"no filter has tau = 50 ms; there are \[40.0, 300.0\]"):
        neuron.filter_path(50.0)


def test_it_spikes_where_v_crosses_the_threshold_upwards():
    neuron = mixed()
    states = [FilteredVoltage(jnp.asarray(v), ()) for v in (0.1, 0.3, 0.5)]
    below, above, further = states
    assert float(neuron.margin(below, above)) > 0
    assert float(neuron.margin(above, further)) < 0
    assert float(neuron.margin(further, below)) < 0
    assert neuron.reset(above, jnp.asarray(1.0)) is above
