from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.simulation import AbstractReducer

from ._target import Target

Record = dict[str, str | AbstractReducer]


class AbstractObjective(eqx.Module):
    """How far a run of the model is from the recorded sweeps; 0 is a perfect fit.

    An objective says what has to be recorded, mostly by a reducer that scores each step as it is
    computed, and makes a number per window and sweep of it: the mean over the windows is the loss
    of the sweep. One that cannot tell the windows apart gives all of them the same. Objectives are
    weighted and added up: `2.0 * SpikeTiming() + Voltage()`.
    """

    @abstractmethod
    def record(self, node: str, target: Target) -> Record:
        """What `simulate` shall record of the population `node`, under names of its own."""

    @abstractmethod
    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "windows sweeps"]:
        """The distance of each window and sweep, from what was recorded."""

    def __rmul__(self, weight: float) -> "WeightedSum":
        terms, weights = split_terms(self)
        return WeightedSum(terms, tuple(weight * own for own in weights))

    def __add__(self, other: "AbstractObjective") -> "WeightedSum":
        (terms, weights), (more_terms, more_weights) = split_terms(self), split_terms(other)
        return WeightedSum(terms + more_terms, weights + more_weights)


class AbstractLeastSquares(AbstractObjective):
    """An objective whose loss is a sum of squares, as least-squares methods need it."""

    @abstractmethod
    def residual_record(self, node: str, target: Target) -> Record:
        """What has to be recorded for `residuals`."""

    @abstractmethod
    def residuals(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "n sweeps"]:
        """Numbers whose sum of squares is the loss of each sweep, the mean of its windows."""


class WeightedSum(AbstractObjective):
    """A weighted sum of objectives.

    **Arguments:**

    - `terms`: the objectives.
    - `weights`: one for each, above 0.

    **Raises:** `ValueError` for weights that do not belong to the terms or are not above 0.

    !!! example

        ```python
        objective = WeightedSum((SpikeTiming(), Voltage(sd=4.0)), (2.0, 1.0))
        ```
    """

    terms: tuple[AbstractObjective, ...]
    weights: tuple[float, ...]

    def __check_init__(self):
        if len(self.terms) != len(self.weights) or not self.terms:
            raise ValueError(
                f"WeightedSum: {len(self.terms)} terms and {len(self.weights)} weights. Pass at "
                "least one term, and a weight for each."
            )
        if any(isinstance(w, float | int) and not w > 0 for w in self.weights):
            raise ValueError(f"WeightedSum: the weights are {self.weights}; all must be above 0.")

    def record(self, node: str, target: Target) -> Record:
        return {
            _name(index, name): what
            for index, term in enumerate(self.terms)
            for name, what in term.record(node, target).items()
        }

    def loss(self, recorded: Mapping[str, Any], target: Target) -> Float[Array, "windows sweeps"]:
        losses = [term.loss(_own(recorded, index), target) for index, term in enumerate(self.terms)]
        weighted = [weight * loss for weight, loss in zip(self.weights, losses, strict=True)]
        return jnp.sum(jnp.stack(weighted), axis=0)


def split_terms(
    objective: AbstractObjective,
) -> tuple[tuple[AbstractObjective, ...], tuple[float, ...]]:
    """The terms of a sum, and of the sums in it, and their weights; one alone is a sum of one."""
    if not isinstance(objective, WeightedSum):
        return (objective,), (1.0,)
    terms, weights = (), ()
    for term, weight in zip(objective.terms, objective.weights, strict=True):
        inner_terms, inner_weights = split_terms(term)
        terms += inner_terms
        weights += tuple(weight * inner for inner in inner_weights)
    return terms, weights


def _name(index: int, name: str) -> str:
    return f"{index}.{name}"


def _own(recorded: Mapping[str, Any], index: int) -> dict[str, Any]:
    start = _name(index, "")
    return {name[len(start) :]: x for name, x in recorded.items() if name.startswith(start)}
