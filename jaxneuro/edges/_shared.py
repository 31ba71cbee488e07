from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive

from ._receptors import AbstractReceptor
from ._sourceless import AbstractSourcelessEdge


class SharedReceptor(AbstractSourcelessEdge):
    """A receptor of a population that several projections feed: one conductance for all of them.

    An edge whose target is the name of this edge (`"exc/ampa"`) hands its events to it, that is the
    current it would drive the population with; its own receptor should be `Direct()`.

    **Arguments:**

    - `target`: the population, or a port of its neuron (`"exc.base"`).
    - `receptor`: what the sum of all events becomes.

    !!! example

        ```python
        net = Network(
            {"a": Input(3), "b": Input(2), "exc": Population(LIF(), 4)},
            {
                "exc/ampa": SharedReceptor("exc", ExponentialCurrent(tau=5.0)),
                "from_a": Projection("a", "exc/ampa", jnp.ones((3, 4))),
                "from_b": Projection("b", "exc/ampa", jnp.ones((2, 4))),
            },
        )
        ```
    """

    target: str = eqx.field(static=True)
    receptor: AbstractReceptor

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> Any:
        return self.receptor.init(target_shape)

    def step(
        self, state: Any, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[Any, Drive]:
        events = jnp.zeros_like(v) if events is None else events
        return self.receptor.step(state, events, v, context.dt)
