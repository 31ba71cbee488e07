"""The 26 models of CompNeuroPy 1.0.4: names, parameters, defaults, and what can be recorded."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, Population, catalogue, simulate
from jaxneuro.catalogue import MODELS
from jaxneuro.core import leaf_paths
from jaxneuro.edges import Projection
from jaxneuro.neurons import AbstractNeuron, Fragment

KEY = jax.random.key(0)
SYN = {"tau_ampa": 10.0, "tau_gaba": 10.0, "E_ampa": 0.0, "E_gaba": -90.0}
SYN_FAST = {"tau_ampa": 2.0, "tau_gaba": 5.0, "E_ampa": 0.0, "E_gaba": -80.0}
NOISY = {"increase_noise": 0.0, "rates_noise": 0.0}
BASE = {"base_mean": 0.0, "base_noise": 0.0, "rate_base_noise": 0.0}
OF_2003 = {
    **dict.fromkeys(("a", "b", "c", "d", "I_app"), 0.0),
    **{"tau_ampa": 1.0, "tau_gaba": 1.0, "E_ampa": 0.0, "E_gaba": 0.0},
}
FREE = {**OF_2003, "n2": 0.0, "n1": 0.0, "n0": 0.0}
OF_2007 = {
    **{"C": 100.0, "k": 0.7, "v_r": -60.0, "v_t": -40.0, "a": 0.03, "b": -2.0, "c": -50.0},
    **{"d": 100.0, "v_peak": 35.0, "I_app": 0.0},
}
OF_FSI = {
    **{"C": 20.0, "k": 1.0, "v_r": -55.0, "v_t": -40.0, "a": 0.1, "b": -2.0, "c": -50.0},
    **{"d": 2.0, "v_peak": 25.0, "I_app": 0.0},
}
OF_CORBIT = {**OF_FSI, **SYN_FAST, "b_n": 0.1, "a_s": 0.1, "a_n": 0.1, "nonlin": 0.1}
G = ("g_ampa", "g_gaba", "v")
IZHIKEVICH = (*G, "u")
# Parameters with their defaults, and variables that can be recorded.
WANTED = {
    "IntegratorNeuron": (
        {"tau": 1.0, "threshold": 1.0, "neuron_id": 0.0},
        ("g_ampa", "decision"),
    ),
    "IntegratorNeuronSimple": ({"tau": 1.0, "neuron_id": 0.0}, ("g_ampa",)),
    "PoissonNeuron": ({"rates": 0.0}, ()),
    "PoissonNeuronUpDown": ({"rates": 0.0, "tau_up": 1.0, "tau_down": 1.0}, ("act",)),
    "PoissonNeuronSin": (
        dict.fromkeys(("amplitude", "base", "frequency", "phase"), 0.0),
        ("rates",),
    ),
    "HHneuronBischop": (
        {"C_m": 30.0, "gg_L": 2.5, "E_L": -68.0, "gg_Na": 700.0, "gg_Kv3": 300.0, "v_t": 30.0},
        (
            *("v", "h", "n1", "n3", "k", "Ca", "PV_Ca", "PV_Mg", "PV", "m", "a"),
            *("I_L", "I_Na", "I_Kv1", "I_Kv3", "I_SK", "I_Ca"),
        ),
    ),
    "HHneuronBischopSyn": (SYN, (*G, "h", "I_Ca")),
    "HHneuronCorbit": (
        {"C_m": 1.0, "gg_L": 0.25, "v_L": -70.0, "gg_Na": 112.5, "gg_Kv3": 225.0, "gg_Kv1": 0.39}
        | {"tau_h_Kv1": 150.0, "v_t": 0.0, "I_app": 0.0},
        ("v", "h_Na", "n_Kv3", "m_Kv1", "h_Kv1", "m_Na", "I_L", "I_Na", "I_Kv3", "I_Kv1"),
    ),
    "HHneuronCorbitSyn": (SYN, (*G, "h_Na", "I_Na")),
    "HHneuronCorbitVoltageClamp": ({}, ("v", "I_inf", "h_Na", "I_Na")),
    "Izhikevich2003FixedNoisyAmpa": ({**OF_2003, **NOISY}, IZHIKEVICH),
    "Izhikevich2003NoisyAmpa": ({**FREE, **NOISY}, IZHIKEVICH),
    "Izhikevich2003NoisyAmpaNonlin": ({**FREE, **NOISY, "nonlin": 1.0}, (*IZHIKEVICH, "I")),
    "Izhikevich2003NoisyAmpaOscillating": (
        {**FREE, **NOISY, "freq": 0.0, "amp": 6.0},
        (*IZHIKEVICH, "osc"),
    ),
    "Izhikevich2003NoisyBase": ({**FREE, **BASE}, (*IZHIKEVICH, "offset_base", "I_base", "I")),
    "Izhikevich2003NoisyBaseNonlin": (
        {**FREE, **BASE, "nonlin": 1.0},
        (*IZHIKEVICH, "offset_base", "I_base", "I"),
    ),
    "Izhikevich2007": (OF_2007, ("v", "u", "I_v")),
    "Izhikevich2007RecCur": (OF_2007, ("v", "u", "I_v", "I_u", "I_k", "I_a")),
    "Izhikevich2007VoltageClamp": (OF_2007, ("v", "u", "I_inf", "I_v")),
    "Izhikevich2007Syn": ({**OF_2007, **SYN}, (*IZHIKEVICH, "I_v")),
    "Izhikevich2007NoisyAmpa": ({**OF_2007, **SYN, **NOISY}, (*IZHIKEVICH, "I_v")),
    "Izhikevich2007NoisyBase": (
        {**OF_2007, **SYN, **BASE},
        (*IZHIKEVICH, "I_v", "offset_base", "I_base"),
    ),
    "Izhikevich2007FsiNoisyAmpa": (
        {**OF_FSI, **SYN_FAST, **NOISY, "v_b": -55.0},
        (*IZHIKEVICH, "I_v"),
    ),
    "Izhikevich2007CorbitFsiNoisyAmpa": ({**OF_CORBIT, **NOISY}, (*IZHIKEVICH, "s", "n", "I_v")),
    "Izhikevich2007CorbitFsiNoisyBase": (
        {**OF_CORBIT, **BASE},
        (*IZHIKEVICH, "s", "n", "I_v", "offset_base", "I_base"),
    ),
    "Izhikevich2007NoisyAmpaOscillating": (
        {**OF_FSI, **SYN_FAST, **NOISY, "freq": 0.0, "amp": 300.0},
        (*IZHIKEVICH, "I_v", "osc"),
    ),
}
# Whose variables start at 0 wherever CompNeuroPy gives no `init`.
FROM_ZERO = [name for name in WANTED if name.startswith(("Izh", "Poisson"))]
every_model = pytest.mark.parametrize("name", sorted(WANTED))


def test_there_are_26():
    assert len(WANTED) == 26
    assert set(WANTED) <= set(MODELS)
    for name in WANTED:
        assert getattr(catalogue, name) is MODELS[name]
    # Beside the field's standards.
    assert {"LIF", "AdEx", "HodgkinHuxley", "Izhikevich2003"} <= set(MODELS)


@every_model
def test_parameters_have_their_names_and_defaults(name):
    signature = inspect.signature(MODELS[name]).parameters
    wanted = WANTED[name][0]
    assert {key: signature[key].default for key in wanted} == wanted
    beyond = {key for key in signature if key not in wanted} - {"parameters"}
    if not name.startswith("HH"):  # which have parameters that CompNeuroPy cannot set
        assert beyond <= {"nonlin_is_exponent"}
    with pytest.raises(TypeError, match="thresold"):
        MODELS[name](thresold=1.0)


def path_of(model, name):
    return model.path_of("exc", name) if isinstance(model, Fragment) else f"exc.{name}"


@every_model
def test_it_runs_and_its_variables_can_be_recorded(name):
    # Nothing is added by hand: Poisson models bring their draw, fragments their receptors.
    model = MODELS[name]()
    assert isinstance(model, AbstractNeuron | Fragment)
    record = {key: path_of(model, key) for key in (*WANTED[name][1], "spikes")}
    net = Network({"exc": Population(model, 2)})
    run = simulate(net, dt=0.01, steps=3, key=KEY, record=record)
    assert {key: run[key].shape for key in record} == dict.fromkeys(record, (3, 2))
    assert all(np.isfinite(run[key]).all() for key in record if key != "I_v")
    if isinstance(model, Fragment):
        assert set(dict(model.names)) <= set(WANTED[name][1])


# Where a parameter ends up, if not in a leaf of its own name.
PLACES = {
    "tau_ampa": "edges.ampa.receptor.tau",
    "tau_gaba": "edges.gaba.receptor.tau",
    "E_ampa": "edges.ampa.receptor.e_rev",
    "E_gaba": "edges.gaba.receptor.e_rev",
    "increase_noise": "edges.noise.weight",
    "rates_noise": "edges.noise.rate",
    "base_mean": "edges.base.mean",
    "base_noise": "edges.base.noise",
    "rate_base_noise": "edges.base.rate",
    "freq": "edges.osc.frequency",
    "amp": "edges.osc.amplitude",
    "amplitude": "edges.osc.amplitude",
    "frequency": "edges.osc.frequency",
    "phase": "edges.osc.shift",
    "base": "neuron.rates",
}


@every_model
def test_parameters_reach_their_place(name):
    def leaves(model):
        return dict(zip(leaf_paths(model), jax.tree.leaves(model), strict=True))

    signature = inspect.signature(MODELS[name]).parameters
    numbers = {k: p.default for k, p in signature.items() if isinstance(p.default, float)}
    default = leaves(MODELS[name]())
    assert numbers or name == "HHneuronCorbitVoltageClamp"
    for key, value in numbers.items():
        moved = leaves(MODELS[name](**{key: value + 0.25}))
        assert moved.keys() == default.keys()
        changed = {path for path in moved if float(moved[path]) != float(default[path])}
        assert changed
        if key in PLACES:
            assert changed == {PLACES[key]}
        else:
            assert {path.split(".")[-1] for path in changed} == {key}


@pytest.mark.parametrize("name", FROM_ZERO)
def test_variables_start_at_zero(name):
    net = Network({"exc": Population(MODELS[name](), 2)})
    state = net.init(0.1, KEY)
    assert not any(x.any() for x in jax.tree.leaves(state.nodes["exc"]))


def first_slope(model, dt=1e-3):
    """dv/dt at the start of a cell."""
    net = Network({"exc": Population(model, 1, initial={"v": -60.0, "u": -10.0})})
    run = simulate(net, dt=dt, steps=1, key=KEY, record=("exc.v",))
    return (float(run["exc.v"][0, 0]) + 60.0) / dt


def test_the_baseline_is_outside_the_input_function(x64):
    quadratic = {"n2": 0.04, "n1": 5.0, "n0": 140.0}
    # nonlin = 2: f(9) = 3.
    make = catalogue.Izhikevich2003NoisyBaseNonlin
    still = first_slope(make(**quadratic, nonlin=2.0))
    input_alone = first_slope(make(**quadratic, nonlin=2.0, I_app=9.0))
    both = first_slope(make(**quadratic, nonlin=2.0, I_app=9.0, base_mean=4.0))
    np.testing.assert_allclose(input_alone - still, 3.0, rtol=1e-3)
    np.testing.assert_allclose(both - input_alone, 4.0, rtol=1e-3)
    as_power = make(**quadratic, nonlin=2.0, I_app=9.0, nonlin_is_exponent=True)
    np.testing.assert_allclose(first_slope(as_power) - still, 81.0, rtol=1e-3)

    make = catalogue.Izhikevich2007CorbitFsiNoisyBase
    still = first_slope(make(nonlin=2.0))
    both = first_slope(make(nonlin=2.0, I_app=9.0, base_mean=4.0))
    np.testing.assert_allclose(20.0 * (both - still), 3.0 + 4.0, rtol=1e-3)
    # Without a function it is a current like any other.
    make = catalogue.Izhikevich2007NoisyBase
    both = first_slope(make(I_app=9.0, base_mean=4.0))
    np.testing.assert_allclose(100.0 * (both - first_slope(make())), 13.0, rtol=1e-3)


def test_the_recorded_input_leaves_out_a_baseline_outside_of_it():
    for name, wanted in (
        ("Izhikevich2003NoisyBaseNonlin", 9.0),
        ("Izhikevich2003NoisyBase", 13.0),
    ):
        net = Network({"exc": Population(MODELS[name](I_app=9.0, base_mean=4.0), 1)})
        run = simulate(net, dt=0.01, steps=2, key=KEY, record=("exc.I",))
        np.testing.assert_allclose(run["exc.I"], wanted)


def test_synapses_only_push_their_own_way():
    # AMPA (0 mV) is silent above it, GABA (-90 mV) below it.
    for v, ampa, gaba in ((-60.0, True, True), (10.0, False, True), (-95.0, True, False)):
        ends = []
        for target in (None, "exc/ampa", "exc/gaba"):
            cell = Population(catalogue.Izhikevich2007Syn(), 1, initial={"v": v})
            edges = {}
            if target is not None:
                edges["drive"] = Projection("in", target, jnp.full((1, 1), 5.0), delay=0.0)
            net = Network({"in": Input(1), "exc": cell}, edges)
            run = simulate(net, {"in": jnp.ones((1, 1))}, dt=0.1, key=KEY, record=("exc.v",))
            ends.append(float(run["exc.v"][0, 0]))
        assert (ends[1] > ends[0]) == ampa
        assert (ends[2] < ends[0]) == gaba


@pytest.mark.parametrize("name", ["PoissonNeuron", "PoissonNeuronSin", "PoissonNeuronUpDown"])
def test_poisson_models_fire_at_their_rate(name):
    mean = {"PoissonNeuronSin": {"base": 40.0}}.get(name, {"rates": 40.0})
    population = Population(MODELS[name](**mean), 500)
    run = simulate(population, dt=1.0, steps=1000, key=KEY, record=("neuron.spikes",))
    # Binomial; the first ms of the one that follows its rate are missing.
    assert abs(run["neuron.spikes"].sum(0).mean() - 40.0) < 4 * np.sqrt(40.0 / 500) + 0.05


def test_an_accumulator_decides_and_goes_on_firing(x64):
    model = catalogue.IntegratorNeuron(tau=20.0, threshold=2.0, neuron_id=[3.0, 4.0])
    net = Network(
        {"in": Input(2), "exc": Population(model, 2)},
        {"drive": Projection("in", "exc", jnp.eye(2), delay=0.0)},
    )
    events = jnp.zeros((60, 2)).at[jnp.asarray([0, 1, 2]), 0].set(1.0)
    record = ("exc.g_ampa", "exc.decision", "exc.spikes")
    run = simulate(net, {"in": events}, dt=1.0, key=KEY, record=record)
    t = np.arange(1.0, 61.0)
    exact = sum(np.exp(-(t - s) / 20.0) * (t > s) for s in (0.0, 1.0, 2.0))
    np.testing.assert_allclose(run["exc.g_ampa"][:, 0], exact, rtol=1e-12)
    np.testing.assert_array_equal(run["exc.spikes"][:, 0], exact > 2.0)
    assert run["exc.spikes"][:, 0].sum() > 3
    np.testing.assert_array_equal(run["exc.decision"][:, 1], -1.0)
    assert float(run["exc.decision"][-1, 0]) == 3.0
