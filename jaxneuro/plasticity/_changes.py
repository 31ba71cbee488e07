"""Changes of the weights of listed synapses that visit only those of neurons that did something."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, Bool, Float, Int

from jaxneuro.edges import SparseLayout, visit_set

from ._bounds import AbstractBounds
from ._rule import Scale, Term

LONGEST_CHUNK = 1024


class Listed(eqx.Module):
    """The neurons that synapses join, and in which order to visit those of one neuron.

    **Attributes:**

    - `by_pre`, `by_post`: None where the lists are traced, and all synapses have to be visited.
    """

    pre: Int[Array, "synapses"]
    post: Int[Array, "synapses"]
    by_pre: SparseLayout | None
    by_post: SparseLayout | None


def changed(
    weight: Float[Array, "..."], scale: Scale, bounds: AbstractBounds, change: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Weights after a change, before it is scaled, and within the bounds."""
    if scale == "up":
        change = bounds.up(weight) * change
    elif scale == "down":
        change = bounds.down(weight) * change
    elif scale == "weight":
        change = weight * change
    return bounds.clip(weight + change)


def scaled(
    weight: Float[Array, "..."], change: Float[Array, "..."], bounds: AbstractBounds
) -> Float[Array, "..."]:
    """A change of either sign, as the bounds scale it."""
    return change * jnp.where(change > 0, bounds.up(weight), bounds.down(weight))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def only_if(change: Callable[..., Any], is_needed: Bool[Array, ""], values: Any, *rest: Any) -> Any:
    """`change(values, *rest)`, or `values` where it would not change them.

    Derivatives are those of `change` either way.
    """

    def run(loop: tuple[Array, Any]) -> tuple[Array, Any]:
        return jnp.zeros_like(is_needed), change(loop[1], *rest)

    # A loop of at most one turn: `cond` would copy the values in the steps that leave them alone.
    return lax.while_loop(lambda loop: loop[0], run, (is_needed, values))[1]


@only_if.defjvp
def _only_if_jvp(
    change: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Any, Any]:
    _, values_change = jax.jvp(change, primals[1:], tangents[1:])
    return only_if(change, *primals), values_change


def add_terms(
    weight: Float[Array, "synapses"],
    terms: tuple[Term, ...],
    bounds: AbstractBounds,
    listed: Listed,
) -> Float[Array, "synapses"]:
    """The weights after the changes; derivatives are those of the same over all synapses."""
    if listed.by_pre is None or listed.by_post is None:
        return _change_all(weight, terms, bounds, listed)
    return _added(weight, terms, bounds, listed)


@jax.custom_jvp
def _added(weight: Array, terms: tuple[Term, ...], bounds: AbstractBounds, listed: Listed) -> Array:
    def visit(*arguments: Any) -> Array:
        # Lanes one after another: in a batch of loops each would wait for the longest.
        return sequential_vmap(_change_active)(*arguments)

    return lax.platform_dependent(weight, terms, bounds, listed, cpu=visit, default=_change_all)


@_added.defjvp
def _added_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    weight, terms, bounds, listed = primals
    all_synapses = lambda w, t, b: _change_all(w, t, b, listed)  # noqa: E731
    _, change = jax.jvp(all_synapses, (weight, terms, bounds), tangents[:3])
    return _added(weight, terms, bounds, listed), change


def _change_all(
    weight: Array, terms: tuple[Term, ...], bounds: AbstractBounds, listed: Listed
) -> Array:
    for term in terms:
        product = term.pre[listed.pre] * term.post[listed.post]
        weight = changed(weight, term.scale, bounds, product)
    return weight


def _change_active(
    weight: Array, terms: tuple[Term, ...], bounds: AbstractBounds, listed: Listed
) -> Array:
    for term in terms:
        if term.sparse is None:
            weight = _change_all(weight, (term,), bounds, listed)
            continue
        is_pre = term.sparse == "pre"
        values, others = (term.pre, term.post) if is_pre else (term.post, term.pre)
        layout = listed.by_pre if is_pre else listed.by_post
        assert layout is not None, "without a layout all synapses are changed"
        other = listed.post if is_pre else listed.pre

        def change(  # of some synapses of one neuron
            old: Array, place: Any, value: Array, term: Term = term, others: Array = others,
            other: Array = other,
        ) -> Array:  # fmt: skip
            return changed(old, term.scale, bounds, value * others[other[place]])

        count = layout.starts.shape[0] - 1
        active = lax.slice(values, (layout.first,), (layout.first + count,)) != 0
        weight = visit_set(active, _changer(values, layout, weight.shape[0], change), weight)
    return weight


def _changer(
    values: Array, layout: SparseLayout, synapses: int, change: Callable[[Array, Any, Array], Array]
) -> Callable[[Array, Array], Array]:
    """The function that changes the synapses of one neuron, a chunk at a time."""
    chunk = min(layout.longest, LONGEST_CHUNK)
    lanes = np.arange(chunk, dtype=np.int32)

    def change_chunk(begin: Array, end: Array, value: Array, weight: Array) -> Array:
        # Near the end of the list the chunk moves back: its first lanes are then not ours.
        base = jnp.minimum(begin, synapses - chunk)
        is_ours = (base + lanes >= begin) & (base + lanes < end)
        if layout.order is None:
            old = lax.dynamic_slice_in_dim(weight, base, chunk)
            new = jnp.where(is_ours, change(old, base + lanes, value), old)
            return lax.dynamic_update_slice_in_dim(weight, new, base, 0)
        place = lax.dynamic_slice_in_dim(layout.order, base, chunk)
        old = weight[place]
        new = jnp.where(is_ours, change(old, place, value), old)
        return weight.at[place].set(new, mode="promise_in_bounds", unique_indices=True)

    def visit(neuron: Array, weight: Array) -> Array:
        begin = lax.dynamic_index_in_dim(layout.starts, neuron, keepdims=False)
        end = lax.dynamic_index_in_dim(layout.starts, neuron + 1, keepdims=False)
        value = lax.dynamic_index_in_dim(values, layout.first + neuron, keepdims=False)
        if layout.longest <= chunk:
            return change_chunk(begin, end, value, weight)

        def change_next(loop: tuple[Array, Array]) -> tuple[Array, Array]:
            return loop[0] + chunk, change_chunk(loop[0], end, value, loop[1])

        return lax.while_loop(lambda loop: loop[0] < end, change_next, (begin, weight))[1]

    return visit
