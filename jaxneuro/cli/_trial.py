"""The run of `jaxneuro simulate`, in parts."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.core import interrupted_afterwards
from jaxneuro.neurons import Population
from jaxneuro.simulation import Simulation, simulate

BLOCK = 128
LONGEST_PART = 128 * BLOCK
TICKS = "spike times"  # no variable has a blank in its name


class Outcome(NamedTuple):
    """What a simulation gave.

    **Attributes:**

    - `times`: of the traces, ms.
    - `traces`: by variable, `(time, neurons)`; the value after each step.
    - `spikes`: times of each neuron's spikes, ms.
    - `is_finite`: whether a neuron stayed finite, `(neurons,)`.
    """

    times: np.ndarray
    traces: dict[str, np.ndarray]
    spikes: list[np.ndarray]
    is_finite: np.ndarray


def run_trial(
    population: Population,
    series: np.ndarray,
    paths: Mapping[str, str],
    *,
    dt: float,
    every: int,
    seed: int,
) -> Outcome:
    """Simulates under a stimulus `(steps, neurons)`.

    In parts of one length, so that it can be interrupted between them, is compiled once, and only
    every n-th value is kept in memory.

    **Raises:** `ValueError` also for a model that has no resting state.
    """
    steps = len(series)
    length = part_length(steps)
    padded = np.zeros((-(-steps // length) * length, series.shape[1]), np.float32)
    padded[:steps] = series
    is_finite = np.ones(series.shape[1], bool)
    kept: dict[str, list[np.ndarray]] = {name: [] for name in paths}
    ticks, state = [], None
    for start in range(0, steps, length):
        with interrupted_afterwards():
            run = _simulate(population, padded[start : start + length], state, paths, dt, seed)
        state = run.state
        for name in paths:
            values = np.asarray(run[name])[: steps - start]
            is_finite &= np.isfinite(values).all(axis=0)
            kept[name].append(values[(every - 1 - start) % every :: every])
        ticks.append(np.asarray(run[TICKS], np.float64)[: steps - start])
    is_finite &= _stayed_finite(state, series.shape[1])
    traces = {name: np.concatenate(parts) for name, parts in kept.items()}
    times = np.arange(every, steps + 1, every) * dt
    spikes = [column[np.isfinite(column)] for column in np.concatenate(ticks).T]
    return Outcome(times, traces, spikes, is_finite)


def part_length(steps: int, longest: int = LONGEST_PART) -> int:
    """The length of the parts: whole blocks, and little more than the steps in all of them."""
    if steps <= longest:
        return steps
    count = -(-steps // longest)
    return -(-steps // (count * BLOCK)) * BLOCK


def _simulate(
    population: Population,
    series: np.ndarray,
    state: Any,
    paths: Mapping[str, str],
    dt: float,
    seed: int,
) -> Simulation:
    with runtime_mistakes():
        run = simulate(
            population,
            {"neuron": jnp.asarray(series)},
            dt=dt,
            key=jax.random.key(seed),
            state=state,
            record={**paths, TICKS: "neuron.spike_times"},
            spike_times="interpolated",
            block=BLOCK,
        )
        return jax.block_until_ready(run)


@contextmanager
def runtime_mistakes() -> Iterator[None]:
    """Inside, an error that Equinox raises in a compiled program is a `ValueError`."""
    try:
        yield
    except eqx.EquinoxRuntimeError as error:
        # Equinox prints the trace before the message.
        found = re.search(r"EquinoxRuntimeError: (.*)", str(error))
        raise ValueError(found[1] if found else str(error).strip().split("\n")[0]) from None


def _stayed_finite(state: Any, size: int) -> np.ndarray:
    leaves = [np.asarray(x) for x in jax.tree.leaves(state.nodes["neuron"])]
    return np.all([np.isfinite(x.reshape(-1, size)).all(axis=0) for x in leaves], axis=0)
