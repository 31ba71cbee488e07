from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float


class Generation(NamedTuple):
    """What one generation brought: handed to `on_generation`.

    **Attributes:**

    - `generation`: its number, from 1.
    - `best`, `mean`, `spread`: fitness of the best member, mean and standard deviation over the
      members whose fitness is finite.
    - `failed`: members whose fitness is not finite; they count as worse than all others.
    - `diversity`: root mean square distance of a member's numbers from the population's mean.
    - `metrics`: what the fitness function returned beside, mean over the same members.
    - `scores`: what `evaluate` returned for the strategy's answer, empty if it was not due.
    - `seconds`: it took, `evaluate` included (mean over those of one compiled call).
    - `ago`: seconds since its end, as several are reported together.
    """

    generation: int
    best: float
    mean: float
    spread: float
    failed: int
    diversity: float
    metrics: dict[str, Any]
    scores: dict[str, float]
    seconds: float
    ago: float


def summary(fitness: Float[Array, "..."], is_sound: Bool[Array, "..."]) -> dict[str, Array]:
    """Best, mean and spread of the fitness that is sound, and how many are not."""
    count = jnp.maximum(jnp.sum(is_sound.astype(fitness.dtype)), 1.0)
    mean = jnp.sum(jnp.where(is_sound, fitness, 0.0)) / count
    squares = jnp.sum(jnp.where(is_sound, fitness - mean, 0.0) ** 2)
    return {
        "best": jnp.max(jnp.where(is_sound, fitness, -jnp.inf)),
        "mean": mean,
        "spread": jnp.sqrt(squares / count),
        "failed": jnp.sum((~is_sound).astype(jnp.int32)),
    }


def mean_of_sound(
    values: Float[Array, "candidates siblings ..."], is_sound: Bool[Array, "candidates siblings"]
) -> Float[Array, "..."]:
    """The mean over the members whose fitness is finite; the others' numbers may be NaN."""
    shape = *is_sound.shape, *(1,) * (values.ndim - 2)
    return jnp.mean(values, axis=(0, 1), where=is_sound.reshape(shape))


def lost_last(fitness: Float[Array, "..."], is_sound: Bool[Array, "..."]) -> Float[Array, "..."]:
    """Members that failed get less than the worst of the others, but not by much."""
    worst = jnp.min(jnp.where(is_sound, fitness, jnp.inf))
    worst = jnp.where(jnp.isfinite(worst), worst, 0.0)
    gap = summary(fitness, is_sound)["spread"] + 1e-3 * jnp.maximum(jnp.abs(worst), 1.0)
    return jnp.where(is_sound, fitness, worst - gap)


def read_reports(rows: Any, start: int, stop: int, seconds: float) -> list[Generation]:
    """The rows that a compiled call wrote, of generations `start` (from 0) to `stop`."""
    rows = jax.tree.map(np.asarray, rows)
    found = []
    for index in range(stop - start):
        row = jax.tree.map(lambda x, i=index: x[i], rows)
        scores = {name: float(x) for name, x in row["scores"].items()}
        found.append(
            Generation(
                start + index + 1,
                float(row["best"]),
                float(row["mean"]),
                float(row["spread"]),
                int(row["failed"]),
                float(row["diversity"]),
                row["metrics"],
                {} if all(map(np.isnan, scores.values())) else scores,
                seconds,
                seconds * (stop - start - index - 1),
            )
        )
    return found
