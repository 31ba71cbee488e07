"""Populations and ring networks of Calvin & Redish (2021)."""

import inspect
import re
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Input, Network, catalogue, edges, inputs, neurons, simulate
from jaxneuro.catalogue import (
    MODELS,
    InterneuronPopulation,
    InterneuronRing,
    PyramidalPopulation,
    PyramidalRing,
    cue_probe_ring,
    dual_ring,
)
from jaxneuro.edges import Bounded, Projection, SecondOrder
from jaxneuro.inputs import Constant, Cues
from jaxneuro.integrators import ExponentialEuler, Heun

KEY = jax.random.key(0)
ALL = (PyramidalPopulation, InterneuronPopulation, PyramidalRing, InterneuronRing)
# Table 3.1: threshold, period, C, AMPA, NMDA, GABA, noise, leak and its reversal potential.
TABLE = {
    "PyramidalPopulation": (-52.0, 2.0, 0.5, 0.7, 0.07, 0.1, 0.003, 0.025, -70.0),
    "InterneuronPopulation": (-52.0, 1.0, 0.2, 0.2, 0.02, 0.0, 0.003, 0.02, -65.0),
    "PyramidalRing": (-50.0, 2.0, 0.5, 0.0, 0.4, 1.4, 0.0031, 0.025, -70.0),
    "InterneuronRing": (-50.0, 1.0, 0.2, 0.0, 0.3, 1.05, 0.00238, 0.02, -70.0),
}


def network(population, **more):
    return Network({"x": population}, more)


def traced(net, given, **options):
    """A run as far as its compilation."""
    return eqx.filter_eval_shape(lambda *args: simulate(*args, **options), net, given)


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_parameters_are_those_of_the_table(make):
    threshold, period, C, *conductances, g_leak, v_leak = TABLE[make.__name__]
    net = network(make(3))
    cell = net.nodes["x"].neuron
    lif = cell.neuron
    assert float(cell.period) == period
    wanted = (threshold, -60.0, v_leak, C / g_leak, 1.0 / g_leak)
    found = (lif.threshold, lif.v_reset, lif.v_rest, lif.tau, lif.resistance)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    receptors = [net.edges[f"x/{name}"].receptor for name in ("ampa", "nmda", "gaba", "noise")]
    np.testing.assert_allclose([part.g_max for part in receptors], conductances, rtol=1e-6)
    assert [float(part.e_rev) for part in receptors] == [0.0, 0.0, -70.0, 0.0]
    assert float(receptors[1].gate.mg) == 1.0
    assert float(net.edges["x/background"].rate) == 1800.0
    assert isinstance(net.nodes["x"].integrator, Heun)
    times = [(part.kinetics.tau) for i, part in enumerate(receptors) if i != 1]
    assert [float(tau) for tau in times] == [2.0, 10.0, 2.0]
    nmda = receptors[1].kinetics
    assert (float(nmda.tau_rise), float(nmda.tau_decay)) == (2.0, 80.0)


def test_they_are_populations_not_models():
    assert not {make.__name__ for make in ALL} & set(MODELS)
    with pytest.raises(TypeError, match="g_apma"):
        InterneuronRing(4, g_apma=0.1)


def test_parameters_are_passed_on():
    heavy = PyramidalPopulation(
        (2, 3),
        C=1.0,
        g_leak=[[0.05], [0.1]],
        mg=2.0,
        e_gaba=-80.0,
        noise_rate=500.0,
        gaba=Bounded(tau=5.0),
        integrator=ExponentialEuler(),
        start="rest",
    )
    net = network(heavy)
    assert net.nodes["x"].shape == (2, 3)
    assert net.nodes["x"].start == "rest"
    np.testing.assert_allclose(net.nodes["x"].neuron.neuron.tau, [[20.0], [10.0]], rtol=1e-6)
    assert isinstance(net.edges["x/gaba"].receptor.kinetics, Bounded)
    assert float(net.edges["x/gaba"].receptor.e_rev) == -80.0
    assert float(net.edges["x/nmda"].receptor.gate.mg) == 2.0
    assert float(net.edges["x/background"].rate) == 500.0
    run = traced(net, {}, dt=0.1, steps=5, key=KEY, record=("x.v", "x/nmda.s"))
    assert run["x.v"].shape == run["x/nmda.s"].shape == (5, 2, 3)


def test_v_starts_uniformly_between_reset_and_threshold(getkey):
    net = network(PyramidalRing(4000))
    v = np.asarray(net.init(0.1, getkey()).nodes["x"].v)
    assert v.min() >= -60.0
    assert v.max() < -50.0
    # Mean and spread of a uniform distribution, within four standard errors.
    assert v.mean() == pytest.approx(-55.0, abs=4 * 10 / np.sqrt(12 * 4000))
    assert v.std() == pytest.approx(10 / np.sqrt(12), rel=0.04)
    again = np.asarray(net.init(0.1, getkey()).nodes["x"].v)
    assert np.abs(again - v).mean() > 2.0
    fixed = network(PyramidalRing(2, initial={"v": -61.0})).init(0.1, KEY)
    np.testing.assert_array_equal(fixed.nodes["x"].v, -61.0)


def test_noise_opens_its_receptor_by_rate_times_tau(x64):
    cells = PyramidalPopulation(400, g_noise=1e-6)
    run = simulate(network(cells), dt=0.1, steps=3000, key=KEY, record=("x/noise.s",))
    s = run["x/noise.s"][500:]
    # Campbell's mean rate tau and variance rate tau / 2, as events at the start of a step and s at
    # its end have it.
    kept = np.exp(-0.1 / 2.0)
    assert float(s.mean()) == pytest.approx(0.18 * kept / (1 - kept), rel=0.01)
    assert float(s.var()) == pytest.approx(0.18 * kept**2 / (1 - kept**2), rel=0.03)


def test_a_current_in_nA_meets_its_closed_form(x64):
    """v relaxes to v_leak + I / g_leak with C / g_leak, and fires with the rate of a LIF."""
    quiet = PyramidalPopulation(1, noise_rate=0.0, initial={"v": -60.0}, whole_steps=False)
    run = simulate(
        network(quiet),
        {"x": Constant([0.6])},
        dt=0.1,
        steps=3000,
        key=KEY,
        record=("x.spike_times",),
        spike_times="interpolated",
    )
    times = np.asarray(run["x.spike_times"][:, 0])
    times = times[np.isfinite(times)]
    v_end, tau = -70.0 + 0.6 / 0.025, 20.0
    interval = 2.0 + tau * np.log((v_end + 60.0) / (v_end + 52.0))
    np.testing.assert_allclose(np.diff(times), interval, atol=2e-3)
    assert len(times) == int(300.0 / interval)


def test_interneurons_inhibit_each_other_only_if_asked():
    def lowered(**parameters):
        cells = InterneuronPopulation(1, noise_rate=0.0, initial={"v": -60.0}, **parameters)
        net = Network(
            {"in": Input(1), "x": cells},
            {"inhibit": Projection("in", "x/gaba", [[1.0]], delay=0.0)},
        )
        run = simulate(net, {"in": jnp.ones((50, 1))}, dt=0.1, key=KEY, record=("x.v",))
        return float(run["x.v"][-1, 0])

    assert lowered() > -62.5
    assert lowered(g_gaba=0.1) < -68.0


def excited(weight, g_nmda):
    cells = PyramidalRing(2, g_nmda=g_nmda, noise_rate=0.0, initial={"v": -60.0})
    net = Network({"in": Input(1), "x": cells}, {"drive": Projection("in", "x/nmda", weight)})
    spikes = jnp.zeros((200, 1)).at[5].set(1.0)
    return simulate(net, {"in": spikes}, dt=0.1, key=KEY, record=("x.v",))["x.v"][-1]


def test_gradients_are_those_of_finite_differences(x64):
    weight, g = jnp.asarray([[0.05, 0.1]]), jnp.asarray(0.4)
    by_weight, by_g = jax.grad(lambda w, g: excited(w, g).sum(), argnums=(0, 1))(weight, g)
    h = 1e-4
    difference = (excited(weight, g + h).sum() - excited(weight, g - h).sum()) / (2 * h)
    np.testing.assert_allclose(by_g, difference, rtol=1e-4)
    up, down = excited(weight.at[0, 1].add(h), g), excited(weight.at[0, 1].add(-h), g)
    np.testing.assert_allclose(by_weight[0, 1], (up - down).sum() / (2 * h), rtol=1e-4)
    assert float(by_g) > 0


def small_ring(**options):
    return cue_probe_ring(64, 16, **options)


def ring_spikes(net, key):
    cue = {"cue": Cues([5.0], [55.0], [[20000.0, 1.0]])}
    return simulate(
        net, cue, dt=0.1, steps=600, key=key, record=("pyr.spikes", "int.spikes"), block=100
    )


def test_a_ring_has_the_weights_and_conductances_of_the_original():
    net = small_ring(sparse=False)
    profile = np.asarray(net.edges["pyr_pyr"].weight)
    np.testing.assert_allclose(profile.sum(0), 1.0, rtol=1e-5)
    assert profile.max() / profile.min() == pytest.approx(1 / 0.3, rel=1e-3)
    flat = {"pyr_int_ampa": 64, "pyr_int": 64, "int_pyr": 16, "int_int": 16}
    for name, size in flat.items():
        np.testing.assert_allclose(net.edges[name].weight, 1 / size)
    g = {
        name: float(net.edges[name].receptor.g_max)
        for name in ("pyr/ampa", "pyr/nmda", "pyr/gaba", "int/ampa", "int/nmda", "int/gaba")
    }
    np.testing.assert_allclose(list(g.values()), [0.0, 0.35, 1.25, 0.66, 0.2, 1.0], rtol=1e-6)
    assert float(net.edges["cue_pyr"].receptor.g_max) == pytest.approx(0.001)
    assert float(net.edges["cue_pyr"].kappa) == pytest.approx(2 * np.pi / 0.4)


def test_lists_and_matrices_are_the_same_ring_alone_and_in_a_batch():
    net, keys = small_ring(), jnp.stack([KEY, jax.random.key(1)])
    batch = eqx.filter_vmap(lambda key: ring_spikes(net, key).records)(keys)
    dense = ring_spikes(small_ring(sparse=False), KEY)
    for name, spikes in batch.items():
        # Sums of weights differ by rounding, which in 60 ms makes no spike of another step.
        np.testing.assert_array_equal(spikes[0], dense[name])
        assert float(spikes[0].sum()) > 5
    assert float(jnp.abs(batch["pyr.spikes"][1] - batch["pyr.spikes"][0]).sum()) > 20


def test_further_parameters_reach_the_ring():
    net = small_ring(
        of_pyramidal={"nmda": SecondOrder(alpha_x=0.5), "g_gaba": 2.0},
        of_interneurons={"noise_rate": 900.0},
        g_nmda=0.5,
        p=0.5,
    )
    receptor = net.edges["pyr/nmda"].receptor
    assert (float(receptor.g_max), float(receptor.kinetics.alpha_x)) == (0.5, 0.5)
    assert float(net.edges["pyr/gaba"].receptor.g_max) == 2.0
    assert float(net.edges["int/background"].rate) == 900.0
    assert float(net.edges["pyr/background"].rate) == 1800.0
    profile = net.edges["pyr_pyr"].weight
    assert float(profile.max() / profile.min()) == pytest.approx(2.0, rel=1e-3)


def test_two_rings_are_joined_as_in_the_original():
    net = dual_ring(64, 16, nmda=0.9, sparse=False)
    g = {
        name: float(net.edges[f"{name}/nmda"].receptor.g_max)
        for name in ("perception", "memory", "perception_int", "memory_int")
    }
    np.testing.assert_allclose(list(g.values()), 0.9 * np.array([0.37, 0.37, 0.3, 0.35]), rtol=1e-6)
    np.testing.assert_allclose(
        net.edges["perception_memory"].weight, 0.1 * net.edges["memory_memory"].weight, rtol=1e-6
    )
    assert float(net.edges["perception/ampa"].receptor.g_max) == 0.0
    assert "memory_perception" not in net.edges
    assert float(net.edges["perception_response"].weight.sum()) == 0.0


def test_accumulators_add_spikes_and_forget(x64):
    action = np.random.default_rng(0).normal(size=(2, 64, 2))
    net = dual_ring(64, 16, action=jnp.asarray(action))
    cue = {"cue": Cues([5.0], [60.0], [[20000.0, 1.0]])}
    record = ("perception.spikes", "memory.spikes", "response.g_ampa")
    run = simulate(net, cue, dt=0.1, steps=600, key=KEY, record=record, block=100)
    spikes = np.stack([run["perception.spikes"], run["memory.spikes"]], axis=1)
    assert spikes.sum() > 20
    added = np.einsum("trn,rnk->tk", spikes, action)
    k, series = np.zeros(2), []
    for late in (np.zeros(2), *added[:-1]):  # they arrive a step after they were sent
        k = (k + late) * np.exp(-0.1 / 80.0)
        series.append(k)
    np.testing.assert_allclose(run["response.g_ampa"], series, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [*(make.__name__ for make in ALL), "cue_probe_ring", "dual_ring"])
def test_the_example_of_a_name_runs(name):
    (code,) = re.findall(r"```python\n(.*?)```", inspect.getdoc(getattr(catalogue, name)), re.S)
    parts = {**vars(edges), **vars(neurons), **vars(inputs), **vars(catalogue)}
    names = {"jax": jax, "jnp": jnp, "key": KEY, "simulate": traced, "Network": Network}
    exec(textwrap.dedent(code).replace("256, 64", "32, 8"), {**parts, **names})
