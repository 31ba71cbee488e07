import numpy as np
from jaxtyping import Float, Int


def assign_labels(
    counts: Float[np.ndarray, "examples neurons"], labels: Int[np.ndarray, "examples"], classes: int
) -> Int[np.ndarray, "neurons"]:
    """The class to which each neuron responds most, on average; -1 for one that never spikes.

    **Arguments:**

    - `counts`: spikes of each neuron at each example.
    - `classes`: how many; one without examples is no neuron's.

    Reference: Diehl & Cook (2015), Front. Comput. Neurosci. 9:99.
    """
    counts, labels = np.asarray(counts), np.asarray(labels)
    means = np.stack([_mean(counts[labels == label]) for label in range(classes)])
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
