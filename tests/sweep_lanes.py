"""Lanes and grids of the tests of sweeps, here and in processes of their own."""

import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import sweeps
from jaxneuro.edges import Projection
from jaxneuro.inputs import Poisson
from jaxneuro.network import Network
from jaxneuro.neurons import LIF, Input, Population
from jaxneuro.simulation import Mean, simulate

FOLDER = Path(__file__).parent
KEY = jax.random.key(7)
MATRIX = jax.random.normal(jax.random.key(0), (37, 37)) / 6.0
WEIGHT = jax.random.uniform(jax.random.key(1), (4, 5))


def drawn(key):
    """A number between 0 and 1 that depends on a key, and compiles in no time."""
    return (jax.random.key_data(key)[1] >> 8).astype(float) * 2.0**-24


def network(point, key):
    """A small population with random input."""
    net = Network(
        {"noise": Input(4), "exc": Population(LIF(tau=point["tau"]), 5)},
        {"in": Projection("noise", "exc", point["weight"] * WEIGHT)},
    )
    inputs = {"noise": Poisson(point["rate"])}
    run = simulate(
        net, inputs, dt=1.0, steps=60, key=key, record={"spikes": Mean("exc.spikes"), "v": "exc.v"}
    )
    return {"fires": 1e3 * run["spikes"].mean(), "v": run["v"][::20]}


NETWORKS = sweeps.grid(
    {"tau": np.linspace(5.0, 30.0, 5), "rate": [50.0, 200.0, 400.0]}, units={"tau": "ms"}
) * sweeps.grid({"weight": sweeps.Range(0.5, 2.0, "log")}, "sobol", samples=4)


def products(point, key):
    """Products with shared weights and sums, whose bits depend on how many rows there are."""
    x = jax.random.normal(key, (37,)) * point["x"]
    for _ in range(3):
        x = jnp.tanh(MATRIX @ x)
    return {"end": x, "sum": x.sum(), "softmax": jax.nn.softmax(x)[0]}


PRODUCTS = sweeps.grid({"x": np.linspace(0.5, 3.0, 67)})


def sized(point, key):
    """Something of a static size, for one static text."""
    x = jax.random.uniform(key, (point["n"],)) * point["x"]
    return jnp.sum(x) if point["how"] == "sum" else jnp.prod(x)


SIZED = sweeps.grid({"x": np.linspace(0.5, 1.5, 21), "n": [2, 5], "how": ["sum", "product"]})


def slow(point, key, seconds=0.002):
    """Takes its time: as much for a tile of one lane."""

    def wait(x):
        time.sleep(seconds)
        return x

    x = jax.pure_callback(wait, jax.ShapeDtypeStruct((), jnp.float32), point["x"])
    return {"z": x + drawn(key), "y": jnp.stack([x, x * x])}


SLOW = sweeps.grid({"x": np.linspace(0.0, 1.0, 300)})

CASES = {
    "network": (network, NETWORKS, {}),
    "products": (products, PRODUCTS, {"tile": 16}),
    "sized": (sized, SIZED, {"static": ("n",), "tile": 5}),
}


def run(name, store=None, **options):
    lane, points, given = CASES[name]
    return sweeps.run(lane, points, key=KEY, store=store, **(given | options))


def run_slow(store, seconds=0.002, **options):
    lane = partial(slow, seconds=seconds)
    return sweeps.run(lane, SLOW, key=KEY, store=store, tile=1, **options)


def files(store):
    """Every file of a store with what it holds."""
    found = sorted(path for path in store.rglob("*") if path.is_file())
    return {str(path.relative_to(store)): path.read_bytes() for path in found}
