import math
from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from jaxneuro.core import fits
from jaxneuro.neurons import as_shape

from ._event_delivery import SparseLayout, Synapses, lay_out, sparse_product
from ._low_rank import LowRank
from ._product import dense_product


class AbstractConnectivity(eqx.Module):
    """Which source drives which target: a map of signals to events, linear in the weight.

    It never looks at time, so the engine applies it to many steps in one product. (Not linear is
    only a `Chain` that takes a maximum after the weight.)
    """

    @abstractmethod
    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the target population that fits a source of this shape."""

    @abstractmethod
    def weight_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """The shape of the weight, None if it has none."""

    @abstractmethod
    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a trained bias: one number per target, or per channel where it shares
        weights among them; it broadcasts to `output_shape`.
        """

    @abstractmethod
    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        """How many sources one target neuron hears (the mean, where it varies)."""

    @abstractmethod
    def propagate(self, weight: Any, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        """Signals `(time, *source)` to events `(time, *target)`; None for no weight."""


class Dense(AbstractConnectivity):
    """Every source to every target; weight `(pre, post)`, populations flattened.

    **Arguments:**

    - `shape`: the target's number of neurons or shape.
    """

    shape: tuple[int, ...] = eqx.field(static=True, converter=as_shape)

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.shape

    def weight_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return math.prod(source_shape), math.prod(self.shape)

    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.shape

    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        return math.prod(source_shape)

    def propagate(
        self, weight: Float[Array, "pre post"] | LowRank, signals: Float[Array, "time ..."]
    ) -> Float[Array, "time ..."]:
        flat = signals.reshape(signals.shape[0], -1)
        is_low_rank = isinstance(weight, LowRank)
        events = weight.product(flat) if is_low_rank else dense_product(flat, weight)
        return events.reshape(-1, *self.shape)


class OneToOne(AbstractConnectivity):
    """Neuron i to neuron i; weight of the population's shape, or `()` for one shared number."""

    shared: bool = eqx.field(static=True, default=False)

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return source_shape

    def weight_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return () if self.shared else source_shape

    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return source_shape

    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        return 1

    def propagate(
        self, weight: Float[Array, "..."], signals: Float[Array, "time ..."]
    ) -> Float[Array, "time ..."]:
        return signals * (weight if weight.ndim == 0 else weight[None])


class Sparse(AbstractConnectivity):
    """Listed pairs of neurons; weight `(synapses,)`, populations flattened.

    On CPU only the synapses of neurons that send something are visited, so that a large network
    does not pay for silent ones; memory grows with the number of synapses.

    **Arguments:**

    - `pre`, `post`: flat indices of the source and target neuron of each synapse; a pair may
      occur more than once. Lists that are sorted by `pre` are visited fastest.
    - `shape`: the target's number of neurons or shape.
    - `shared`: True for one weight `()` that all synapses have.

    **Raises:** `ValueError` for lists of unequal length and indices outside source or target
    (a traced index is not checked).

    !!! example

        ```python
        Projection("exc", "inh", weight=[0.5, 0.2], connectivity=Sparse([0, 3], [1, 1], 2))
        ```
    """

    pre: Int[Array, "synapses"]
    post: Int[Array, "synapses"]
    shape: tuple[int, ...] = eqx.field(static=True)
    shared: bool = eqx.field(static=True)
    layout: SparseLayout | None

    def __init__(
        self, pre: Any, post: Any, shape: int | tuple[int, ...], shared: bool = False
    ) -> None:
        self.pre, self.post = _as_indices(pre, "pre"), _as_indices(post, "post")
        self.shape, self.shared = as_shape(shape), shared
        _check_indices(self.post, math.prod(self.shape), "post", "target")
        _check_indices(self.pre, None, "pre", "source")
        if self.pre.shape != self.post.shape:
            raise ValueError(
                f"Sparse: pre lists {self.pre.size} neurons and post {self.post.size}; synapse i "
                "joins pre[i] to post[i], so pass lists of one length."
            )
        self.layout = None if isinstance(self.pre, Tracer) else lay_out(np.asarray(self.pre))

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        _check_indices(self.pre, math.prod(source_shape), "pre", "source")
        return self.shape

    def weight_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return () if self.shared else self.pre.shape

    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.shape

    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        return max(1, round(self.pre.shape[0] / math.prod(self.shape)))

    def propagate(
        self, weight: Float[Array, "..."], signals: Float[Array, "time ..."]
    ) -> Float[Array, "time ..."]:
        flat = signals.reshape(signals.shape[0], -1)
        synapses = Synapses(self.pre, self.post, self.layout)
        targets = math.prod(self.shape)
        if flat.shape[0] == 1:  # `map` would wrap the one step in a loop of its own
            events = sparse_product(flat[0], weight, synapses, targets)[None]
        else:
            events = jax.lax.map(lambda one: sparse_product(one, weight, synapses, targets), flat)
        return events.reshape(-1, *self.shape)


class Chain(AbstractConnectivity):
    """Several connectivities one after another, of which at most one has a weight.

    **Arguments:**

    - `links`: for instance `(AveragePool((2, 2)), Conv(32, (5, 5)))`.
    """

    links: tuple[AbstractConnectivity, ...] = eqx.field(converter=tuple)

    def __check_init__(self):
        if not self.links:
            raise ValueError("Chain: it needs at least one link.")

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._shapes(source_shape)[-1]

    def weight_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...] | None:
        shapes = [
            link.weight_shape(shape)
            for link, shape in zip(self.links, self._shapes(source_shape), strict=False)
        ]
        weighted = [shape for shape in shapes if shape is not None]
        if len(weighted) > 1:
            raise ValueError(
                f"Chain: {len(weighted)} of its links have weights, {weighted}. "
                "A projection has one weight: put a population between them."
            )
        return weighted[0] if weighted else None

    def bias_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        """That of the link with the weight, where it still fits the output of the last link."""
        shapes = self._shapes(source_shape)
        for link, shape in zip(self.links, shapes, strict=False):
            own = link.bias_shape(shape)
            if link.weight_shape(shape) is not None and fits(own, shapes[-1]):
                return own
        return shapes[-1]

    def fan_in(self, source_shape: tuple[int, ...]) -> int:
        shapes = self._shapes(source_shape)
        return math.prod(link.fan_in(s) for link, s in zip(self.links, shapes, strict=False))

    def propagate(
        self, weight: Float[Array, "..."] | None, signals: Float[Array, "time ..."]
    ) -> Float[Array, "time ..."]:
        for link in self.links:
            has_weight = link.weight_shape(signals.shape[1:]) is not None
            signals = link.propagate(weight if has_weight else None, signals)
        return signals

    def _shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        shapes = [shape]
        for link in self.links:
            shapes.append(link.output_shape(shapes[-1]))
        return shapes


def _as_indices(values: Any, name: str) -> Array:
    indices = jnp.asarray(values)
    if not indices.size and jnp.issubdtype(indices.dtype, jnp.floating):
        indices = indices.astype(jnp.int32)  # an empty list has no dtype of its own
    if indices.ndim != 1 or not jnp.issubdtype(indices.dtype, jnp.integer):
        raise ValueError(
            f"Sparse: {name} has shape {indices.shape} and dtype {indices.dtype}; it must be a "
            "flat list of integers, one per synapse."
        )
    return indices.astype(jnp.int32)


def _check_indices(indices: Array, count: int | None, name: str, role: str) -> None:
    if isinstance(indices, Tracer) or not indices.size:
        return
    low, high = np.asarray(indices).min(), np.asarray(indices).max()
    if low < 0 or (count is not None and high >= count):
        wanted = "0 or more" if count is None else f"0 to {count - 1}"
        raise ValueError(
            f"Sparse: {name} has indices from {low} to {high}, but those of the {role} "
            f"are {wanted}."
        )
