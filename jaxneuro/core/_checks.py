import math
import re

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
    if abs(ratio - steps) > 1e-6 * max(1.0, ratio):
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


def plural(count: int, noun: str) -> str:
    """`3 neurons`, `1 neuron`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
