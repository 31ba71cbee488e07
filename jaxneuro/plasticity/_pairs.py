import dataclasses
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxneuro.edges import (
    AbstractConnectivity,
    Dense,
    OneToOne,
    Sparse,
    SparseLayout,
    innermost,
)

from ._bounds import AbstractBounds
from ._changes import Listed, add_terms, changed, only_if, scaled
from ._rule import Term

if TYPE_CHECKING:
    from typing import ClassVar as AbstractVar  # what type checkers understand of it
else:
    from equinox import AbstractVar


class AbstractPairs(eqx.Module):
    """Which neurons the weights of a projection join, so that a rule need not know.

    **Attributes:**

    - `sources`, `targets`: number of neurons on either side.
    - `is_averaged`: whether the lanes of a `vmap` share one weight, which takes the mean of their
      changes.
    """

    sources: AbstractVar[int]
    targets: AbstractVar[int]
    is_averaged: AbstractVar[bool]

    @abstractmethod
    def of_source(self, values: Float[Array, "pre"]) -> Float[Array, "..."]:
        """For each weight the value of its source; it broadcasts to the weight."""

    @abstractmethod
    def of_target(self, values: Float[Array, "post"]) -> Float[Array, "..."]:
        """For each weight the value of its target; it broadcasts to the weight."""

    @abstractmethod
    def incoming(self, values: Float[Array, "..."]) -> Float[Array, "post"]:
        """The sum over the weights of each target."""

    @abstractmethod
    def add(
        self, weight: Float[Array, "..."], terms: Sequence[Term], bounds: AbstractBounds
    ) -> Float[Array, "..."]:
        """The weight with these changes made one after another, each within the bounds."""

    def move(
        self,
        weight: Float[Array, "..."],
        values: Float[Array, "..."],
        factor: Float[Array, "post"],
        bounds: AbstractBounds,
    ) -> Float[Array, "..."]:
        """The weight with `values` times the factor of their target added, and within the bounds.

        An increase is scaled by `bounds.up`, a decrease by `bounds.down`. Nothing is visited if all
        factors are 0.
        """
        if self.is_averaged:
            return _moved(weight, values, factor, bounds, self)
        return only_if(_moved, jnp.any(factor != 0), weight, values, factor, bounds, self)

    def multiply(
        self, values: Float[Array, "..."], factor: Float[Array, "post"]
    ) -> Float[Array, "..."]:
        """`values` times the factor of their target; nothing is visited if all factors are 1."""
        return only_if(_multiplied, jnp.any(factor != 1), values, factor, self)

    @property
    def apart(self) -> "AbstractPairs":
        """The same pairs for what each lane of a batch has for itself, such as eligibilities."""
        return dataclasses.replace(self, is_averaged=False) if self.is_averaged else self


class DensePairs(AbstractPairs):
    """Every source and every target; weight `(pre, post)`."""

    sources: int = eqx.field(static=True)
    targets: int = eqx.field(static=True)
    is_averaged: bool = eqx.field(static=True, default=False)

    def of_source(self, values: Float[Array, "pre"]) -> Float[Array, "pre 1"]:
        return values[:, None]

    def of_target(self, values: Float[Array, "post"]) -> Float[Array, "1 post"]:
        return values[None, :]

    def incoming(self, values: Float[Array, "pre post"]) -> Float[Array, "post"]:
        return jnp.sum(values, axis=0)

    def add(
        self, weight: Float[Array, "pre post"], terms: Sequence[Term], bounds: AbstractBounds
    ) -> Float[Array, "pre post"]:
        if self.is_averaged:
            return _add_products(weight, tuple(terms), bounds, _averaged_product)
        # Most steps of a small population have no spike at all.
        return only_if(_add_products, _is_active(terms), weight, tuple(terms), bounds)


class OneToOnePairs(AbstractPairs):
    """Neuron i and neuron i; weight of the population's shape."""

    is_averaged: ClassVar[bool] = False
    shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def sources(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return math.prod(self.shape)

    @property
    def targets(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return math.prod(self.shape)

    def of_source(self, values: Float[Array, "pre"]) -> Float[Array, "..."]:
        return values.reshape(self.shape)

    def of_target(self, values: Float[Array, "post"]) -> Float[Array, "..."]:
        return values.reshape(self.shape)

    def incoming(self, values: Float[Array, "..."]) -> Float[Array, "post"]:
        return values.reshape(-1)

    def add(
        self, weight: Float[Array, "..."], terms: Sequence[Term], bounds: AbstractBounds
    ) -> Float[Array, "..."]:
        for term in terms:
            product = (term.pre * term.post).reshape(self.shape)
            weight = changed(weight, term.scale, bounds, product)
        return weight


class SparsePairs(AbstractPairs):
    """The pairs of a list; weight `(synapses,)`.

    On CPU only the synapses of neurons that did something are visited.
    """

    is_averaged: ClassVar[bool] = False
    sources: int = eqx.field(static=True)
    targets: int = eqx.field(static=True)
    listed: Listed

    def of_source(self, values: Float[Array, "pre"]) -> Float[Array, "synapses"]:
        return values[self.listed.pre]

    def of_target(self, values: Float[Array, "post"]) -> Float[Array, "synapses"]:
        return values[self.listed.post]

    def incoming(self, values: Float[Array, "synapses"]) -> Float[Array, "post"]:
        zero = jnp.zeros(self.targets, values.dtype)
        return zero.at[self.listed.post].add(values)

    def add(
        self, weight: Float[Array, "synapses"], terms: Sequence[Term], bounds: AbstractBounds
    ) -> Float[Array, "synapses"]:
        return add_terms(weight, tuple(terms), bounds, self.listed)


def pairs_of(
    connectivity: AbstractConnectivity,
    source_shape: tuple[int, ...],
    target_shape: tuple[int, ...],
    arrivals: SparseLayout | None = None,
    is_averaged: bool = False,
) -> AbstractPairs:
    """The pairs that the weights of a connectivity join.

    **Arguments:**

    - `arrivals`: `lay_out(post)` of a `Sparse` one; without it all synapses are visited.
    - `is_averaged`: as in `DensePairs`.

    **Raises:** `ValueError` for one whose weights are shared among pairs, and for an average over
    lanes where the weight is not dense.
    """
    inner = innermost(connectivity)
    sources, targets = math.prod(source_shape), math.prod(target_shape)
    if isinstance(inner, Dense):
        return DensePairs(sources, targets, is_averaged)
    name = type(inner).__name__
    if is_averaged:
        raise ValueError(
            f"a weight that all lanes of a batch share must be Dense, but the connectivity is "
            f"{name}. Take Dense, or one weight for each lane (batch='separate')."
        )
    if isinstance(inner, OneToOne) and not inner.shared:
        return OneToOnePairs(source_shape)
    if isinstance(inner, Sparse) and not inner.shared:
        listed = Listed(inner.pre, inner.post, inner.layout, arrivals)
        return SparsePairs(sources, targets, listed)
    raise ValueError(
        f"a weight that several pairs of neurons share cannot learn by itself, and {name} has "
        "such. Take Dense, Sparse or OneToOne with a weight for each pair."
    )


def _add_products(
    weight: Float[Array, "pre post"],
    terms: tuple[Term, ...],
    bounds: AbstractBounds,
    outer: Callable[[Array, Array], Array] | None = None,
) -> Float[Array, "pre post"]:
    outer = _product if outer is None else outer
    for term in terms:
        weight = changed(weight, term.scale, bounds, outer(term.pre, term.post))
    return weight


def _product(pre: Float[Array, "pre"], post: Float[Array, "post"]) -> Float[Array, "pre post"]:
    return pre[:, None] * post[None, :]


@jax.custom_batching.custom_vmap
def _averaged_product(
    pre: Float[Array, "pre"], post: Float[Array, "post"]
) -> Float[Array, "pre post"]:
    return _product(pre, post)


@_averaged_product.def_vmap
def _(size: int, is_batched: list[bool], pre: Array, post: Array) -> tuple[Array, bool]:
    pre, post = (
        x if batched else jnp.broadcast_to(x, (size, *x.shape))
        for x, batched in zip((pre, post), is_batched, strict=True)
    )
    return jnp.einsum("bi,bj->ij", pre, post) / size, False


def _multiplied(values: Array, factor: Array, pairs: AbstractPairs) -> Array:
    return values * pairs.of_target(factor)


def _moved(
    weight: Array, values: Array, factor: Array, bounds: AbstractBounds, pairs: AbstractPairs
) -> Array:
    change = scaled(weight, values * pairs.of_target(factor), bounds)
    return bounds.clip(weight + (_averaged(change) if pairs.is_averaged else change))


@jax.custom_batching.custom_vmap
def _averaged(change: Float[Array, "pre post"]) -> Float[Array, "pre post"]:
    """The mean over the lanes of a batch."""
    return change


@_averaged.def_vmap
def _(size: int, is_batched: list[bool], change: Array) -> tuple[Array, bool]:
    return jnp.mean(change, axis=0) if is_batched[0] else change, False


def _is_active(terms: Sequence[Term]) -> Bool[Array, ""]:
    """Whether anything changes: a term does if neither factor is 0 everywhere."""
    found = [jnp.any(term.pre != 0) & jnp.any(term.post != 0) for term in terms]
    return jnp.any(jnp.stack(found))
