from collections.abc import Mapping

MILLIVOLTS: Mapping[str, float] = {
    **dict.fromkeys(("v", "volt", "volts"), 1e3),
    **dict.fromkeys(("mv", "millivolt", "millivolts"), 1.0),
    **dict.fromkeys(("uv", "µv", "μv", "microvolt", "microvolts"), 1e-3),
}
PICOAMPERES: Mapping[str, float] = {
    **dict.fromkeys(("a", "amp", "amps", "ampere", "amperes"), 1e12),
    **dict.fromkeys(("ua", "µa", "μa", "microampere", "microamperes"), 1e6),
    **dict.fromkeys(("na", "nanoampere", "nanoamperes"), 1e3),
    **dict.fromkeys(("pa", "picoampere", "picoamperes"), 1.0),
}
MILLISECONDS: Mapping[str, float] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1e3),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1.0),
    **dict.fromkeys(("us", "µs", "μs", "microsecond", "microseconds"), 1e-3),
}
KINDS = {"voltage": MILLIVOLTS, "current": PICOAMPERES, "time": MILLISECONDS}
EXAMPLES = {"voltage": "V or mV", "current": "A, nA or pA", "time": "s or ms"}


def is_unit(unit: str, kind: str) -> bool:
    """Whether `unit`, in any case, is one of voltage, current or time."""
    return unit.strip().lower() in KINDS[kind]


def unit_factor(unit: str, kind: str, where: str) -> float:
    """What a value in `unit` is multiplied by to be in mV, pA or ms.

    **Arguments:**

    - `unit`: as a file writes it; case does not matter (a megavolt is not meant).
    - `kind`: `"voltage"`, `"current"` or `"time"`.
    - `where`: the file, for the error.

    **Raises:** `ValueError` when it is no unit of that kind.

    >>> unit_factor("nA", "current", "cell.csv")
    1000.0
    """
    if not is_unit(unit, kind):
        raise ValueError(
            f"{where}: the {kind} is in '{unit}', which is no unit of {kind}. "
            f"Pass {kind}_unit as {EXAMPLES[kind]}."
        )
    return KINDS[kind][unit.strip().lower()]
