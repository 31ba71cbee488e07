from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxneuro.simulation import AbstractReducer

from ._objective import AbstractObjective, Record
from ._score import check_steps, check_sweeps, over_steps, place_in_step, window_steps
from ._target import Target


class SpikeTiming(AbstractObjective):
    """How far the k-th spikes of a window are apart, and how long missing ones were missed.

    1/T ∫ |n(t) - n_recorded(t)| dt, where n counts the spikes since the
    window's start and T is its length. For equally many spikes the integral is the sum over k of
    |t_k - t_k,recorded|: the earth mover's distance of the two trains. A spike too many or too few
    costs the time from there to the window's end, so that counts matter, and the distance changes
    smoothly when a spike passes the end. (It jumps when one passes the start.) In the times of
    spikes its derivative is exact.

    Reference: Sihn & Kim (2019), Front. Comput. Neurosci. 13:82 (the distance).

    !!! example

        ```python
        objective = 3.0 * SpikeTiming() + Voltage()
        ```
    """

    def record(self, node: str, target: Target) -> Record:
        keep, weight = (jnp.asarray(x, float) for x in _of_windows(target))
        tables = keep, weight, target.spikes, target.spikes * target.fraction
        return {"areas": _CountDifference(f"{node}.spike_times", target, tables)}

    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "windows sweeps"]:
        return recorded["areas"]


class _CountDifference(AbstractReducer):
    """1/T ∫ |n - n_recorded| dt of each window, `(windows, n)`.

    **Arguments:**

    - `tables`: of each step, 0 if a window starts there, else 1; what it counts in each window; the
      number of recorded spikes; and at what part of the step they are, 0 without one.
    """

    path: str = eqx.field(static=True)
    target: Target
    tables: tuple[Float[Array, "time ..."], ...]

    def init(self, first: Array) -> tuple[Array, tuple[Array, ...]]:
        check_sweeps(first, self.target, "SpikeTiming")
        zero = jnp.zeros_like(first)
        # Not one array, of which XLA would compute each row anew from the neuron's equations.
        return zero, tuple(zero for _ in self.target.windows)

    def update(
        self, summary: tuple[Array, tuple[Array, ...]], series: Array, step: Int[Array, ""]
    ) -> tuple[Array, tuple[Array, ...]]:
        def one(summary: Any, times: Array, row: Any, step: Array) -> Any:
            (difference, areas), (keep, weight, theirs, before_theirs) = summary, row
            fired, before = place_in_step(times, step, self.target.dt)
            # At the end of the step; it was one less before a spike of the model, and one more
            # before a recorded one. (Not fired.astype, which is slow.)
            difference = keep * difference + jnp.where(fired, 1.0, 0.0) - theirs
            # With a spike of each at most it keeps its sign within the step.
            part = jnp.abs(difference - before + before_theirs)
            areas = tuple(area + weight[index] * part for index, area in enumerate(areas))
            return difference, areas

        return over_steps(one, summary, series, self.tables, step)

    def final(
        self, summary: tuple[Array, tuple[Array, ...]], steps: Int[Array, ""] | int
    ) -> Float[Array, "windows n"]:
        check_steps(steps, self.target, "SpikeTiming")
        return jnp.stack(summary[1])


def _of_windows(target: Target) -> tuple[np.ndarray, np.ndarray]:
    """For each step: 0 where a window starts, else 1; and what it counts in each of them."""
    bounds = window_steps(target)
    keep, weight = np.ones(target.steps), np.zeros((target.steps, len(bounds)))
    for index, (start, stop) in enumerate(bounds):
        keep[start] = 0.0
        weight[start:stop, index] = 1.0 / (stop - start)
    return keep, weight
