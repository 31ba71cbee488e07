import math

IDEALS = {"size": (1.5, 0.3), "duration": (2.0, 0.3), "slope": (1.5, 0.2)}  # and weights
BRANCHING_WEIGHT = 0.2


def criticality_score(
    size_exponent: float,
    duration_exponent: float,
    slope: float,
    branching: float,
    avalanches: int,
) -> float:
    """One number from 0 to 1 for how near four measures are to ideal ones, to rank a grid by.

    Σ w exp(-2 |x - ideal|) over the size exponent (ideal 1.5, w 0.3), the duration exponent (2,
    0.3) and the slope of the mean size (1.5, 0.2), plus 0.2 (1 - min(1, |m - 1|)), divided by the
    weights of what is known, times 1 + min(0.15, avalanches / 1000), at most 1.

    A convention without a theory: a branching process has slope 2, not 1.5, and nothing in the
    score knows whether there are power laws at all. `classify_regime` asks for that.

    **Arguments:**

    - `size_exponent`, `duration_exponent`, `slope`, `branching`: NaN where unknown.
    - `avalanches`: their number.

    **Returns:** the score; NaN where nothing is known.

    >>> criticality_score(1.5, 2.0, 1.5, 1.0, avalanches=100)
    1.0
    """
    values = {"size": size_exponent, "duration": duration_exponent, "slope": slope}
    parts = [
        (weight, math.exp(-2.0 * abs(values[name] - ideal)))
        for name, (ideal, weight) in IDEALS.items()
    ]
    parts.append((BRANCHING_WEIGHT, 1.0 - min(1.0, abs(branching - 1.0))))
    if math.isnan(branching):
        parts.pop()
    known = [(weight, part) for weight, part in parts if not math.isnan(part)]
    if not known:
        return math.nan
    mean = sum(weight * part for weight, part in known) / sum(weight for weight, _ in known)
    return min(1.0, mean * (1.0 + min(0.15, avalanches / 1000)))
