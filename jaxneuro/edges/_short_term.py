from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, check_bounds, param

from ._base import AbstractEdge
from ._parameter_shapes import check_fit


class ShortTermState(eqx.Module):
    """Utilisation u and resources x of each source neuron, and the wrapped edge's state."""

    u: Float[Array, "..."]
    x: Float[Array, "..."]
    inner: Any


class ShortTermPlasticity(AbstractEdge):
    """Makes an edge depress and facilitate with its source's recent spikes: Tsodyks–Markram.

    Between spikes  du/dt = -u / tau_facil,  dx/dt = (1 - x) / tau_rec; at a spike
    u += U (1 - u), the edge passes on u x in its place, and x -= u x.

    The first spike after a long rest therefore has U times the edge's weight. Exact at any dt. A
    signal other than 0 or 1 counts as that many spikes at once: it releases that many times u x, as
    far as x lasts.

    **Arguments:**

    - `edge`: the edge to wrap.
    - `U`: part of the resources that a spike releases after a long rest, 0 to 1.
    - `tau_rec`: time constant of recovery from depression, ms.
    - `tau_facil`: time constant of facilitation, ms; None for none (u = U at each spike).

    Each of shape `()` or that of the source.

    Reference: Tsodyks & Markram (1997), PNAS 94:719; Markram, Wang & Tsodyks (1998), PNAS 95:5323.

    !!! example

        ```python
        edge = ShortTermPlasticity(Projection("exc", "inh", weight), U=0.2, tau_rec=200.0)
        ```
    """

    edge: AbstractEdge
    U: Float[Array, "..."] = param(0.5)
    tau_rec: Float[Array, "..."] = param(800.0, unit="ms", lower=0.0)
    tau_facil: Float[Array, "..."] | None = param(None, unit="ms", lower=0.0)

    def __check_init__(self):
        check_bounds(self)
        U = self.U
        if not isinstance(U, Tracer) and not np.all((np.asarray(U) >= 0) & (np.asarray(U) <= 1)):
            raise ValueError(f"ShortTermPlasticity: U is {U}; it must be from 0 to 1.")
        if self.edge.source is None or self.edge.reads != "spikes":
            what = "has no source" if self.edge.source is None else f"reads {self.edge.reads!r}"
            raise ValueError(
                f"ShortTermPlasticity: a {type(self.edge).__name__} {what}. Wrap an edge that "
                "passes on spikes, such as a Projection."
            )

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
        return False

    @property
    def reads(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.edge.reads

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> ShortTermState:
        inner = self.edge.init(source_shape, target_shape, key, inference)
        return ShortTermState(jnp.zeros(source_shape), jnp.ones(source_shape), inner)

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_fit(self, ("U", "tau_rec", "tau_facil"), source_shape, "source")
        return self.edge.output_shape(source_shape)

    def release(
        self, state: ShortTermState, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[ShortTermState, Float[Array, "time ..."]]:
        recovery = jnp.exp(-context.dt / self.tau_rec)
        loss = 0.0 if self.tau_facil is None else jnp.exp(-context.dt / self.tau_facil)

        def one(carry: tuple[Array, Array], signal: Array) -> tuple[tuple[Array, Array], Array]:
            u, x = carry
            released = signal * (u + self.U * (1.0 - u)) * x
            released = jnp.where(released > x, x, released)
            u = u + _at_most_one(signal * self.U) * (1.0 - u)
            x = x - released
            return (u * loss, 1.0 - (1.0 - x) * recovery), released

        if signals.shape[0] == 1:
            (u, x), released = one((state.u, state.x), signals[0])
            released = released[None]
        else:
            (u, x), released = jax.lax.scan(one, (state.u, state.x), signals)
        inner, released = self.edge.release(state.inner, released, context)
        return ShortTermState(u, x, inner), released

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        return self.edge.propagate(signals)

    def step(
        self, state: ShortTermState, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[ShortTermState, Drive]:
        inner, drive = self.edge.step(state.inner, events, v, context)
        return ShortTermState(state.u, state.x, inner), drive


def _at_most_one(part: Float[Array, "..."]) -> Float[Array, "..."]:
    # Not `minimum`, whose gradient is not whole at 1: U may well be 1.
    return jnp.where(part > 1.0, 1.0, part)
