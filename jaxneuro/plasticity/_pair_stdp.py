import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Context, check_bounds, param

from ._bounds import AbstractBounds, HardBounds
from ._pairs import AbstractPairs
from ._rule import AbstractTermRule, Activity, Term
from ._traces import after_spikes, decayed


class PairTraces(eqx.Module):
    """What the past spikes of both sides have left."""

    pre: Float[Array, "pre"]
    post: Float[Array, "post"]


class PairSTDP(AbstractTermRule):
    """Spike-timing-dependent plasticity of pairs of spikes.

    A source's spike adds 1 to its trace x, which decays with tau_plus, and a target's to y, which
    decays with tau_minus. At a target's spike w += a_plus x up(w), at a source's
    w -= a_minus y down(w), with the factors of the bounds. So a pair changes the weight by
    a_plus exp(-s / tau_plus) if the target's spike comes s later, and by
    -a_minus exp(-s / tau_minus) if it comes s earlier; at the same time it counts as later. With
    `is_nearest` a spike sets its trace to 1, so that only the latest one pairs.

    Additive with `HardBounds`, multiplicative with `SoftBounds`.

    **Arguments:**

    - `a_plus`, `a_minus`: in the unit of the weight.
    - `tau_plus`, `tau_minus`: ms.
    - `bounds`: `HardBounds()` from 0 to 1 by default.
    - `is_nearest`: whether only neighbouring spikes pair.

    Each number of shape `()`.

    Reference: Song, Miller & Abbott (2000), Nat. Neurosci. 3:919; Morrison, Diesmann & Gerstner
    (2008), Biol. Cybern. 98:459.

    !!! example

        ```python
        edge = Plastic(Projection("input", "exc", weight), PairSTDP(a_plus=0.01, a_minus=0.012))
        ```
    """

    a_plus: Float[Array, ""] = param(0.01)
    a_minus: Float[Array, ""] = param(0.012)
    tau_plus: Float[Array, ""] = param(20.0, unit="ms", lower=0.0)
    tau_minus: Float[Array, ""] = param(20.0, unit="ms", lower=0.0)
    bounds: AbstractBounds = eqx.field(default_factory=HardBounds)
    is_nearest: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check_bounds(self)

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> PairTraces:
        return PairTraces(jnp.zeros(pairs.sources), jnp.zeros(pairs.targets))

    def changes(
        self, state: PairTraces, activity: Activity, pairs: AbstractPairs, context: Context
    ) -> tuple[tuple[Term, ...], PairTraces]:
        pre = after_spikes(
            decayed(state.pre, self.tau_plus, context.dt), activity.pre, self.is_nearest
        )
        post = decayed(state.post, self.tau_minus, context.dt)
        terms = (
            Term(activity.pre, -self.a_minus * post, "down", "pre"),
            Term(pre, self.a_plus * activity.post, "up", "post"),
        )
        return terms, PairTraces(pre, after_spikes(post, activity.post, self.is_nearest))
