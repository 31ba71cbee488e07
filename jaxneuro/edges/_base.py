from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive

if TYPE_CHECKING:
    from typing import ClassVar as AbstractVar  # what type checkers understand of it
else:
    from equinox import AbstractVar


class AbstractEdge(eqx.Module):
    """What drives a population: a projection from another, an injected current, noise.

    Each step of an edge has three parts, so that the engine can lift the middle one out of the
    time loop: `release` (at the source), `propagate` (linear, no state), `step` (at the target).

    **Attributes:**

    - `source`: name of the node it reads, None if it needs none.
    - `target`: name of the population it drives, `"exc"`; of a port of its neuron, `"exc.base"`;
      or of a `SharedReceptor`, `"exc/ampa"`.
    - `delay`: ms; None means one step, 0 means within the same step.
    - `releases_evenly`: whether `release` treats every step alike, so that a constant signal
      stays constant.
    - `reads`: what it reads of its source: its spikes, or a leaf of its neurons' state such as
      `"v"`, as it is at the start of the step (then `delay` must be None: one step).
    """

    source: AbstractVar[str | None]
    target: AbstractVar[str]
    delay: AbstractVar[float | None]
    releases_evenly: AbstractVar[bool]
    reads: ClassVar[str] = "spikes"

    @abstractmethod
    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> Any:
        """The edge's state at the start of a presentation."""

    @abstractmethod
    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of target it fits; an error if it does not fit the source."""

    @abstractmethod
    def release(
        self, state: Any, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[Any, Float[Array, "time ..."]]:
        """Shapes the source's signals; `context.step` is that of the first of them."""

    @abstractmethod
    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        """Signals `(time, *source)` to events `(time, *target)`, step by step alike."""

    @abstractmethod
    def step(
        self, state: Any, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[Any, Drive]:
        """Events of one step (None without a source) to the drive on a target at voltage v."""
