"""The run of a network, in parts."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxneuro.core import interrupted_afterwards
from jaxneuro.inputs import Poisson, RandomPulses
from jaxneuro.network import NetworkState
from jaxneuro.simulation import simulate

from ._network_build import Built
from ._trial import BLOCK, part_length, runtime_mistakes

LARGEST_PART = 2**25  # recorded numbers in memory at once
EVENTS = (Poisson, RandomPulses)  # inputs of which each 1 is an event
SPIKES = "spikes of "  # no path has a blank


class NetworkOutcome(NamedTuple):
    """What a simulation gave.

    **Attributes:**

    - `times`: of the traces, ms.
    - `traces`: by path, `(time, neurons)`; the value after each step.
    - `kept`: which neurons these are, by path.
    - `spikes`: by population, the times of each neuron's spikes, ms.
    - `stimuli`: the same of the inputs that send events, by channel.
    - `not_finite`: by population, how many neurons did not stay finite.
    """

    times: np.ndarray
    traces: dict[str, np.ndarray]
    kept: dict[str, np.ndarray]
    spikes: dict[str, list[np.ndarray]]
    stimuli: dict[str, list[np.ndarray]]
    not_finite: dict[str, int]


def run_network(
    built: Built,
    paths: Sequence[str],
    *,
    dt: float,
    steps: int,
    every: int,
    neurons: int,
    is_exact: bool,
) -> NetworkOutcome:
    """Simulates from the network's start on.

    In parts of one length, so that it can be interrupted between them, is compiled once, and only
    what is asked for is kept in memory.

    **Arguments:**

    - `paths`: what is recorded of `neurons` neurons at every `every`-th step.
    - `is_exact`: whether spikes are at the crossing of the threshold, not at the end of the step.

    **Raises:** `ValueError` for a path that there is not.
    """
    populations = built.network.populations
    events = {name: x for name, x in built.inputs.items() if isinstance(x, EVENTS)}
    senders = {name: built.network.nodes[name].size for name in (*populations, *events)}
    sizes = list(senders.values())
    a_step = sum(sizes) + len(paths) * max(sizes)
    longest = max(1, LARGEST_PART // (a_step * BLOCK)) * BLOCK
    length = part_length(steps, longest)
    leaf = "spike_times" if is_exact else "spikes"
    record = {path: path for path in paths}
    record |= {SPIKES + n: f"{n}.{leaf if n in populations else 'spikes'}" for n in senders}
    traces: dict[str, list[np.ndarray]] = {path: [] for path in paths}
    kept: dict[str, np.ndarray] = {}
    found: dict[str, list[np.ndarray]] = {name: [] for name in senders}
    state = built.state
    for start in range(0, steps, length):
        with interrupted_afterwards(), runtime_mistakes():
            run = simulate(
                built.network,
                built.inputs,
                dt=dt,
                steps=length,
                key=state.key,
                state=state,
                record=record,
                spike_times="interpolated" if is_exact else "grid",
            )
            state = jax.block_until_ready(run.state)
        left = min(length, steps - start)
        for path in paths:
            values = np.asarray(run[path])[:left].reshape(left, -1)
            kept.setdefault(path, evenly(values.shape[1], neurons))
            traces[path].append(values[(every - 1 - start) % every :: every, kept[path]])
        for name in senders:
            series = np.asarray(run[SPIKES + name])[:left].reshape(left, -1)
            found[name].append(_events(series, start, dt, is_exact and name in populations))
    times = {
        name: _by_neuron(np.concatenate(parts), senders[name]) for name, parts in found.items()
    }
    return NetworkOutcome(
        np.arange(every, steps + 1, every) * dt,
        {path: np.concatenate(parts) for path, parts in traces.items()},
        kept,
        {name: times[name] for name in populations},
        {name: times[name] for name in events},
        {name: _not_finite(state, name, populations[name].size) for name in populations},
    )


def evenly(size: int, count: int) -> np.ndarray:
    """So many of the indices below `size`, at equal distances."""
    return np.unique(np.linspace(0, size - 1, min(size, count)).round().astype(int))


def _events(series: np.ndarray, start: int, dt: float, is_exact: bool) -> np.ndarray:
    """Spikes as rows of neuron and time, ms."""
    steps, neurons = np.nonzero(np.isfinite(series) if is_exact else series)
    times = series[steps, neurons] if is_exact else (start + steps + 1) * dt
    return np.stack([neurons.astype(np.float64), times.astype(np.float64)], axis=1)


def _by_neuron(events: np.ndarray, size: int) -> list[np.ndarray]:
    order = np.lexsort((events[:, 1], events[:, 0]))
    neurons, times = events[order].T
    return np.split(times, np.searchsorted(neurons, np.arange(1, size)))


def _not_finite(state: NetworkState, name: str, size: int) -> int:
    leaves = [np.asarray(leaf).reshape(-1, size) for leaf in jax.tree.leaves(state.nodes[name])]
    return int(np.sum(~np.all([np.isfinite(leaf).all(axis=0) for leaf in leaves], axis=0)))
