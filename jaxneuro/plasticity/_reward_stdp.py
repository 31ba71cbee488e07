from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxneuro.core import Context, check_bounds, param

from ._bounds import AbstractBounds, Unbounded
from ._pair_stdp import PairSTDP
from ._pairs import AbstractPairs
from ._rule import AbstractRule, AbstractTermRule, Activity, Term

SMALLEST_SCALE = 1e-6


class RewardState(eqx.Module):
    """What the rewards to come will change.

    **Attributes:**

    - `eligibility`: of each synapse, to be multiplied by `scale`.
    - `scale`: decays in place of the eligibilities, which so need no visit while nothing happens.
    - `kept`: of each target neuron, 0 if its eligibilities are to be cleared in the next step.
    - `mean`: running mean of the rewards.
    - `rule`: state of the rule inside.
    """

    eligibility: Float[Array, "..."]
    scale: Float[Array, ""]
    kept: Float[Array, "post"]
    mean: Float[Array, "post"]
    rule: Any


class RewardSTDP(AbstractRule):
    """Spike-timing-dependent plasticity that takes effect when a reward comes.

    The changes of the rule inside go into an eligibility e of each synapse, which decays with
    tau_e. The third factor of the edge sends a reward R, one for all or one for each target
    neuron: w += R e up(w) if R e > 0, else w += R e down(w), with the factors of the bounds of the
    rule inside. So w += R e with `HardBounds`, and with `SoftBounds` from low to high increases
    shrink as (high - w) / (high - low) and decreases as (w - low) / (high - low). A step whose R
    is 0 has no reward, and costs no visit to the synapses.

    With `baseline` above 0 what counts is R - R_mean, and then R_mean += baseline (R - R_mean).

    **Arguments:**

    - `rule`: what makes synapses eligible, `PairSTDP()` by default; its amplitudes are those of
      the eligibility.
    - `tau_e`: time constant of the eligibility, ms.
    - `baseline`: from 0 to 1, how far the expected reward moves to each one that comes.
    - `is_cleared`: whether a reward uses up the eligibilities.

    Each number of shape `()`.

    **Raises:** `ValueError` for a baseline outside [0, 1], and for an edge without `third`.

    Reference: Izhikevich (2007), Cereb. Cortex 17:2443; Florian (2007), Neural Comput. 19:1468.

    !!! example

        ```python
        rule = RewardSTDP(PairSTDP(a_plus=0.01, a_minus=0.012), tau_e=1000.0)
        edge = Plastic(Projection("input", "exc", weight), rule, third="reward")
        ```
    """

    needs_third: ClassVar[bool] = True
    rule: AbstractTermRule = eqx.field(default_factory=PairSTDP)
    tau_e: Float[Array, ""] = param(1000.0, unit="ms", lower=0.0)
    baseline: Float[Array, ""] = param(0.0)
    is_cleared: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check_bounds(self)
        share = self.baseline
        if not isinstance(share, Tracer) and not 0.0 <= float(np.asarray(share)) <= 1.0:
            raise ValueError(f"RewardSTDP: baseline is {share}; it must be from 0 to 1.")

    @property
    def bounds(self) -> AbstractBounds:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.rule.bounds

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> RewardState:
        zero, one = jnp.zeros_like(weight), jnp.ones((), weight.dtype)
        kept = jnp.ones(pairs.targets, weight.dtype)
        inner = self.rule.init(weight, pairs.apart)
        return RewardState(zero, one, kept, jnp.zeros_like(kept), inner)

    def update(
        self,
        weight: Float[Array, "..."],
        state: RewardState,
        activity: Activity,
        pairs: AbstractPairs,
        context: Context,
    ) -> tuple[Float[Array, "..."], RewardState]:
        eligibility, scale = _a_step_later(state, jnp.exp(-context.dt / self.tau_e), pairs)
        terms, inner = self.rule.changes(state.rule, activity, pairs.apart, context)
        grown = tuple(Term(term.pre, term.post / scale, "none", term.sparse) for term in terms)
        eligibility = pairs.apart.add(eligibility, grown, Unbounded())

        signal = _for_targets(activity.signal, pairs.targets)
        is_rewarded = signal != 0
        reward = jnp.where(is_rewarded, signal - state.mean, 0.0)
        weight = pairs.move(weight, eligibility, reward * scale, self.bounds)
        kept = jnp.where(is_rewarded & self.is_cleared, 0.0, 1.0)
        mean = state.mean + self.baseline * reward
        return weight, RewardState(eligibility, scale, kept, mean, inner)


def _a_step_later(state: RewardState, decay: Array, pairs: AbstractPairs) -> tuple[Array, Array]:
    """Eligibilities, without those to be cleared, and their scale, before it becomes too small.

    All synapses are visited in few steps only.
    """
    scale = state.scale * decay
    factor = jnp.where(scale < SMALLEST_SCALE, scale, 1.0)
    return pairs.multiply(state.eligibility, state.kept * factor), scale / factor


def _for_targets(signal: Array | None, targets: int) -> Float[Array, "post"]:
    """The reward of each target neuron."""
    if signal is None or signal.shape[0] not in (1, targets):
        found = "none" if signal is None else f"{signal.shape[0]} numbers"
        raise ValueError(
            f"RewardSTDP: the third factor sends {found}; it takes one reward for all, or one for "
            f"each of the {targets} target neurons."
        )
    return jnp.broadcast_to(signal, (targets,))
