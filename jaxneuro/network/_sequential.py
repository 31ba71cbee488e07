from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxneuro.edges import (
    AbstractConnectivity,
    AbstractEdge,
    AbstractReceptor,
    Dense,
    Direct,
    Dropout,
    Projection,
)
from jaxneuro.neurons import AbstractNeuron, Input, Population, as_shape

from ._initialise import AbstractInitialiser, initialise
from ._network import Network


class Layer(eqx.Module):
    """One layer of a `sequential` network: how it listens, and what it is made of.

    **Arguments:**

    - `connectivity`: from the layer before, for instance `Dense(256)`.
    - `neuron`: its cell type.
    - `recurrent`: True adds a dense projection onto itself, one step late.
    - `dropout`: rate at which sources of the layer before are silenced in training.
    - `receptor`: of both projections.
    - `bias`: True adds a trainable constant current, one per neuron or per channel of a
      convolution, which starts at 0.
    - `options`: further arguments of its `Population`.
    """

    connectivity: AbstractConnectivity
    neuron: AbstractNeuron
    recurrent: bool = eqx.field(static=True, default=False, kw_only=True)
    dropout: float = eqx.field(static=True, default=0.0, kw_only=True)
    receptor: AbstractReceptor = eqx.field(default_factory=Direct, kw_only=True)
    bias: bool = eqx.field(static=True, default=True, kw_only=True)
    options: dict[str, Any] = eqx.field(default_factory=dict, kw_only=True)


def sequential(
    shape: int | tuple[int, ...],
    *layers: Layer,
    key: Key[Array, ""],
    initialiser: AbstractInitialiser | None = None,
    **options: Any,
) -> Network:
    """A feed-forward or layer-recurrent network, as classifiers are.

    Its nodes are `input`, `hidden1`, `hidden2` … and `readout`; its edges `input_to_hidden1` and
    so on. A spike reaches the next layer within the same step (`delay=0`), its own layer one step
    later.

    **Arguments:**

    - `shape`: of the input.
    - `layers`: at least one `Layer`; the last is the readout.
    - `key`: draws the weights.
    - `initialiser`: `Kaiming()` by default.
    - `options`: arguments of every `Population`, such as `surrogate=Arctan()`; a layer's own
      come first.

    !!! example

        ```python
        net = sequential(
            64,
            Layer(Dense(256), LIF(tau=5.0)),
            Layer(Dense(10), LI(tau=10.0), dropout=0.2),
            key=jax.random.key(0),
        )
        ```
    """
    if not layers:
        raise ValueError("sequential: it needs at least one Layer.")
    names = [f"hidden{i + 1}" for i in range(len(layers) - 1)] + ["readout"]
    nodes: dict[str, Population | Input] = {"input": Input(shape)}
    edges: dict[str, AbstractEdge] = {}
    before, before_shape = "input", as_shape(shape)
    for name, layer in zip(names, layers, strict=True):
        own = layer.connectivity.output_shape(before_shape)
        nodes[name] = Population(layer.neuron, own, **{**options, **layer.options})
        forward = Projection(
            before,
            name,
            connectivity=layer.connectivity,
            receptor=layer.receptor,
            delay=0.0,
            bias=jnp.zeros(layer.connectivity.bias_shape(before_shape)) if layer.bias else None,
        )
        edges[f"{before}_to_{name}"] = Dropout(forward, layer.dropout) if layer.dropout else forward
        if layer.recurrent:
            edges[f"{name}_to_{name}"] = Projection(
                name, name, connectivity=Dense(own), receptor=layer.receptor
            )
        before, before_shape = name, own
    return initialise(Network(nodes, edges), key, initialiser)
