from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, init_key

from ._base import AbstractEdge


class DropoutState(eqx.Module):
    """The mask of this presentation (None at inference) and the wrapped edge's state."""

    mask: Float[Array, "..."] | None
    inner: Any


class Dropout(AbstractEdge):
    """Silences a random part of an edge's sources, the same ones for a whole presentation.

    The others are scaled by 1 / (1 - rate). Off when `simulate` is told `inference=True`.

    **Arguments:**

    - `edge`: the edge to wrap.
    - `rate`: probability with which a source is silenced, in [0, 1).

    Reference: Lee et al. (2020), Frontiers in Neuroscience 14:119.

    !!! example

        ```python
        edge = Dropout(Projection("exc", "out", weight), rate=0.2)
        ```
    """

    edge: AbstractEdge
    rate: float = eqx.field(static=True, default=0.5)

    def __check_init__(self):
        if not 0 <= self.rate < 1:
            raise ValueError(f"Dropout: rate is {self.rate}; it must be in [0, 1).")

    @property
    def source(self) -> str | None:
        return self.edge.source

    @property
    def target(self) -> str:
        return self.edge.target

    @property
    def delay(self) -> float | None:
        return self.edge.delay

    @property
    def releases_evenly(self) -> bool:
        return self.edge.releases_evenly

    @property
    def reads(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.edge.reads

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> DropoutState:
        inner = self.edge.init(source_shape, target_shape, init_key(key, "edge"), inference)
        if inference or self.rate == 0:
            return DropoutState(None, inner)
        kept = draw_below(key, source_shape, 1 - self.rate)
        return DropoutState(kept / (1 - self.rate), inner)

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.edge.output_shape(source_shape)

    def release(
        self, state: DropoutState, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[DropoutState, Float[Array, "time ..."]]:
        if state.mask is not None:
            signals = signals * state.mask[None]
        inner, signals = self.edge.release(state.inner, signals, context)
        return DropoutState(state.mask, inner), signals

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        return self.edge.propagate(signals)

    def step(
        self,
        state: DropoutState,
        events: Any,
        v: Float[Array, "..."],
        context: Context,
    ) -> tuple[DropoutState, Drive]:
        inner, drive = self.edge.step(state.inner, events, v, context)
        return DropoutState(state.mask, inner), drive


def draw_below(
    key: Key[Array, ""], shape: tuple[int, ...], probability: float
) -> Float[Array, "..."]:
    """1 with `probability` (to 2^-16), else 0; 16 random bits each are enough and fast."""
    bits = jax.random.bits(key, shape, jnp.uint16).astype(jnp.uint32)
    return (bits < round(probability * 2**16)).astype(float)
