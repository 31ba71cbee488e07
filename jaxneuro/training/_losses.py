"""Readouts turn the series of the last layer into one score per class; losses compare scores.

All work on one example, `(time, classes)`; batches are `jax.vmap`. A mask `(time,)` of 0 and 1
says which steps of a shorter input count.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxneuro.simulation import sum_over_time

Mask = Float[Array, "time"] | Bool[Array, "time"] | None


def spike_count(spikes: Float[Array, "time classes"], mask: Mask = None) -> Float[Array, "classes"]:
    """Number of spikes of each class."""
    return sum_over_time(_masked(spikes, mask))


def membrane_sum(v: Float[Array, "time classes"], mask: Mask = None) -> Float[Array, "classes"]:
    """Membrane voltage summed over time."""
    return sum_over_time(_masked(v, mask))


def membrane_mean(v: Float[Array, "time classes"], mask: Mask = None) -> Float[Array, "classes"]:
    """Membrane voltage averaged over the steps that count."""
    return membrane_sum(v, mask) / _count_steps(v, mask)


def membrane_max(v: Float[Array, "time classes"], mask: Mask = None) -> Float[Array, "classes"]:
    """Largest membrane voltage over time."""
    return jnp.max(
        v if mask is None else jnp.where(mask[:, None].astype(bool), v, -jnp.inf), axis=0
    )


def first_spike_time(
    spikes: Float[Array, "time classes"], mask: Mask = None
) -> Float[Array, "classes"]:
    """Steps without a spike before the first one (all of them if there is none).

    The sum over t of prod_{s <= t} (1 - z_s): exact for spikes of 0 and 1, and differentiable
    through their surrogate derivative. Its negative is a score.
    """
    silent = jnp.cumprod(1.0 - _masked(spikes, mask), axis=0)
    return sum_over_time(_masked(silent, mask))


def cross_entropy(
    scores: Float[Array, "classes"], label: Int[Array, ""], smoothing: float | Array = 0.0
) -> Float[Array, ""]:
    """-log softmax(scores)[label], the label mixed with a uniform one by `smoothing`."""
    log_p = jax.nn.log_softmax(scores)
    return -(1.0 - smoothing) * log_p[label] - smoothing * jnp.mean(log_p)


def first_spike_cross_entropy(
    spikes: Float[Array, "time classes"],
    label: Int[Array, ""],
    mask: Mask = None,
    smoothing: float | Array = 0.0,
) -> Float[Array, ""]:
    """Cross-entropy whose scores are the negative first spike times, in steps.

    Reference: Mostafa (2018), IEEE Trans. Neural Netw. Learn. Syst. 29:3227.
    """
    return cross_entropy(-first_spike_time(spikes, mask), label, smoothing)


def rate_mse(
    spikes: Float[Array, "time classes"],
    label: Int[Array, ""],
    mask: Mask = None,
    *,
    correct: float = 0.9,
    wrong: float = 0.1,
) -> Float[Array, ""]:
    """Mean squared distance of the spikes per step from `correct` (the label's) and `wrong`."""
    target = jnp.where(jnp.arange(spikes.shape[1]) == label, correct, wrong)
    return jnp.mean(
        (spike_count(spikes, mask) / _count_steps(spikes, mask) - target.astype(spikes.dtype)) ** 2
    )


def silence_penalty(rates: Float[Array, "..."], lower: float = 0.01) -> Float[Array, ""]:
    """Mean squared shortfall of the neurons' spikes per step below `lower`."""
    return jnp.mean(jnp.maximum(lower - rates, 0.0) ** 2)


def saturation_penalty(rates: Float[Array, "..."], upper: float = 0.5) -> Float[Array, ""]:
    """Mean squared excess of the neurons' spikes per step above `upper`."""
    return jnp.mean(jnp.maximum(rates - upper, 0.0) ** 2)


def accuracy(
    scores: Float[Array, "batch classes"], labels: Int[Array, "batch"]
) -> Float[Array, ""]:
    """Fraction of examples whose highest score is the label's; equal scores count as wrong."""
    return jnp.mean(_is_right(scores, labels))


def recall(scores: Float[Array, "batch classes"], labels: Int[Array, "batch"]) -> Float[Array, ""]:
    """Fraction of each class that is recognised, mean over the classes that occur."""
    of_class = (labels[:, None] == jnp.arange(scores.shape[1])[None]).astype(scores.dtype)
    count = jnp.sum(of_class, axis=0)
    right = jnp.sum(of_class * _is_right(scores, labels)[:, None], axis=0)
    occurs = count > 0
    return jnp.sum(right / jnp.where(occurs, count, 1.0)) / jnp.sum(occurs.astype(scores.dtype))


def _is_right(
    scores: Float[Array, "batch classes"], labels: Int[Array, "batch"]
) -> Float[Array, "batch"]:
    """1 where the label's score is the only highest one, else 0."""
    best = scores.max(axis=1)
    chosen = jnp.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
    is_alone = jnp.sum(scores == best[:, None], axis=1) == 1
    return ((chosen == best) & is_alone).astype(scores.dtype)


def _masked(series: Float[Array, "time classes"], mask: Mask) -> Float[Array, "time classes"]:
    return series if mask is None else series * mask[:, None].astype(series.dtype)


def _count_steps(series: Float[Array, "time classes"], mask: Mask) -> Float[Array, ""] | int:
    if mask is None:
        return series.shape[0]
    return jnp.maximum(jnp.sum(mask.astype(series.dtype)), 1.0)
