import dataclasses
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxneuro.core import Drive, fits
from jaxneuro.core import check_option as check_option

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
        # Not `v + spikes * (v_reset - v)`, which is v_reset up to rounding only.
        return v * (1.0 - spikes) + spikes * v_reset
    return v - spikes * (threshold - v_reset)


def scaled_margin(
    v: Float[Array, "..."],
    threshold: Float[Array, "..."],
    v_rest: Float[Array, "..."],
    v_reset: Float[Array, "..."],
) -> Float[Array, "..."]:
    """v above threshold over the distance from threshold to rest or to reset, the larger one.

    A cell may rest at or above its threshold (it then fires on its own), so the distance to rest
    alone could be 0 or of the wrong sign.
    """
    scale = jnp.maximum(jnp.abs(threshold - v_rest), jnp.abs(threshold - v_reset))
    return (v - threshold) * (1.0 / scale)


def scaled_drive(drive: Drive, scale: InputScale) -> Drive:
    """The drive as it is, or with its current turned into a jump per step (`"unit"`).

    **Raises:** `ValueError` for a conductance with `"unit"`, which has no jump to turn into.
    """
    if scale == "physical":
        return drive
    check_currents_only(drive)
    return Drive(jump=(Drive(jump=drive.current) + Drive(jump=drive.jump)).jump)


def check_currents_only(drive: Drive) -> None:
    """Refuses a conductance for a neuron with `input_scale="unit"`."""
    if drive.conductance is not None or drive.gated:
        raise ValueError(
            "input_scale='unit' adds each step's input to v as it stands, so it takes currents "
            "only. Use input_scale='physical' with conductance receptors."
        )


def check_reset(
    reset_by: ResetBy, v_reset: Float[Array, "..."], threshold: Float[Array, "..."], what: str
) -> None:
    """Refuses a reset that leaves v above threshold."""
    if reset_by == "none" or isinstance(v_reset, Tracer) or isinstance(threshold, Tracer):
        return
    if not np.all(np.asarray(v_reset) < np.asarray(threshold)):
        raise ValueError(
            f"{what}: v_reset is {v_reset} and threshold {threshold}; a neuron reset there would "
            "fire for ever. Pass a v_reset below threshold, in the same unit."
        )


def check_shapes(neuron: eqx.Module, shape: tuple[int, ...]) -> None:
    """Refuses parameters that fit no population of this shape.

    A parameter is one number, or an array of the population's rank with its lengths or 1.
    """
    for field in dataclasses.fields(neuron):
        value = getattr(neuron, field.name)
        if value is None or "unit" not in field.metadata:
            continue
        if not fits(value.shape, shape):
            raise ValueError(
                f"{type(neuron).__name__}: {field.name} has shape {value.shape}, which does not "
                f"fit a population of shape {shape}. Give one number, or an array of shape {shape}."
            )


def filled(neuron: eqx.Module, name: str, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """The parameter `name` at every neuron of a population, once all of them fit it."""
    check_shapes(neuron, shape)
    return jnp.broadcast_to(getattr(neuron, name), shape)


def crossing_margin(
    v_old: Float[Array, "..."],
    v_new: Float[Array, "..."],
    threshold: Float[Array, "..."],
    scale: Float[Array, "..."] | float,
) -> Float[Array, "..."]:
    """The margin of a neuron that spikes where v crosses `threshold` upwards, without a reset.

    v_new above threshold, over the voltage `scale` (1 where that is 0), if v_old was below it; else
    not positive.
    """
    height = jnp.where(v_old < threshold, v_new - threshold, threshold - v_old)
    return height / jnp.where(scale > 0, scale, 1.0)
