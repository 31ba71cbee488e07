from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float

from jaxneuro.core import Context

from ._bounds import AbstractBounds

if TYPE_CHECKING:
    from typing import ClassVar as AbstractVar  # what type checkers understand of it

    from ._pairs import AbstractPairs
else:
    from equinox import AbstractVar

Side = Literal["pre", "post"]
Scale = Literal["none", "up", "down", "weight"]


class Activity(NamedTuple):
    """What the neurons on both sides of a projection did in a step; populations are flattened.

    **Attributes:**

    - `pre`: the source's spikes that arrive in this step.
    - `post`: the target's spikes of this step.
    - `state`: the target neurons' state after the step, not flattened.
    - `signal`: what the third factor sent in this step, flattened; None without one.
    """

    pre: Float[Array, "pre"]
    post: Float[Array, "post"]
    state: Any
    signal: Float[Array, "n"] | None


class Term(eqx.Module):
    """A part of a change of weights: scale(w) pre[i] post[j] for the synapse from i to j.

    **Arguments:**

    - `pre`, `post`: a factor for each source and target neuron.
    - `scale`: what it is multiplied by: nothing, the bounds' factor of an increase (`"up"`) or a
      decrease (`"down"`), or the weight itself.
    - `sparse`: the side whose factor is 0 for most neurons, where spikes are one: only the synapses
      of the others are visited, where that is faster.
    """

    pre: Float[Array, "pre"]
    post: Float[Array, "post"]
    scale: Scale = eqx.field(static=True, default="none")
    sparse: Side | None = eqx.field(static=True, default=None)


class AbstractRule(eqx.Module):
    """How the weights of a projection change with what its two sides do.

    A rule sees the network after every step, when all populations have advanced.

    **Attributes:**

    - `bounds`: between which values the weight stays.
    - `needs_third`: whether it needs a third factor.
    """

    bounds: AbstractVar[AbstractBounds]
    needs_third: ClassVar[bool] = False

    @abstractmethod
    def init(self, weight: Float[Array, "..."], pairs: "AbstractPairs") -> Any:
        """The rule's state at the start: traces, eligibilities."""

    @abstractmethod
    def update(
        self,
        weight: Float[Array, "..."],
        state: Any,
        activity: Activity,
        pairs: "AbstractPairs",
        context: Context,
    ) -> tuple[Float[Array, "..."], Any]:
        """The weight and the rule's state after a step."""


class AbstractTermRule(AbstractRule):
    """A rule whose changes are terms that do not depend on the weight beyond their scale.

    Such a rule can also learn eligibilities (`RewardSTDP`).
    """

    @abstractmethod
    def changes(
        self, state: Any, activity: Activity, pairs: "AbstractPairs", context: Context
    ) -> tuple[tuple[Term, ...], Any]:
        """The changes of a step, to be made one after another, and the rule's state after it."""

    def update(
        self,
        weight: Float[Array, "..."],
        state: Any,
        activity: Activity,
        pairs: "AbstractPairs",
        context: Context,
    ) -> tuple[Float[Array, "..."], Any]:
        terms, state = self.changes(state, activity, pairs, context)
        return pairs.add(weight, terms, self.bounds), state
