from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jaxneuro.edges import Sparse

from ._pairs import sorted_sparse
from ._probability import bernoulli_pairs
from ._random import check_count, check_probability, generator


class LayerProbabilities(NamedTuple):
    """Probabilities of a connection, by how many layers further on the target lies.

    Excitatory neurons use all but `inh_recurrent`; inhibitory ones that, and a fifth of
    `feedforward_1` to the layers before and after their own.

    **Arguments:**

    - `exc_recurrent`, `inh_recurrent`: within a layer.
    - `feedforward_1`, `feedforward_2`: to the next layer, and the one after it.
    - `feedback_1`, `feedback_2`: to the layer before, and the one before that.
    - `long_feedforward`, `long_feedback`: over more than two layers.

    !!! example

        ```python
        topology.LayerProbabilities(feedforward_1=0.3, long_feedforward=0.0, long_feedback=0.0)
        ```
    """

    exc_recurrent: float = 0.08
    inh_recurrent: float = 0.15
    feedforward_1: float = 0.45
    feedforward_2: float = 0.15
    feedback_1: float = 0.06
    feedback_2: float = 0.0
    long_feedforward: float = 0.01
    long_feedback: float = 0.005

    def between(self, layers: int, is_inhibitory: bool) -> float:
        """The probability from a neuron to one that lies `layers` layers further on."""
        if is_inhibitory:
            near = {0: self.inh_recurrent, 1: 0.2 * self.feedforward_1}
            return near.get(abs(layers), 0.0)
        near = {
            0: self.exc_recurrent,
            1: self.feedforward_1,
            2: self.feedforward_2,
            -1: self.feedback_1,
            -2: self.feedback_2,
        }
        return near.get(layers, self.long_feedforward if layers > 0 else self.long_feedback)


class Layered(NamedTuple):
    """A layered network in one population, its layers one after another.

    **Attributes:**

    - `connectivity`: its synapses.
    - `is_inhibitory`: of each neuron.
    - `layer`: index of each neuron's layer.
    - `sign`: +1 or -1 of each synapse, that of its source; -1 for mutual inhibition.
    - `is_mutual`: which synapses are the mutual inhibition of the last layer.
    """

    connectivity: Sparse
    is_inhibitory: Bool[Array, "n"]
    layer: Int[Array, "n"]
    sign: Float[Array, "synapses"]
    is_mutual: Bool[Array, "synapses"]


def layered(
    key: Key[Array, ""],
    sizes: Sequence[int],
    probabilities: LayerProbabilities = LayerProbabilities(),  # noqa: B008 (immutable)
    *,
    inhibitory_fraction: float | Sequence[float] = 0.2,
    mutual_inhibition: bool = False,
) -> Layered:
    """Join layers of excitatory and inhibitory neurons at random, without self connections.

    **Arguments:**

    - `key`: decides which pairs and which neurons; the same key gives the same ones.
    - `sizes`: number of neurons of each layer, input first.
    - `probabilities`: of a pair, by the distance of its layers.
    - `inhibitory_fraction`: one number, or one for each layer; `round(fraction * size)` neurons
      of a layer are inhibitory.
    - `mutual_inhibition`: joins each pair of the last layer, both ways, by an inhibitory synapse
      instead of at random. These have `sign` -1 whatever their source.

    **Returns:** synapses over the concatenated layers, sorted by source, then by target, with the
    type and the layer of each neuron.

    **Raises:** `ValueError` for a probability or fraction outside [0, 1].

    !!! example

        ```python
        net = topology.layered(jax.random.key(0), (49, 30, 20, 10), mutual_inhibition=True)
        weight = net.sign * topology.uniform(jax.random.key(1), net.sign.size, 0.003, 0.02)
        weight = jnp.where(net.is_mutual, -2.5, weight)
        ```
    """
    sizes = [check_count(size, "layered: a size", 1) for size in sizes]
    if not sizes:
        raise ValueError("layered: there are no layers. Pass the size of at least one.")
    for name, value in probabilities._asdict().items():
        check_probability(value, f"layered: {name}")
    rng = generator(key, "layered")
    is_inhibitory = _types(rng, sizes, inhibitory_fraction)
    blocks = [
        _block(rng, sizes, a, b, is_inhibitory, probabilities)
        for a in range(len(sizes))
        for b in range(len(sizes))
        if not (mutual_inhibition and a == b == len(sizes) - 1)
    ]
    if mutual_inhibition:
        source, target = bernoulli_pairs(rng, sizes[-1], sizes[-1], 1.0, False)
        first = sum(sizes[:-1])
        blocks.append((first + source, first + target))
    pre, post = (np.concatenate(lists) for lists in zip(*blocks, strict=True))
    connectivity = sorted_sparse(pre, post, sum(sizes))
    layer = jnp.asarray(np.repeat(np.arange(len(sizes)), sizes), jnp.int32)
    inhibitory = jnp.asarray(is_inhibitory)
    last = layer == len(sizes) - 1
    is_mutual = last[connectivity.pre] & last[connectivity.post] & mutual_inhibition
    sign = jnp.where(inhibitory[connectivity.pre] | is_mutual, -1.0, 1.0)
    return Layered(connectivity, inhibitory, layer, sign, is_mutual)


def _types(
    rng: np.random.Generator, sizes: list[int], fraction: float | Sequence[float]
) -> np.ndarray:
    """Which neurons are inhibitory."""
    fractions = np.asarray(fraction, float)
    if fractions.shape not in ((), (len(sizes),)):
        raise ValueError(
            f"layered: inhibitory_fraction has {fractions.size} numbers, but there are "
            f"{len(sizes)} layers. Pass one number, or one for each layer."
        )
    shares = np.broadcast_to(fractions, len(sizes))
    for share in shares:
        check_probability(share, "layered: inhibitory_fraction")
    drawn = [
        rng.permutation(size) < round(float(share) * size)
        for size, share in zip(sizes, shares, strict=True)
    ]
    return np.concatenate(drawn)


def _block(
    rng: np.random.Generator,
    sizes: list[int],
    a: int,
    b: int,
    is_inhibitory: np.ndarray,
    probabilities: LayerProbabilities,
) -> tuple[np.ndarray, np.ndarray]:
    """The synapses from layer `a` to layer `b`."""
    starts = np.cumsum([0, *sizes])
    own = is_inhibitory[starts[a] : starts[a + 1]]
    pre, post = [], []
    for kind in (False, True):
        # All sources are drawn and one kind is kept: self connections are then those of equal
        # index, and a layer is small beside its synapses.
        chance = probabilities.between(b - a, kind)
        source, target = bernoulli_pairs(rng, sizes[a], sizes[b], chance, a != b)
        is_kind = own[source] == kind
        pre.append(starts[a] + source[is_kind])
        post.append(starts[b] + target[is_kind])
    return np.concatenate(pre), np.concatenate(post)
