from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

if TYPE_CHECKING:
    from typing import ClassVar as AbstractVar  # what type checkers understand of it
else:
    from equinox import AbstractVar


class AbstractReducer(eqx.Module):
    """Turns a recorded series into a summary while the network runs, so it is never stored.

    **Attributes:**

    - `path`: what it reads, as in `simulate`'s `record`; or several paths, whose samples and
      series then come as a tuple.
    """

    path: AbstractVar[str | tuple[str, ...]]

    @abstractmethod
    def init(self, first: Any) -> Any:
        """The summary of no steps; `first` is a sample (of zeros) of one step."""

    @abstractmethod
    def update(self, summary: Any, series: Any, step: Int[Array, ""]) -> Any:
        """The summary with some more steps, of which the first has the absolute index `step`.

        `series` is of shape `(time, ...)`.
        """

    @abstractmethod
    def final(self, summary: Any, steps: Int[Array, ""] | int) -> Any:
        """What `simulate` returns after `steps` steps."""


class Count(AbstractReducer):
    """Sum over all steps: the spike count of each neuron for a path of spikes."""

    path: str = eqx.field(static=True)

    def init(self, first: Array) -> Array:
        return jnp.zeros_like(first)

    def update(self, summary: Array, series: Array, step: Int[Array, ""]) -> Array:
        return summary + sum_over_time(series)

    def final(self, summary: Array, steps: Int[Array, ""] | int) -> Array:
        return summary


class Mean(AbstractReducer):
    """Mean over all steps."""

    path: str = eqx.field(static=True)

    def init(self, first: Array) -> Array:
        return jnp.zeros_like(first)

    def update(self, summary: Array, series: Array, step: Int[Array, ""]) -> Array:
        return summary + sum_over_time(series)

    def final(self, summary: Array, steps: Int[Array, ""] | int) -> Array:
        return summary / jnp.asarray(steps, summary.dtype)


class Max(AbstractReducer):
    """Maximum over all steps."""

    path: str = eqx.field(static=True)

    def init(self, first: Array) -> Array:
        is_float = jnp.issubdtype(first.dtype, jnp.floating)
        return jnp.full_like(first, -jnp.inf if is_float else jnp.iinfo(first.dtype).min)

    def update(self, summary: Array, series: Array, step: Int[Array, ""]) -> Array:
        return jnp.maximum(summary, series.max(0))

    def final(self, summary: Array, steps: Int[Array, ""] | int) -> Array:
        return summary


class Histogram(AbstractReducer):
    """How often each value occurred, over all steps and neurons.

    **Arguments:**

    - `lower`, `upper`, `bins`: equal bins from lower to upper; values outside count in the
      first or the last.

    **Returns** counts of shape `(bins,)`.
    """

    path: str = eqx.field(static=True)
    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    bins: int = eqx.field(static=True, default=50)

    def init(self, first: Array) -> Array:
        return jnp.zeros(self.bins, jnp.int32)

    def update(self, summary: Array, series: Array, step: Int[Array, ""]) -> Array:
        place = (series.reshape(-1) - self.lower) * (self.bins / (self.upper - self.lower))
        place = jnp.clip(jnp.floor(place).astype(jnp.int32), 0, self.bins - 1)
        return summary.at[place].add(1)

    def final(self, summary: Array, steps: Int[Array, ""] | int) -> Array:
        return summary


class EventList(eqx.Module):
    """Spikes as pairs; entries from `count` on are -1.

    **Attributes:**

    - `neuron`: flat index of the neuron, `(capacity,)`.
    - `step`: absolute step of the spike, `(capacity,)`; its time is (step + 1) dt.
    - `count`: spikes there were, which may be more than the list holds.
    """

    neuron: Int[Array, "capacity"]
    step: Int[Array, "capacity"]
    count: Int[Array, ""]

    @property
    def rows(self) -> Int[np.ndarray, "kept 2"]:
        """Those that are kept as rows (step, neuron), by time and then by neuron.

        Outside of `jit` and `vmap`, since how many there are is known after the run.
        """
        kept = len(self.step) - self.room
        return np.stack([np.asarray(self.step), np.asarray(self.neuron)], axis=1)[:kept]

    @property
    def missed(self) -> int:
        """How many did not fit."""
        return max(0, int(self.count) - len(self.step))

    @property
    def room(self) -> int:
        """How many more would have fitted."""
        return max(0, len(self.step) - int(self.count))


class Events(AbstractReducer):
    """The list of spikes, in order of time.

    **Arguments:**

    - `path`: of spikes, or of anything that is above 0 where something happens.
    - `capacity`: room in the list; later spikes are only counted (`missed`).

    **Returns** an `EventList`.

    !!! example

        ```python
        run = simulate(net, dt=0.1, steps=1000, key=key, record={"e": Events("exc.spikes", 500)})
        run["e"].rows  # (spikes, 2): step and neuron
        ```
    """

    path: str = eqx.field(static=True)
    capacity: int = eqx.field(static=True)

    def init(self, first: Array) -> EventList:
        empty = jnp.full(self.capacity, -1, jnp.int32)
        return EventList(empty, empty, jnp.asarray(0, jnp.int32))

    def update(self, summary: EventList, series: Array, step: Int[Array, ""]) -> EventList:
        fired = series.reshape(series.shape[0], -1) > 0
        time, neuron = jnp.nonzero(fired, size=min(fired.size, self.capacity), fill_value=-1)
        place = jnp.arange(time.size, dtype=jnp.int32) + summary.count
        place = jnp.where(time >= 0, place, self.capacity)
        return EventList(
            summary.neuron.at[place].set(neuron.astype(jnp.int32), mode="drop"),
            summary.step.at[place].set(time.astype(jnp.int32) + step, mode="drop"),
            summary.count + fired.sum(dtype=jnp.int32),
        )

    def final(self, summary: EventList, steps: Int[Array, ""] | int) -> EventList:
        return summary


class SpikeTimes(AbstractReducer):
    """The first spike times of each neuron, ms.

    Differentiable with `simulate(..., spike_times="interpolated")`.

    **Arguments:**

    - `node`: name of the population.
    - `capacity`: how many of each neuron are kept, the first ones.

    **Returns** times `(capacity, *shape)`, infinity where there were fewer spikes.

    !!! example

        ```python
        run = simulate(net, dt=0.1, steps=5000, key=key, spike_times="interpolated",
                       record={"times": SpikeTimes("exc", capacity=10)})
        run["times"]  # (10, neurons)
        ```
    """

    node: str = eqx.field(static=True)
    capacity: int = eqx.field(static=True)

    @property
    def path(self) -> str:
        return f"{self.node}.spike_times"

    def init(self, first: Array) -> tuple[Array, Array]:
        times = jnp.full((self.capacity, *first.shape), jnp.inf, first.dtype)
        return times, jnp.zeros(first.shape, jnp.int32)

    def update(
        self, summary: tuple[Array, Array], series: Array, step: Int[Array, ""]
    ) -> tuple[Array, Array]:
        times, count = summary
        fired = jnp.isfinite(series)
        place = count[None] + jnp.cumsum(fired, axis=0, dtype=jnp.int32) - 1
        place = jnp.where(fired, place, self.capacity)
        flat = series.reshape(series.shape[0], -1)
        index = jnp.broadcast_to(jnp.arange(flat.shape[1], dtype=jnp.int32), flat.shape)
        times = times.reshape(self.capacity, -1)
        times = times.at[place.reshape(flat.shape), index].set(flat, mode="drop")
        times = times.reshape(self.capacity, *series.shape[1:])
        return times, count + jnp.sum(fired, axis=0, dtype=jnp.int32)

    def final(self, summary: tuple[Array, Array], steps: Int[Array, ""] | int) -> Array:
        return summary[0]


def sum_over_time(series: Float[Array, "time ..."]) -> Float[Array, "..."]:
    """The sum over axis 0, as a product with ones: many times faster than `.sum(0)` on CPU."""
    return jax.lax.dot_general(
        jnp.ones(series.shape[0], series.dtype), series, (((0,), (0,)), ((), ()))
    )
