"""The product of a sparse projection that visits only the neurons that send something.

On CPU a network of a hundred thousand neurons has a few spikes in each step, and adding up their
synapses takes microseconds where a product over all synapses takes milliseconds. Elsewhere, where
a loop of data-dependent length is slow, all synapses are added up in parallel.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, Bool, Float, Int, UInt32

WORD = 32
LONGEST_CHUNK = 1024


class SparseLayout(eqx.Module):
    """In which order to visit the synapses of a list: those of one source after another.

    **Attributes:**

    - `starts`: where the synapses of the source neurons `first`, `first + 1`, ... begin, and, one
      more, where those of the last one end.
    - `order`: the synapses sorted by source, None if they are listed like that.
    - `first`: the first source neuron that has synapses.
    - `longest`: the most synapses that a source neuron has.
    """

    starts: Int[Array, "rows"]
    order: Int[Array, "synapses"] | None
    first: int = eqx.field(static=True)
    longest: int = eqx.field(static=True)


def lay_out(pre: np.ndarray) -> SparseLayout | None:
    """The layout of the synapses of these source neurons; None if there are none."""
    if not pre.size:
        return None
    is_sorted = bool(np.all(pre[1:] >= pre[:-1]))
    order = None if is_sorted else np.argsort(pre, kind="stable").astype(np.int32)
    first, last = int(pre.min()), int(pre.max())
    counts = np.bincount(pre - first, minlength=last - first + 1)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    ordered = None if order is None else jnp.asarray(order)
    return SparseLayout(jnp.asarray(starts), ordered, first, int(counts.max()))


class Synapses(NamedTuple):
    """Source and target neuron of each synapse, and the order to visit them in, if it is known."""

    pre: Int[Array, "synapses"]
    post: Int[Array, "synapses"]
    layout: SparseLayout | None


class Delays(NamedTuple):
    """When what a synapse sends arrives, in a ring of the coming steps, `(slots, targets)`.

    **Attributes:**

    - `lags`: steps after `now`, one number per synapse, less than `slots`.
    - `now`: the slot of the present step.
    """

    lags: Int[Array, "synapses"]
    now: Int[Array, ""]


def sparse_product(
    signals: Float[Array, "pre"], weight: Float[Array, "..."], synapses: Synapses, targets: int
) -> Float[Array, "targets"]:
    """Sum over synapses of weight times the signal of their source, for each target.

    **Arguments:**

    - `weight`: `(synapses,)`, or one number for all.
    - `targets`: number of target neurons.

    **Returns:** the sums; derivatives of all kinds are those of the sum over all synapses.
    """
    out = jnp.zeros((1, targets), jnp.result_type(signals, weight))
    return add_events(out, signals, weight, synapses)[0]


def add_events(
    out: Float[Array, "slots targets"],
    signals: Float[Array, "pre"],
    weight: Float[Array, "..."],
    synapses: Synapses,
    delays: Delays | None = None,
) -> Float[Array, "slots targets"]:
    """`out` with what each synapse sends added at its target, and in the slot of its arrival."""
    if synapses.layout is None:
        return out + add_all(jnp.zeros_like(out), signals, weight, synapses, delays)

    return _added(out, signals, weight, synapses, delays)


@jax.custom_jvp
def _added(
    out: Array, signals: Array, weight: Array, synapses: Synapses, delays: Delays | None
) -> Array:
    def visit(out: Array, signals: Array, weight: Array, synapses: Synapses, delays: Any) -> Array:
        # Lanes one after another: in a batch of loops each would wait for the longest.
        return sequential_vmap(_visit_senders)(out, signals, weight, synapses, delays)

    return lax.platform_dependent(
        out, signals, weight, synapses, delays, cpu=visit, default=add_all
    )


@_added.defjvp
def _added_jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
    out, signals, weight, synapses, delays = primals
    dout, dsignals, dweight = tangents[:3]
    change = add_all(dout, dsignals, weight, synapses, delays)
    change = add_all(change, signals, dweight, synapses, delays)
    return _added(out, signals, weight, synapses, delays), change


def add_all(
    out: Array, signals: Array, weight: Array, synapses: Synapses, delays: Delays | None
) -> Array:
    """The same over every synapse: linear in the signals and in the weight, to be transposed."""
    places = _places(synapses.post, None if delays is None else delays.lags, delays, out.shape)
    return _add_at(out, places, signals[synapses.pre] * weight)


def _places(
    post: Array, lags: Array | None, delays: Delays | None, shape: tuple[int, ...]
) -> Array:
    """Where in the flattened ring the events of some synapses belong."""
    if lags is None or delays is None:
        return post
    slots, targets = shape
    return (delays.now + lags) % slots * targets + post


def _add_at(out: Array, places: Array, values: Array) -> Array:
    flat = lax.scatter_add(
        out.reshape(-1), places[:, None], values, _ONE_EACH, mode="promise_in_bounds"
    )
    return flat.reshape(out.shape)


_ONE_EACH = lax.ScatterDimensionNumbers(
    update_window_dims=(), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)
)


def _visit_senders(
    out: Array, signals: Array, weight: Array, synapses: Synapses, delays: Delays | None
) -> Array:
    """Adds the synapses of one sender after another."""
    layout = synapses.layout
    assert layout is not None, "without a layout all synapses are added"
    count = layout.starts.shape[0] - 1
    sent = lax.slice(signals, (layout.first,), (layout.first + count,)) != 0
    return visit_set(sent, _adder(signals, weight, synapses.post, layout, delays), out)


def visit_set(flags: Bool[Array, "n"], visit: Callable[[Array, Any], Any], carry: Any) -> Any:
    """`carry` after `visit(index, carry)` for the index of every flag that is set."""
    words = _packed(flags)
    groups = _packed(words != 0)

    # Three nested loops, each over the bits that are set: groups of words, words, neurons. Their
    # bodies are short, since starting one operation takes as long as adding fifty synapses.
    def visit_group(group: Array, carry: Any) -> Any:
        def visit_word(loop: tuple[Array, Any]) -> tuple[Array, Any]:
            left, carry = loop
            index = _lowest(left) * groups.shape[0] + group

            def visit_one(loop: tuple[Array, Any]) -> tuple[Array, Any]:
                word, carry = loop
                return word & (word - 1), visit(_lowest(word) * words.shape[0] + index, carry)

            word = lax.dynamic_index_in_dim(words, index, keepdims=False)
            return left & (left - 1), lax.while_loop(_is_left, visit_one, (word, carry))[1]

        bits = lax.dynamic_index_in_dim(groups, group, keepdims=False)
        return lax.while_loop(_is_left, visit_word, (bits, carry))[1]

    return lax.fori_loop(0, groups.shape[0], visit_group, carry)


def _adder(
    signals: Array, weight: Array, post: Array, layout: SparseLayout, delays: Delays | None
) -> Callable[[Array, Array], Array]:
    """The function that adds the synapses of one source neuron, a chunk at a time."""
    starts, chunk = layout.starts, min(layout.longest, LONGEST_CHUNK)
    lanes = np.arange(chunk, dtype=np.int32)

    def add_chunk(begin: Array, end: Array, signal: Array, out: Array) -> Array:
        # Near the end of the list the chunk moves back: its first lanes are then not ours.
        base = jnp.minimum(begin, post.shape[0] - chunk)
        index = base + lanes

        def chosen(values: Array) -> Array:
            if layout.order is None:
                return lax.dynamic_slice_in_dim(values, base, chunk)
            return values[lax.dynamic_slice_in_dim(layout.order, base, chunk)]

        values = (chosen(weight) if weight.ndim else weight) * signal
        values = jnp.where((index >= begin) & (index < end), values, 0.0)
        lags = None if delays is None else chosen(delays.lags)
        return _add_at(out, _places(chosen(post), lags, delays, out.shape), values)

    def add(neuron: Array, out: Array) -> Array:
        begin = lax.dynamic_index_in_dim(starts, neuron, keepdims=False)
        end = lax.dynamic_index_in_dim(starts, neuron + 1, keepdims=False)
        # Not from the slice that was packed, which would have to be made for this alone.
        signal = lax.dynamic_index_in_dim(signals, layout.first + neuron, keepdims=False)
        if layout.longest <= chunk:
            return add_chunk(begin, end, signal, out)

        def add_next(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            return carry[0] + chunk, add_chunk(carry[0], end, signal, carry[1])

        return lax.while_loop(lambda carry: carry[0] < end, add_next, (begin, out))[1]

    return add


def _packed(flags: Array) -> UInt32[Array, "words"]:
    """Bits of 32 flags in each word; flag i is bit i // words of word i % words.

    In this order neighbouring words are made of neighbouring flags, which vectorises.
    """
    flags = jnp.pad(flags, (0, -flags.shape[0] % WORD)).reshape(WORD, -1)
    shifts = jnp.arange(WORD, dtype=jnp.uint32)[:, None]
    return (flags.astype(jnp.uint32) << shifts).sum(0, dtype=jnp.uint32)


def _lowest(word: Array) -> Int[Array, ""]:
    """Index of the lowest bit that is set."""
    return lax.population_count((word & -word) - 1).astype(jnp.int32)


def _is_left(carry: tuple[Array, Any]) -> Array:
    return carry[0] != 0
