import dataclasses
from typing import Any

import equinox as eqx

from ._base import AbstractNeuron


class Fragment(eqx.Module):
    """A neuron together with edges of its own: receptors, noise, an oscillating current.

    `Population(fragment, 100)` takes it where it takes a neuron; `Network` names its edges after
    the population (`"exc/ampa"`).

    **Arguments:**

    - `neuron`: the cell type.
    - `edges`: edges by name. Their targets are relative: `""` is the neuron itself, `".base"` a
      port of it, `"/ampa"` the fragment's own shared receptor of that name.
    - `names`: what variables of its edges are called in the literature, and which leaf `edge.leaf`
      each is, a dict such as `{"g_ampa": "ampa.g"}` (kept as pairs).

    !!! example

        ```python
        cell = Fragment(LIF(tau=20.0), {"ampa": SharedReceptor("", ExponentialCurrent(tau=5.0))})
        net = Network(
            {"input": Input(80), "exc": Population(cell, 100)},
            {"drive": Projection("input", "exc/ampa", jnp.ones((80, 100)))},
        )
        ```
    """

    neuron: AbstractNeuron
    edges: dict[str, Any] = eqx.field(default_factory=dict)
    names: tuple[tuple[str, str], ...] = eqx.field(
        static=True, default=(), converter=lambda names: tuple(dict(names).items())
    )

    def edges_of(self, population: str) -> dict[str, Any]:
        """Its edges by their names in a network in which `population` is made of it."""
        return {
            f"{population}/{name}": _aimed(edge, population) for name, edge in self.edges.items()
        }

    def path_of(self, population: str, name: str) -> str:
        """The record path of a variable by its name in the literature, or by its own."""
        names = dict(self.names)
        if name not in names:
            return f"{population}.{name}"
        edge, _, leaf = names[name].partition(".")
        return f"{population}/{edge}.{leaf}"


def _aimed(edge: Any, population: str) -> Any:
    """The edge with its relative target made absolute; a wrapper's is that of what it wraps."""
    own = {field.name for field in dataclasses.fields(edge)}
    if "target" in own:
        return dataclasses.replace(edge, target=population + edge.target)
    return dataclasses.replace(edge, edge=_aimed(edge.edge, population))
