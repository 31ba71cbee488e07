import numpy as np
from jaxtyping import Float, Int


def class_responses(
    counts: Float[np.ndarray, "examples neurons"], labels: Int[np.ndarray, "examples"], classes: int
) -> Float[np.ndarray, "classes neurons"]:
    """The mean spikes of each neuron at the examples of each class, 0 for one without any.

    **Arguments:**

    - `counts`: spikes of each neuron at each example.
    - `classes`: how many.
    """
    counts, labels = np.asarray(counts), np.asarray(labels)
    return np.stack([_mean(counts[labels == label]) for label in range(classes)])


def weighted_vote(
    counts: Float[np.ndarray, "examples neurons"],
    responses: Float[np.ndarray, "classes neurons"],
) -> Int[np.ndarray, "examples"]:
    """The class for which most spikes speak; -1 for an example without spikes.

    Each spike speaks for every class by that class's share of its neuron's `responses`: a neuron
    that answers to fours and nines counts for both.

    **Arguments:**

    - `responses`: from `class_responses`.

    Reference: Hazan et al. (2018), Front. Neuroinform. 12:89 (proportion weighting).
    """
    total = np.sum(responses, axis=0)
    shares = np.divide(responses, total, out=np.zeros_like(responses, float), where=total > 0)
    votes = np.asarray(counts) @ shares.T
    return np.where(votes.max(1) > 0, votes.argmax(1), -1)


def assign_labels(
    counts: Float[np.ndarray, "examples neurons"], labels: Int[np.ndarray, "examples"], classes: int
) -> Int[np.ndarray, "neurons"]:
    """The class to which each neuron responds most, on average; -1 for one that never spikes.

    **Arguments:**

    - `counts`: spikes of each neuron at each example.
    - `classes`: how many; one without examples is no neuron's.

    Reference: Diehl & Cook (2015), Front. Comput. Neurosci. 9:99.
    """
    means = class_responses(counts, labels, classes)
    return np.where(means.max(0) > 0, means.argmax(0), -1)


def vote(
    counts: Float[np.ndarray, "examples neurons"],
    assigned: Int[np.ndarray, "neurons"],
    classes: int,
) -> Int[np.ndarray, "examples"]:
    """The class whose neurons spike most on average; -1 for an example at which none does.

    **Arguments:**

    - `assigned`: the class of each neuron, from `assign_labels`.
    """
    counts, assigned = np.asarray(counts), np.asarray(assigned)
    votes = np.stack([_mean(counts[:, assigned == label].T) for label in range(classes)], axis=1)
    return np.where(votes.max(1) > 0, votes.argmax(1), -1)


def _mean(rows: Float[np.ndarray, "rows n"]) -> Float[np.ndarray, "n"]:
    return rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])
