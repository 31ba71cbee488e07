from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Shaped


class TuningCurves(NamedTuple):
    """Responses of neurons by stimulus.

    **Attributes:**

    - `stimuli`: the different stimuli, in increasing order.
    - `mean`: mean response over the trials of a stimulus.
    - `error`: its standard error; NaN with a single trial.
    - `trials`: how many trials each stimulus had.
    """

    stimuli: Shaped[np.ndarray, " stimuli"]
    mean: Float[np.ndarray, "stimuli ..."]
    error: Float[np.ndarray, "stimuli ..."]
    trials: Int[np.ndarray, " stimuli"]


def tuning_curves(
    responses: Shaped[Array | np.ndarray, "trials ..."],
    stimuli: Shaped[Array | np.ndarray, " trials"],
) -> TuningCurves:
    """Mean response and its standard error for each stimulus.

    The standard error is the trials' standard deviation (with n - 1) over √n.

    **Arguments:**

    - `responses`: spike counts or rates of each trial, `(trials,)` or `(trials, neurons)`.
    - `stimuli`: what was shown in each trial: numbers or names.

    **Returns:** `TuningCurves`.

    **Raises:** `ValueError` without trials, or when there is not one stimulus for each.

    >>> import numpy as np
    >>> curves = tuning_curves(np.array([[1, 0], [3, 0], [5, 1]]), np.array([0.0, 0.0, 90.0]))
    >>> curves.mean.tolist(), curves.error[0].tolist(), curves.trials.tolist()
    ([[2.0, 0.0], [5.0, 1.0]], [1.0, 0.0], [2, 1])
    """
    responses, stimuli = np.asarray(responses, np.float64), np.asarray(stimuli)
    if stimuli.ndim != 1 or responses.shape[:1] != stimuli.shape or not len(stimuli):
        raise ValueError(
            f"tuning_curves: responses have shape {responses.shape}, but stimuli "
            f"{stimuli.shape}. Pass at least one trial, and one stimulus for each."
        )
    shown = np.unique(stimuli)
    groups = [responses[stimuli == one] for one in shown]
    trials = np.array([len(group) for group in groups])
    return TuningCurves(
        shown,
        np.stack([group.mean(axis=0) for group in groups]),
        np.stack([_standard_error(group) for group in groups]),
        trials,
    )


def smooth_curve(
    x: Shaped[Array | np.ndarray, " points"],
    y: Shaped[Array | np.ndarray, " points"],
    at: Shaped[Array | np.ndarray, " _"],
    *,
    smoothing: float | None = None,
    period: float | None = None,
) -> Float[np.ndarray, " _"]:
    """A smoothing spline through a curve, such as a tuning curve.

    The natural cubic spline f with the least Σ (y_i - f(x_i))² + smoothing ∫ f''².

    **Arguments:**

    - `x`, `y`: at least five points, in any order of x; a y that is not finite is left out.
    - `at`: where the spline is asked for.
    - `smoothing`: 0 goes through every point, infinity is a straight line; by default what predicts
      left-out points best (generalised cross-validation).
    - `period`: of a curve on a circle, such as 2π; the spline then joins up with itself.

    **Returns:** the spline's values at `at`.

    **Raises:** `ValueError` for lengths that differ, fewer than five points, or an x twice.

    Reference: Wahba (1990), Spline Models for Observational Data.

    >>> import numpy as np
    >>> x = np.arange(8.0)
    >>> smooth_curve(x, 2.0 * x, np.array([0.5, 3.0]), smoothing=1.0).round(6).tolist()
    [1.0, 6.0]
    """
    from scipy.interpolate import make_smoothing_spline

    x, y, at = (np.asarray(values, np.float64) for values in (x, y, at))
    x, y = _clean(x, y)
    if period is not None:
        # Three turns of the curve: the middle one hardly sees that the outer ones end.
        x, at = x % period, at % period
        order = np.argsort(x)
        x = np.concatenate([x[order] - period, x[order], x[order] + period])
        y = np.tile(y[order], 3)
    return make_smoothing_spline(x, y, lam=smoothing)(at)


def _clean(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"smooth_curve: x has shape {x.shape}, y {y.shape}. Pass one y for each x."
        )
    known = np.isfinite(x) & np.isfinite(y)
    order = np.argsort(x[known], kind="stable")
    x, y = x[known][order], y[known][order]
    if len(x) < 5 or not np.all(np.diff(x) > 0):
        raise ValueError(
            f"smooth_curve: {len(x)} finite points at {len(np.unique(x))} different x. Pass at "
            "least five, each x once (the mean of its trials, see `tuning_curves`)."
        )
    return x, y


def _standard_error(group: np.ndarray) -> np.ndarray:
    if len(group) < 2:
        return np.full(group.shape[1:], np.nan)
    return group.std(axis=0, ddof=1) / np.sqrt(len(group))
