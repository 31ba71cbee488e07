import numpy as np
from jaxtyping import Array, Shaped

from ._power_law import PowerLawFit, fit_power_law
from ._power_law_sample import draw_power_law


def power_law_p_value(
    values: Shaped[Array | np.ndarray, " values"],
    fit: PowerLawFit,
    *,
    count: int = 200,
    seed: int = 0,
    least: int = 50,
    candidates: int = 100,
) -> float:
    """How often data of the fitted power law would lie further from their own fit.

    Each bootstrap sample has values of the fitted power law from xmin on, and below it values of
    the data, in the same proportion; it is fitted anew, xmin too if that was chosen. A small p
    (below 0.1) speaks against the power law. A large one does not prove it: few data fit
    anything, so look at `compare_power_law` as well.

    **Arguments:**

    - `values`: that were fitted.
    - `fit`: what `fit_power_law` made of them.
    - `count`: of samples; p is then known to within 0.5 / √count.
    - `seed`: of the samples.
    - `least`, `candidates`: as in `fit_power_law`, the same as for the fit.

    **Returns:** p; NaN where there was no fit.

    **Raises:** `ValueError` for a count below 1.

    Reference: Clauset, Shalizi & Newman (2009), SIAM Rev. 51:661, section 4.1.

    >>> import numpy as np
    >>> from jaxneuro.analysis.criticality import fit_power_law
    >>> sizes = np.random.default_rng(0).geometric(0.05, 2000)
    >>> fit = fit_power_law(sizes, is_discrete=True, xmin=1)
    >>> power_law_p_value(sizes, fit, count=20)
    0.0
    """
    if count < 1:
        raise ValueError(f"power_law_p_value: count is {count}. Pass at least 1 sample.")
    if not np.isfinite(fit.exponent):
        return float("nan")
    x = np.asarray(values, np.float64)
    x = x[(x > 0) & (x <= fit.xmax)]
    body = x[x < fit.xmin] if fit.is_xmin_chosen else x[:0]
    share = fit.tail / (fit.tail + body.size)
    rng = np.random.default_rng(seed)
    distances = np.empty(count)
    for index in range(count):
        tail = rng.binomial(fit.tail + body.size, share)
        sample = draw_power_law(rng, tail, fit.exponent, fit.xmin, fit.xmax, fit.is_discrete)
        rest = rng.choice(body, fit.tail + body.size - tail) if body.size else body
        distances[index] = fit_power_law(
            np.concatenate([rest, sample]),
            is_discrete=fit.is_discrete,
            xmin=None if fit.is_xmin_chosen else fit.xmin,
            xmax=None if np.isinf(fit.xmax) else fit.xmax,
            least=least,
            candidates=candidates,
        ).distance
    return float(np.mean(distances >= fit.distance))
