"""Events on their way into a receptor: as an array, or as what there is to add to its state."""

import math
from typing import Any, NamedTuple

from jaxtyping import Array, Float

from ._connectivity import AbstractConnectivity, Sparse
from ._dale import Dale
from ._event_delivery import Synapses, add_events


class SparseEvents(NamedTuple):
    """The events of a sparse projection in one step, not added up yet.

    A receptor that only adds events to a variable lets them be added in its place: making an array
    of zeros first, and adding that to the variable, takes longer than a few spikes do.

    **Attributes:**

    - `connectivity`: `Sparse`, or a `Dale` of one.
    - `weight`: its weight.
    - `signal`: what the source sent, of its shape.
    """

    connectivity: AbstractConnectivity
    weight: Any
    signal: Float[Array, "..."]

    def added_to(self, start: Float[Array, "..."]) -> Float[Array, "..."]:
        """`start`, of the target's shape, with the events added."""
        connectivity, weight, signal = self
        if isinstance(connectivity, Dale):
            weight, signals = connectivity.signed(weight, signal[None])
            return SparseEvents(connectivity.connectivity, weight, signals[0]).added_to(start)
        assert isinstance(connectivity, Sparse), "only lists of synapses are visited one by one"
        synapses = Synapses(connectivity.pre, connectivity.post, connectivity.layout)
        flat = start.reshape(1, math.prod(start.shape))
        return add_events(flat, signal.reshape(-1), weight, synapses).reshape(start.shape)


def add_arriving(
    start: Float[Array, "..."], events: Float[Array, "..."] | SparseEvents
) -> Float[Array, "..."]:
    """A receptor's variable after the events of a step."""
    return events.added_to(start) if isinstance(events, SparseEvents) else start + events
