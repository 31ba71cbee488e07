"""Our side of `coba.py`: the networks, the program that is timed, and the memory of a large one."""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from jaxneuro import topology
from jaxneuro.edges import (
    AbstractReceptor,
    ExponentialConductance,
    ExponentialCurrent,
    Projection,
    Sparse,
)
from jaxneuro.integrators import RK4, Euler, ExponentialEuler
from jaxneuro.network import Network, NetworkState
from jaxneuro.neurons import LIF, AbstractNeuron, Population, Refractory, TraubMiles
from jaxneuro.simulation import Count, Events, Simulation, simulate

SECOND = 1000.0
TIMED = 2  # the network that is timed: of 4,000 neurons it fires as much as the mean of all
IN_DEGREE = 80  # p = 0.02 of 4,000 neurons, kept in larger networks
HIGHEST_RATE = 100.0  # Hz, the mean that the list of spikes has room for
MOST_SEEDS, ONE_RATE = 20, 0.02  # the networks to choose from, and how close rates have to be
COUNT = {"count": Count("cells.spikes")}
METHODS = {"euler": Euler, "exponential_euler": ExponentialEuler, "rk4": RK4}
Random = Callable[[Key[Array, ""], tuple[int, ...]], Array]


class Model(NamedTuple):
    """A network but for its synapses.

    **Attributes:**

    - `neuron`: of all neurons, excitatory and inhibitory.
    - `receptors`, `weights`: of excitation and inhibition.
    - `start`: start values of the neurons' variables, by name.
    - `conductances`: start values of both receptors, where they have any.
    """

    neuron: AbstractNeuron
    receptors: tuple[AbstractReceptor, AbstractReceptor]
    weights: tuple[float, float]
    start: dict[str, Random]
    conductances: tuple[Random, Random] | None


def normal(mean: float, sd: float) -> Random:
    return lambda key, shape: mean + sd * jax.random.normal(key, shape)


def uniform(low: float, high: float) -> Random:
    return lambda key, shape: jax.random.uniform(key, shape, minval=low, maxval=high)


def zeros(key: Key[Array, ""], shape: tuple[int, ...]) -> Array:
    return jnp.zeros(shape)


def coba() -> Model:
    # 200 pF and 10 nS: 20 ms, 0.1 mV per pA. Two details differ in Brian2: it holds v for 4.9 ms
    # after the step of a spike, and its Euler takes the decay of the conductances by Euler as well.
    # With these the spikes of both are the same one by one (6,469 in 100 ms, float64).
    lif = LIF(
        tau=20.0,
        v_rest=-60.0,
        threshold=-50.0,
        v_reset=-60.0,
        resistance=0.1,
        reset_by="value",
    )
    return _with_conductances(Refractory(lif, period=5.0), {})


def cuba() -> Model:
    lif = LIF(tau=20.0, v_rest=-49.0, threshold=-50.0, v_reset=-60.0, reset_by="value")
    receptors = ExponentialCurrent(tau=5.0), ExponentialCurrent(tau=10.0)
    start = {"v": uniform(-60.0, -50.0)}
    return Model(Refractory(lif, period=5.0), receptors, (1.62, -9.0), start, None)


def cobahh() -> Model:
    # Brian2's example starts with closed gates.
    return _with_conductances(TraubMiles(), dict.fromkeys("mhn", zeros))


def _with_conductances(neuron: AbstractNeuron, start: dict[str, Random]) -> Model:
    excitation = ExponentialConductance(tau=5.0, e_rev=0.0)
    inhibition = ExponentialConductance(tau=10.0, e_rev=-80.0)
    conductances = normal(40.0, 15.0), normal(200.0, 120.0)
    start = {"v": normal(-65.0, 5.0), **start}
    return Model(neuron, (excitation, inhibition), (6.0, 67.0), start, conductances)


NETWORKS: dict[str, Callable[[], Model]] = {"coba": coba, "cuba": cuba, "cobahh": cobahh}


class Setup(NamedTuple):
    """What is simulated: a network, its number of neurons, the method, and the step in ms."""

    network: str
    size: int
    method: str
    dt: float

    @property
    def steps(self) -> int:
        return round(SECOND / self.dt)


def make_network(
    setup: Setup, seed: int, in_degree: int = IN_DEGREE, shared: bool = True
) -> tuple[Network, NetworkState]:
    """A network and the state that it starts from.

    **Arguments:**

    - `in_degree`: neurons that each one hears, on average.
    - `shared`: False gives every synapse a weight of its own.
    """
    model, size = NETWORKS[setup.network](), setup.size
    keys = jax.random.split(jax.random.key(seed), 5 + len(model.start))
    drawn = zip(model.start.items(), keys[5:], strict=True)
    start = {name: draw(key, (size,)) for (name, draw), key in drawn}
    cells = Population(model.neuron, size, integrator=METHODS[setup.method](), initial=start)
    excitatory = 4 * size // 5
    groups = (0, excitatory), (excitatory, size - excitatory)
    parts = zip(("exc", "inh"), keys[:2], groups, model.weights, model.receptors, strict=True)
    edges = {}
    for name, key, (first, count), weight, receptor in parts:
        drawn = topology.fixed_probability(key, count, size, in_degree / size)
        synapses = Sparse(np.asarray(drawn.pre) + first, drawn.post, size, shared=shared)
        weights = jnp.asarray(weight) if shared else jnp.full(synapses.pre.shape, weight)
        edges[name] = Projection(
            "cells", "cells", weights, connectivity=synapses, receptor=receptor
        )
    network = Network({"cells": cells}, edges)
    state = network.init(setup.dt, keys[4])
    if model.conductances is not None:
        drawn = zip(model.conductances, keys[2:4], strict=True)
        g = [draw(key, (size,)) for draw, key in drawn]
        state = eqx.tree_at(lambda s: (s.edges["exc"].g, s.edges["inh"].g), state, g)
    return network, state


def run(
    setup: Setup, network: Network, state: NetworkState, record: Any, steps: int | None = None
) -> Simulation:
    return simulate(
        network,
        dt=setup.dt,
        steps=setup.steps if steps is None else steps,
        key=jax.random.key(0),
        state=state,
        record=record,
    )


def save_spikes(setup: Setup, seed: int, path: str) -> dict[str, int]:
    """Neuron and time (ms) of each spike of one network, as .npz."""
    capacity = round(HIGHEST_RATE * SECOND / 1000.0) * setup.size
    record = {"events": Events("cells.spikes", capacity)}
    events = run(setup, *make_network(setup, seed), record)["events"]
    count = int(events.count)
    if count > capacity:
        raise RuntimeError(f"{count} spikes, but room for {capacity}: raise HIGHEST_RATE.")
    times = (np.asarray(events.step[:count]) + 1) * setup.dt
    np.savez(path, neuron=np.asarray(events.neuron[:count]), time=times)
    return {"spikes": count}


def choose_seed(setup: Setup, rate: float | None) -> int:
    """The first network that fires at this rate; the closest of `MOST_SEEDS` if none does.

    Time grows with the rate, and rates of single networks lie up to a fifth apart.
    """
    rates = []
    for seed in range(MOST_SEEDS):
        count = run(setup, *make_network(setup, seed), COUNT)["count"]
        rates.append(float(count.mean()) / (SECOND / 1000.0))
        if rate is None or abs(rates[-1] / rate - 1.0) < ONE_RATE:
            return seed
    return int(np.argmin(np.abs(np.array(rates) - rate)))


def serve(setup: Setup, rate: float | None) -> None:
    """The program that is timed, and that saves the spikes of other networks (see programs.py).

    Beside "run", which counts the spikes of each neuron, "series" records them step by step.

    **Arguments:**

    - `rate`: that of the network to be timed, Hz; None for any.
    """
    seed = choose_seed(setup, rate)
    network, state = make_network(setup, seed)
    records = {"run": COUNT, "series": ("cells.spikes",)}

    def seconds(what: str) -> float:
        began = time.perf_counter()
        jax.block_until_ready(run(setup, network, state, records[what]).records)
        return time.perf_counter() - began

    jax.clear_caches()
    compile_seconds = seconds("run") - seconds("run")
    count = run(setup, network, state, COUNT)["count"]
    ready = {
        "jax": jax.__version__,
        "dtype": str(state.nodes["cells"].v.dtype),
        "seed": seed,
        "mean_rate": float(count.mean()) / (SECOND / 1000.0),
        "compile_seconds": round(compile_seconds, 2),
    }
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "quit":
            return
        if command == "spikes":
            answer: dict[str, Any] = save_spikes(setup, int(rest[0]), rest[1])
        else:
            answer = {"seconds": seconds(command)}
        print(json.dumps(answer), flush=True)


def measure_memory(size: int = 100_000, in_degree: int = 100, steps: int = 100) -> dict[str, Any]:
    """Builds a large COBA network, each synapse with a weight of its own, and runs it a little."""
    setup = Setup("coba", size, "euler", 0.1)
    began = time.perf_counter()
    network, state = make_network(setup, 0, in_degree, shared=False)
    built = time.perf_counter()
    count = run(setup, network, state, COUNT, steps)["count"]
    spikes = int(count.sum())
    ended = time.perf_counter()
    weights = [edge.weight for edge in network.edges.values() if isinstance(edge, Projection)]
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "neurons": size,
        "synapses": sum(np.size(one) for one in weights),
        "steps": steps,
        "spikes": spikes,
        "seconds to build": round(built - began, 2),
        "seconds to compile and run": round(ended - built, 2),
        "peak, MiB": round(kilobytes / 1024.0, 1),
    }
