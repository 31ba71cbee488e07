import numpy as np
from jaxtyping import Array, Integer


def confusion_matrix(
    labels: Integer[Array | np.ndarray, " samples"],
    predictions: Integer[Array | np.ndarray, " samples"],
    classes: int,
) -> Integer[np.ndarray, "classes classes"]:
    """Count how often each class was taken for each other.

    **Arguments:**

    - `labels`: true class of each sample, 0 to `classes` - 1.
    - `predictions`: class that was given instead.
    - `classes`: number of classes.

    **Returns:** counts; rows are true classes, columns are predicted ones.

    **Raises:** `ValueError` when the lengths differ or a class is out of range.

    >>> import numpy as np
    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape:
        raise ValueError(
            f"confusion_matrix: labels have shape {labels.shape}, predictions "
            f"{predictions.shape}. Pass one prediction for each label."
        )
    for name, values in (("labels", labels), ("predictions", predictions)):
        wrong = (values < 0) | (values >= classes)
        if wrong.any():
            raise ValueError(
                f"confusion_matrix: {name} hold {values[wrong][0]}, but there are {classes} "
                f"classes. Pass values from 0 to {classes - 1}."
            )
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


def cohen_kappa(matrix: Integer[Array | np.ndarray, "classes classes"]) -> float:
    """Agreement beyond chance: 1 is perfect, 0 is what guessing with the same rates gives.

    kappa = (p_observed - p_chance) / (1 - p_chance), with p_observed the diagonal's share of all
    samples and p_chance the sum over classes of row share times column share.

    **Arguments:**

    - `matrix`: counts, as from `confusion_matrix`.

    **Returns:** kappa, or NaN where it is undefined: no samples, or only one class in both
    labels and predictions.

    Reference: Cohen (1960), Educ. Psychol. Meas. 20:37.

    >>> import numpy as np
    >>> round(cohen_kappa(np.array([[20, 5], [10, 15]])), 6)
    0.4
    """
    matrix = np.asarray(matrix).astype(np.float64)
    total = matrix.sum()
    if total == 0:
        return float("nan")
    observed = np.trace(matrix) / total
    chance = matrix.sum(axis=1) @ matrix.sum(axis=0) / total**2
    return float("nan") if chance == 1 else float((observed - chance) / (1 - chance))
