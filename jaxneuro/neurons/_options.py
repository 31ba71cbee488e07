from typing import Any, Literal, get_args

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Drive

ResetBy = Literal["value", "subtraction", "none"]
InputScale = Literal["physical", "unit"]


def reset_voltage(
    v: Float[Array, "..."],
    spikes: Float[Array, "..."],
    reset_by: ResetBy,
    v_reset: Float[Array, "..."],
    threshold: Float[Array, "..."],
) -> Float[Array, "..."]:
    """v after a spike: set to `v_reset`, lowered by `threshold - v_reset`, or untouched."""
    if reset_by == "none":
        return v
    if reset_by == "value":
        return v + spikes * (v_reset - v)
    return v - spikes * (threshold - v_reset)


def scaled_drive(drive: Drive, scale: InputScale) -> Drive:
    """The drive as it is, or with its current turned into a jump per step (`"unit"`).

    **Raises:** `ValueError` for a conductance with `"unit"`, which has no jump to turn into.
    """
    if scale == "physical":
        return drive
    if drive.conductance is not None:
        raise ValueError(
            "input_scale='unit' adds each step's input to v as it stands, so it takes currents "
            "only. Use input_scale='physical' with conductance receptors."
        )
    return Drive(jump=(Drive(jump=drive.current) + Drive(jump=drive.jump)).jump)


def check_option(value: Any, options: Any, what: str) -> None:
    """Refuses a value that is not one of a `Literal`'s."""
    if value not in get_args(options):
        raise ValueError(f"{what} is {value!r}; it must be one of {get_args(options)}.")


def filled(value: Float[Array, "..."], shape: tuple[int, ...], what: str) -> Float[Array, "..."]:
    """`value` at every neuron of a population.

    **Raises:** `ValueError` if its shape does not fit.
    """
    try:
        return jnp.broadcast_to(value, shape)
    except ValueError:
        raise ValueError(
            f"{what} has shape {value.shape}, which does not fit a population of shape {shape}. "
            f"Give one number, or an array of shape {shape}."
        ) from None
