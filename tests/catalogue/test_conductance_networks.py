"""Populations and networks of system B: what their builders draw."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxneuro import Network, simulate, topology
from jaxneuro.catalogue import (
    ConductanceCells,
    circular_network,
    conductance_network,
    critical_network,
    grid_network,
    layered_network,
)
from jaxneuro.edges import OneToOne, Projection, Sparse
from jaxneuro.inputs import RandomPulses
from jaxneuro.integrators import Euler
from jaxneuro.neurons import Input
from jaxneuro.topology import LayerProbabilities

KEY = jax.random.key(3)


def test_cells_have_the_parameters_of_the_original():
    net = Network({"x": ConductanceCells(3, v_noise=0.5, g_noise=0.05)})
    held = net.nodes["x"].neuron
    cell = held.neuron
    assert isinstance(net.nodes["x"].integrator, Euler)
    found = (cell.v_rest, cell.threshold, cell.v_reset, cell.tau, held.period, cell.delta_w)
    np.testing.assert_allclose(found, [-65.0, -55.0, -75.0, 10.0, 2.0, 0.5])
    np.testing.assert_allclose([cell.tau_w, cell.e_adaptation], [100.0, -90.0])
    receptors = [net.edges[f"x/{name}"].receptor.receptor for name in ("ampa", "gaba")]
    np.testing.assert_allclose([r.tau for r in receptors], [3.0, 7.0])
    np.testing.assert_allclose([r.e_rev for r in receptors], [0.0, -70.0])
    assert set(Network({"x": ConductanceCells(3)}).edges) == {"x/ampa", "x/gaba"}
    with pytest.raises(ValueError, match=r"ConductanceCells: noise is 'pink'.*per_step"):
        ConductanceCells(3, noise="pink")


@pytest.mark.parametrize(("noise", "dt"), [("white", 0.1), ("per_step", 0.1), ("per_step", 0.4)])
def test_noise_of_both_kinds(noise, dt, x64):
    """Variants (b) and (a): of v, scaled with sqrt(dt) or not, and of g, at 0 or rectified."""
    cells = ConductanceCells(400, v_noise=0.2, g_noise=1e-6, noise=noise, threshold=1e3)
    run = simulate(
        Network({"x": cells}), dt=dt, steps=round(150 / dt), key=KEY, record=("x.v", "x/ampa.g")
    )
    v, g = (np.asarray(run[path])[round(60 / dt) :] for path in ("x.v", "x/ampa.g"))
    kick = 0.2 * (np.sqrt(dt) if noise == "white" else 1.0)
    kept = 1.0 - dt / 10.0  # by Euler's method
    assert v.std() == pytest.approx(kick / np.sqrt(1 - kept**2), rel=0.04)
    assert g.min() >= 0.0
    if noise == "per_step":
        kept = np.exp(-dt / 3.0)
        mean = 1e-6 / np.sqrt(2 * np.pi) * kept / (1 - kept)
    else:  # half-normal, but for what a step may go beyond 0
        mean = 1e-6 * np.sqrt(3.0 / np.pi)
    assert g.mean() == pytest.approx(mean, rel=0.15 if noise == "white" else 0.01)


def test_types_weights_and_delays_of_a_spatial_network():
    net = circular_network(KEY, 400, layout="disc", probability=0.3, w_min=0.02, decay=0.05)
    synapses, is_inhibitory = net.synapses(), np.asarray(net.is_inhibitory)
    assert is_inhibitory.mean() == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 400))
    np.testing.assert_array_equal(synapses.weight < 0, is_inhibitory[synapses.pre])
    assert not np.any(synapses.pre == synapses.post)
    x = np.asarray(net.positions)
    distance = np.linalg.norm(x[synapses.pre] - x[synapses.post], axis=1)
    np.testing.assert_allclose(synapses.distance, distance, rtol=1e-5)
    np.testing.assert_allclose(synapses.delay, 0.5 + 0.5 * distance / 20.0, rtol=1e-5)
    drawn = np.abs(synapses.weight) * np.exp(0.05 * distance)
    near = distance < 8.0  # of which none is left out
    for kind, high in ((False, 0.25), (True, 1.0)):
        here = drawn[(is_inhibitory[synapses.pre] == kind)]
        assert here.min() * (1 + 1e-5) >= 0.02
        assert here.max() <= high * (1 + 1e-5)
        some = drawn[near & (is_inhibitory[synapses.pre] == kind)]
        error = 4 * (high - 0.02) / np.sqrt(12 * some.size)
        assert some.mean() == pytest.approx((0.02 + high) / 2, abs=error)
    assert np.abs(synapses.weight).min() > 0.01
    pairs = (np.linalg.norm(x[:, None] - x[None], axis=-1) < 8.0).sum() - 400
    assert near.sum() / pairs == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / pairs))


def test_cells_of_a_spatial_network_differ_by_type():
    net = circular_network(KEY, 300)
    held, is_inhibitory = net.network.nodes["cells"].neuron, np.asarray(net.is_inhibitory)
    for kind, (low, high), delta_w in ((False, (2.0, 2.5), 0.05), (True, (1.0, 1.5), 0.1)):
        period = np.asarray(held.period)[is_inhibitory == kind]
        assert low <= period.min() < low + 0.1
        assert high - 0.1 < period.max() <= high
        np.testing.assert_allclose(held.neuron.delta_w[is_inhibitory == kind], delta_w)
    assert float(held.neuron.tau_w) == 40.0
    assert float(net.network.edges["cells/gaba"].receptor.e_rev) == -80.0


def test_layouts_are_those_of_the_original():
    grid = np.asarray(grid_network(KEY, 80).positions)
    np.testing.assert_array_equal(grid[[0, 8, 9, 79]], [[0, 0], [8, 0], [0, 1], [7, 8]])
    ring = np.asarray(circular_network(KEY, 100).positions)
    np.testing.assert_allclose(np.hypot(*ring.T), 100 / (2 * np.pi), atol=0.75)
    disc = np.asarray(circular_network(KEY, 100, layout="disc").positions)
    assert np.hypot(*disc.T).max() <= 1.5 * np.sqrt(100 / np.pi) + 0.75
    for points in (ring, disc):
        np.testing.assert_array_equal(points, np.round(points))
    with pytest.raises(ValueError, match=r"circular_network: layout is 'torus'.*disc"):
        circular_network(KEY, 100, layout="torus")


def test_a_key_decides_everything():
    one, same, other = (circular_network(jax.random.key(i), 60) for i in (0, 0, 1))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(same), strict=True):
        np.testing.assert_array_equal(a, b)
    assert other.synapses().pre.tolist() != one.synapses().pre.tolist()


def test_stimuli_raise_the_excitatory_conductance_of_their_neurons(x64):
    net = circular_network(KEY, 50, probability=0.0, strength=12.0)
    run = simulate(
        net.network,
        {"stimulus": RandomPulses(5.0, 0.2)},
        dt=0.1,
        steps=51,
        key=KEY,
        record=("cells/ampa.g", "stimulus.spikes", "cells.spikes"),
    )
    g, on = np.asarray(run["cells/ampa.g"]), np.asarray(run["stimulus.spikes"]) > 0
    assert on[0].sum() == on[50].sum() == 10
    np.testing.assert_allclose(g[0][on[0]], 12.0 * np.exp(-0.1 / 3.0))
    assert not g[:50][:, ~on[0]].any()
    assert np.asarray(run["cells.spikes"])[0][on[0]].all()


def test_layers_are_joined_by_their_probabilities():
    sizes = (60, 50, 40)
    wanted = LayerProbabilities(0.12, 0.15, 0.3, 0.15, 0.06, 0.1, 0.0, 0.0)
    net = layered_network(KEY, sizes, wanted, inhibitory_fraction=0.4, w_min=0.05, w_scale=0.35)
    synapses, layer = net.synapses(), np.asarray(net.layer)
    assert np.bincount(layer).tolist() == list(sizes)
    is_inhibitory = np.asarray(net.is_inhibitory)
    np.testing.assert_array_equal(synapses.weight < 0, is_inhibitory[synapses.pre])
    assert 0.05 <= np.abs(synapses.weight).min() < 0.06
    assert 0.34 < np.abs(synapses.weight).max() <= 0.35
    step = layer[synapses.post] - layer[synapses.pre]
    for kind in (False, True):
        pre = is_inhibitory == kind
        for apart in range(-2, 3):
            pairs = ((layer[None] - layer[:, None]) == apart)[pre].sum()
            pairs -= pre.sum() if apart == 0 else 0
            chance = wanted.between(apart, kind)
            found = ((step == apart) & (is_inhibitory[synapses.pre] == kind)).sum() / pairs
            assert found == pytest.approx(chance, abs=4 * np.sqrt(chance / pairs) + 1e-9)
    assert synapses.delay.max() == pytest.approx(1.0)
    np.testing.assert_allclose(
        synapses.delay, 0.5 + 0.5 * synapses.distance / synapses.distance.max(), rtol=1e-5
    )
    held = net.network.nodes["cells"].neuron
    found = (held.period, held.neuron.delta_w, held.neuron.tau_w)
    np.testing.assert_allclose(found, [1.5, 0.3, 120.0])


def test_the_last_layer_inhibits_itself_at_the_shortest_delay():
    net = layered_network(KEY, (20, 5), mutual_inhibition=2.5)
    synapses, layer = net.synapses(), np.asarray(net.layer)
    inside = (layer[synapses.pre] == 1) & (layer[synapses.post] == 1)
    assert inside.sum() == 20
    np.testing.assert_allclose(synapses.weight[inside], -2.5)
    np.testing.assert_allclose(synapses.delay[inside], 0.1)


def test_each_input_spike_makes_its_neuron_fire():
    net = layered_network(KEY, (30, 10))
    series = np.zeros((40, 30))
    series[5, 3] = series[25, 4] = 1.0
    run = simulate(
        net.network, {"input": jnp.asarray(series)}, dt=0.1, key=KEY, record=("cells.spikes",)
    )
    spikes = np.argwhere(np.asarray(run["cells.spikes"])).tolist()
    assert [5, 3] in spikes
    assert [25, 4] in spikes
    assert {neuron for step, neuron in spikes if step < 5 + 5} == {3}


def test_noise_alone_drives_the_critical_network():
    net = critical_network(KEY, 300)
    assert not net.network.inputs
    run = simulate(net.network, dt=0.1, steps=1500, key=KEY, record=("cells.spikes",))
    spikes = np.asarray(run["cells.spikes"])
    assert 0.05 < spikes.mean() * 1e4 < 60.0
    assert np.any(spikes.sum(1) == 0)
    quiet = critical_network(KEY, 300, of_cells={"v_noise": None, "g_noise": None})
    run = simulate(quiet.network, dt=0.1, steps=300, key=KEY, record=("cells.spikes",))
    assert not np.asarray(run["cells.spikes"]).any()


def test_a_network_of_listed_synapses(x64):
    weight, delays = jnp.asarray([0.4, -0.2, 0.0]), jnp.asarray([1.0, 1.5, 2.0])
    edge = Projection("in", "cells", 200.0, OneToOne(shared=True), delay=0.0)
    net = conductance_network(
        ConductanceCells(3),
        Sparse([0, 1, 2], [1, 2, 0], 3),
        weight,
        delays,
        positions=topology.grid((1, 3)),
        is_inhibitory=jnp.asarray([False, True, False]),
        inputs={"in": (Input(3), edge)},
    )
    synapses = net.synapses()
    np.testing.assert_array_equal(synapses.pre, [0, 1])
    np.testing.assert_allclose(synapses.weight, [0.4, -0.2])
    np.testing.assert_allclose(synapses.distance, [1.0, 1.0])
    series = jnp.zeros((40, 3)).at[2].set(jnp.asarray([1.0, 1.0, 0.0]))
    record = ("cells/ampa.g", "cells/gaba.g", "cells.spikes")
    run = simulate(net.network, {"in": series}, dt=0.1, key=KEY, record=record)
    fired = np.argwhere(np.asarray(run["cells.spikes"]))
    assert fired[:2].tolist() == [[2, 0], [2, 1]]
    g_exc, g_inh = np.asarray(run["cells/ampa.g"]), np.asarray(run["cells/gaba.g"])
    # Of a spike of step 2, ten steps and fifteen steps later.
    assert np.argwhere(g_exc).tolist()[0] == [12, 1]
    assert np.argwhere(g_inh).tolist()[0] == [17, 2]
    np.testing.assert_allclose(g_exc[12, 1], 0.4 * np.exp(-0.1 / 3.0))


def test_the_example_of_conductance_networks_is_active():
    path = Path(__file__).parents[2] / "docs" / "conductance_networks.md"
    (code,) = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)
    names = {}
    exec(code.replace("300", "100"), names)
    assert 5.0 < float(names["run"]["cells.spikes"].mean()) * 1e4 < 200.0
    assert names["synapses"].pre.shape == names["synapses"].distance.shape
