from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import suggest
from jaxneuro.simulation import SpikeTimes

from ._features import FEATURES, extract
from ._objective import AbstractLeastSquares, Record
from ._target import Target


class FeatureDistance(AbstractLeastSquares):
    """Squared differences of features, in units of their standard deviations, up to `most`².

    In each window, the sum over the features of r², with r = x / sqrt(1 + (x / most)²)
    and x = (f - f_recorded) / sd: x itself while it is small. Where only one of the two has the
    feature (a latency without a spike), r is `most`, which is above all others and without a
    derivative; where neither has it, r is 0. Both are measured on the target's grid of time.

    **Arguments:**

    - `names`: of features, keys of `FEATURES`. A model that resets makes no spike shape: leave out
      what `needs_spike_shape` there.
    - `sd`: what counts as an error of one, by name, in the feature's unit; by default, and for
      names left out, that of `FEATURES`.
    - `most`: what a feature may count at most, in units of its `sd`.
    - `capacity`: how many spikes of the model count, the first ones of each sweep; by default twice
      as many as any recorded sweep has, and 8 more.

    It records the whole voltage, so it is for the gradient and for few candidates.

    **Raises:** `ValueError` for an unknown name, one of `sd` that is not among the names, or an
    `sd` or `most` that is not above 0.

    !!! example

        ```python
        objective = FeatureDistance(("latency", "ahp_voltage"), sd={"latency": 2.0}) + Voltage()
        ```
    """

    names: tuple[str, ...] = eqx.field(static=True)
    sd: tuple[float, ...] = eqx.field(static=True)
    most: float = eqx.field(static=True)
    capacity: int | None = eqx.field(static=True)

    def __init__(
        self,
        names: Sequence[str],
        sd: Mapping[str, float] | None = None,
        *,
        most: float = 10.0,
        capacity: int | None = None,
    ):
        self.names = (names,) if isinstance(names, str) else tuple(names)
        sd = dict(sd or {})
        _check_names(self.names, tuple(FEATURES), "names")
        _check_names(tuple(sd), self.names, "sd")
        self.sd = tuple(float(sd.get(name, FEATURES[name].sd)) for name in self.names)
        self.most, self.capacity = most, capacity
        if not (self.names and most > 0 and all(value > 0 for value in self.sd)):
            raise ValueError(
                f"FeatureDistance: names are {self.names}, their sd {self.sd} and most {most}. "
                "There must be a name, and all numbers must be above 0."
            )

    def record(self, node: str, target: Target) -> Record:
        capacity = self.capacity or 2 * target.spike_times.shape[0] + 8
        return {"v": f"{node}.v", "times": SpikeTimes(node, capacity)}

    def residual_record(self, node: str, target: Target) -> Record:
        return self.record(node, target)

    def residuals(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "n sweeps"]:
        ours = self._measure(recorded["v"], recorded["times"], target)
        theirs = self._measure(target.voltage, target.spike_times, target)
        parts = [
            self._residual(ours[name], theirs[name], sd)
            for name, sd in zip(self.names, self.sd, strict=True)
        ]
        return jnp.concatenate(parts) * len(target.windows) ** -0.5

    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "windows sweeps"]:
        squares = self.residuals(recorded, target) ** 2
        windows = len(target.windows)
        return windows * jnp.sum(squares.reshape(-1, windows, squares.shape[1]), axis=0)

    def _measure(
        self, voltage: Float[Array, "time sweeps"], times: Float[Array, "n sweeps"], target: Target
    ) -> dict[str, Float[Array, "windows sweeps"]]:
        return extract(
            voltage,
            target.current,
            target.dt,
            target.windows,
            spike_times=times,
            names=self.names,
            first=target.dt,
        )

    def _residual(self, ours: Array, theirs: Array, sd: float) -> Array:
        has_ours, has_theirs = jnp.isfinite(ours), jnp.isfinite(theirs)
        both = has_ours & has_theirs
        x = (jnp.where(both, ours, 0.0) - jnp.where(both, theirs, 0.0)) / sd
        r = x / jnp.sqrt(1.0 + (x / self.most) ** 2)
        return jnp.where(has_ours == has_theirs, r, self.most)


def _check_names(names: Sequence[str], known: Sequence[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(
                f"FeatureDistance: {what} has {name!r}, which is no feature to be compared. "
                f"{suggest(name, known)}"
            )
