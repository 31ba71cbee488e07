import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.core import Context, check_bounds, param

from ._bounds import AbstractBounds, HardBounds
from ._pairs import AbstractPairs
from ._rule import AbstractTermRule, Activity, Term
from ._traces import decayed


class BCMState(eqx.Module):
    """The targets' rates y and thresholds theta, both in Hz."""

    rate: Float[Array, "post"]
    theta: Float[Array, "post"]


class BCM(AbstractTermRule):
    """The rule of Bienenstock, Cooper & Munro: a threshold that slides with the target's rate.

    y is the target's rate in Hz, its spikes filtered with tau, and
    tau_theta dtheta/dt = y^2 / y_0 - theta. At a source's spike w += eta y (y - theta), so that a
    target that fires above theta strengthens the synapses that are active, and below it weakens
    them. Since theta grows faster than y, no rate above or below y_0 is stable, and a neuron comes
    to answer few of its inputs.

    **Arguments:**

    - `eta`: in the unit of the weight, per Hz^2.
    - `y_0`: at which theta is equal to a steady rate, Hz, `()` or one for each target.
    - `tau`: of the rate, ms.
    - `tau_theta`: of the threshold, ms; longer than inputs last, shorter than learning takes.
    - `theta_start`: theta at the start, Hz.
    - `bounds`: `HardBounds()` from 0 to 1 by default; they clip, and do not scale the changes.

    Reference: Bienenstock, Cooper & Munro (1982), J. Neurosci. 2:32; theta as here: Intrator &
    Cooper (1992), Neural Netw. 5:3.

    !!! example

        ```python
        rule = BCM(eta=1e-6, y_0=10.0, tau_theta=5000.0)
        edge = Plastic(Projection("input", "exc", weight), rule)
        ```
    """

    eta: Float[Array, ""] = param(1e-6)
    y_0: Float[Array, "..."] = param(10.0, unit="Hz", lower=0.0)
    tau: Float[Array, ""] = param(100.0, unit="ms", lower=0.0)
    tau_theta: Float[Array, ""] = param(5000.0, unit="ms", lower=0.0)
    theta_start: Float[Array, "..."] = param(10.0, unit="Hz")
    bounds: AbstractBounds = eqx.field(default_factory=HardBounds)

    def __check_init__(self):
        check_bounds(self)

    def init(self, weight: Float[Array, "..."], pairs: AbstractPairs) -> BCMState:
        rate = jnp.zeros(pairs.targets)
        return BCMState(rate, rate + self.theta_start)

    def changes(
        self, state: BCMState, activity: Activity, pairs: AbstractPairs, context: Context
    ) -> tuple[tuple[Term, ...], BCMState]:
        dt = context.dt
        rate = decayed(state.rate, self.tau, dt) + activity.post * (1000.0 / self.tau)
        aim = state.rate**2 / self.y_0
        theta = aim + decayed(state.theta - aim, self.tau_theta, dt)
        phi = self.eta * rate * (rate - theta)
        return (Term(activity.pre, phi, sparse="pre"),), BCMState(rate, theta)
