import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key

from jaxneuro.core import param

from ._sources import AbstractSource


class Cues(AbstractSource):
    """Values that are on for a while each, and 0 in between: the stimuli of a trial.

    Cue k has the value `values[k]` in the steps that begin at start[k] <= t < stop[k]. Cues that
    overlap add. All three are arrays: other times, values or orders of the cues (though not
    another number of them) run without being compiled again.

    **Arguments:**

    - `start`, `stop`: ms, shape `(cues,)`.
    - `values`: shape `(cues, *shape)` with the shape of the node, or `(cues,)` for the same number
      everywhere. Through a `TunedCurrent` or `TunedPoisson`: amplitude and direction, `(cues, 2)`.

    !!! example

        ```python
        cue = Cues(start=[300.0, 1200.0], stop=[600.0, 1500.0], values=[[0.15, 3.14], [0.15, 0.0]])
        ```
    """

    start: Float[Array, "cues"] = param(unit="ms")
    stop: Float[Array, "cues"] = param(unit="ms")
    values: Float[Array, "cues ..."] = param()

    def __check_init__(self):
        shapes = self.start.shape, self.stop.shape, self.values.shape
        cues = shapes[0][:1]
        if len(shapes[0]) != 1 or shapes[1] != cues or shapes[2][:1] != cues:
            raise ValueError(
                f"Cues: start has shape {shapes[0]}, stop {shapes[1]} and values {shapes[2]}; "
                "they must be (cues,), (cues,) and (cues, *shape of the node)."
            )
        if isinstance(self.start, Tracer) or isinstance(self.stop, Tracer):
            return
        late = np.flatnonzero(np.asarray(self.stop) < np.asarray(self.start))
        if late.size:
            raise ValueError(
                f"Cues: cue {late[0]} stops at {self.stop[late[0]]} ms, before it starts at "
                f"{self.start[late[0]]} ms."
            )

    def sample(
        self, key: Key[Array, ""], step: Int[Array, ""], shape: tuple[int, ...], dt: float
    ) -> Float[Array, "..."]:
        if self.values.shape[1:] not in ((), shape):
            raise ValueError(
                f"Cues: a value has shape {self.values.shape[1:]}, but its node {shape}. Pass one "
                f"number per cue, or an array of shape {shape}."
            )
        now = step.astype(self.values.dtype)
        is_on = (_first_step(self.start, dt) <= now) & (now < _first_step(self.stop, dt))
        value = jnp.tensordot(is_on.astype(self.values.dtype), self.values, axes=1)
        return jnp.broadcast_to(value, shape)


def _first_step(time: Float[Array, "cues"], dt: float) -> Float[Array, "cues"]:
    """The first step that does not begin before a time, which may be a step's up to rounding."""
    steps = time / dt
    rounding = 1e-3 + 4.0 * float(jnp.finfo(steps.dtype).eps) * jnp.abs(steps)
    return jnp.ceil(steps - rounding)
