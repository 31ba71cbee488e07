import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Context, check_bounds, param

from ._bounds import AbstractBounds, HardBounds
from ._pairs import AbstractPairs
from ._rule import AbstractTermRule, Activity, Term
from ._traces import decayed


class VoltageState(eqx.Module):
    """Filtered spikes of the sources, and voltages of the targets, in mV.

    **Attributes:**

    - `pre`: to which a spike adds 1.
    - `minus`, `plus`: the voltage behind filters of tau_minus and tau_plus.
    - `average`: the depolarisation above theta_minus behind a filter of tau_average.
    - `since`: time since the last spike, ms.
    """

    pre: Float[Array, "pre"]
    minus: Float[Array, "post"]
    plus: Float[Array, "post"]
    average: Float[Array, "post"]
    since: Float[Array, "post"]


class VoltageSTDP(AbstractTermRule):
    """Plasticity that depends on the voltage of the target, not on its spikes.

    dw/dt = -a_ltd X(t) [u_minus - theta_minus]+ down(w)
            + a_ltp (x / tau_x) [u - theta_plus]+ [u_plus - theta_minus]+ up(w)

    with X(t) the source's spikes as delta functions, x their trace (1 per spike, decay tau_x), u
    the target's voltage, and u_minus and u_plus the same behind low-pass filters of tau_minus and
    tau_plus, as they were one step before. The filters start at theta_minus.

    With `u_ref` the depression is homeostatic: a_ltd is multiplied by (u_average / u_ref)^2, where
    u_average filters [u - theta_minus]+ with tau_average.

    u is the voltage after each step, so a spike that is reset in the same step is not in it. For
    such neurons u is `v_spike` for `spike_width` ms from each spike on.

    **Arguments:**

    - `a_ltd`: in the unit of the weight, per mV.
    - `a_ltp`: in the unit of the weight, per mV^2 (the trace being x / tau_x, per ms).
    - `theta_minus`, `theta_plus`: mV.
    - `tau_x`, `tau_minus`, `tau_plus`: ms.
    - `u_ref`: mV; None leaves a_ltd constant.
    - `tau_average`: ms.
    - `v_spike`: mV; None takes the voltage as it is.
    - `spike_width`: ms.
    - `bounds`: `HardBounds()` from 0 to 1 by default.

    Each number of shape `()`. The defaults are those of the visual cortex in the paper's Table 1.

    Reference: Clopath, Büsing, Vasilaki & Gerstner (2010), Nat. Neurosci. 13:344.

    !!! example

        ```python
        rule = VoltageSTDP(v_spike=33.0, spike_width=2.0, bounds=HardBounds(0.0, 3.0))
        edge = Plastic(Projection("input", "exc", weight), rule)
        ```
    """

    a_ltd: Float[Array, ""] = param(14e-5)
    a_ltp: Float[Array, ""] = param(8e-5)
    theta_minus: Float[Array, ""] = param(-70.6, unit="mV")
    theta_plus: Float[Array, ""] = param(-45.3, unit="mV")
    tau_x: Float[Array, ""] = param(15.0, unit="ms", lower=0.0)
    tau_minus: Float[Array, ""] = param(10.0, unit="ms", lower=0.0)
    tau_plus: Float[Array, ""] = param(7.0, unit="ms", lower=0.0)
    u_ref: Float[Array, ""] | None = param(None, unit="mV", lower=0.0)
    tau_average: Float[Array, ""] = param(1000.0, unit="ms", lower=0.0)
    v_spike: Float[Array, ""] | None = param(None, unit="mV")
    spike_width: Float[Array, ""] = param(1.0, unit="ms", lower=0.0)
    bounds: AbstractBounds = eqx.field(default_factory=HardBounds)

    def __check_init__(self):
        check_bounds(self)

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> VoltageState:
        zero = jnp.zeros(pairs.targets)
        filtered = zero + self.theta_minus
        return VoltageState(jnp.zeros(pairs.sources), filtered, filtered, zero, zero + jnp.inf)

    def changes(
        self, state: VoltageState, activity: Activity, pairs: AbstractPairs, context: Context
    ) -> tuple[tuple[Term, ...], VoltageState]:
        dt = context.dt
        since = jnp.where(activity.post > 0, 0.0, state.since + dt)
        u = activity.state.v.reshape(-1)
        if self.v_spike is not None:
            # Half a step of tolerance, for a width that is a multiple of dt in floating point.
            u = jnp.where(since < self.spike_width - 0.5 * dt, self.v_spike, u)
        pre = decayed(state.pre, self.tau_x, dt) + activity.pre
        depression = self.a_ltd * _above(state.minus, self.theta_minus)
        if self.u_ref is not None:
            depression = depression * (state.average / self.u_ref) ** 2
        # What x / tau_x adds up to during a step.
        share = -jnp.expm1(-dt / self.tau_x)
        drive = _above(u, self.theta_plus) * _above(state.plus, self.theta_minus)
        terms = (
            Term(-activity.pre, depression, "down", "pre"),
            Term(pre, self.a_ltp * share * drive, "up", "post"),
        )
        return terms, VoltageState(
            pre,
            _towards(u, state.minus, self.tau_minus, dt),
            _towards(u, state.plus, self.tau_plus, dt),
            _towards(_above(u, self.theta_minus), state.average, self.tau_average, dt),
            since,
        )


def _above(u: Float[Array, "post"], theta: Float[Array, ""]) -> Float[Array, "post"]:
    return jnp.maximum(u - theta, 0.0)


def _towards(
    u: Float[Array, "post"], filtered: Float[Array, "post"], tau: Float[Array, ""], dt: float
) -> Float[Array, "post"]:
    """A low-pass filter of u after a step."""
    return u + decayed(filtered - u, tau, dt)
