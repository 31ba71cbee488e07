import functools
import operator
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxneuro.simulation import SpikeTimes

from ._objective import AbstractObjective, Record
from ._target import Target

BY_CHANCE = (0.5, 0.95)  # where the cap of the share by chance may be


class SoftGamma(AbstractObjective):
    """1 - Γ, with the coincidence factor Γ made smooth: 0 for all spikes, 1 for chance.

    Γ = 2 / (1 - 2 ν window) (N_coinc - 2 ν window N_recorded) / (N_recorded + N_model) as in
    `analysis.gamma_factor`, of the spikes of all windows together, ν being the model's rate there.
    Each spike coincides with one other at most: N_coinc is the greatest sum over pairs in order of
    k(t - t_recorded), where k(d) ∝ s((window - d) / softness) s((window + d) / softness), with the
    logistic s, is 1 at 0 and near 0 beyond the window. With a softness near 0 this is Γ itself;
    only for a model that fires faster than the cell, 2 ν window counts as at most 1/2 (or what it
    is for the cell) in the first factor, so that Γ has a lower bound. No spike on either side costs
    0, on one side alone 1.

    Do not use it with a small window on steps of current. Γ asks for the same spike times, but a
    cell does not repeat them when its input does not force it to: two repeats of one cell have
    Γ(5 ms) = 0.24, so a perfect model has a loss of 0.76, and the loss tells nothing of models that
    are worse. It is meant for fluctuating input. For steps take `SpikeTiming`, which also takes
    less time in a search: this one has to keep all spike times.

    **Arguments:**

    - `window`: how far apart spikes may be, ms; shorter than half the shortest recorded interval,
      or the number expected by chance is wrong.
    - `softness`: width of its edge, ms: how far beyond it a spike is still drawn in.
    - `capacity`: how many spikes of the model count, the first ones of each sweep; by default twice
      as many as any recorded sweep has, and 8 more.

    **Raises:** `ValueError` for a window or softness that is not above 0, and, when the target is
    not traced, for a window that is too long for the recorded spikes.

    Reference: Kistler, Gerstner & van Hemmen (1997), Neural Comput. 9:1015; Jolivet et al. (2008),
    J. Neurosci. Methods 169:417.

    !!! example

        ```python
        objective = SoftGamma(window=4.0, softness=1.0) + Voltage()
        ```
    """

    window: float = eqx.field(static=True)
    softness: float = eqx.field(static=True, default=1.0)
    capacity: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if not (self.window > 0 and self.softness > 0):
            raise ValueError(
                f"SoftGamma: window is {self.window} ms and softness {self.softness} ms; both must "
                "be above 0."
            )

    def record(self, node: str, target: Target) -> Record:
        self._check_window(target)
        capacity = self.capacity or 2 * target.spike_times.shape[0] + 8
        return {"times": SpikeTimes(node, capacity)}

    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "windows sweeps"]:
        duration = sum(stop - start for start, stop in target.windows)

        def one(ours: Array, theirs: Array) -> Array:
            count_ours, count_theirs = (
                jnp.sum(_counts(times, target), dtype=times.dtype) for times in (ours, theirs)
            )
            both = _most_coincidences(self._coincidences(ours, theirs, target))
            share, cap = (
                2.0 * self.window / duration * count for count in (count_ours, count_theirs)
            )
            excess = both - share * count_theirs
            scale = 2.0 / (1.0 - jnp.minimum(share, jnp.clip(cap, *BY_CHANCE)))
            gamma = scale * excess / jnp.maximum(count_ours + count_theirs, 1.0)
            return jnp.where(count_ours + count_theirs > 0, 1.0 - gamma, 0.0)

        losses = jax.vmap(one, in_axes=1)(recorded["times"], target.spike_times)
        return jnp.broadcast_to(losses, (len(target.windows), *losses.shape))

    def _coincidences(
        self, ours: Float[Array, "n"], theirs: Float[Array, "m"], target: Target
    ) -> Float[Array, "n m"]:
        """k of each pair of spikes within windows."""
        valid = _counts(ours, target)[:, None] & _counts(theirs, target)[None]
        distance = jnp.where(valid, ours[:, None], 0.0) - jnp.where(valid, theirs[None], 0.0)
        near = [
            jax.nn.sigmoid((self.window + sign * distance) / self.softness) for sign in (1.0, -1.0)
        ]
        at_zero = 1.0 / (1.0 + np.exp(-self.window / self.softness)) ** 2
        return jnp.where(valid, near[0] * near[1] * (1.0 / at_zero), 0.0)

    def _check_window(self, target: Target) -> None:
        if isinstance(target.spike_times, Tracer):
            return
        trains = np.asarray(target.spike_times, float).T
        counted = (train[_counts(train, target)] for train in trains)
        shortest = min(np.diff(train).min(initial=np.inf) for train in counted)
        if self.window >= 0.5 * shortest:
            raise ValueError(
                f"SoftGamma: the window is {self.window:g} ms, but the shortest recorded interval "
                f"is {shortest:.4g} ms. Take a window shorter than half of it, or SpikeTiming."
            )


def _counts(times: Any, target: Target) -> Any:
    """Which spikes are within a window."""
    within = [(times > start) & (times <= stop) for start, stop in target.windows]
    return functools.reduce(operator.or_, within)


def _most_coincidences(pairs: Float[Array, "n m"]) -> Float[Array, ""]:
    """The greatest sum of pairs of which no two share a spike or cross."""

    def one(best: Array, row: Array) -> tuple[Array, None]:
        # best[j]: with the spikes so far and the first j recorded ones.
        paired = best[:-1] + row
        best = jnp.maximum(best, jnp.concatenate([best[:1], paired]))
        return jax.lax.cummax(best), None

    start = jnp.zeros(pairs.shape[1] + 1, pairs.dtype)
    return jax.lax.scan(one, start, pairs)[0][-1]
