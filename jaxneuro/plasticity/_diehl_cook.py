import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Context, check_bounds, param

from ._bounds import AbstractBounds, HardBounds
from ._pairs import AbstractPairs
from ._rule import AbstractRule, Activity, Term
from ._traces import decayed


class DiehlCookTraces(eqx.Module):
    """Traces of the source, and the two of the target; each spike sets its own to 1."""

    pre: Float[Array, "pre"]
    post: Float[Array, "post"]
    slow: Float[Array, "post"]


class DiehlCookSTDP(AbstractRule):
    """The triplet rule with which Diehl & Cook's network learns digits without labels.

    A source's spike sets its trace x to 1; a target's sets y and z. They decay with tau_pre,
    tau_post and tau_slow. At a source's spike w -= a_minus y; at a target's w += a_plus x z, with z
    as it was before the spike, so that a target learns from its second spike on.

    **Arguments:**

    - `a_plus`, `a_minus`: in the unit of the weight.
    - `tau_pre`, `tau_post`, `tau_slow`: ms.
    - `bounds`: `HardBounds()` from 0 to 1 by default.

    Each number of shape `()`.

    Reference: Diehl & Cook (2015), Front. Comput. Neurosci. 9:99 (the rule of their code).

    !!! example

        ```python
        edge = Plastic(Projection("input", "exc", weight), DiehlCookSTDP())
        ```
    """

    a_plus: Float[Array, ""] = param(0.01)
    a_minus: Float[Array, ""] = param(0.0001)
    tau_pre: Float[Array, ""] = param(20.0, unit="ms", lower=0.0)
    tau_post: Float[Array, ""] = param(20.0, unit="ms", lower=0.0)
    tau_slow: Float[Array, ""] = param(40.0, unit="ms", lower=0.0)
    bounds: AbstractBounds = eqx.field(default_factory=HardBounds)

    def __check_init__(self):
        check_bounds(self)

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> DiehlCookTraces:
        zero = jnp.zeros(pairs.targets)
        return DiehlCookTraces(jnp.zeros(pairs.sources), zero, zero)

    def update(
        self,
        weight: Float[Array, "..."],
        state: DiehlCookTraces,
        activity: Activity,
        pairs: AbstractPairs,
        context: Context,
    ) -> tuple[Float[Array, "..."], DiehlCookTraces]:
        pre = _set(decayed(state.pre, self.tau_pre, context.dt), activity.pre)
        post = decayed(state.post, self.tau_post, context.dt)
        slow = decayed(state.slow, self.tau_slow, context.dt)
        terms = (
            Term(activity.pre, -self.a_minus * post, "down", "pre"),
            Term(pre, self.a_plus * slow * activity.post, "up", "post"),
        )
        weight = pairs.add(weight, terms, self.bounds)
        return weight, DiehlCookTraces(pre, _set(post, activity.post), _set(slow, activity.post))


def _set(trace: Float[Array, "n"], spikes: Float[Array, "n"]) -> Float[Array, "n"]:
    return trace + spikes * (1.0 - trace)
