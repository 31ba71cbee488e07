from typing import Any

from jaxtyping import Array, Float

from jaxneuro.core import Context

from ._bounds import AbstractBounds
from ._pairs import AbstractPairs
from ._rule import AbstractRule, Activity


class Rules(AbstractRule):
    """Two rules for one projection: in each step the first, then the second.

    Each has bounds of its own, the first's also for the initial weight. Let them agree: a rule
    clips the synapses that it changes, not those that the other one has led out of its bounds. More
    than two are nested: `Rules(first, Rules(second, third))`.

    **Arguments:**

    - `first`, `second`: both see the same spikes, and the same third factor.

    !!! example

        ```python
        scaling = HomeostaticScaling(total=10.0, every=100.0, bounds=HardBounds())
        rule = Rules(PairSTDP(bounds=HardBounds()), scaling)
        edge = Plastic(Projection("input", "exc", weight), rule)
        ```
    """

    first: AbstractRule
    second: AbstractRule

    @property
    def bounds(self) -> AbstractBounds:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.first.bounds

    @property
    def needs_third(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.first.needs_third or self.second.needs_third

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> tuple[Any, Any]:
        return self.first.init(weight, pairs), self.second.init(weight, pairs)

    def update(
        self,
        weight: Float[Array, "..."],
        state: tuple[Any, Any],
        activity: Activity,
        pairs: AbstractPairs,
        context: Context,
    ) -> tuple[Float[Array, "..."], tuple[Any, Any]]:
        weight, first = self.first.update(weight, state[0], activity, pairs, context)
        weight, second = self.second.update(weight, state[1], activity, pairs, context)
        return weight, (first, second)
