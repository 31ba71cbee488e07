"""What a sweep keeps of each simulation."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from jaxneuro.core import suggest
from jaxneuro.simulation import Intervals, IntervalStatistics, Max, Mean, Simulation

UNITS = {"rate": "Hz", "first_spike": "ms"}
OF_SPIKES = ("rate", "cv", "first_spike", "spikes", "silent")
OF_PATHS = {"mean": Mean, "max": Max}
SPIKES = "spikes of "  # no path has a blank


def reducers(
    measures: Sequence[str],
    populations: Sequence[str],
    paths: Mapping[str, str],
    window: tuple[float, float],
    others: Sequence[str] = (),
) -> dict[str, Any]:
    """What `simulate` has to record.

    **Arguments:**

    - `paths`: where to find the variable of `mean:VARIABLE` and `max:VARIABLE`; others are paths.
    - `window`: spikes from its start to its stop count, ms.
    - `others`: measures that are made elsewhere.

    **Raises:** `ValueError` for a measure that there is not.
    """
    record: dict[str, Any] = {}
    for name in measures:
        kind, colon, variable = name.partition(":")
        if colon and kind in OF_PATHS and variable:
            record[name] = OF_PATHS[kind](paths.get(variable, variable))
        elif name not in (*OF_SPIKES, *others):
            known = [*OF_SPIKES, *(f"{kind}:PATH" for kind in OF_PATHS), *others]
            raise ValueError(
                f"measure: there is no {name!r}. {suggest(name, known)} There are "
                f"{', '.join(known)}."
            )
    if any(name in OF_SPIKES for name in measures):
        record |= {SPIKES + node: Intervals(node, *window) for node in populations}
    return record


def measured(
    run: Simulation, measures: Sequence[str], populations: Sequence[str], seconds: float
) -> dict[str, Array]:
    """The results of one lane: of spikes, one number for each population; of paths, one number."""
    found = {}
    for name in measures:
        if name in OF_SPIKES:
            each = [_of_spikes(name, run[SPIKES + node], seconds) for node in populations]
            found[name] = jnp.stack(each)
        else:
            kind, _, variable = name.partition(":")
            value = jnp.asarray(run[name], float)
            found[f"{kind}_{variable}"] = value.max() if kind == "max" else value.mean()
    return found


def _of_spikes(name: str, found: IntervalStatistics, seconds: float) -> Array:
    """Mean over the neurons (of `cv` and `first_spike` over those that have one)."""
    count = found.count.astype(found.first.dtype)
    if name == "rate":
        return count.mean() / seconds
    if name == "spikes":
        return count.sum()
    if name == "silent":
        return (count == 0).astype(count.dtype).mean()
    value = found.cv if name == "cv" else found.first
    return jnp.nanmean(value)
