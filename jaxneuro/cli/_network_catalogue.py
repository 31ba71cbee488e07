"""Whole networks of the catalogue, by the names of the functions that make them."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array, Key

from jaxneuro import catalogue
from jaxneuro.catalogue import ConductanceNetwork
from jaxneuro.core import suggest
from jaxneuro.topology import LayerProbabilities

from ._cell import check_kind
from ._network_catalogue_config import CatalogueConfig
from ._network_parts import drawn, prefixed
from ._network_projections import Joined

CELLS = "cells"
# What the configuration says elsewhere, or cannot say.
PARTS = ("key", "probabilities", "of_cells", "integrator")


def build_catalogue(config: CatalogueConfig, key: Key[Array, ""]) -> ConductanceNetwork:
    """The network that the section `catalogue` names.

    **Raises:** `ValueError` naming the nearest parameters, or the wrong value.
    """
    function = getattr(catalogue, config.network)
    known = _known(config.network)
    parameters: dict[str, Any] = {}
    for name, value in config.parameters.items():
        where = f"catalogue.parameters.{name}"
        _check_name(where, config.network, name, known)
        parameters[name] = _parameter(where, config.network, name, value, known[name])
    if config.probabilities:
        for name in config.probabilities:
            where = f"catalogue.probabilities.{name}"
            _check_name(where, config.network, name, LayerProbabilities()._asdict())
        parameters["probabilities"] = LayerProbabilities(**config.probabilities)
    options = known | parameters
    size = sum(options["sizes"]) if "sizes" in options else options["size"]
    with prefixed("catalogue"):
        return function(key, **parameters, of_cells=_cells(config, key, size))


def _known(network: str) -> dict[str, Any]:
    """The parameters of a network that the configuration can say, with their defaults."""
    known = _keywords(getattr(catalogue, network))
    if network in ("grid_network", "critical_network"):  # which hand others on
        known = _keywords(catalogue.circular_network) | known
    if network == "grid_network":
        del known["layout"]
    return known


def _keywords(function: Callable[..., Any]) -> dict[str, Any]:
    signature = inspect.signature(function).parameters
    return {
        name: parameter.default
        for name, parameter in signature.items()
        if parameter.kind is not parameter.VAR_KEYWORD and name not in PARTS
    }


def _parameter(where: str, network: str, name: str, value: Any, default: Any) -> Any:
    if name == "sizes":
        return _counts(where, value)
    may_be_list = network == "layered_network" and name == "inhibitory_fraction"
    if isinstance(value, dict) or (isinstance(value, list) and not may_be_list):
        raise ValueError(f"{where}: it must be one number or text, not {value!r}.")
    check_kind(where, value, default)
    return value


def _cells(config: CatalogueConfig, key: Key[Array, ""], size: int) -> dict[str, Any]:
    signature = inspect.signature(catalogue.ConductanceCells).parameters
    known = {
        name: parameter.default
        for name, parameter in signature.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in PARTS
    }
    for name, value in config.cells.items():
        where = f"catalogue.cells.{name}"
        _check_name(where, "ConductanceCells", name, known)
        check_kind(where, value, known[name])
    return drawn("catalogue.cells", config.cells, key, (size,))


def _check_name(where: str, owner: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{where}: {owner} has no such parameter. {suggest(name, list(known))}")


def _counts(where: str, value: Any) -> tuple[int, ...]:
    numbers = np.atleast_1d(np.asarray(value)) if isinstance(value, (int, float, list)) else None
    if numbers is None or numbers.size == 0 or np.any(numbers != np.round(numbers)):
        raise ValueError(f"{where}: it must be a list of whole numbers, not {value!r}.")
    return tuple(int(number) for number in numbers)


def joined_of(made: ConductanceNetwork) -> dict[str, Joined]:
    """Its synapses as two projections."""
    synapses, joined = made.synapses(), {}
    for name, edge in made.network.edges.items():
        if name in ("exc", "inh"):
            here = (synapses.weight < 0) == (name == "inh")
            weight = np.abs(synapses.weight[here])  # as the edge has it
            mean = float(weight.mean()) if weight.size else 0.0
            joined[name] = Joined(edge, weight.size, mean, weight, synapses.delay[here])
    return joined


def groups_of(made: ConductanceNetwork) -> dict[str, np.ndarray]:
    """Which neurons belong together: those of a layer, or those of a type."""
    layer, is_inhibitory = np.asarray(made.layer), np.asarray(made.is_inhibitory)
    if layer.max() > 0:
        return {
            f"layer {index}": np.flatnonzero(layer == index) for index in range(layer.max() + 1)
        }
    types = {"exc": np.flatnonzero(~is_inhibitory), "inh": np.flatnonzero(is_inhibitory)}
    return {name: which for name, which in types.items() if which.size}
