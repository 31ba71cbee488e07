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

    mean over the windows of 1/T ∫ |n(t) - n_recorded(t)| dt, where n counts the spikes since the
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
        return {"area": _CountDifference(f"{node}.spike_times", target, tables)}

    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "sweeps"]:
        return recorded["area"]


class _CountDifference(AbstractReducer):
    """mean over the windows of 1/T ∫ |n - n_recorded| dt.

    **Arguments:**

    - `tables`: of each step, 0 if a window starts there, else 1; what it counts in the mean; the
      number of recorded spikes; and at what part of the step they are, 0 without one.
    """

    path: str = eqx.field(static=True)
    target: Target
    tables: tuple[Float[Array, "time ..."], ...]

    def init(self, first: Array) -> tuple[Array, Array]:
        check_sweeps(first, self.target, "SpikeTiming")
        return jnp.zeros_like(first), jnp.zeros_like(first)

    def update(
        self, summary: tuple[Array, Array], series: Array, step: Int[Array, ""]
    ) -> tuple[Array, Array]:
        def one(summary: tuple[Array, Array], times: Array, row: Any, index: Array) -> Any:
            (difference, area), (keep, weight, theirs, before_theirs) = summary, row
            fired, before = place_in_step(times, index, self.target.dt)
            # At the end of the step; it was one less before a spike of the model, and one more
            # before a recorded one. (Not fired.astype, which is slow.)
            difference = keep * difference + jnp.where(fired, 1.0, 0.0) - theirs
            # With a spike of each at most it keeps its sign within the step.
            part = jnp.abs(difference - before + before_theirs)
            return difference, area + weight * part

        return over_steps(one, summary, series, self.tables, step)

    def final(self, summary: tuple[Array, Array], steps: Int[Array, ""] | int) -> Array:
        check_steps(steps, self.target, "SpikeTiming")
        return summary[1]


def _of_windows(target: Target) -> tuple[np.ndarray, np.ndarray]:
    """For each step: 0 where a window starts, else 1; and what it counts in the mean."""
    keep, weight = np.ones(target.steps), np.zeros(target.steps)
    bounds = window_steps(target)
    for start, stop in bounds:
        keep[start] = 0.0
        weight[start:stop] = 1.0 / ((stop - start) * len(bounds))
    return keep, weight
