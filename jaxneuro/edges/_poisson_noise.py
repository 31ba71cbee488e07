import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, param

from ._noise import NoiseState
from ._parameter_shapes import check_fit
from ._sourceless import AbstractSourcelessEdge, step_key

# Of one draw: beyond this many events is less than the resolution of a number from [0, 1).
LARGEST_MEAN, MOST_EVENTS = 4.0, 22


class PoissonNoise(AbstractSourcelessEdge):
    """Independent Poisson events at each target neuron, as many a step as come: background input.

    The number of events in a step is Poisson distributed with mean rate dt / 1000, exactly and at
    any rate (`PoissonEvents` has one at most). The drive's current in that step is their number
    times the weight; aimed at a `SharedReceptor` (`target="exc/ampa"`) they are events there.

    The gradient by the weight exists, that by the rate does not: the draws are held.

    **Arguments:**

    - `target`: as of any edge.
    - `rate`: Hz, summed over all unseen sources, `()` or of the target's shape. A rate of more than
      4000 / dt takes several draws per step.
    - `weight`: size of an event, `()` or of the target's shape.

    !!! example

        ```python
        {"exc/ampa": SharedReceptor("exc", AMPA(g_max=0.003)),
         "noise": PoissonNoise("exc/ampa", rate=1800.0)}
        ```
    """

    target: str = eqx.field(static=True)
    rate: Float[Array, "..."] = param(0.0, unit="Hz")
    weight: Float[Array, "..."] = param(1.0)

    def __check_init__(self):
        if not isinstance(self.rate, Tracer) and not np.all(np.asarray(self.rate) >= 0):
            raise ValueError(f"PoissonNoise: rate is {self.rate}; it must be 0 Hz or more.")

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> NoiseState:
        check_fit(self, ("rate", "weight"), target_shape)
        return NoiseState(key)

    def step(
        self, state: NoiseState, events: None, v: Float[Array, "..."], context: Context
    ) -> tuple[NoiseState, Drive]:
        mean = (self.rate * (context.dt / 1000.0)).astype(v.dtype)
        count = poisson_counts(step_key(state.key, context), mean, v.shape)
        return state, Drive(current=self.weight * count)


def poisson_counts(
    key: Key[Array, ""], mean: Float[Array, "..."], shape: tuple[int, ...]
) -> Float[Array, "..."]:
    """Poisson distributed numbers, drawn exactly by inversion, without a gradient by the mean.

    A large mean is divided into equal parts, which are drawn apart and added.
    """
    mean = jnp.maximum(jax.lax.stop_gradient(mean), 0.0)
    parts = jnp.maximum(jnp.ceil(jnp.max(mean) / LARGEST_MEAN), 1.0)
    above = _more_than(mean / parts)

    def add(index: Array | int, count: Array) -> Array:
        draw = jax.random.uniform(jax.random.fold_in(key, index), shape, mean.dtype)
        for probability in above:
            count = count + (draw < probability).astype(mean.dtype)
        return count

    one = add(0, jnp.zeros(shape, mean.dtype))
    return jax.lax.fori_loop(1, parts.astype(jnp.int32), add, one)


def _more_than(mean: Float[Array, "..."]) -> list[Float[Array, "..."]]:
    """The probabilities of more than 0, 1, 2 ... events, exact where they are small too."""
    terms = [jnp.exp(-mean)]
    for count in range(1, MOST_EVENTS + 1):
        terms.append(terms[-1] * (mean / count))
    above = [terms[-1]]
    for term in terms[-2:0:-1]:
        above.append(above[-1] + term)
    return above[::-1]
