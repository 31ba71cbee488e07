import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, param

from ._noise import NoiseState
from ._parameter_shapes import check_fit
from ._sourceless import AbstractSourcelessEdge, step_key


class GaussianEvents(AbstractSourcelessEdge):
    """An event of random size at each target neuron in every step: noise of a conductance.

    Aimed at a `SharedReceptor` (`target="exc/ampa"`) it moves the receptor's variable by
    sd sqrt(dt) xi in each step, xi from N(0, 1). A conductance that decays with tau then fluctuates
    around that of the synapses with the standard deviation sd sqrt(tau / 2) at any dt; a
    `NonNegative` receptor keeps it from falling below 0.

    `per_step=True` moves it by sd xi at any dt, as programs do that draw N(0, sd) in each step, and
    `rectified=True` by the positive part of the draw alone, which raises its mean.

    **Arguments:**

    - `target`: as of any edge.
    - `sd`: unit of the events per sqrt(ms); with `per_step` unit of the events. Shape `()` or that
      of the target.
    - `rectified`, `per_step`: as above.

    Reference: Destexhe et al. (2001), Neuroscience 107:13 (of fluctuating conductances).

    !!! example

        ```python
        {"exc/ampa": SharedReceptor("exc", NonNegative(ExponentialConductance(tau=3.0))),
         "noise": GaussianEvents("exc/ampa", sd=0.003)}
        ```
    """

    target: str = eqx.field(static=True)
    sd: Float[Array, "..."] = param(1.0)
    rectified: bool = eqx.field(static=True, default=False)
    per_step: bool = eqx.field(static=True, default=False)

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> NoiseState:
        check_fit(self, ("sd",), target_shape)
        return NoiseState(key)

    def step(
        self, state: NoiseState, events: None, v: Float[Array, "..."], context: Context
    ) -> tuple[NoiseState, Drive]:
        draw = jax.random.normal(step_key(state.key, context), v.shape, v.dtype)
        if self.rectified:
            draw = jnp.maximum(draw, 0.0)
        scale = 1.0 if self.per_step else math.sqrt(context.dt)
        return state, Drive(current=self.sd * scale * draw)
