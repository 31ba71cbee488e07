import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, param

from ._sourceless import AbstractSourcelessEdge


class OscillationState(eqx.Module):
    """The current at the start of the last step."""

    osc: Float[Array, "..."]


class Oscillation(AbstractSourcelessEdge):
    """A sinusoidal current: I = amplitude sin(2 pi frequency (t - shift) / 1000).

    **Arguments:**

    - `target`: as of any edge.
    - `amplitude`: in the target's unit of current.
    - `frequency`: Hz.
    - `shift`: ms by which it comes later.

    !!! example

        ```python
        edge = Oscillation("exc", amplitude=6.0, frequency=10.0)
        ```
    """

    target: str = eqx.field(static=True)
    amplitude: Float[Array, "..."] = param(1.0)
    frequency: Float[Array, "..."] = param(0.0, unit="Hz")
    shift: Float[Array, "..."] = param(0.0, unit="ms")

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> OscillationState:
        return OscillationState(jnp.zeros(target_shape))

    def step(
        self, state: OscillationState, events: None, v: Float[Array, "..."], context: Context
    ) -> tuple[OscillationState, Drive]:
        start = jnp.broadcast_to(self._current(context.step.astype(v.dtype) * context.dt), v.shape)
        end = self._current((context.step + 1).astype(v.dtype) * context.dt)
        drive = Drive(current=start, current_end=jnp.broadcast_to(end, v.shape))
        return OscillationState(start), drive

    def _current(self, t: Float[Array, ""]) -> Float[Array, "..."]:
        # Whole periods are dropped before the sine, which is inexact for large arguments.
        cycles = self.frequency * (t - self.shift) / 1000.0
        return self.amplitude * jnp.sin(2.0 * jnp.pi * (cycles - jnp.floor(cycles)))
