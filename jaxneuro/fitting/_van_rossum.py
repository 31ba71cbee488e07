import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxneuro.simulation import AbstractReducer

from ._objective import AbstractObjective, Record
from ._score import check_steps, check_sweeps, over_steps, place_in_step
from ._target import Target


class VanRossum(AbstractObjective):
    """Squared van Rossum distance of all spikes of a sweep, in the windows and outside.

    2/tau ∫ (f - f_recorded)² dt, where f is the sum of exp(-(t - t_k) / tau) over the spikes before
    t: the square of `analysis.van_rossum`. A spike too many or too few, far from all others, costs
    1; one that is late by d costs 2 (1 - exp(-d / tau)), so that its derivative reaches about tau
    far. What follows the last step is part of the integral. Exact at interpolated spike times.

    **Arguments:**

    - `tau`: time constant, ms, at least a step.

    **Raises:** `ValueError` for a `tau` that is not above 0 or shorter than the target's step.

    Reference: van Rossum (2001), Neural Comput. 13:751; Houghton & Kreuz (2012), Network 23:48.

    !!! example

        ```python
        objective = VanRossum(tau=20.0) + Voltage()
        ```
    """

    tau: float = eqx.field(static=True, default=10.0)

    def __check_init__(self):
        if not self.tau > 0:
            raise ValueError(f"VanRossum: tau is {self.tau} ms; it must be above 0.")

    def record(self, node: str, target: Target) -> Record:
        if self.tau < target.dt:
            raise ValueError(
                f"VanRossum: tau is {self.tau} ms, shorter than the target's step of "
                f"{target.dt:g} ms. Take a longer tau, or a smaller dt."
            )
        step, theirs = target.dt / self.tau, target.spikes
        terms = _terms(step, jnp.finfo(theirs.dtype).eps)
        left = (1.0 - target.fraction) * step
        tables = theirs, theirs * _exp(-left, terms), theirs * _exp(left, terms)
        return {"distance": _SquaredDistance(f"{node}.spike_times", target, tables, step)}

    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "windows sweeps"]:
        distance = recorded["distance"]
        return jnp.broadcast_to(distance, (len(target.windows), *distance.shape))


class _SquaredDistance(AbstractReducer):
    """2/tau ∫ g² dt of g = f - f_recorded.

    Without a spike g² falls by g² (1 - exp(-2 t / tau)), of which the integral is tau / 2 of the
    fall. So what it gains at the spikes, where g jumps by ±1, is the integral over all time:
    2 g - 1 of the value after a spike of the model, -2 g - 1 after a recorded one.

    **Arguments:**

    - `tables`: of the recorded spikes of each step: their number, and exp(-t) and exp(t) of the
      time t that is left of the step after them, 0 without a spike.
    - `step`: length of a step in units of tau.
    """

    path: str = eqx.field(static=True)
    target: Target
    tables: tuple[Float[Array, "time sweeps"], ...]
    step: float = eqx.field(static=True)

    def init(self, first: Array) -> tuple[Array, Array]:
        check_sweeps(first, self.target, "VanRossum")
        return jnp.zeros_like(first), jnp.zeros_like(first)

    def update(
        self, summary: tuple[Array, Array], series: Array, step: Int[Array, ""]
    ) -> tuple[Array, Array]:
        terms = _terms(self.step, jnp.finfo(series.dtype).eps)
        decay = float(np.exp(-self.step))

        def one(summary: tuple[Array, Array], times: Array, row: Any, index: Array) -> Any:
            (g, distance), (theirs, shrunk, grown) = summary, row
            fired, place = place_in_step(times, index, self.target.dt)
            left = (1.0 - place) * self.step
            fallen, risen = _exp(-left, terms), _exp(left, terms)
            g = decay * g + jnp.where(fired, fallen, 0.0) - shrunk
            # g at the end of the step, taken back to the first of two spikes, still has the jump of
            # the second in it: exp of the time between them, the greater of the two products.
            gained = 2.0 * (g * risen + jnp.maximum(risen * shrunk, fallen * grown)) - 1.0
            gained = jnp.where(fired, gained, 0.0) - 2.0 * g * grown - theirs
            return g, distance + gained

        return over_steps(one, summary, series, self.tables, step)

    def final(self, summary: tuple[Array, Array], steps: Int[Array, ""] | int) -> Array:
        check_steps(steps, self.target, "VanRossum")
        return summary[1]


def _exp(x: Float[Array, "..."], terms: int) -> Float[Array, "..."]:
    """exp(x) by its series, which for the short times within a step is several times faster."""
    total = jnp.full_like(x, 1.0 / math.factorial(terms - 1))
    for n in range(terms - 2, -1, -1):
        total = total * x + 1.0 / math.factorial(n)
    return total


def _terms(most: float, precision: Any) -> int:
    """How many terms of the series are as good as all of them for arguments up to `most`."""
    count = 1
    while most**count / math.factorial(count) > 0.1 * precision:
        count += 1
    return count
