"""The neuron that `jaxneuro fit` fits, and what of it is free."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxneuro.catalogue import MODELS
from jaxneuro.core import get_leaf, leaf_paths, resolve_path, suggest
from jaxneuro.neurons import AbstractNeuron, Fragment
from jaxneuro.training import Bounds

from ._cell import build_cell, known_parameters, with_refractory
from ._fit_config import FitConfig, FittedNeuron

NODE = "neuron"
PERIOD = "period"  # of Refractory
NEAR_AN_END = 7.0  # unbounded: a thousandth of the interval from its end


def build_model(neuron: FittedNeuron) -> AbstractNeuron | Fragment:
    """The neuron with its start values.

    **Raises:** `ValueError` for a model or a parameter that there is not, or a wrong value.
    """
    cell = build_cell(neuron.model, neuron.parameters, "neuron")
    return with_refractory(cell, neuron.refractory, neuron.model)


def build_bounds(config: FitConfig, model: AbstractNeuron | Fragment) -> dict[str, Bounds]:
    """The bounds of the free parameters, by the names the user gave them.

    **Raises:** `ValueError` where there is none, for a name that is no number of the model, a start
    value outside its bounds, and bounds at which the model refuses the value.
    """
    if not config.free:
        raise ValueError(
            "free: nothing is. Give at least one parameter with its bounds, such as "
            "C = [20.0, 400.0, 'log'] under [free]."
        )
    if config.baseline:
        _start(config, model, "baseline", config.baseline)
    bounds = {}
    for name, interval in config.free.items():
        bounds[name] = Bounds(*interval)  # pyright: ignore[reportArgumentType]: checked
        own = _start(config, model, f"free.{name}", name)
        start = 0.0 if name == config.baseline else float(own)
        if not bounds[name].contain(jnp.asarray(start)):
            lower, upper = interval[:2]
            what = (
                "the bounds of a baseline are of the difference from it, so 0 must be between them"
                if name == config.baseline
                else "give it another under [neuron.parameters]"
                if name != PERIOD
                else "give it another as neuron.refractory"
            )
            raise ValueError(
                f"free.{name}: the start value {start:g} is outside the bounds {lower:g} to "
                f"{upper:g}; {what}, or wider bounds."
            )
        if name != config.baseline:
            _check_ends(config.neuron, name, bounds[name])
    return bounds


def start_values(
    config: FitConfig, model: AbstractNeuron | Fragment, names: Iterable[str]
) -> dict[str, float]:
    """The model's own value of each of these; 0 for the baseline."""
    return {
        name: 0.0 if name == config.baseline else float(_start(config, model, name, name))
        for name in names
    }


def _start(config: FitConfig, model: Any, where: str, name: str) -> np.ndarray:
    """The model's own value of what `name` names."""
    try:
        path = resolve_path({NODE: model}, f"{NODE}.{name}")
    except ValueError as error:
        names = [_own_name(path) for path in leaf_paths(model)]
        if name in names:  # there are several
            raise ValueError(f"{where}: {error}") from None
        hint = "Give neuron.refractory a value to have one." if name == PERIOD else None
        raise ValueError(
            f"{where}: {config.neuron.model} has no parameter {name!r}. "
            f"{hint or suggest(name, names)}"
        ) from None
    value = np.asarray(get_leaf({NODE: model}, path))
    if value.ndim or value.dtype.kind != "f":
        raise ValueError(
            f"{where}: {name!r} is of type {value.dtype} and shape {value.shape}, but must be one "
            "real number."
        )
    return value


def _own_name(path: str) -> str:
    """A path without the wrappers around the neuron."""
    while path.startswith(f"{NODE}."):
        path = path.removeprefix(f"{NODE}.")
    return path


def _check_ends(neuron: FittedNeuron, name: str, bounds: Bounds) -> None:
    """Refuses bounds within which the model would be refused, such as a negative capacitance."""
    if name not in known_parameters(MODELS[neuron.model]):
        return
    for free in (-NEAR_AN_END, NEAR_AN_END):
        value = float(bounds.bounded(jnp.asarray(free)))
        try:
            MODELS[neuron.model](**(neuron.parameters | {name: value}))
        except ValueError as error:
            raise ValueError(f"free.{name}: at {value:g}, within its bounds: {error}") from None
