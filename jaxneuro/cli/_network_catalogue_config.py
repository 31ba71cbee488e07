from typing import Annotated, Literal

from pydantic import Field, model_validator

from ._config import Section
from ._quantity import Setting

Probability = Annotated[float, Field(ge=0, le=1)]


class CatalogueConfig(Section):
    """A whole network of jaxneuro.catalogue: its population cells, their synapses and its input."""

    network: Literal[
        "", "circular_network", "grid_network", "critical_network", "layered_network"
    ] = ""
    """Its name; by default a network has only the parts that the other sections say."""
    parameters: dict[str, Setting] = Field(default_factory=dict)
    """As those of the function of that name."""
    probabilities: dict[str, Probability] = Field(default_factory=dict)
    """Of a synapse, by how many layers further on its target lies (layered_network)."""
    cells: dict[str, Setting] = Field(default_factory=dict)
    """Parameters of ConductanceCells: one number, a list, or a distribution."""

    @model_validator(mode="after")
    def _has_a_network(self) -> "CatalogueConfig":
        for name in ("parameters", "probabilities", "cells"):
            if getattr(self, name) and not self.network:
                raise ValueError(
                    f"{name}: they are those of a network; give its name, such as "
                    "network = 'circular_network'."
                )
        if self.probabilities and self.network != "layered_network":
            raise ValueError(f"probabilities: {self.network} has none; layered_network has.")
        return self
