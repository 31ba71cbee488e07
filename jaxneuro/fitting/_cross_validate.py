from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ._compare import compare
from ._fit import fit
from ._fitted import Fitted
from ._problem import Free
from ._recording import Recording
from ._simulate_recording import simulate_recording


class CrossValidation(NamedTuple):
    """Fits that have each left out some sweeps.

    **Attributes:**

    - `folds`: places of the sweeps that each fit left out.
    - `fitted`: the fits.
    - `train`, `test`: by measure of `compare`, one value for each fold.
    """

    folds: tuple[tuple[int, ...], ...]
    fitted: tuple[Fitted, ...]
    train: dict[str, Float[np.ndarray, "folds"]]
    test: dict[str, Float[np.ndarray, "folds"]]


def cross_validate(
    model: Any, recording: Recording, free: Free, *, folds: int | Sequence[Sequence[int]] = 5, **how
) -> CrossValidation:
    """Fits several times, each time without some of the sweeps, and tests on those.

    The spread of `test` over the folds tells how far its mean can be trusted, and the spread of the
    fits' `values` which parameters the choice of sweeps decides.

    **Arguments:**

    - `model`, `recording`, `free`: as in `fit`, with all sweeps.
    - `folds`: how many; fold i leaves out the sweeps i, i + folds, i + 2 folds ... Or the sweeps
      that each fold leaves out.
    - `how`: everything else that `fit` takes, but for `checkpoints`.

    **Raises:** `ValueError` for fewer than two folds, a fold that leaves out no sweep, all, or one
    that does not exist, and for `checkpoints`.

    !!! example

        ```python
        result = cross_validate(cell, recording, free, folds=4, key=jax.random.key(0))
        result.test["mean_abs_count_error"].mean()
        ```
    """
    sweeps = recording.sweeps
    if isinstance(folds, int):
        chosen = [tuple(range(i, sweeps, folds)) for i in range(folds)]
    else:
        chosen = [tuple(int(i) for i in fold) for fold in folds]
    are_places = all(0 <= i < sweeps for fold in chosen for i in fold)
    are_parts = all(0 < len(set(fold)) < sweeps for fold in chosen)
    if len(chosen) < 2 or not are_places or not are_parts:
        raise ValueError(
            f"cross_validate: the folds leave out {chosen} of {sweeps} sweeps. There must be at "
            f"least two, and each must leave out a sweep and keep one, by places from 0 to "
            f"{sweeps - 1}."
        )
    if "checkpoints" in how:
        raise ValueError(
            "cross_validate: takes no checkpoints, as each fold is a fit of its own. Fit the folds "
            "one by one to be able to resume."
        )
    fitted, train, test = [], [], []
    for fold in chosen:
        kept = [i for i in range(sweeps) if i not in fold]
        inside, outside = recording.select(kept), recording.select(fold)
        found = fit(model, inside, free, **how)
        fitted.append(found)
        train.append(compare(inside, simulate_recording(found, inside)))
        test.append(compare(outside, simulate_recording(found, outside)))
    return CrossValidation(tuple(chosen), tuple(fitted), _by_name(train), _by_name(test))


def _by_name(rows: Sequence[dict[str, float]]) -> dict[str, np.ndarray]:
    return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}
