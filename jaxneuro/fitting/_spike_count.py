from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxneuro.simulation import AbstractReducer, sum_over_time

from ._objective import AbstractLeastSquares, Record
from ._score import check_steps, check_sweeps, place_in_step, rows
from ._target import Target


class SpikeCount(AbstractLeastSquares):
    """Squared difference of the spike counts in each window, in units of `sd`.

    ((n - n_recorded) / sd)² in each window. A spike at t counts
    s((t - start) / softness) s((stop - t) / softness) with the logistic s, joined by straight
    lines between the steps, so that the count has a derivative in the times of spikes near the
    window's ends (but none in spikes that were not fired). Recorded spikes count in the same way.

    **Arguments:**

    - `sd`: what counts as an error of one, spikes.
    - `softness`: width of the window's ends, ms; near 0 the count is the ordinary one.

    **Raises:** `ValueError` when one of them is not above 0.

    !!! example

        ```python
        objective = SpikeCount(sd=1.0) + Latency(sd=3.0)
        ```
    """

    sd: float = eqx.field(static=True, default=1.0)
    softness: float = eqx.field(static=True, default=1.0)

    def __check_init__(self):
        if not (self.sd > 0 and self.softness > 0):
            raise ValueError(
                f"SpikeCount: sd is {self.sd} spikes and softness {self.softness} ms; both must be "
                "above 0."
            )

    def record(self, node: str, target: Target) -> Record:
        return {"count": _SoftCount(f"{node}.spike_times", target, self.softness)}

    def residual_record(self, node: str, target: Target) -> Record:
        return self.record(node, target)

    def residuals(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "n sweeps"]:
        count = _SoftCount("", target, self.softness)
        theirs = count.of_series(target.spike_series)
        return (recorded["count"] - theirs) / (self.sd * len(target.windows) ** 0.5)

    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "windows sweeps"]:
        return len(target.windows) * self.residuals(recorded, target) ** 2


class _SoftCount(AbstractReducer):
    """Soft spike count in each window, `(windows, n)`."""

    path: str = eqx.field(static=True)
    target: Target
    softness: float = eqx.field(static=True)

    def init(self, first: Array) -> tuple[Array, ...]:
        check_sweeps(first, self.target, "SpikeCount")
        # Not one array, of which XLA would compute each row anew from the neuron's equations.
        return tuple(jnp.zeros_like(first) for _ in self.target.windows)

    def update(
        self, summary: tuple[Array, ...], series: Array, step: Int[Array, ""]
    ) -> tuple[Array, ...]:
        count = series.shape[0]
        # A table of the windows' ends: their logistic for every neuron costs more than the neuron.
        counts = jnp.asarray(_soft_windows(self.target, self.softness), series.dtype)
        before, after = rows((counts[:-1], counts[1:]), step, count)
        steps = (step + jnp.arange(count, dtype=jnp.int32)).astype(series.dtype)
        fired, place = place_in_step(series, steps[:, None], self.target.dt)

        def part(index: int) -> Array:
            start, stop = before[:, index, None], after[:, index, None]
            return sum_over_time(jnp.where(fired, start + place * (stop - start), 0.0))

        return tuple(x + part(index) for index, x in enumerate(summary))

    def final(self, summary: tuple[Array, ...], steps: Int[Array, ""] | int) -> Array:
        check_steps(steps, self.target, "SpikeCount")
        return jnp.stack(summary)

    def of_series(self, series: Float[Array, "time n"]) -> Float[Array, "windows n"]:
        """The counts of a whole series of spike times."""
        start = self.update(self.init(series[0]), series, jnp.asarray(0, jnp.int32))
        return self.final(start, series.shape[0])


def _soft_windows(target: Target, softness: float) -> np.ndarray:
    """What a spike counts at each start of a step and the last end, `(time + 1, windows)`."""
    grid = np.arange(target.steps + 1)[:, None] * target.dt
    starts, stops = np.asarray(target.windows).T

    def logistic(x: np.ndarray) -> np.ndarray:
        return 0.5 * (1.0 + np.tanh(0.5 * x / softness))

    return logistic(grid - starts) * logistic(stops - grid)
