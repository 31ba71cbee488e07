from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxneuro.simulation import AbstractReducer, sum_over_time

from ._objective import AbstractLeastSquares, Record
from ._score import check_steps, check_sweeps, place_in_step, rows
from ._target import Target


class Voltage(AbstractLeastSquares):
    """Mean squared error of the voltage below threshold, in units of `sd`.

    mean over the time that counts of ((v - v_recorded) / sd)²; that near a recorded spike does not
    (`make_target` says how near). v counts as `sd` above the highest voltage that was recorded
    below threshold where it is higher, as on the way into a spike. The integral is that of the
    trapezoids, with what is before and after a spike inside a step taken apart: it changes smoothly
    when a spike moves from one step to the next. A sweep without any such time has a loss of 0.
    A window's part is that of the time until the next one starts, times the number of windows.

    **Arguments:**

    - `sd`: what counts as an error of one, mV.

    **Raises:** `ValueError` for an `sd` that is not above 0.

    !!! example

        ```python
        objective = Voltage(sd=2.0) + SpikeTiming()
        ```
    """

    sd: float = eqx.field(static=True, default=4.0)

    def __check_init__(self):
        if not self.sd > 0:
            raise ValueError(f"Voltage: sd is {self.sd} mV; it must be above 0.")

    def record(self, node: str, target: Target) -> Record:
        paths = f"{node}.v", f"{node}.spike_times"
        return {"errors": _SquaredError(paths, target, _ceiling(target, self.sd))}

    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "windows sweeps"]:
        scale = len(target.windows) / (_counted(target) * self.sd**2)
        return recorded["errors"] * scale[None]

    def residual_record(self, node: str, target: Target) -> Record:
        return {"v": f"{node}.v", "times": f"{node}.spike_times"}

    def residuals(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "n sweeps"]:
        v, times = recorded["v"], recorded["times"]
        steps = jnp.arange(target.steps, dtype=v.dtype)[:, None]
        fired, place = place_in_step(times, jnp.broadcast_to(steps, v.shape), target.dt)
        fired = fired & _falls(v, v[:1])
        # How the time of a spike divides its step is held: the root of a part has no slope at 0.
        before = jax.lax.stop_gradient(jnp.where(fired, place, 1.0)) * target.is_subthreshold
        ceiling = _ceiling(target, self.sd)
        error, top = jnp.minimum(v, ceiling) - target.voltage, ceiling - target.voltage
        # What each value counts as the end of its step, and as the start of the next.
        at_end = jnp.where(fired, target.is_subthreshold - before, 0.5 * before)
        at_start = jnp.concatenate([0.5 * before[1:], jnp.zeros_like(before[:1])])
        at_start = at_start.at[0].add(0.5 * before[0])
        at_top = jnp.where(fired, 0.5 * before, 0.0)
        parts = [jnp.sqrt(at_end + at_start) * error, jnp.sqrt(at_top) * top]
        return jnp.concatenate(parts) / (jnp.sqrt(_counted(target)) * self.sd)[None]


class _SquaredError(AbstractReducer):
    """Integral of (v - v_recorded)² over the time of each window that counts, mV² steps."""

    path: tuple[str, str] = eqx.field(static=True)
    target: Target
    ceiling: Float[Array, ""]

    def init(self, first: tuple[Array, Array]) -> tuple[tuple[Array, ...], Array, Array]:
        check_sweeps(first[0], self.target, "Voltage")
        # The sums, and voltage and squared error at the start of the next step: unknown at first.
        zero = jnp.zeros_like(first[0])
        return tuple(zero for _ in self.target.windows), jnp.full_like(zero, -jnp.inf), zero

    def update(
        self,
        summary: tuple[tuple[Array, ...], Array, Array],
        series: tuple[Array, Array],
        step: Int[Array, ""],
    ) -> tuple[tuple[Array, ...], Array, Array]:
        (totals, last_v, last_error), (v, times) = summary, series
        target, length = self.target, v.shape[0]
        wanted, weight = rows((target.voltage, target.is_subthreshold), step, length)
        end = (jnp.minimum(v, self.ceiling) - wanted) ** 2
        first = jnp.where(jnp.isinf(last_v), end[0], last_error)
        start = jnp.concatenate([first[None], end[:-1]])
        steps = (step + jnp.arange(length, dtype=jnp.int32)).astype(v.dtype)[:, None]
        fired, place = place_in_step(times, jnp.broadcast_to(steps, v.shape), target.dt)
        is_reset = fired & _falls(v, last_v[None])
        before = jnp.where(is_reset, place, 1.0)
        top = jnp.where(is_reset, (self.ceiling - wanted) ** 2, end)
        cost = before * 0.5 * (start + top) + (1.0 - before) * end
        owner = rows(jnp.asarray(target.segments, v.dtype), step, length)
        totals = tuple(
            total + sum_over_time(owner[:, index, None] * (weight * cost))
            for index, total in enumerate(totals)
        )
        return totals, v[-1], end[-1]

    def final(
        self, summary: tuple[tuple[Array, ...], Array, Array], steps: Int[Array, ""] | int
    ) -> Float[Array, "windows n"]:
        check_steps(steps, self.target, "Voltage")
        return jnp.stack(summary[0])


def _falls(v: Float[Array, "time n"], first: Float[Array, "1 n"]) -> Bool[Array, "time n"]:
    """Where v is lower than a step before: with a spike, it was reset and not only crossed."""
    return v < jnp.concatenate([first, v[:-1]])


def _ceiling(target: Target, sd: float) -> Float[Array, ""]:
    """The voltage above which it counts as no higher, mV."""
    counted = jnp.where(target.is_subthreshold > 0, target.voltage, -jnp.inf)
    highest = jnp.max(counted) + sd
    return jnp.where(jnp.isfinite(highest), highest, 0.0)


def _counted(target: Target) -> Float[Array, "windows sweeps"]:
    return jnp.maximum(jnp.sum(target.is_subthreshold, axis=0), 1.0)
