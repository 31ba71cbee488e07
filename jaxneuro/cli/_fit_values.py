"""Values of a configuration of `jaxneuro fit` that are more than a number or a text."""

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationError, WrapValidator

from ._simulation_config import Number


def _interval(value: Any) -> Any:
    """The text of a flag is `20,400,log`."""
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    wanted = "it must be [lower, upper] or [lower, upper, 'log'], both finite numbers"
    if not isinstance(parts, list) or len(parts) not in (2, 3):
        raise ValueError(wanted)
    try:
        lower, upper = (float(x) for x in parts[:2])
    except (TypeError, ValueError):
        raise ValueError(wanted) from None
    scale = parts[2] if len(parts) == 3 else "linear"
    if scale not in ("linear", "log"):
        raise ValueError(f"the scale is {scale!r}; there are 'linear' and 'log'")
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ValueError(wanted)
    if not lower < upper:
        raise ValueError(f"the lower bound {lower:g} must be below the upper one, {upper:g}")
    if scale == "log" and lower <= 0:
        raise ValueError(f"the lower bound is {lower:g}; on a log scale it must be above 0")
    return [lower, upper] if scale == "linear" else [lower, upper, scale]


def _sweeps(words: tuple[str, ...]) -> BeforeValidator:
    def check(value: Any) -> Any:
        """The text of a flag is `0,2,4`."""
        if value in words:
            return value
        try:
            given = value.split(",") if isinstance(value, str) else list(value)
            numbers = [int(x) for x in given]
            if not all(isinstance(x, (str, int)) for x in given) or not numbers:
                raise ValueError
        except (TypeError, ValueError):
            choices = ", ".join(map(repr, words))
            raise ValueError(f"it must be {choices} or a list of sweep numbers") from None
        if len(set(numbers)) < len(numbers):
            raise ValueError("each sweep once")
        return numbers

    return BeforeValidator(check)


def _windows(value: Any) -> Any:
    is_list = isinstance(value, list) and all(isinstance(x, list) and len(x) == 2 for x in value)
    if not is_list or not all(isinstance(x, (int, float)) for pair in value for x in pair):
        raise ValueError("it must be a list of [start, stop], in ms")
    return [[float(x) for x in pair] for pair in value]


def _resistance(value: Any) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value != "measured" and not (is_number and 0 <= value < math.inf):
        raise ValueError("it must be 'measured' or a number of at least 0, in MΩ")
    return value if value == "measured" else float(value)


def _scalar(value: Any, handler: Any) -> Any:
    try:
        return handler(value)
    except ValidationError:
        raise ValueError("it must be one finite number, true or false, or a text") from None


Scalar = Annotated[Number | int | bool | str, WrapValidator(_scalar)]
Interval = Annotated[list[float | str], BeforeValidator(_interval)]
TrainSweeps = Annotated[Literal["even", "odd", "all"] | list[int], _sweeps(("even", "odd", "all"))]
TestSweeps = Annotated[
    Literal["rest", "even", "odd", "none"] | list[int], _sweeps(("rest", "even", "odd", "none"))
]
Resistance = Annotated[Literal["measured"] | float, BeforeValidator(_resistance)]
Windows = Annotated[list[list[Number]], BeforeValidator(_windows)]
