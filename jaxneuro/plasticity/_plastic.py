from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, check_option
from jaxneuro.edges import (
    AbstractEdge,
    LowRank,
    Projection,
    Sparse,
    SparseLayout,
    innermost,
    lay_out,
    projection_of,
)

from ._pairs import AbstractPairs, pairs_of
from ._rule import AbstractRule, Activity

Batch = Literal["separate", "shared"]


class PlasticState(eqx.Module):
    """The weight as it has become, the state of the edge inside, and that of the rule."""

    weight: Float[Array, "..."]
    inner: Any
    rule: Any


class Plastic(AbstractEdge):
    """A projection whose weights learn while the network runs.

    The weight of a run is part of its state, so gradients still reach the initial one, and the
    rule's own numbers. The network goes step by step. Spikes count for the rule when they arrive,
    after the projection's `delay` (with `delays` for each synapse, when they are sent). With `Dale`
    the rule changes magnitudes.

    **Arguments:**

    - `edge`: a `Projection`, or a wrapper of one, with a weight.
    - `rule`: how it learns.
    - `third`: name of a node whose spikes or signal the rule takes as a third factor, such as an
      `Input` that sends the reward.
    - `batch`: under `vmap`, `"separate"` lets each lane learn a weight of its own. With `"shared"`
      all lanes have one (which must be Dense and enter the `vmap` unbatched), to which every step
      adds the mean of their changes: learning from several examples at once, with no gradient.

    `network.learned(net, state)` gives the network with the weights it has learned.

    **Raises:** `ValueError` for an edge that has no weight of its own for each pair of neurons.

    !!! example

        ```python
        edge = Plastic(Projection("input", "exc", weight), PairSTDP())
        ```
    """

    edge: AbstractEdge
    rule: AbstractRule
    third: str | None = eqx.field(static=True, default=None)
    batch: Batch = eqx.field(static=True, default="separate")
    arrivals: SparseLayout | None = eqx.field(init=False)

    def __post_init__(self):
        # Here, where the list of synapses is known: while tracing there is only a promise of it.
        projection = projection_of(self.edge)
        sparse = None if projection is None else innermost(projection.connectivity)
        self.arrivals = None
        if isinstance(sparse, Sparse) and not isinstance(sparse.post, Tracer):
            self.arrivals = lay_out(np.asarray(sparse.post))

    def __check_init__(self):
        check_option(self.batch, Batch, "Plastic: batch")
        projection = projection_of(self.edge)
        if projection is None:
            raise ValueError(
                f"Plastic: a {type(self.edge).__name__} has no weights that could learn. Wrap a "
                "Projection."
            )
        if isinstance(projection.weight, LowRank):
            raise ValueError("Plastic: a low-rank weight cannot learn. Pass `weight.dense()`.")
        if self.rule.needs_third and self.third is None:
            raise ValueError(
                f"Plastic {self.source!r} -> {self.target!r}: {type(self.rule).__name__} learns by "
                "a third factor. Name the node that sends it, as in third='reward'."
            )

    @property
    def projection(self) -> Projection:
        """The projection inside."""
        projection = projection_of(self.edge)
        assert projection is not None, "checked when it was made"
        return projection

    @property
    def source(self) -> str | None:
        return self.edge.source

    @property
    def target(self) -> str:
        return self.edge.target

    @property
    def delay(self) -> float | None:
        return self.edge.delay

    @property
    def releases_evenly(self) -> bool:
        return False

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> PlasticState:
        weight = self.projection.weight
        if weight is None:
            raise ValueError(
                f"Plastic {self.source!r} -> {self.target!r}: the projection has no weight yet. "
                "Call `initialise(network, key)`, or pass one."
            )
        pairs = self.pairs(source_shape, target_shape)
        inner = self.edge.init(source_shape, target_shape, key, inference)
        return PlasticState(self.rule.bounds.clip(weight), inner, self.rule.init(weight, pairs))

    def pairs(self, source_shape: tuple[int, ...], target_shape: tuple[int, ...]) -> AbstractPairs:
        """Which neurons the weights join."""
        connectivity, is_shared = self.projection.connectivity, self.batch == "shared"
        return pairs_of(connectivity, source_shape, target_shape, self.arrivals, is_shared)

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        shape = self.edge.output_shape(source_shape)
        self.pairs(source_shape, shape)
        return shape

    def with_weight(self, weight: Float[Array, "..."]) -> AbstractEdge:
        """The edge inside, with another weight."""
        return eqx.tree_at(_weight_of, self.edge, weight)

    def learn(
        self,
        state: PlasticState,
        activity: Activity,
        shapes: tuple[tuple[int, ...], tuple[int, ...]],
        context: Context,
    ) -> PlasticState:
        """The state after the rule has seen a step.

        **Arguments:**

        - `shapes`: of source and target.
        """
        pairs = self.pairs(*shapes)
        # XLA changes the weight in place only where it sees that the step has read it before. So
        # the rule must seem to need what the step has made, which is never below 0.
        has_stepped = jnp.sum(activity.post) >= 0
        activity = activity._replace(pre=jnp.where(has_stepped, activity.pre, 0.0))
        weight, rule = self.rule.update(state.weight, state.rule, activity, pairs, context)
        return PlasticState(weight, state.inner, rule)

    def release(
        self, state: PlasticState, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[PlasticState, Float[Array, "time ..."]]:
        inner, signals = self.edge.release(state.inner, signals, context)
        return eqx.tree_at(lambda s: s.inner, state, inner), signals

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        return self.edge.propagate(signals)

    def step(
        self, state: PlasticState, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[PlasticState, Drive]:
        inner, drive = self.edge.step(state.inner, events, v, context)
        return eqx.tree_at(lambda s: s.inner, state, inner, is_leaf=lambda x: x is None), drive


def _weight_of(edge: AbstractEdge) -> Any:
    projection = projection_of(edge)
    assert projection is not None, "checked when it was made"
    return projection.weight
