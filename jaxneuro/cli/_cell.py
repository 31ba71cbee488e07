"""The neurons of `jaxneuro simulate`, and the names by which their variables are recorded."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxneuro import integrators
from jaxneuro.catalogue import MODELS
from jaxneuro.core import Drive, leaf_paths, plural, suggest
from jaxneuro.network import Network
from jaxneuro.neurons import AbstractNeuron, Fragment, Population, Refractory

from ._simulation_config import SimulationConfig

INTEGRATORS = {
    "exponential_euler": integrators.ExponentialEuler,
    "euler": integrators.Euler,
    "heun": integrators.Heun,
    "rk4": integrators.RK4,
}


def build_population(config: SimulationConfig, size: int) -> Population:
    """So many neurons as the configuration says.

    **Raises:** `ValueError` for a model, parameter or start value that there is not.
    """
    for section in ("parameters", "initial"):
        _check_lengths(section, getattr(config.neuron, section), size)
    cell = build_cell(config.neuron.model, config.neuron.parameters, "neuron")
    cell = with_refractory(cell, config.neuron.refractory, config.neuron.model)
    population = Population(
        cell,  # pyright: ignore[reportArgumentType]: or a fragment
        size,
        integrator=INTEGRATORS[config.integrator](),
        start=config.init,
    )
    variables = state_names(population)
    for name in config.neuron.initial:
        if name not in variables:
            raise ValueError(
                f"neuron.initial.{name}: {config.neuron.model} has no state variable {name!r}. "
                f"{suggest(name, variables)}"
            )
    return Population(
        population.neuron,
        size,
        integrator=population.integrator,
        start=config.init,
        initial=config.neuron.initial,  # pyright: ignore[reportArgumentType]: it converts
    )


def build_cell(
    model: str, parameters: Mapping[str, Any], section: str
) -> AbstractNeuron | Fragment:
    """The cell type with its parameters, which the file's `section` gives.

    **Raises:** `ValueError` naming the nearest models or parameters, or the wrong value.
    """
    if not model:
        raise ValueError(
            f"{section}.model is missing: the name of a model, such as LIF, AdEx, Izhikevich2007 "
            "or HodgkinHuxley. jaxneuro.catalogue.MODELS has all."
        )
    if model not in MODELS:
        raise ValueError(f"{section}.model: there is no {model!r}. {suggest(model, list(MODELS))}")
    known = known_parameters(MODELS[model])
    for name, value in parameters.items():
        where = f"{section}.parameters.{name}"
        if name not in known:
            raise ValueError(
                f"{where}: {model} has no such parameter. {suggest(name, list(known))}"
            )
        check_kind(where, value, known[name])
    return MODELS[model](**{name: _value(value) for name, value in parameters.items()})


def with_refractory(
    cell: AbstractNeuron | Fragment, period: float, model: str
) -> AbstractNeuron | Fragment:
    """The cell type with a refractory period, ms, unless that is 0.

    **Raises:** `ValueError` for a fragment.
    """
    if not period:
        return cell
    if isinstance(cell, Fragment):
        raise ValueError(
            f"neuron.refractory: {model} comes with synapses of its own, around which there is no "
            "refractory period. Leave it out."
        )
    return Refractory(cell, period)  # pyright: ignore[reportArgumentType]: it converts


def record_paths(population: Population, model: str, names: Sequence[str]) -> dict[str, str]:
    """Where `simulate` finds each variable.

    **Raises:** `ValueError` naming the nearest variables.
    """
    cell = population.neuron
    alone = _alone(population)
    renamed = dict(cell.names) if isinstance(cell, Fragment) else {}
    known = [*_state_names(alone), *_observed_names(alone), *renamed, "spikes"]
    for name in names:
        if name not in known:
            raise ValueError(f"record: {model} has no variable {name!r}. {suggest(name, known)}")
    if isinstance(cell, Fragment):
        return {name: cell.path_of("neuron", name) for name in names}
    return {name: f"neuron.{name}" for name in names}


def state_names(population: Population) -> list[str]:
    """The variables of a population's neurons, without the edges of their fragment."""
    return _state_names(_alone(population))


def _alone(population: Population) -> Population:
    """Without the edges of its fragment, and at its own start values."""
    network = Network({"neuron": population})
    return Population(network.populations["neuron"].neuron, population.shape)


def _state_names(alone: Population) -> list[str]:
    names = leaf_paths(alone.init(jax.random.key(0)))
    return [name.removeprefix("inner.") for name in names]  # of Refractory


def _observed_names(alone: Population) -> list[str]:
    return list(alone.neuron.observe(alone.init(jax.random.key(0)), Drive()))


def known_parameters(model: Callable[..., Any]) -> dict[str, Any]:
    """The names of a model's parameters, with their defaults; also of those it hands on."""
    signature = inspect.signature(model).parameters
    own = {n: p.default for n, p in signature.items() if p.kind is not p.VAR_KEYWORD}
    if len(own) == len(signature):
        return own
    cell = model()
    while not _is_innermost(cell):
        cell = cell.neuron
    handed = inspect.signature(type(cell)).parameters
    required = inspect.Parameter.empty
    return own | {n: p.default for n, p in handed.items() if p.default is not required}


def _is_innermost(cell: Any) -> bool:
    return "neuron" not in vars(cell)


def check_kind(where: str, value: Any, default: Any) -> None:
    """Refuses a text for a number and the like."""
    what = {
        bool: "true or false",
        str: "a text",
        int: "a whole number",
        float: "a number or a list of numbers",
    }
    wanted = type(default) if type(default) in what else float
    came = type(value) if type(value) in what else float
    if came is not wanted and (came, wanted) != (int, float):
        raise ValueError(f"{where}: it must be {what[wanted]}, not {value!r}.")


def _check_lengths(section: str, values: dict[str, Any], size: int) -> None:
    for name, value in values.items():
        if isinstance(value, list) and len(value) != size:
            raise ValueError(
                f"neuron.{section}.{name} has {plural(len(value), 'number')}, but there are "
                f"{plural(size, 'neuron')}. Give one number, or one for each."
            )


def _value(value: Any) -> Any:
    return np.asarray(value, float) if isinstance(value, list) else value
