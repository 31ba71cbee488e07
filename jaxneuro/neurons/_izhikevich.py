import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._options import check_shapes, reset_voltage
from ._power import signed_root


class Recovery(eqx.Module):
    """The state of a quadratic neuron: membrane voltage and recovery variable."""

    v: Float[Array, "..."]
    u: Float[Array, "..."]


class Izhikevich2003(AbstractODENeuron):
    """Izhikevich's simple model in the form of 2003: a quadratic neuron with a recovery variable.

    dv/dt = n2 v² + n1 v + n0 - u + f(I_app + I) + I_base, du/dt = a (b v - u);  a spike where
    v > 30 mV, then v <- c and u <- u + d. f(I) = sign(I) |I|^(1 / nonlin), the identity for None.

    **Arguments:**

    - `a` (1/ms), `b`, `c` (mV), `d`: Izhikevich's parameters (regular spiking by default).
    - `n2`, `n1`, `n0`: coefficients of the quadratic.
    - `I_app`: constant current, in mV/ms as every current here.
    - `nonlin`: root of the input function, None for none. System D documents it as an exponent
      ("2 = square"), but its equations take the root; so do these. With `nonlin_is_exponent=True`
      f(I) = sign(I) |I|^nonlin.
    - `v_peak`: 30 mV.
    - `v_start`, `u_start`: start values, mV; u_start None is b v_start. (All variables of
      system D start at 0: its catalogue models say so.)

    Port `"base"`: a current outside f. Recordable beside the state: `I` = I_app + I.

    Reference: Izhikevich (2003), IEEE Trans. Neural Netw. 14:1569.

    !!! example

        ```python
        fast_spiking = Izhikevich2003(a=0.1, b=0.2, c=-65.0, d=2.0)
        ```
    """

    a: Float[Array, "..."] = param(0.02, unit="1/ms")
    b: Float[Array, "..."] = param(0.2)
    c: Float[Array, "..."] = param(-65.0, unit="mV")
    d: Float[Array, "..."] = param(8.0)
    n2: Float[Array, "..."] = param(0.04)
    n1: Float[Array, "..."] = param(5.0)
    n0: Float[Array, "..."] = param(140.0)
    I_app: Float[Array, "..."] = param(0.0)
    nonlin: Float[Array, "..."] | None = param(None, lower=0.0)
    v_peak: Float[Array, "..."] = param(30.0, unit="mV")
    v_start: Float[Array, "..."] = param(-65.0, unit="mV")
    u_start: Float[Array, "..."] | None = param(None)
    nonlin_is_exponent: bool = eqx.field(static=True, default=False)

    ports = ("base",)

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Recovery:
        check_shapes(self, shape)
        u = self.b * self.v_start if self.u_start is None else self.u_start
        return Recovery(jnp.broadcast_to(self.v_start, shape), jnp.broadcast_to(u, shape))

    def derivative(self, state: Recovery, drive: Drive) -> Recovery:
        # No stage of an integrator may leave for infinity: beyond the peak nothing grows.
        v = jnp.minimum(state.v, self.v_peak)
        quadratic = self.n2 * v**2 + self.n1 * v + self.n0
        dv = quadratic - state.u + self._input(v, drive) + drive.port("base").at(v)
        return Recovery(dv, self.a * (self.b * v - state.u))

    def _input(self, v: Float[Array, "..."], drive: Drive) -> Float[Array, "..."]:
        current = self.I_app + drive.at(v)
        if self.nonlin is None:
            return current
        return signed_root(current, self.nonlin, is_exponent=self.nonlin_is_exponent)

    def observe(self, state: Recovery, drive: Drive) -> dict[str, Float[Array, "..."]]:
        return {"I": self.I_app + drive.at(state.v)}

    def margin(self, old: Recovery, new: Recovery) -> Float[Array, "..."]:
        return (new.v - self.v_peak) / jnp.abs(self.v_peak - self.c)

    def reset(self, state: Recovery, spikes: Float[Array, "..."]) -> Recovery:
        v = reset_voltage(state.v, spikes, "value", self.c, self.v_peak)
        return Recovery(v, state.u + spikes * self.d)


class Izhikevich2007(AbstractODENeuron):
    """Izhikevich's simple model in the form of 2007, with the units of a cell.

    C dv/dt = k (v - v_r) (v - v_t) - u + I_app + I,  du/dt = a (b (v - v_r) - u);  a spike where
    v > v_peak, then v <- c and u <- u + d.

    v and u start at 0, as in CompNeuroPy, which fires one spike and decays from there; give
    `Population(..., start="rest")` or `initial={"v": -60.0}` for another start.

    **Arguments:**

    - `C`: capacitance, pF.
    - `k`: nS/mV (CompNeuroPy's comments say pS/mV, which is wrong by 1000).
    - `v_r`, `v_t`: resting and instantaneous threshold voltage, mV.
    - `a` (1/ms), `b` (nS), `c` (mV), `d` (pA): recovery and reset (a regular spiking cell).
    - `v_peak`: where a spike is cut, mV.
    - `I_app`: constant current, pA.

    Recordable beside the state: `I_v`, `I_a` = input current, `I_u` = -u, `I_k` = the quadratic,
    after the reset.

    Reference: Izhikevich (2007), Dynamical Systems in Neuroscience, chapter 8.

    !!! example

        ```python
        exc = Population(Izhikevich2007(C=100.0, k=0.7), 80, start="rest")
        ```
    """

    C: Float[Array, "..."] = param(100.0, unit="pF", lower=0.0)
    k: Float[Array, "..."] = param(0.7, unit="nS/mV", lower=0.0)
    v_r: Float[Array, "..."] = param(-60.0, unit="mV")
    v_t: Float[Array, "..."] = param(-40.0, unit="mV")
    a: Float[Array, "..."] = param(0.03, unit="1/ms")
    b: Float[Array, "..."] = param(-2.0, unit="nS")
    c: Float[Array, "..."] = param(-50.0, unit="mV")
    d: Float[Array, "..."] = param(100.0, unit="pA")
    v_peak: Float[Array, "..."] = param(35.0, unit="mV")
    I_app: Float[Array, "..."] = param(0.0, unit="pA")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Recovery:
        check_shapes(self, shape)
        zero = jnp.zeros(shape, self.v_r.dtype)
        return Recovery(zero, zero)

    def derivative(self, state: Recovery, drive: Drive) -> Recovery:
        v = jnp.minimum(state.v, self.v_peak)
        quadratic = self.k * (v - self.v_r) * (v - self.v_t)
        dv = (quadratic - state.u + self.I_app + drive.at(v)) / self.C
        return Recovery(dv, self.a * (self.b * (v - self.v_r) - state.u))

    def observe(self, state: Recovery, drive: Drive) -> dict[str, Float[Array, "..."]]:
        current = self.I_app + drive.at(state.v)
        quadratic = self.k * (state.v - self.v_r) * (state.v - self.v_t)
        return {"I_v": current, "I_a": current, "I_u": -state.u, "I_k": quadratic}

    def margin(self, old: Recovery, new: Recovery) -> Float[Array, "..."]:
        return (new.v - self.v_peak) / jnp.abs(self.v_peak - self.v_r)

    def reset(self, state: Recovery, spikes: Float[Array, "..."]) -> Recovery:
        v = reset_voltage(state.v, spikes, "value", self.c, self.v_peak)
        return Recovery(v, state.u + spikes * self.d)
