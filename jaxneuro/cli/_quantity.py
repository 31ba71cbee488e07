"""Numbers of a configuration that may be drawn: one number, a list, or a distribution."""

import math
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from pydantic import Field, ValidationError, WrapValidator

from jaxneuro import topology
from jaxneuro.core import suggest

Number = Annotated[float, Field(allow_inf_nan=False)]
Table = dict[str, Number | int | bool | str]


class Distribution(NamedTuple):
    """A distribution, and the names of its settings.

    **Attributes:**

    - `wanted`: settings it needs.
    - `optional`: settings it may have.
    - `draw`: from a key, a shape and the settings.
    """

    wanted: tuple[str, ...]
    optional: tuple[str, ...]
    draw: Callable[..., Float[Array, "..."]]


DISTRIBUTIONS = {
    "normal": Distribution(("mean", "sd"), ("keeps_sign",), topology.normal),
    "lognormal": Distribution(("mean", "sd"), (), topology.lognormal),
    "uniform": Distribution(("low", "high"), (), topology.uniform),
}
EXAMPLE = "{distribution = 'normal', mean = 1.0, sd = 0.1}"


def draw(
    quantity: float | list[float] | Table, key: Key[Array, ""], shape: tuple[int, ...]
) -> Float[Array, "..."]:
    """The number `()`, or one for each of a population or list of synapses.

    **Raises:** `ValueError` for a list of another length, or what the distribution refuses.
    """
    if isinstance(quantity, dict):
        settings = {name: value for name, value in quantity.items() if name != "distribution"}
        return DISTRIBUTIONS[str(quantity["distribution"])].draw(key, shape, **settings)
    values = jnp.asarray(quantity, float)
    if values.ndim and values.shape != (math.prod(shape),):
        raise ValueError(
            f"it has {len(values)} numbers, but there are {math.prod(shape)}. Give one number, or "
            "one for each."
        )
    return values.reshape(shape) if values.ndim else values


def check_quantity(value: Any) -> None:
    """Refuses a table that is no distribution.

    **Raises:** `ValueError` naming the nearest distribution or setting.
    """
    if not isinstance(value, dict):
        return
    kind = value.get("distribution")
    if kind not in DISTRIBUTIONS:
        raise ValueError(
            f"there is no distribution {kind!r}. {suggest(str(kind), list(DISTRIBUTIONS))}"
            if kind is not None
            else f"it needs a distribution, such as {EXAMPLE}"
        )
    wanted, optional, _ = DISTRIBUTIONS[str(kind)]
    for name, setting in value.items():
        if name != "distribution" and name not in (*wanted, *optional):
            raise ValueError(f"{kind} has no {name}. {suggest(name, [*wanted, *optional])}")
        if name in wanted and (isinstance(setting, (bool, str))):
            raise ValueError(f"{name} must be a finite number, not {setting!r}")
        if name in optional and not isinstance(setting, bool):
            raise ValueError(f"{name} must be true or false, not {setting!r}")
    missing = [name for name in wanted if name not in value]
    if missing:
        raise ValueError(f"{kind} needs {' and '.join(missing)}")


def _says(wanted: str) -> WrapValidator:
    """One message for what fits none of several types; a table is checked as a distribution."""

    def check(value: Any, handler: Any) -> Any:
        try:
            value = handler(value)
        except ValidationError:
            raise ValueError(f"it must be {wanted}") from None
        check_quantity(value)
        return value

    return WrapValidator(check)


Quantity = Annotated[Number | Table, _says(f"a finite number, or a distribution such as {EXAMPLE}")]
Quantities = Annotated[
    Number | list[Number] | Table,
    _says(f"a finite number, a list of them, or a distribution such as {EXAMPLE}"),
]
Setting = Annotated[
    Number | int | bool | str | list[Number] | Table,
    _says(f"a finite number, a list of them, a text, or a distribution such as {EXAMPLE}"),
]
