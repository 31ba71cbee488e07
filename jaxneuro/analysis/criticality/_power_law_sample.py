import numpy as np
from jaxtyping import Array, Float, Key

from ._power_law import power_law_survival
from ._random import generator

TABLE = 10_000  # whole numbers whose probability is exact


def power_law_sample(
    key: Key[Array, ""],
    count: int,
    exponent: float,
    xmin: float = 1.0,
    xmax: float = np.inf,
    *,
    is_discrete: bool,
) -> Float[np.ndarray, " count"]:
    """Draw from a power law.

    **Arguments:**

    - `key`: decides the draws.
    - `count`: of values.
    - `exponent`, `xmin`, `xmax`, `is_discrete`: as in `PowerLawFit`. Whole numbers have their exact
      probabilities as far as xmin + 10,000; beyond these they are rounded from real ones.

    **Returns:** values, whole numbers if discrete.

    **Raises:** `ValueError` for an exponent of 1 or less, and xmin that is not below xmax.

    Reference: Clauset, Shalizi & Newman (2009), SIAM Rev. 51:661, appendix D.

    >>> import jax
    >>> values = power_law_sample(jax.random.key(0), 10_000, 2.5, is_discrete=True)
    >>> bool(0.73 < (values == 1).mean() < 0.76)  # 1 / zeta(2.5) = 0.745
    True
    """
    if not exponent > 1 or not 0 < xmin < xmax:
        raise ValueError(
            f"power_law_sample: the exponent is {exponent:g}, xmin {xmin:g} and xmax {xmax:g}. "
            "Pass an exponent above 1 and 0 < xmin < xmax."
        )
    rng = generator(key, "power_law_sample")
    return draw_power_law(rng, count, exponent, xmin, xmax, is_discrete)


def draw_power_law(
    rng: np.random.Generator,
    count: int,
    exponent: float,
    xmin: float,
    xmax: float,
    is_discrete: bool,
) -> np.ndarray:
    """`power_law_sample` from a generator of NumPy."""
    survival = 1.0 - rng.random(count)  # in (0, 1]
    if not is_discrete:
        return _invert(survival, exponent, xmin, xmax)
    table = xmin + np.arange(min(TABLE, xmax - xmin + 1) + 1)
    heights = power_law_survival(table, exponent, xmin, xmax, is_discrete=True)
    below = np.searchsorted(-heights, -survival, side="right") - 1  # last x with P(X >= x) >= s
    values = table[below]
    is_far = below == TABLE
    share = survival[is_far] / heights[-1]
    values[is_far] = np.floor(_invert(share, exponent, table[-1] - 0.5, xmax + 0.5) + 0.5)
    return values


def _invert(survival: np.ndarray, exponent: float, xmin: float, xmax: float) -> np.ndarray:
    """The real number that a share of a power law reaches."""
    end = 0.0 if np.isinf(xmax) else (xmax / xmin) ** (1.0 - exponent)
    return xmin * (end + (1.0 - end) * survival) ** (-1.0 / (exponent - 1.0))
