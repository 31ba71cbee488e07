import math
from collections.abc import Iterable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive
from jaxneuro.integrators import AbstractIntegrator, ExponentialEuler
from jaxneuro.surrogates import AbstractSurrogate, SuperSpike

from ._base import AbstractNeuron
from ._options import check_option

ResetGradient = Literal["detached", "surrogate"]


def as_shape(size: int | tuple[int, ...]) -> tuple[int, ...]:
    """A shape from a count of neurons or a tuple of lengths, all at least 1."""
    shape = tuple(size) if isinstance(size, Iterable) else (size,)
    # NumPy's integers, such as `np.prod(shape)`, are numbers too.
    if not all(isinstance(length, int | np.integer) and length >= 1 for length in shape):
        raise ValueError(f"A population's shape is {size!r}; it takes whole numbers >= 1.")
    return tuple(int(length) for length in shape)


class Input(eqx.Module):
    """A source of signals from outside: its series is given to `simulate` under its name.

    **Arguments:**

    - `shape`: number of channels, or a shape such as `(28, 28, 1)`.
    """

    shape: tuple[int, ...] = eqx.field(static=True, converter=as_shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Population(eqx.Module):
    """Many neurons of one type, with everything that is a choice for any neuron.

    **Arguments:**

    - `neuron`: the cell type.
    - `shape`: number of neurons, or a shape such as `(24, 24, 32)` (channels last).
    - `surrogate`: derivative of the spike.
    - `integrator`: method for the neuron's differential equation.
    - `reset_gradient`: `"detached"` stops the gradient through the reset, `"surrogate"` lets it
      pass with the spike's surrogate derivative.

    !!! example

        ```python
        exc = Population(LIF(tau=20.0), 100, surrogate=Arctan(), integrator=Heun())
        ```
    """

    neuron: AbstractNeuron
    shape: tuple[int, ...] = eqx.field(static=True, converter=as_shape)
    surrogate: AbstractSurrogate = eqx.field(default_factory=SuperSpike)
    integrator: AbstractIntegrator = eqx.field(default_factory=ExponentialEuler)
    reset_gradient: ResetGradient = eqx.field(static=True, default="detached")

    def __check_init__(self):
        check_option(self.reset_gradient, ResetGradient, "Population: reset_gradient")

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def init(self, key: Key[Array, ""]) -> Any:
        """The neurons' state before the first step."""
        return self.neuron.init(self.shape, key)

    def step(self, state: Any, drive: Drive, dt: float) -> tuple[Any, Float[Array, "..."]]:
        """One step of `dt` ms.

        **Returns:** the new state (after resets) and the spikes, 0 or 1, of the population's shape.
        """
        new = self.neuron.advance(state, drive, dt, self.integrator)
        margin = self.neuron.margin(state, new)
        if margin is None:
            return new, jnp.zeros_like(new.v)
        spikes = self.surrogate(margin)
        resetting = jax.lax.stop_gradient(spikes) if self.reset_gradient == "detached" else spikes
        return self.neuron.reset(new, resetting), spikes
