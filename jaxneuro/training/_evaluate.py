from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro.network import Network

from ._classifier import Classifier
from ._losses import accuracy, cross_entropy


class Evaluation(NamedTuple):
    """A classifier's answers to a labelled set.

    **Attributes:**

    - `scores`: `(samples, classes)`.
    - `loss`: mean cross-entropy, without label smoothing.
    - `accuracy`: fraction of right answers; equal highest scores (silence) count as wrong.
    - `answers`: the class with the highest score, the first of equals, `(samples,)`.
    """

    scores: np.ndarray
    loss: float
    accuracy: float
    answers: np.ndarray


def evaluate(
    task: Classifier,
    network: Network,
    inputs: Array | np.ndarray,
    labels: Array | np.ndarray,
    *,
    scale: float = 1.0,
    batch_size: int = 500,
    key: Key[Array, ""] | None = None,
    mask: Array | np.ndarray | None = None,
) -> Evaluation:
    """Runs a network over a labelled set, batch by batch on the device, without dropout.

    **Arguments:**

    - `inputs`: `(samples, ...)`, divided by `scale`.
    - `batch_size`: examples that run at the same time.
    - `key`: for random encodings; 0 by default, so that two evaluations agree.
    - `mask`: `(samples, time)`, the steps of shorter inputs that count.

    **Raises:** `ValueError` without samples.
    """
    key = jax.random.key(0) if key is None else key
    given = _all_scores(task, network, inputs, len(labels), scale, batch_size, key, mask)
    scores, labels = np.asarray(given), np.asarray(labels)
    losses = jax.vmap(cross_entropy)(given, jnp.asarray(labels))
    best = scores.max(axis=1, keepdims=True)
    is_right = (scores[np.arange(len(labels)), labels] == best[:, 0]) & (
        (scores == best).sum(1) == 1
    )
    return Evaluation(scores, float(losses.mean()), float(is_right.mean()), scores.argmax(1))


def grade(
    task: Classifier,
    network: Network,
    inputs: Array | np.ndarray,
    labels: Array | np.ndarray,
    *,
    scale: float = 1.0,
    batch_size: int = 500,
) -> dict[str, Float[Array, ""]]:
    """`accuracy` and `loss` as `evaluate` finds them, but traceable: for `evolve`.

    **Arguments** and **Raises:** as in `evaluate`.
    """
    key = jax.random.key(0)
    scores = _all_scores(task, network, inputs, len(labels), scale, batch_size, key, None)
    labels = jnp.asarray(labels)
    loss = jax.vmap(cross_entropy)(scores, labels).mean()
    return {"accuracy": accuracy(scores, labels), "loss": loss}


def _all_scores(
    task: Classifier,
    network: Network,
    inputs: Array | np.ndarray,
    samples: int,
    scale: float,
    batch_size: int,
    key: Key[Array, ""],
    mask: Array | np.ndarray | None,
) -> Float[Array, "samples classes"]:
    if samples == 0:
        raise ValueError("evaluate: there are no samples.")
    batch_size = min(batch_size, samples)
    batches = -(-samples // batch_size)
    padded = np.resize(np.arange(samples), batches * batch_size).reshape(batches, batch_size)
    mask = None if mask is None else jnp.asarray(mask)
    answers = _scores(task, network, jnp.asarray(inputs), mask, jnp.asarray(padded), key, scale)
    return answers.reshape(batches * batch_size, -1)[:samples]


@eqx.filter_jit
def _scores(
    task: Classifier,
    network: Network,
    inputs: Array,
    mask: Array | None,
    rows: Array,
    key: Array,
    scale: float,
) -> Array:
    def one(batch: tuple[Array, Array]) -> Array:
        rows, key = batch
        values = inputs[rows].astype(float) / scale
        kept = None if mask is None else mask[rows]
        return task.run(network, values, key, mask=kept, inference=True)[0]

    return jax.lax.map(one, (rows, jax.random.split(key, rows.shape[0])))
