"""Stimuli with a direction: an input of (amplitude, direction), which each neuron is tuned to."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, param

from ._base import AbstractEdge
from ._parameter_shapes import check_fit
from ._poisson_noise import poisson_counts
from ._receptors import AbstractReceptor, Direct
from ._sourceless import step_key


def _as_directions(value: Any) -> Float[Array, "..."]:
    """Preferred directions as they are, or so many, evenly spaced around the circle."""
    if isinstance(value, int):
        return jnp.arange(value, dtype=float) * (2.0 * math.pi / value)
    array = jnp.asarray(value)
    return array.astype(array.dtype if jnp.issubdtype(array.dtype, jnp.inexact) else float)


class TunedCurrent(AbstractEdge):
    """A current from a stimulus with an amplitude and a direction, to neurons tuned to directions.

    I_i = amplitude exp(kappa (cos(theta_i - direction) - 1)).

    The stimulus is the value of an `Input` of shape `(2,)`: amplitude, in the target's unit of
    current, and direction, rad; `Cues` switches and moves it.

    **Arguments:**

    - `source`: name of an `Input(2)`.
    - `target`: as of any edge.
    - `directions`: the preferred directions theta, rad, of the target's shape; a whole number n
      stands for n that are evenly spaced from 0 on, 2 pi i / n.
    - `kappa`: sharpness of tuning, `()` or of the target's shape; 0 drives all alike.
    - `delay`: ms.

    Reference: Compte et al. (2000), Cerebral Cortex 10:910 (of such a ring and its cue).

    !!! example

        ```python
        net = Network(
            {"cue": Input(2), "ring": Population(LIF(), 256)},
            {"cue_to_ring": TunedCurrent("cue", "ring", directions=256, kappa=15.7)},
        )
        cue = Cues(start=[300.0], stop=[600.0], values=[[1.5, 3.14]])
        run = simulate(net, {"cue": cue}, dt=0.5, steps=2000, key=key)
        ```
    """

    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    directions: Float[Array, "..."] = eqx.field(converter=_as_directions)
    kappa: Float[Array, "..."] = param(0.0)
    delay: float | None = eqx.field(static=True, default=None)

    @property
    def releases_evenly(self) -> bool:
        return True

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> None:
        return None

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return _output_shape(self, source_shape)

    def release(
        self, state: None, signals: Float[Array, "time 2"], context: Context
    ) -> tuple[None, Float[Array, "time ..."]]:
        # Here and not in `propagate`, which has to be linear; this is out of the loop just as well.
        return None, _tuned(self, signals)

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        return signals

    def step(
        self, state: None, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[None, Drive]:
        return None, Drive(current=events)


class AfferentState(eqx.Module):
    """The key from which an edge draws its events, and its receptor's state."""

    key: Key[Array, ""]
    inner: Any


class TunedPoisson(AbstractEdge):
    """Poisson events from a stimulus with an amplitude and a direction, to tuned neurons.

    The rate is amplitude exp(kappa (cos(theta_i - direction) - 1)), with the amplitude in Hz. Each
    neuron draws the number of its events in each step as in `PoissonNoise`, exactly and without a
    gradient by the rate; each event has the size `weight` and goes through the receptor.

    **Arguments:**

    - `source`, `target`, `directions`, `kappa`, `delay`: as in `TunedCurrent`. With a
      `SharedReceptor` as the target, leave the receptor as it is.
    - `weight`: size of an event, `()` or of the target's shape.
    - `receptor`: `Direct()` by default.

    !!! example

        ```python
        edge = TunedPoisson("cue", "ring", 256, kappa=15.7, receptor=AMPA(g_max=0.001))
        cue = Cues(start=[300.0], stop=[600.0], values=[[1250.0, 3.14]])
        ```
    """

    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    directions: Float[Array, "..."] = eqx.field(converter=_as_directions)
    kappa: Float[Array, "..."] = param(0.0)
    weight: Float[Array, "..."] = param(1.0)
    receptor: AbstractReceptor = eqx.field(default_factory=Direct)
    delay: float | None = eqx.field(static=True, default=None)

    @property
    def releases_evenly(self) -> bool:
        return True

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> AfferentState:
        return AfferentState(key, self.receptor.init(target_shape))

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_fit(self, ("weight",), self.directions.shape)
        return _output_shape(self, source_shape)

    def release(
        self, state: AfferentState, signals: Float[Array, "time 2"], context: Context
    ) -> tuple[AfferentState, Float[Array, "time ..."]]:
        return state, _tuned(self, signals)

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        return signals

    def step(
        self, state: AfferentState, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[AfferentState, Drive]:
        mean = events * (context.dt / 1000.0)
        count = poisson_counts(step_key(state.key, context), mean, v.shape)
        inner, drive = self.receptor.step(state.inner, self.weight * count, v, context.dt)
        return AfferentState(state.key, inner), drive


def _tuned(
    edge: TunedCurrent | TunedPoisson, signals: Float[Array, "time 2"]
) -> Float[Array, "time ..."]:
    def one(signal: Float[Array, "2"]) -> Float[Array, "..."]:
        return signal[0] * jnp.exp(edge.kappa * (jnp.cos(edge.directions - signal[1]) - 1.0))

    return jax.vmap(one)(signals)


def _output_shape(
    edge: TunedCurrent | TunedPoisson, source_shape: tuple[int, ...]
) -> tuple[int, ...]:
    if source_shape != (2,):
        raise ValueError(
            f"{type(edge).__name__}: it reads an amplitude and a direction, but its source has "
            f"shape {source_shape}. Make it an Input(2)."
        )
    check_fit(edge, ("kappa",), edge.directions.shape)
    return edge.directions.shape
