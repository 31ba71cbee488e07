import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Array, Shaped

from ._power_law import STEEPEST, PowerLawFit

if TYPE_CHECKING:
    import powerlaw

Alternative = Literal["lognormal", "exponential", "truncated_power_law", "stretched_exponential"]


class Comparison(NamedTuple):
    """Which of two distributions the data speak for.

    **Attributes:**

    - `ratio`: logarithm of the likelihood ratio, of all values together: above 0 for the power law,
      below 0 for the other.
    - `p`: how likely so large a ratio is where neither is better; above 0.1 the data do not decide.
    - `parameters`: of the other distribution.
    """

    ratio: float
    p: float
    parameters: dict[str, float]


def compare_power_law(
    values: Shaped[Array | np.ndarray, " values"],
    fit: PowerLawFit,
    alternatives: Sequence[Alternative] = ("lognormal", "exponential", "truncated_power_law"),
) -> dict[str, Comparison]:
    """Compare a fitted power law with other distributions over the same values.

    The truncated power law, x^-a exp(-λ x), contains the power law: its likelihood is never
    smaller, and a small p says that the cutoff is real, as it is in any finite network.

    **Arguments:**

    - `values`: that were fitted.
    - `fit`: what `fit_power_law` made of them.
    - `alternatives`: "lognormal", "exponential", "truncated_power_law", "stretched_exponential".

    **Returns:** a `Comparison` for each; NaN where there was no fit.

    **Raises:** `ModuleNotFoundError` without the package powerlaw, `ValueError` for an alternative
    that it does not know.

    Reference: Alstott, Bullmore & Plenz (2014), PLoS ONE 9:e85777; Vuong (1989), Econometrica
    57:307.

    >>> import numpy as np
    >>> from jaxneuro.analysis.criticality import fit_power_law
    >>> sizes = np.random.default_rng(0).geometric(0.05, 2000)
    >>> fit = fit_power_law(sizes, is_discrete=True, xmin=1)
    >>> compare_power_law(sizes, fit, ["exponential"])["exponential"].ratio < 0
    True
    """
    unknown = set(alternatives) - set(get_args(Alternative))
    if unknown:
        raise ValueError(
            f"compare_power_law: there is no {sorted(unknown)}. Pass some of "
            f"{list(get_args(Alternative))}."
        )
    if not np.isfinite(fit.exponent):
        return {name: Comparison(np.nan, np.nan, {}) for name in alternatives}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on parameters near the edge of where it looks
        fitted = _refit(values, fit)
        return {name: _compare(fitted, name) for name in alternatives}


def _refit(values: Array | np.ndarray, fit: PowerLawFit) -> "powerlaw.Fit":
    try:
        import powerlaw
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"compare_power_law needs the package {error.name}, which is not installed. "
            "Install it with: pip install 'jaxneuro[app]'",
            name=error.name,
        ) from None
    x = np.asarray(values, np.float64)
    x = x[(x > 0) & (x <= fit.xmax)]
    return powerlaw.Fit(
        x,
        discrete=fit.is_discrete,
        xmin=fit.xmin,
        xmax=None if np.isinf(fit.xmax) else fit.xmax,
        # Its own start, 1 / mean, underflows in a heavy tail, and its own range of alpha ends at 3.
        initial_parameters={"alpha": fit.exponent, "Lambda": 1.0 / x.max()},
        parameter_ranges={"alpha": (0.0, STEEPEST)},
        verbose=0,
    )


def _compare(fitted: "powerlaw.Fit", name: str) -> Comparison:
    ratio, p = fitted.distribution_compare("power_law", name)
    other: Any = getattr(fitted, name)
    parameters = {key: float(value) for key, value in other.parameters.items()}
    return Comparison(float(ratio), float(p), parameters)
