"""Every model by name, for configurations and the command line."""

import inspect
from collections.abc import Callable
from typing import Any

from jaxneuro import neurons
from jaxneuro.neurons import AbstractNeuron

from . import _artificial, _hodgkin_huxley, _izhikevich_2003, _izhikevich_2007

# Wrappers and parts, which are no cells by themselves.
_NO_CELLS = {
    "AbstractNeuron",
    "AbstractODENeuron",
    "AdaptiveThreshold",
    "Neuromorphic",
    "PoissonCell",
    "Refractory",
    "VoltageClamp",
}


def _constructors() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for module in (_artificial, _hodgkin_huxley, _izhikevich_2003, _izhikevich_2007):
        for name, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__ == module.__name__:
                found[name] = value
    for name, value in vars(neurons).items():
        is_cell = inspect.isclass(value) and issubclass(value, AbstractNeuron)
        if is_cell and name not in _NO_CELLS:
            found[name] = value
    found |= {"burster": neurons.burster, "conductance_burster": neurons.conductance_burster}
    return dict(sorted(found.items()))


MODELS: dict[str, Callable[..., Any]] = _constructors()
"""Constructors of neurons and fragments, by name: the 26 of system D and the field's standards."""
