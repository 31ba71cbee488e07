import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp


def _as_float_array(value: Any) -> Any:
    if value is None:
        return None
    array = jnp.asarray(value)
    # `astype` even to its own type: a Python number makes a weakly typed array, which the first
    # update would turn into a strong one, and the same program would be compiled twice.
    return array.astype(array.dtype if jnp.issubdtype(array.dtype, jnp.inexact) else float)


def param(
    default: Any = dataclasses.MISSING,
    *,
    unit: str = "",
    lower: float | None = None,
    upper: float | None = None,
) -> Any:
    """A module field that holds an array: it can be trained, swept and changed without recompiling.

    The default stays a Python number until an instance is made, so importing a class never
    starts a device.

    **Arguments:**

    - `default`: a number or nested list; without it the field is required.
    - `unit`: printed in help texts, for instance `"ms"`.
    - `lower`, `upper`: the physical range, open at both ends; `training.trainable` keeps the
      leaf inside it by a smooth transform.

    !!! example

        ```python
        class Leak(eqx.Module):
            tau: Array = param(10.0, unit="ms", lower=0.0)
        ```
    """
    metadata = {"unit": unit, "lower": lower, "upper": upper}
    if default is dataclasses.MISSING:
        return eqx.field(converter=_as_float_array, metadata=metadata)
    return eqx.field(converter=_as_float_array, default=default, metadata=metadata)
