from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ._record import AbstractReducer, sum_over_time


class IntervalStatistics(eqx.Module):
    """What `Intervals` returns: of each neuron, shape that of the population.

    **Attributes:**

    - `count`: spikes.
    - `first`: time of the first one, ms; NaN without any.
    - `mean`: interval between spikes, ms; NaN for fewer than two spikes.
    - `cv`: coefficient of variation of the intervals; NaN for fewer than three spikes.
    """

    count: Int[Array, "..."]
    first: Float[Array, "..."]
    mean: Float[Array, "..."]
    cv: Float[Array, "..."]


class _Sums(NamedTuple):
    """Of the deviations from the first interval, which loses no digits to a large mean."""

    spikes: Array
    first: Array
    last: Array
    reference: Array
    deviation: Array
    square: Array


class Intervals(AbstractReducer):
    """Spike count, first spike, and mean and variation of the intervals between spikes.

    **Arguments:**

    - `node`: name of the population.
    - `start`, `stop`: only spikes from start to stop count, ms.

    **Returns** an `IntervalStatistics`.

    !!! example

        ```python
        run = simulate(net, dt=0.1, steps=5000, key=key, record={"exc": Intervals("exc", 100.0)})
        run["exc"].cv  # (neurons,)
        ```
    """

    node: str = eqx.field(static=True)
    start: float = eqx.field(static=True, default=0.0)
    stop: float = eqx.field(static=True, default=float("inf"))

    @property
    def path(self) -> str:
        return f"{self.node}.spike_times"

    def init(self, first: Array) -> _Sums:
        never, zero = jnp.full_like(first, -jnp.inf), jnp.zeros_like(first)
        return _Sums(jnp.zeros(first.shape, jnp.int32), -never, never, zero, zero, zero)

    def update(
        self, summary: _Sums, series: Float[Array, "time ..."], step: Int[Array, ""]
    ) -> _Sums:
        counts = jnp.isfinite(series) & (series >= self.start) & (series <= self.stop)
        times = jnp.where(counts, series, -jnp.inf)
        last = jax.lax.cummax(jnp.concatenate([summary.last[None], times]))
        ends = counts & jnp.isfinite(last[:-1])
        length = jnp.where(ends, series - last[:-1], 0.0)
        earliest = jnp.take_along_axis(length, jnp.argmax(ends, axis=0)[None], axis=0)[0]
        reference = jnp.where(summary.spikes > 1, summary.reference, earliest)
        deviation = jnp.where(ends, length - reference[None], 0.0)
        return _Sums(
            summary.spikes + jnp.sum(counts, axis=0, dtype=jnp.int32),
            jnp.minimum(summary.first, jnp.where(counts, series, jnp.inf).min(0)),
            last[-1],
            reference,
            summary.deviation + sum_over_time(deviation),
            summary.square + sum_over_time(deviation**2),
        )

    def final(self, summary: _Sums, steps: Int[Array, ""] | int) -> IntervalStatistics:
        intervals = jnp.maximum(summary.spikes - 1, 1).astype(summary.last.dtype)
        shift = summary.deviation / intervals
        mean = summary.reference + shift
        variance = jnp.maximum(summary.square / intervals - shift**2, 0.0)
        return IntervalStatistics(
            summary.spikes,
            jnp.where(summary.spikes > 0, summary.first, jnp.nan),
            jnp.where(summary.spikes > 1, mean, jnp.nan),
            jnp.where(summary.spikes > 2, jnp.sqrt(variance) / mean, jnp.nan),
        )
