"""What the reducers of objectives share: each step of a run beside the same step of a target."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ._target import Target


def rows(tables: Any, step: Int[Array, ""], count: int) -> Any:
    """The part of arrays `(time, ...)` that belongs to `count` steps from `step` on."""
    return jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, step, count), tables)


def over_steps(
    one: Callable[[Any, Array, Any, Array], Any],
    summary: Any,
    series: Float[Array, "time n"],
    tables: Any,
    step: Int[Array, ""],
) -> Any:
    """The summary after `one(summary, values, row, step)` for each step of a block in turn."""
    count = series.shape[0]
    steps = (step + jnp.arange(count, dtype=jnp.int32)).astype(series.dtype)
    inputs = series, rows(tables, step, count), steps
    return jax.lax.scan(lambda carry, x: (one(carry, *x), None), summary, inputs)[0]


def place_in_step(
    times: Float[Array, "..."], steps: Float[Array, "..."], dt: float
) -> tuple[Bool[Array, "..."], Float[Array, "..."]]:
    """Who spiked, and at what part of the step from 0 to 1; 0 for the others."""
    fired = jnp.isfinite(times)
    return fired, jnp.where(fired, times * (1.0 / dt) - steps, 0.0)


def window_steps(target: Target) -> np.ndarray:
    """First step of each window and the first after it, `(windows, 2)`."""
    return np.round(np.asarray(target.windows) / target.dt).astype(int)


def check_sweeps(first: Array, target: Target, objective: str) -> None:
    """Refuses a population that is not one neuron for each sweep."""
    if first.shape != (target.sweeps,):
        raise ValueError(
            f"{objective}: the population has shape {first.shape}, but the target "
            f"{target.sweeps} sweeps. Simulate Population(neuron, ({target.sweeps},))."
        )


def check_steps(steps: Int[Array, ""] | int, target: Target, objective: str) -> None:
    """Refuses a run that is not as long as the target."""
    if isinstance(steps, int) and steps != target.steps:
        raise ValueError(
            f"{objective}: the run has {steps} steps, but the target {target.steps}. Give "
            "simulate the target's own current and dt."
        )
