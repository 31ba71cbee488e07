from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, Int, Key


class NetworkState(eqx.Module):
    """Everything that changes while a network runs; hand it to `simulate` to go on.

    **Attributes:**

    - `step`: absolute index of the next step.
    - `key`: the base key of all its random streams.
    - `nodes`: the neurons' states, by population.
    - `edges`: the edges' states, by name.
    - `history`: the latest outputs of each node, oldest first, `(delay in steps, *shape)`; under
      `"exc.late"` which part of each spike belongs to the step after it, where a projection with
      `spike_times="interpolated"` asks.
    - `pending`: by edge with a delay for each synapse, the events of the coming steps,
      `(steps, *target shape)`.
    - `stages`: the stages' own states, by tag.
    """

    step: Int[Array, ""]
    key: Key[Array, ""]
    nodes: dict[str, Any]
    edges: dict[str, Any]
    history: dict[str, Float[Array, "delay ..."]]
    stages: dict[str, Any]
    pending: dict[str, Float[Array, "steps ..."]]

    def spikes(self, node: str) -> Float[Array, "..."]:
        """The output of `node` in the last step, of its shape."""
        return self.history[node][-1]
