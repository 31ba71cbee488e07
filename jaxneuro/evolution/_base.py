from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
from jaxtyping import Array, Float, Int, Key

from jaxneuro.edges import LowRank

if TYPE_CHECKING:
    from typing import ClassVar as AbstractVar  # what type checkers understand of it
else:
    from equinox import AbstractVar

Parameters = dict[str, Float[Array, "..."]]
Fitness = Float[Array, "candidates siblings"]


class AbstractStrategy(eqx.Module):
    """How a population is drawn, and moved by its fitness (higher is better).

    A population is a number of *candidates* of one or two *siblings* each: the mirror images of
    a perturbation are siblings. A candidate is what the strategy keeps of them, which may be a
    random key; `express` makes a sibling's parameters of it.

    **Attributes:**

    - `population`: number of members, candidates times siblings.
    - `siblings`: members per candidate, 1 or 2.
    """

    population: AbstractVar[int]
    siblings: AbstractVar[int]

    @abstractmethod
    def init(self, parameters: Parameters, key: Key[Array, ""]) -> Any:
        """The state before the first generation, around these parameters.

        **Raises:** `ValueError` for parameters that it cannot work on.
        """

    @abstractmethod
    def ask(self, state: Any, key: Key[Array, ""], batches: Any = None) -> tuple[Any, Any]:
        """The candidates of the next generation, a pytree whose leaves begin with their axis, and
        the state.

        `batches` is what they will be scored on: leaves begin with the axis of slices, each of
        which serves an equal part of the candidates in their order.
        """

    @abstractmethod
    def express(
        self, state: Any, candidate: Any, sibling: Int[Array, ""]
    ) -> Mapping[str, Float[Array, "..."] | LowRank]:
        """The parameters of one member; those of a matrix may be a `LowRank`."""

    @abstractmethod
    def tell(self, state: Any, candidates: Any, fitness: Fitness, key: Key[Array, ""]) -> Any:
        """The state after a generation with this fitness, all of it finite."""

    @abstractmethod
    def centre(self, state: Any) -> Parameters:
        """The answer so far: the mean of what is drawn from, or the best member."""

    @abstractmethod
    def diversity(self, state: Any, candidates: Any) -> Float[Array, ""]:
        """Root mean square distance of a member's numbers from the population's mean."""
