import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Context, check_bounds, param

from ._bounds import AbstractBounds, HardBounds
from ._pair_stdp import PairTraces
from ._pairs import AbstractPairs
from ._rule import AbstractTermRule, Activity, Term
from ._traces import decayed


class InhibitorySTDP(AbstractTermRule):
    """Inhibitory synapses that make their targets fire at a given rate.

    A source's spike adds 1 to x, and a target's to y; both decay with tau. At a source's spike
    w += eta (y - alpha), and at a target's w += eta x, with alpha = 2 rate tau: a pair of spikes
    strengthens the synapse whatever its order, and a source's spike alone weakens it. The mean
    change is 0 where the target fires at `rate`; excitation and inhibition are then balanced.

    The weight is the magnitude of the inhibition: the sign comes from the receptor (as
    `GABAA`) or from `Dale`.

    **Arguments:**

    - `eta`: in the unit of the weight.
    - `rate`: which the target comes to fire at, Hz, `()` or one for each target.
    - `tau`: ms.
    - `bounds`: `HardBounds()` from 0 to 1 by default; they clip, and do not scale the changes.

    Reference: Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Science 334:1569.

    !!! example

        ```python
        rule = InhibitorySTDP(eta=0.001, rate=5.0, bounds=HardBounds(0.0, 10.0))
        edge = Plastic(Projection("inh", "exc/gaba", weight), rule)
        ```
    """

    eta: Float[Array, ""] = param(0.001)
    rate: Float[Array, "..."] = param(5.0, unit="Hz", lower=0.0)
    tau: Float[Array, ""] = param(20.0, unit="ms", lower=0.0)
    bounds: AbstractBounds = eqx.field(default_factory=HardBounds)

    def __check_init__(self):
        check_bounds(self)

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> PairTraces:
        return PairTraces(jnp.zeros(pairs.sources), jnp.zeros(pairs.targets))

    def changes(
        self, state: PairTraces, activity: Activity, pairs: AbstractPairs, context: Context
    ) -> tuple[tuple[Term, ...], PairTraces]:
        pre = decayed(state.pre, self.tau, context.dt) + activity.pre
        post = decayed(state.post, self.tau, context.dt)
        alpha = 2.0 * self.rate * self.tau / 1000.0
        terms = (
            Term(self.eta * activity.pre, post - alpha, sparse="pre"),
            Term(pre, self.eta * activity.post, sparse="post"),
        )
        return terms, PairTraces(pre, post + activity.post)
