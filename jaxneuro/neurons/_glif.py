from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._options import check_option, check_reset, filled, reset_voltage

Level = Literal[1, 2, 3, 4, 5]
WITH_RESET_RULES = (2, 4, 5)
WITH_CURRENTS = (3, 4, 5)
WITH_VOLTAGE_THRESHOLD = (5,)


class GLIFState(eqx.Module):
    """Voltage, threshold components and after-spike currents; None what the level has not."""

    v: Float[Array, "..."]
    theta_s: Float[Array, "..."] | None = None
    theta_v: Float[Array, "..."] | None = None
    I_1: Float[Array, "..."] | None = None
    I_2: Float[Array, "..."] | None = None


class GLIF(AbstractODENeuron):
    """Generalized leaky integrate-and-fire neuron of the Allen Institute, at one of five levels.

    C dv/dt = G (E_L - v) + I_1 + I_2 + I;  a spike where v > theta_v + theta_s. Level by level:

    1. theta_v = theta_inf and theta_s = 0 throughout; at a spike v <- v_reset.
    2. (1 with reset rules) dtheta_s/dt = -b_s theta_s; at a spike
       theta_s <- theta_s + delta_theta_s and v <- E_L + f_v (v - E_L) - delta_V.
    3. (1 with after-spike currents) dI_j/dt = -k_j I_j; at a spike I_j <- f_j I_j + delta_I_j.
    4. 2 and 3.
    5. (4 with an adapting threshold) dtheta_v/dt = a_v (v - E_L) - b_v (theta_v - theta_inf).

    The paper adds a refractory period, here by `Refractory`. There and in NEST the jumps of theta_s
    and I_j come at the end of that period, during which theta_v stands still; here they come at the
    spike and decay through it, and theta_v goes on. With the default cell this moves the eighth
    spike under 400 pA by some 20 ms (0.1 ms at level 2). Multiplying delta_theta_s by
    exp(b_s period), delta_I_1 by exp(k_1 period) and delta_I_2 by exp(k_2 period) makes up for it,
    but for theta_v.

    **Arguments** (the defaults are those of NEST's `glif_psc`, a cell of the Allen database, with a
    refractory period of 3.75 ms):

    - `level`: 1 to 5. Parameters of higher levels are unused.
    - `C`: capacitance, pF; `G`: leak, nS; `E_L`: its reversal potential, mV.
    - `theta_inf`: threshold without adaptation, mV.
    - `v_reset`: of levels 1 and 3, mV.
    - `f_v`, `delta_V` (mV): of the reset of the others. NEST's `voltage_reset_add` is -delta_V.
    - `b_s` (1/ms), `delta_theta_s` (mV): decay and jump of theta_s.
    - `k_1`, `k_2` (1/ms), `f_1`, `f_2`, `delta_I_1`, `delta_I_2` (pA): decay, factor and jump of
      the after-spike currents.
    - `a_v`, `b_v`: coupling to v and decay of theta_v, 1/ms.

    Recordable beside the state: `theta`, the threshold.

    Reference: Teeter et al. (2018), Nat. Commun. 9:709.

    !!! example

        ```python
        cell = Refractory(GLIF(level=4), period=3.75)
        ```
    """

    level: Level = eqx.field(static=True, default=5)
    C: Float[Array, "..."] = param(58.72, unit="pF", lower=0.0)
    G: Float[Array, "..."] = param(9.43, unit="nS", lower=0.0)
    E_L: Float[Array, "..."] = param(-78.85, unit="mV")
    theta_inf: Float[Array, "..."] = param(-51.68, unit="mV")
    v_reset: Float[Array, "..."] = param(-78.85, unit="mV")
    f_v: Float[Array, "..."] = param(0.2)
    delta_V: Float[Array, "..."] = param(-18.51, unit="mV")
    b_s: Float[Array, "..."] = param(0.009, unit="1/ms", lower=0.0)
    delta_theta_s: Float[Array, "..."] = param(0.37, unit="mV")
    k_1: Float[Array, "..."] = param(0.003, unit="1/ms", lower=0.0)
    k_2: Float[Array, "..."] = param(0.1, unit="1/ms", lower=0.0)
    f_1: Float[Array, "..."] = param(1.0)
    f_2: Float[Array, "..."] = param(1.0)
    delta_I_1: Float[Array, "..."] = param(-9.18, unit="pA")
    delta_I_2: Float[Array, "..."] = param(-198.94, unit="pA")
    a_v: Float[Array, "..."] = param(0.005, unit="1/ms")
    b_v: Float[Array, "..."] = param(0.09, unit="1/ms", lower=0.0)

    def __check_init__(self):
        check_option(self.level, Level, "GLIF: level")
        if self.level not in WITH_RESET_RULES:
            check_reset("value", self.v_reset, self.theta_inf, f"GLIF of level {self.level}")
            return
        ends = self._after_spike(self.theta_inf), self.theta_inf + self.delta_theta_s
        if not any(isinstance(x, Tracer) for x in ends) and not np.all(ends[0] < ends[1]):
            raise ValueError(
                f"GLIF of level {self.level}: a spike at theta_inf = {self.theta_inf} leaves v at "
                f"E_L + f_v (v - E_L) - delta_V = {ends[0]} and the threshold at {ends[1]}; it "
                "would fire for ever. Pass a smaller f_v or a larger delta_V."
            )

    def _after_spike(self, v: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.E_L + self.f_v * (v - self.E_L) - self.delta_V

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> GLIFState:
        v = filled(self, "E_L", shape)
        zero = jnp.zeros_like(v)
        return GLIFState(
            v,
            theta_s=zero if self.level in WITH_RESET_RULES else None,
            theta_v=(
                jnp.broadcast_to(self.theta_inf, shape)
                if self.level in WITH_VOLTAGE_THRESHOLD
                else None
            ),
            I_1=zero if self.level in WITH_CURRENTS else None,
            I_2=zero if self.level in WITH_CURRENTS else None,
        )

    def derivative(self, state: GLIFState, drive: Drive) -> GLIFState:
        v, theta_s, theta_v, I_1, I_2 = (
            state.v,
            state.theta_s,
            state.theta_v,
            state.I_1,
            state.I_2,
        )
        current = self.G * (self.E_L - v) + drive.at(v)
        if I_1 is not None and I_2 is not None:
            current = current + I_1 + I_2
        adaptation = None
        if theta_v is not None:
            adaptation = self.a_v * (v - self.E_L) - self.b_v * (theta_v - self.theta_inf)
        return GLIFState(
            current / self.C,
            theta_s=None if theta_s is None else -self.b_s * theta_s,
            theta_v=adaptation,
            I_1=None if I_1 is None else -self.k_1 * I_1,
            I_2=None if I_2 is None else -self.k_2 * I_2,
        )

    def _threshold(self, state: GLIFState) -> Float[Array, "..."]:
        theta = self.theta_inf if state.theta_v is None else state.theta_v
        return theta if state.theta_s is None else theta + state.theta_s

    def observe(self, state: GLIFState, drive: Drive) -> dict[str, Float[Array, "..."]]:
        return {"theta": jnp.broadcast_to(self._threshold(state), state.v.shape)}

    def margin(self, old: GLIFState, new: GLIFState) -> Float[Array, "..."]:
        theta = self.theta_inf
        after = self.v_reset if new.theta_s is None else self._after_spike(theta)
        # As in `scaled_margin`: a cell may rest at its threshold.
        scale = jnp.maximum(jnp.abs(theta - self.E_L), jnp.abs(theta - after))
        return (new.v - self._threshold(new)) / scale

    def reset(self, state: GLIFState, spikes: Float[Array, "..."]) -> GLIFState:
        theta_s, I_1, I_2 = state.theta_s, state.I_1, state.I_2
        after = self.v_reset if theta_s is None else self._after_spike(state.v)
        if theta_s is not None:
            theta_s = theta_s + spikes * self.delta_theta_s
        if I_1 is not None and I_2 is not None:
            I_1 = I_1 * (1.0 - spikes) + spikes * (self.f_1 * I_1 + self.delta_I_1)
            I_2 = I_2 * (1.0 - spikes) + spikes * (self.f_2 * I_2 + self.delta_I_2)
        v = reset_voltage(state.v, spikes, "value", after, self.theta_inf)
        return GLIFState(v, theta_s, state.theta_v, I_1, I_2)
