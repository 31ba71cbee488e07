"""Networks whose synapses weaken and slow down with distance, and that noise or pulses drive."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro import topology
from jaxneuro.core import check_option, init_key
from jaxneuro.edges import AbstractEdge, OneToOne, Projection
from jaxneuro.neurons import Input

from ._conductance_cells import ConductanceCells
from ._conductance_network import ConductanceNetwork, conductance_network
from ._parts import Number

Layout = Literal["circle", "disc", "grid"]
PERIODS = {False: (2.0, 2.5), True: (1.0, 1.5)}  # ms, of excitatory and inhibitory neurons
STEPS_OF_ADAPTATION = {False: 0.05, True: 0.1}  # mV/ms


def circular_network(
    key: Key[Array, ""],
    size: int = 100,
    *,
    layout: Layout = "circle",
    probability: float = 0.1,
    inhibitory_fraction: float = 0.2,
    w_min: float = 0.01,
    w_scale: float = 0.25,
    inhibition: float = 4.0,
    decay: float = 0.1,
    weakest: float = 0.01,
    delay: float = 1.0,
    strength: Number | None = 10.0,
    of_cells: Mapping[str, Any] | None = None,
) -> ConductanceNetwork:
    """Excitatory and inhibitory neurons in a plane, mixed, joined at random.

    Each ordered pair is joined with one probability. The weight of an excitatory synapse is drawn
    from U(w_min, w_scale), that of an inhibitory one from U(w_min, inhibition w_scale), times
    exp(-decay distance). The delay is delay (1/2 + distance / (2 side)), with side = ceil(sqrt(n)).

    The input `"stimulus"` has a channel for each neuron: 1 raises the excitatory conductance of a
    neuron by `strength`. `inputs.RandomPulses(interval, fraction)` and `inputs.Poisson(rate)` are
    the stimuli of the original.

    Excitatory neurons have refractory periods from U(2, 2.5) ms and delta_w = 0.05 mV/ms,
    inhibitory ones U(1, 1.5) and 0.1; tau_w is 40 ms and e_inh -80 mV.

    **Arguments:**

    - `key`: decides everything that is random; the same key gives the same network.
    - `size`: number of neurons.
    - `layout`: around a `"circle"`, within a `"disc"`, both on whole numbers, or on a `"grid"`.
    - `probability`: of a synapse from one neuron to another.
    - `inhibitory_fraction`: probability of a neuron to be inhibitory.
    - `w_min`, `w_scale`: bounds of weights at distance 0, 1/ms.
    - `inhibition`: by how much the upper bound is higher for inhibitory synapses.
    - `decay`: of the weights, per unit of distance.
    - `weakest`: synapses of at most this weight are left out.
    - `delay`: at a distance of a side, ms.
    - `strength`: of the stimulus, 1/ms; None leaves it out.
    - `of_cells`: further parameters of `ConductanceCells`, by name.

    **Returns:** a `ConductanceNetwork`.

    Reference: ImagineOrange/Spiking-Neural-Network-Experiments (2025).

    !!! example

        ```python
        net = circular_network(jax.random.key(0), 100, layout="disc", probability=0.3)
        run = simulate(net.network, {"stimulus": RandomPulses(25.0, 0.05)}, dt=0.1, steps=1000,
                       key=jax.random.key(1), record=("cells.spikes", "stimulus.spikes"))
        ```
    """
    check_option(layout, Layout, "circular_network: layout")
    side = math.isqrt(size - 1) + 1
    positions = _positions(key, size, layout)
    signs = topology.signs(init_key(key, "types"), size, inhibitory_fraction, independent=True)
    is_inhibitory = np.asarray(signs) < 0
    sparse = topology.fixed_probability(key, size, size, probability, self_connections=False)
    distance = topology.synapse_distances(sparse, positions, positions)
    # On the host: each network has another number of synapses, for which all would be compiled.
    inhibits = is_inhibitory[np.asarray(sparse.pre)]
    high = np.where(inhibits, inhibition * w_scale, w_scale)
    draw = np.asarray(topology.uniform(init_key(key, "weights"), sparse.pre.size, 0.0, 1.0))
    weight = (w_min + (high - w_min) * draw) * np.exp(-decay * np.asarray(distance))
    delays = np.asarray(topology.distance_delays(distance, delay, extent=side))
    is_kept = weight > weakest
    inputs: dict[str, tuple[Input, AbstractEdge]] = {}
    if strength is not None:
        one_to_one = OneToOne(shared=True)
        strength = jnp.asarray(strength, float)
        edge = Projection("stimulus", "cells/ampa", strength, one_to_one, delay=0.0)
        inputs["stimulus"] = Input(size), edge
    own = {"period": _periods(key, is_inhibitory), "tau_w": 40.0, "e_inh": -80.0}
    own["delta_w"] = _by_type(is_inhibitory, STEPS_OF_ADAPTATION)
    return conductance_network(
        ConductanceCells(size, **own | dict(of_cells or {})),
        topology.keep(sparse, is_kept),
        np.where(inhibits, -weight, weight)[is_kept],
        delays[is_kept],
        positions=positions,
        is_inhibitory=is_inhibitory,
        inputs=inputs,
    )


def grid_network(key: Key[Array, ""], size: int = 100, **parameters: Any) -> ConductanceNetwork:
    """Neurons on the first places of the smallest square that holds them, as `circular_network`.

    **Arguments:**

    - `key`, `size`: as in `circular_network`.
    - `parameters`: further ones of `circular_network`.

    !!! example

        ```python
        net = grid_network(jax.random.key(0), 80, probability=0.3)
        ```
    """
    return circular_network(key, size, layout="grid", **parameters)


def critical_network(
    key: Key[Array, ""],
    size: int = 1000,
    *,
    w_scale: float = 0.09,
    of_cells: Mapping[str, Any] | None = None,
    **parameters: Any,
) -> ConductanceNetwork:
    """Neurons within a disc that noise alone drives, between silence and constant activity.

    Noise is that of the original's program, drawn per step: its numbers hold at dt = 0.1 ms. With
    weights below `w_scale` = 0.06 neurons fire alone, from 0.12 on the whole network in bursts.

    **Arguments:**

    - `key`, `size`, `w_scale`: as in `circular_network`.
    - `of_cells`: as there, with the defaults v_noise = 0.08 mV, g_noise = 0.003 1/ms and
      noise = "per_step".
    - `parameters`: further ones of `circular_network`, with inhibitory_fraction = 0.3 and without a
      stimulus by default.

    Reference: as of `circular_network`.

    !!! example

        ```python
        net = critical_network(jax.random.key(0), 400)
        run = simulate(net.network, dt=0.1, steps=3000, key=jax.random.key(1),
                       record=("cells.spikes",))
        ```
    """
    noise = {"v_noise": 0.08, "g_noise": 0.003, "noise": "per_step"}
    own = {"layout": "disc", "inhibitory_fraction": 0.3, "strength": None}
    own |= parameters | {"w_scale": w_scale, "of_cells": noise | dict(of_cells or {})}
    return circular_network(key, size, **own)


def _positions(key: Key[Array, ""], size: int, layout: Layout) -> Float[Array, "n 2"]:
    if layout == "grid":
        return topology.grid(size)
    if layout == "circle":
        return topology.circle(size, rounded=True)
    return topology.disc(init_key(key, "positions"), size, rounded=True)


def _by_type(is_inhibitory: np.ndarray, values: Mapping[bool, float]) -> np.ndarray:
    return np.where(is_inhibitory, values[True], values[False])


def _periods(key: Key[Array, ""], is_inhibitory: np.ndarray) -> np.ndarray:
    draw = np.asarray(topology.uniform(init_key(key, "periods"), is_inhibitory.size, 0.0, 1.0))
    low, high = (
        _by_type(is_inhibitory, {kind: ends[end] for kind, ends in PERIODS.items()})
        for end in (0, 1)
    )
    return low + (high - low) * draw
