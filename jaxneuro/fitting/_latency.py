from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxneuro.simulation import AbstractReducer

from ._objective import AbstractObjective, Record
from ._score import check_steps, check_sweeps, window_steps
from ._target import Target


class Latency(AbstractObjective):
    """Difference of the first spikes' latencies in each window, in units of `sd`, up to `most`.

    h / (1 + h / most) in each window, with h = sqrt(1 + ((t - t_recorded) / sd)²) - 1:
    quadratic for small errors, linear for larger ones, and never above `most`. A window without a
    spike counts as one with a spike at its end, so a spike that comes in there changes nothing.

    **Arguments:**

    - `sd`: what counts as an error of one, ms.
    - `most`: what a window costs at most.

    **Raises:** `ValueError` when one of them is not above 0.

    !!! example

        ```python
        objective = SpikeCount() + Latency(sd=3.0)
        ```
    """

    sd: float = eqx.field(static=True, default=3.0)
    most: float = eqx.field(static=True, default=10.0)

    def __check_init__(self):
        if not (self.sd > 0 and self.most > 0):
            raise ValueError(
                f"Latency: sd is {self.sd} ms and most {self.most}; both must be above 0."
            )

    def record(self, node: str, target: Target) -> Record:
        return {"first": _FirstSpike(f"{node}.spike_times", target)}

    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "windows sweeps"]:
        theirs = _FirstSpike("", target).of_series(target.spike_series)
        error = (recorded["first"] - theirs) / self.sd
        # Not sqrt(1 + x²) - 1, which in float32 is 0 for small x.
        h = error**2 / (jnp.sqrt(1.0 + error**2) + 1.0)
        return h / (1.0 + h / self.most)


class _FirstSpike(AbstractReducer):
    """First spike in each window or the window's end, ms, `(windows, n)`."""

    path: str = eqx.field(static=True)
    target: Target

    def init(self, first: Array) -> tuple[Array, ...]:
        check_sweeps(first, self.target, "Latency")
        stops = window_steps(self.target)[:, 1] * self.target.dt
        return tuple(jnp.full_like(first, stop) for stop in stops)

    def update(
        self, summary: tuple[Array, ...], series: Array, step: Int[Array, ""]
    ) -> tuple[Array, ...]:
        steps = (step + jnp.arange(series.shape[0], dtype=jnp.int32))[:, None]
        starts = window_steps(self.target)[:, 0].tolist()
        # What is later than the window's end, the summary's first value, is never the minimum.
        return tuple(
            jnp.minimum(x, jnp.min(jnp.where(steps >= start, series, jnp.inf), axis=0))
            for x, start in zip(summary, starts, strict=True)
        )

    def final(self, summary: tuple[Array, ...], steps: Int[Array, ""] | int) -> Array:
        check_steps(steps, self.target, "Latency")
        return jnp.stack(summary)

    def of_series(self, series: Float[Array, "time n"]) -> Float[Array, "windows n"]:
        """The first spikes of a whole series of spike times."""
        summary = self.update(self.init(series[0]), series, jnp.asarray(0, jnp.int32))
        return self.final(summary, series.shape[0])
