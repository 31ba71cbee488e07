import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Context, check_bounds, param

from ._bounds import AbstractBounds, HardBounds
from ._pairs import AbstractPairs
from ._rule import AbstractTermRule, Activity, Term
from ._traces import after_spikes, decayed

# a2_plus, a3_plus, a2_minus, a3_minus, tau_x, tau_y (ms) by (is_minimal, is_nearest), from Tables 3
# and 4 of the paper. A minimal set has no a3_minus, and so no tau_x of its own.
VISUAL_CORTEX = {
    (False, False): (5e-10, 6.2e-3, 7e-3, 2.3e-4, 101.0, 125.0),
    (True, False): (0.0, 6.5e-3, 7.1e-3, 0.0, 101.0, 114.0),
    (False, True): (8.8e-11, 5.3e-2, 6.6e-3, 3.1e-3, 714.0, 40.0),
    (True, True): (0.0, 5e-2, 8e-3, 0.0, 714.0, 40.0),
}
HIPPOCAMPUS = {
    (False, False): (6.1e-3, 6.7e-3, 1.6e-3, 1.4e-3, 946.0, 27.0),
    (True, False): (5.3e-3, 8e-3, 3.5e-3, 0.0, 946.0, 40.0),
    (False, True): (4.6e-3, 9.1e-3, 3e-3, 7.5e-9, 575.0, 47.0),
    (True, True): (4.6e-3, 9.1e-3, 3e-3, 0.0, 575.0, 48.0),
}


class TripletTraces(eqx.Module):
    """What the past spikes of both sides have left, for a short and for a long time."""

    pre: Float[Array, "pre"]
    slow_pre: Float[Array, "pre"]
    post: Float[Array, "post"]
    slow_post: Float[Array, "post"]


class TripletSTDP(AbstractTermRule):
    """Spike-timing-dependent plasticity of triplets, whose outcome depends on the rate.

    A source's spike adds 1 to r1 and r2, which decay with tau_plus and tau_x, and a target's to o1
    and o2, which decay with tau_minus and tau_y. At a source's spike
    w -= o1 (a2_minus + a3_minus r2) down(w), and at a target's
    w += r1 (a2_plus + a3_plus o2) up(w), with r2 and o2 as they were before the spike, and the
    factors of the bounds. With `is_nearest` a spike sets its traces to 1.

    `TripletSTDP.visual_cortex()` and `TripletSTDP.hippocampus()` have the published numbers.

    **Arguments:**

    - `a2_plus`, `a3_plus`, `a2_minus`, `a3_minus`: in the unit of the weight; the published ones
      are for a weight of about 1. Those of the visual cortex, all to all, by default.
    - `tau_plus`, `tau_x`, `tau_minus`, `tau_y`: ms.
    - `bounds`: `HardBounds()` from 0 to 1 by default.
    - `is_nearest`: whether only neighbouring spikes interact.

    Each number of shape `()`.

    Reference: Pfister & Gerstner (2006), J. Neurosci. 26:9673.

    !!! example

        ```python
        rule = TripletSTDP.visual_cortex(is_minimal=True, bounds=HardBounds(0.0, 2.0))
        edge = Plastic(Projection("input", "exc", weight), rule)
        ```
    """

    a2_plus: Float[Array, ""] = param(5e-10)
    a3_plus: Float[Array, ""] = param(6.2e-3)
    a2_minus: Float[Array, ""] = param(7e-3)
    a3_minus: Float[Array, ""] = param(2.3e-4)
    tau_plus: Float[Array, ""] = param(16.8, unit="ms", lower=0.0)
    tau_x: Float[Array, ""] = param(101.0, unit="ms", lower=0.0)
    tau_minus: Float[Array, ""] = param(33.7, unit="ms", lower=0.0)
    tau_y: Float[Array, ""] = param(125.0, unit="ms", lower=0.0)
    bounds: AbstractBounds = eqx.field(default_factory=HardBounds)
    is_nearest: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check_bounds(self)

    @staticmethod
    def visual_cortex(
        is_minimal: bool = False,
        is_nearest: bool = False,
        bounds: AbstractBounds | None = None,
    ) -> "TripletSTDP":
        """The numbers fitted to slices of visual cortex (Sjöström et al., 2001), Table 3.

        **Arguments:**

        - `is_minimal`: those of the model without a2_plus and a3_minus.
        """
        return _published(VISUAL_CORTEX, is_minimal, is_nearest, bounds)

    @staticmethod
    def hippocampus(
        is_minimal: bool = False,
        is_nearest: bool = False,
        bounds: AbstractBounds | None = None,
    ) -> "TripletSTDP":
        """The numbers fitted to cultures of hippocampus (Wang et al., 2005), Table 4.

        **Arguments:**

        - `is_minimal`: those of the model without a3_minus.
        """
        return _published(HIPPOCAMPUS, is_minimal, is_nearest, bounds)

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> TripletTraces:
        pre, post = jnp.zeros(pairs.sources), jnp.zeros(pairs.targets)
        return TripletTraces(pre, pre, post, post)

    def changes(
        self, state: TripletTraces, activity: Activity, pairs: AbstractPairs, context: Context
    ) -> tuple[tuple[Term, ...], TripletTraces]:
        dt, is_nearest = context.dt, self.is_nearest
        pre = after_spikes(decayed(state.pre, self.tau_plus, dt), activity.pre, is_nearest)
        post = decayed(state.post, self.tau_minus, dt)
        slow_pre = decayed(state.slow_pre, self.tau_x, dt)
        slow_post = decayed(state.slow_post, self.tau_y, dt)
        depressing = -activity.pre * (self.a2_minus + self.a3_minus * slow_pre)
        potentiating = activity.post * (self.a2_plus + self.a3_plus * slow_post)
        terms = (Term(depressing, post, "down", "pre"), Term(pre, potentiating, "up", "post"))
        return terms, TripletTraces(
            pre,
            after_spikes(slow_pre, activity.pre, is_nearest),
            after_spikes(post, activity.post, is_nearest),
            after_spikes(slow_post, activity.post, is_nearest),
        )


def _published(
    table: dict[tuple[bool, bool], tuple[float, ...]],
    is_minimal: bool,
    is_nearest: bool,
    bounds: AbstractBounds | None,
) -> TripletSTDP:
    numbers = map(jnp.asarray, table[is_minimal, is_nearest])
    a2_plus, a3_plus, a2_minus, a3_minus, tau_x, tau_y = numbers
    return TripletSTDP(
        a2_plus=a2_plus,
        a3_plus=a3_plus,
        a2_minus=a2_minus,
        a3_minus=a3_minus,
        tau_x=tau_x,
        tau_y=tau_y,
        bounds=HardBounds() if bounds is None else bounds,
        is_nearest=is_nearest,
    )
