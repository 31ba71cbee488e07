"""The measures of criticality of one lane: made on the host, from the spikes of all neurons."""

from collections.abc import Callable, Sequence
from typing import Any, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int

from jaxneuro.analysis.criticality import Regime, measure_criticality
from jaxneuro.simulation import AbstractReducer

from ._sweep_criticality_config import CriticalityConfig

REGIME = "regime"
REGIMES = get_args(Regime)
FIELDS = {
    "branching_ratio": "branching",
    "size_exponent": "size_exponent",
    "duration_exponent": "duration_exponent",
    "deviation": "deviation",
    "avalanches": "avalanches",
}
"""Of `Criticality`, by measure."""
OF_CRITICALITY = (REGIME, *FIELDS)
MEANING = {REGIME: ", ".join(f"{code} {name}" for code, name in enumerate(REGIMES))}

# A callback gets its own copies, and those of more than 100 KiB wait for a thread that the
# callback may hold: https://github.com/jax-ml/jax/issues/24255
PIECE = 2**14


class Activity(AbstractReducer):
    """Spikes of all neurons of some populations in each step.

    **Arguments:**

    - `path`: of their spikes.
    - `steps`: of the run, which begins at step 0.
    """

    path: tuple[str, ...] = eqx.field(static=True)
    steps: int = eqx.field(static=True)

    def init(self, first: tuple[Array, ...]) -> Int[Array, " steps"]:
        return jnp.zeros(self.steps, jnp.int32)

    def update(self, summary: Array, series: tuple[Array, ...], step: Int[Array, ""]) -> Array:
        each = [x.reshape(x.shape[0], -1) for x in series]
        counts = jnp.concatenate(each, axis=1).sum(axis=1).astype(jnp.int32)
        return lax.dynamic_update_slice(summary, counts, (step,))

    def final(self, summary: Array, steps: Int[Array, ""] | int) -> Array:
        return summary


def criticality_meter(
    measures: Sequence[str], config: CriticalityConfig, dt: float, steps: int, neurons: int
) -> Callable[[Int[Array, " steps"]], dict[str, Array]]:
    """The function from the activity of a lane to its measures of criticality.

    A regime is the number of its name in `REGIMES`.

    **Arguments:**

    - `measures`: of `OF_CRITICALITY`.
    - `steps`, `neurons`: of the activity.

    **Raises:** `ValueError` for bins that do not fit the steps.
    """

    def measured(*pieces: Any) -> dict[str, np.ndarray]:
        activity = np.concatenate([np.asarray(piece) for piece in pieces])
        found = measure_criticality(
            activity,
            dt,
            config.bin,
            neurons=max(1, round(config.system * neurons)),
            threshold=config.threshold,
            branching_bin=config.branching_bin,
            bootstraps=config.bootstraps,
        )
        values = {name: getattr(found, field) for name, field in FIELDS.items()}
        values[REGIME] = REGIMES.index(config.regime(found))
        return {name: np.asarray(values[name], types[name]) for name in measures}

    types = {name: np.dtype(jnp.result_type(float)) for name in measures}
    types |= {name: np.dtype(np.int32) for name in (REGIME, "avalanches")}
    shapes = {name: jax.ShapeDtypeStruct((), types[name]) for name in measures}
    measured(np.zeros(steps, np.int32))  # so that mistakes are found before anything runs

    def meter(activity: Int[Array, " steps"]) -> dict[str, Array]:
        pieces = [activity[start : start + PIECE] for start in range(0, steps, PIECE)]
        return jax.pure_callback(measured, shapes, *pieces, vmap_method="sequential")

    return meter


def count_regimes(results: Any) -> dict[str, int]:
    """How many lanes are in each regime."""
    codes = results[REGIME].where(results.status > 0).to_numpy()
    return {name: int(np.sum(codes == code)) for code, name in enumerate(REGIMES)}
