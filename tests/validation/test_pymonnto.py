"""Against PymoNNto itself: its basic example, replayed with the noise and the weights it drew."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from jaxneuro.core import param
from jaxneuro.edges import Projection
from jaxneuro.network import AbstractBehaviour, Inert, Network
from jaxneuro.neurons import Population
from jaxneuro.simulation import simulate

ROOT = Path(__file__).parent.parent
NAMES = ("basics", "stdp")


def _stored(name):
    return np.load(ROOT / "data" / f"pymonnto_{name}.npz")


def _experiment():
    path = ROOT.parent / "experiments" / "pymonnto_basics.py"
    spec = importlib.util.spec_from_file_location("pymonnto_basics", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_the_experiment_is_the_original(name, tmp_path):
    stored = _stored(name)
    path = str(ROOT / "data" / f"pymonnto_{name}.npz")
    run = _experiment().main(stdp=name == "stdp", replay=path, out=str(tmp_path))
    assert run["spikes"].missed == 0
    # PymoNNto counts iterations from 1.
    rows = np.stack([stored["spike_t"] - 1, stored["spike_i"]], axis=1)
    np.testing.assert_array_equal(run["spikes"].rows, rows)
    # One unit in the last place of 1: XLA fuses a product and a sum and rounds once.
    np.testing.assert_allclose(run["v"], stored["voltage"], rtol=0, atol=2**-23)
    np.testing.assert_allclose(run["mean_v"], stored["mean_voltage"], rtol=0, atol=2**-24)
    if name == "stdp":
        weight = run.state.stages["synapses/STDP"]["weight"]
        np.testing.assert_allclose(weight.T, stored["W_end"], rtol=0, atol=1e-6)
        assert np.abs(weight.T - stored["W0"]).max() > 1e-3


def single(x):
    """Rounded to float32, as NumPy does after each operation."""
    return x.astype(jnp.float32).astype(jnp.float64)


class Fire(AbstractBehaviour):
    noise: Array = param()

    def init(self, cells, key):
        return {}

    def step(self, cells):
        spike = cells["v"] > 0.5
        v = single(jnp.where(spike, 0.0, cells["v"]) * np.float64(np.float32(0.9)))
        return cells.set(spike=spike, v=single(v + self.noise[cells.context.step]))


class Hear(AbstractBehaviour):
    def init(self, cells, key):
        return {}

    def step(self, cells):
        (synapses,) = cells.afferents("GLUTAMATE")
        is_single = synapses["weight"].dtype == jnp.float32
        rounded = single if is_single else lambda x: x
        heard = synapses.propagate(cells["spike"].astype(synapses["weight"].dtype))
        heard = rounded(rounded(heard.astype(float) / cells.size) * 10.0)
        return cells.set(v=single(cells["v"] + heard))


class STDP(AbstractBehaviour):
    def init(self, synapses, key):
        weight = synapses["weight"]
        return {"weight": weight, "enabled": weight > 0, "old": jnp.zeros(100)}

    def step(self, synapses):
        spike, old, weight = synapses.source["spike"], synapses["old"], synapses["weight"]
        change = jnp.outer(old + spike, spike) - jnp.outer(spike, old)
        weight = jnp.where(synapses["enabled"], jnp.clip(weight + 0.0015 * change, 0.0, 10.0), 0.0)
        return synapses.set(weight=weight, old=spike)


@pytest.mark.parametrize("name", NAMES)
def test_every_bit_is_the_same(name, x64):
    # The original's weights become float64 at the first learning step; its voltages never do.
    stored, learns = _stored(name), name == "stdp"
    weight = stored["W0"].T.astype(float if learns else np.float32)
    network = Network(
        {"cells": Population(Inert(), 100)},
        {"synapses": Projection("cells", "cells", weight)},
        behaviours={
            "cells": {1: Fire(stored["noise"].astype(float)), 2: Hear()},
            "synapses": {3: STDP()} if learns else {},
        },
        tags={"synapses": "GLUTAMATE"},
    )
    run = simulate(network, dt=1.0, steps=1000, key=jax.random.key(0), record="cells.v")
    # A sum of three float32 depends on its order: five cells hear three spikes at once.
    spikes = np.zeros((1000, 100))
    spikes[stored["spike_t"] - 1, stored["spike_i"]] = 1.0
    hears_three = spikes @ (stored["W0"] > 0).T >= 3
    is_open = np.maximum.accumulate(hears_three & (not learns), axis=0)
    assert is_open.any(axis=0).sum() == (0 if learns else 5)
    v = np.asarray(run["cells.v"])
    np.testing.assert_array_equal(v[~is_open], stored["voltage"][~is_open])
    np.testing.assert_allclose(v, stored["voltage"], rtol=0, atol=2**-24)
    if learns:
        weight = run.state.stages["synapses/STDP"]["weight"]
        np.testing.assert_array_equal(weight.T, stored["W_end"])
