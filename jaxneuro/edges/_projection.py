from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, fits, param

from ._base import AbstractEdge
from ._connectivity import AbstractConnectivity, Dense
from ._receptors import AbstractReceptor, Direct


class Projection(AbstractEdge):
    """A bundle of synapses: weight, connectivity, receptor and delay.

    **Arguments:**

    - `source`, `target`: names of nodes; a population may project to itself.
    - `weight`: in the target's unit of current per spike (or of conductance, or of v, as the
      receptor reads it), of the shape that the connectivity wants; None until `initialise` or
      `fluctuation_driven` draws it.
    - `connectivity`: `Dense` over the weight's second axis by default.
    - `receptor`: `Direct()` by default.
    - `delay`: ms; None means one step, 0 within the same step.
    - `bias`: a constant current into each target neuron: `()`, or of the target's rank with
      its lengths or 1, such as `(1, 1, 32)` for one number per channel.

    !!! example

        ```python
        edge = Projection("exc", "inh", weight=jnp.ones((80, 20)), delay=1.5)
        ```
    """

    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    weight: Float[Array, "..."] | None = param(None)
    connectivity: AbstractConnectivity = eqx.field(default=None)  # pyright: ignore
    receptor: AbstractReceptor = eqx.field(default_factory=Direct)
    delay: float | None = eqx.field(static=True, default=None)
    bias: Float[Array, "..."] | None = param(None)

    def __post_init__(self):
        if self.connectivity is not None:
            return
        # Not `self.weight.ndim`: it may still be the nested list that was passed.
        shape = None if self.weight is None else np.shape(self.weight)
        if shape is None or len(shape) != 2:
            raise ValueError(
                f"Projection {self.source!r} -> {self.target!r}: without a connectivity the "
                "weight must be a (pre, post) matrix. Pass one, or connectivity=Dense(post)."
            )
        self.connectivity = Dense(shape[1])

    @property
    def releases_evenly(self) -> bool:
        return True

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> Any:
        return self.receptor.init(target_shape)

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        wanted = self.connectivity.weight_shape(source_shape)
        came = None if self.weight is None else self.weight.shape
        if came is not None and came != wanted:
            raise ValueError(
                f"weight has shape {came}, but a source of shape {source_shape} through "
                f"{type(self.connectivity).__name__} wants {wanted or 'none'}."
            )
        shape = self.connectivity.output_shape(source_shape)
        if self.bias is not None and not fits(self.bias.shape, shape):
            raise ValueError(
                f"bias has shape {self.bias.shape}, which does not fit a target of shape {shape}. "
                f"Pass one number, or shape {self.connectivity.bias_shape(source_shape)}."
            )
        return shape

    def release(
        self, state: Any, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[Any, Float[Array, "time ..."]]:
        return state, signals

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        if self.weight is None and self.connectivity.weight_shape(signals.shape[1:]) is not None:
            raise ValueError(
                f"Projection {self.source!r} -> {self.target!r} has no weight yet. Call "
                "`initialise(network, key)`, or pass one."
            )
        return self.connectivity.propagate(self.weight, signals)

    def step(
        self, state: Any, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[Any, Drive]:
        state, drive = self.receptor.step(state, events, v, context.dt)
        return state, drive if self.bias is None else drive + Drive(current=self.bias)
