"""The populations of a configuration, by the names of their models."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
from jaxtyping import Array, Key

from jaxneuro import catalogue
from jaxneuro.catalogue import MODELS
from jaxneuro.core import init_key, suggest
from jaxneuro.neurons import Fragment, Population, Refractory

from ._cell import INTEGRATORS, build_cell, check_kind, state_names
from ._network_config import PopulationConfig
from ._network_parts import drawn, prefixed
from ._quantity import draw

# Models that are whole populations, with receptors of their own.
POPULATIONS: dict[str, Callable[..., Population]] = {
    name: getattr(catalogue, name)
    for name in ("PyramidalPopulation", "InterneuronPopulation", "PyramidalRing", "InterneuronRing")
}
KINETICS = ("ampa", "nmda", "gaba")


def build_population(where: str, config: PopulationConfig, key: Key[Array, ""]) -> Population:
    """So many neurons as the configuration's section `where` says.

    **Raises:** `ValueError` for a model, parameter or start value that there is not.
    """
    shape = (config.size,)
    parameters = drawn(f"{where}.parameters", config.parameters, key, shape)
    options: dict[str, Any] = {"start": config.start}
    if config.integrator is not None:
        options["integrator"] = INTEGRATORS[config.integrator]()
    initial = drawn(f"{where}.initial", config.initial, key, shape)
    is_whole = config.model in POPULATIONS
    build = _whole_population if is_whole else _population_of_cells
    population = build(where, config, parameters, options, key)
    known = state_names(population)
    for name in initial:
        if name not in [path.rpartition(".")[2] for path in known]:
            raise ValueError(
                f"{where}.initial.{name}: {config.model} has no state variable {name!r}. "
                f"{suggest(name, known)}"
            )
    if initial:  # else a population may have random start values of its own
        options = options | {"initial": initial}
    return build(where, config, parameters, options, key)


def _population_of_cells(
    where: str,
    config: PopulationConfig,
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
    key: Key[Array, ""],
) -> Population:
    if config.model and config.model not in MODELS:
        near = suggest(config.model, [*MODELS, *POPULATIONS])
        raise ValueError(f"{where}.model: there is no {config.model!r}. {near}")
    cell: Any = build_cell(config.model, parameters, where)
    if config.refractory is not None:
        with prefixed(f"{where}.refractory"):
            period = draw(config.refractory, init_key(key, "refractory"), (config.size,))
            is_fragment = isinstance(cell, Fragment)
            held = Refractory(cell.neuron if is_fragment else cell, period)
            cell = eqx.tree_at(lambda f: f.neuron, cell, held) if is_fragment else held
    with prefixed(where):
        return Population(cell, config.size, **options)


def _whole_population(
    where: str,
    config: PopulationConfig,
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
    key: Key[Array, ""],
) -> Population:
    signature = inspect.signature(catalogue.PyramidalPopulation).parameters
    known = {
        name: parameter.default
        for name, parameter in signature.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in (*KINETICS, "integrator")
    }
    for name, value in parameters.items():
        inner = f"{where}.parameters.{name}"
        if name not in known:
            near = suggest(name, list(known))
            raise ValueError(f"{inner}: {config.model} has no such parameter. {near}")
        check_kind(inner, value, known[name])
    if config.refractory is not None:
        raise ValueError(f"{where}.refractory: {config.model} has the parameter period instead.")
    with prefixed(where):
        return POPULATIONS[config.model](config.size, **parameters, **options)
