import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Context, check_bounds, param

from ._bounds import AbstractBounds, Unbounded
from ._pair_stdp import PairTraces
from ._pairs import AbstractPairs
from ._rule import AbstractRule, Activity, Term
from ._traces import decayed


class Oja(AbstractRule):
    """Oja's rule: Hebbian learning that keeps the length of the weight vector of each target.

    x and y are traces of source and target, to which a spike (or whatever a source sends) adds
    gain times its size, and which decay with tau. At a target's spike w += eta (x - y w). For a
    target whose output is y = w x the weights become the first principal component of its inputs,
    of length 1.

    **Arguments:**

    - `eta`: rate of learning, without unit.
    - `tau`: ms; much shorter than dt it makes x and y what is sent in the step itself.
    - `gain`: of both traces.
    - `bounds`: `Unbounded()` by default; others clip, and do not scale the changes.

    Each number of shape `()`.

    Reference: Oja (1982), J. Math. Biol. 15:267.

    !!! example

        ```python
        edge = Plastic(Projection("input", "exc", weight), Oja(eta=0.001, tau=20.0))
        ```
    """

    eta: Float[Array, ""] = param(0.001)
    tau: Float[Array, ""] = param(20.0, unit="ms", lower=0.0)
    gain: Float[Array, ""] = param(1.0)
    bounds: AbstractBounds = eqx.field(default_factory=Unbounded)

    def __check_init__(self):
        check_bounds(self)

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> PairTraces:
        return PairTraces(jnp.zeros(pairs.sources), jnp.zeros(pairs.targets))

    def update(
        self,
        weight: Float[Array, "..."],
        state: PairTraces,
        activity: Activity,
        pairs: AbstractPairs,
        context: Context,
    ) -> tuple[Float[Array, "..."], PairTraces]:
        pre = decayed(state.pre, self.tau, context.dt) + self.gain * activity.pre
        post = decayed(state.post, self.tau, context.dt) + self.gain * activity.post
        learning = self.eta * activity.post
        # The decay first, so that both act on the weight as it was.
        terms = (
            Term(jnp.ones_like(pre), -learning * post, "weight", "post"),
            Term(pre, learning, sparse="post"),
        )
        return pairs.add(weight, terms, self.bounds), PairTraces(pre, post)
