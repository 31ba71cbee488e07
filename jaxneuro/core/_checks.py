import dataclasses
import math
import re
from typing import Any, get_args

import numpy as np
from jax.core import Tracer

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")


def whole_steps(duration: float, dt: float, what: str) -> int:
    """How many steps of `dt` (ms) make `duration` (ms), both host numbers in float64.

    **Raises:** `ValueError` if that is not a whole number; the two nearest durations are named.
    """
    if not (math.isfinite(dt) and dt > 0):
        raise ValueError(f"dt is {dt} ms; it must be a positive finite number of milliseconds.")
    if not (math.isfinite(duration) and duration >= 0):
        raise ValueError(f"{what} is {duration} ms; it must be a finite number >= 0.")
    ratio = duration / dt
    steps = round(ratio)
    # As loose as a dt in float32 needs, but never a sizeable part of a step.
    if abs(ratio - steps) > min(1e-6 * max(1.0, ratio), 0.1):
        below, above = math.floor(ratio) * dt, math.ceil(ratio) * dt
        raise ValueError(
            f"{what} is {duration:g} ms, which is not a multiple of dt = {dt:g} ms. "
            f"The nearest ones are {below:g} ms and {above:g} ms."
        )
    return steps


def check_name(name: str, what: str) -> None:
    """Refuses names that a path such as `exc.neuron.tau` could not address."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} {name!r}: a name is made of letters, digits and underscores "
            "(parts joined by '/'), so that paths like 'exc.neuron.tau' can address it."
        )


def check_bounds(module: Any) -> None:
    """Refuses numbers outside the range that their field declares with `param`.

    Traced values are not checked.
    """
    for field in dataclasses.fields(module):
        lower, upper = field.metadata.get("lower"), field.metadata.get("upper")
        value = getattr(module, field.name)
        if value is None or isinstance(value, Tracer) or (lower is None and upper is None):
            continue
        if lower is not None and not np.all(np.asarray(value) > lower):
            wanted = f"above {lower:g}"
        elif upper is not None and not np.all(np.asarray(value) < upper):
            wanted = f"below {upper:g}"
        else:
            continue
        raise ValueError(f"{type(module).__name__}: {field.name} is {value}; it must be {wanted}.")


def check_option(value: Any, options: Any, what: str) -> None:
    """Refuses a value that is not one of a `Literal`'s."""
    if value not in get_args(options):
        raise ValueError(f"{what} is {value!r}; it must be one of {get_args(options)}.")


def fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether an array of `shape` can be added to one of `target` without changing its rank."""
    if len(shape) != len(target):
        return shape == ()
    return all(own in (1, length) for own, length in zip(shape, target, strict=True))


def plural(count: int, noun: str) -> str:
    """`3 neurons`, `1 neuron`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
