import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxneuro.core import Context, check_bounds, param, whole_steps

from ._bounds import AbstractBounds, Unbounded
from ._changes import only_if
from ._pairs import AbstractPairs
from ._rule import AbstractRule, Activity


class HomeostaticScaling(AbstractRule):
    """The incoming weights of each neuron are scaled to a sum.

    At every multiple of `every` ms, w *= (total / S)^rate with S the sum over the sources of |w|:
    at once for a rate of 1, and else log S comes nearer to log(total) by the part `rate`. The
    relative sizes of the weights stay. A neuron all of whose weights are 0 is left alone.

    A second rule beside one that learns: `Rules(PairSTDP(), HomeostaticScaling(total=10.0))`.

    **Arguments:**

    - `total`: sum of the absolute weights, in the unit of the weight, `()` or one for each target.
    - `every`: interval, ms, a multiple of dt.
    - `rate`: above 0, at most 1, shape `()`.
    - `bounds`: `Unbounded()` by default.

    **Raises:** `ValueError` for a rate or an interval out of range.

    Reference: Turrigiano, Leslie, Desai, Rutherford & Nelson (1998), Nature 391:892; to a fixed
    sum: von der Malsburg (1973), Kybernetik 14:85; Diehl & Cook (2015).

    !!! example

        ```python
        rule = Rules(PairSTDP(), HomeostaticScaling(total=78.0, every=500.0))
        edge = Plastic(Projection("input", "exc", weight), rule)
        ```
    """

    total: Float[Array, "..."] = param(1.0, lower=0.0)
    every: float = eqx.field(static=True, default=1.0)
    rate: Float[Array, ""] = param(1.0, lower=0.0)
    bounds: AbstractBounds = eqx.field(default_factory=Unbounded)

    def __check_init__(self):
        check_bounds(self)
        if not isinstance(self.rate, Tracer) and not float(np.asarray(self.rate)) <= 1.0:
            raise ValueError(f"HomeostaticScaling: rate is {self.rate}; it must be at most 1.")
        if not self.every > 0:
            raise ValueError(f"HomeostaticScaling: every is {self.every} ms; it must be above 0.")

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> None:
        return None

    def update(
        self,
        weight: Float[Array, "..."],
        state: None,
        activity: Activity,
        pairs: AbstractPairs,
        context: Context,
    ) -> tuple[Float[Array, "..."], None]:
        interval = whole_steps(self.every, context.dt, "HomeostaticScaling: every")
        is_due = (context.step + 1) % interval == 0
        rate = jnp.where(is_due, self.rate, 0.0)
        return only_if(_scaled, is_due, weight, self.total, rate, self.bounds, pairs), None


def _scaled(
    weight: Array, total: Array, rate: Array, bounds: AbstractBounds, pairs: AbstractPairs
) -> Array:
    """The weights with their sums nearer to the total; as they are for a rate of 0."""
    found = pairs.incoming(jnp.abs(weight))
    is_any = found > 0
    factor = jnp.where(is_any, (total / jnp.where(is_any, found, 1.0)) ** rate, 1.0)
    return bounds.clip(weight * pairs.of_target(factor))
