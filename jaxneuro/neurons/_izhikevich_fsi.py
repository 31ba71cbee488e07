import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, param

from ._base import AbstractODENeuron
from ._izhikevich import Recovery
from ._options import check_shapes, reset_voltage
from ._power import root, signed_root


class Izhikevich2007FSI(AbstractODENeuron):
    """Fast-spiking interneuron of Izhikevich 2007: the recovery variable has a cubic nullcline.

    C dv/dt = k (v - v_r) (v - v_t) - u + I_app + I,  du/dt = a (b (v - v_b)³ - u) where v >= v_b,
    else -a u;  a spike where v > v_peak, then v <- c and u <- u + d. v and u start at 0, as in
    CompNeuroPy.

    **Arguments:**

    - `v_b`: voltage above which u is driven, mV.
    - `b`: pA/mV³.
    - the others as in `Izhikevich2007`. The defaults are CompNeuroPy's; the book's fast-spiking
      cell has a 0.2, b 0.025, c -45, d 0.

    Reference: Izhikevich (2007), Dynamical Systems in Neuroscience, section 8.2.6.

    !!! example

        ```python
        cell = Izhikevich2007FSI(a=0.2, b=0.025, c=-45.0, d=0.0)
        ```
    """

    C: Float[Array, "..."] = param(20.0, unit="pF", lower=0.0)
    k: Float[Array, "..."] = param(1.0, unit="nS/mV", lower=0.0)
    v_r: Float[Array, "..."] = param(-55.0, unit="mV")
    v_t: Float[Array, "..."] = param(-40.0, unit="mV")
    v_b: Float[Array, "..."] = param(-55.0, unit="mV")
    a: Float[Array, "..."] = param(0.1, unit="1/ms")
    b: Float[Array, "..."] = param(-2.0, unit="pA/mV^3")
    c: Float[Array, "..."] = param(-50.0, unit="mV")
    d: Float[Array, "..."] = param(2.0, unit="pA")
    v_peak: Float[Array, "..."] = param(25.0, unit="mV")
    I_app: Float[Array, "..."] = param(0.0, unit="pA")

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Recovery:
        check_shapes(self, shape)
        zero = jnp.zeros(shape, self.v_r.dtype)
        return Recovery(zero, zero)

    def derivative(self, state: Recovery, drive: Drive) -> Recovery:
        v = jnp.minimum(state.v, self.v_peak)
        quadratic = self.k * (v - self.v_r) * (v - self.v_t)
        dv = (quadratic - state.u + self.I_app + drive.at(v)) / self.C
        # The cube is 0 with its first two slopes at v_b, so this is the two-case equation.
        return Recovery(dv, self.a * (self.b * jnp.maximum(v - self.v_b, 0.0) ** 3 - state.u))

    def observe(self, state: Recovery, drive: Drive) -> dict[str, Float[Array, "..."]]:
        return {"I_v": self.I_app + drive.at(state.v)}

    def margin(self, old: Recovery, new: Recovery) -> Float[Array, "..."]:
        return (new.v - self.v_peak) / jnp.abs(self.v_peak - self.v_r)

    def reset(self, state: Recovery, spikes: Float[Array, "..."]) -> Recovery:
        v = reset_voltage(state.v, spikes, "value", self.c, self.v_peak)
        return Recovery(v, state.u + spikes * self.d)


class CorbitState(eqx.Module):
    """Voltage, recovery variable, its slow filter and the slow current."""

    v: Float[Array, "..."]
    u: Float[Array, "..."]
    s: Float[Array, "..."]
    n: Float[Array, "..."]


class IzhikevichCorbitFSI(AbstractODENeuron):
    """Striatal fast-spiking interneuron: Izhikevich 2007 with a slow current, after Corbit et al.

    C dv/dt = k (v - v_r) (v - v_t) - u + f(I_app + I) - n + I_base,
    du/dt = a (b (v - v_r) - u),  ds/dt = a_s (max(u, 0)^0.1 - s),
    dn/dt = a_n (b_n (max(u, 0)^0.1 - s) - n);  a spike where v > v_peak, then v <- c, u <- u + d.
    f(I) = sign(I) |I|^(1 / nonlin). All variables start at 0, as in CompNeuroPy.

    **Arguments:**

    - `a_s`, `a_n` (1/ms), `b_n`: rates and gain of the slow current.
    - `nonlin`: root of the input function. CompNeuroPy's default of 0.1 is |I|^10, which explodes:
      pass 1.0 for a linear input. It documents it as an exponent ("2 = square"), but its equations
      take the root; `nonlin_is_exponent=True` gives f(I) = sign(I) |I|^nonlin.
    - the others as in `Izhikevich2007`.

    Port `"base"`: a current outside f. The slope of u^0.1 and of f at 0 is taken as 0 below 1e-12.

    Reference: CompNeuroPy 1.0.4, `Izhikevich2007CorbitFsiNoisyAmpa`; Corbit et al. (2016),
    J. Neurosci. 36:3115.

    !!! example

        ```python
        cell = IzhikevichCorbitFSI(nonlin=1.0)
        ```
    """

    C: Float[Array, "..."] = param(20.0, unit="pF", lower=0.0)
    k: Float[Array, "..."] = param(1.0, unit="nS/mV", lower=0.0)
    b_n: Float[Array, "..."] = param(0.1)
    a_s: Float[Array, "..."] = param(0.1, unit="1/ms")
    a_n: Float[Array, "..."] = param(0.1, unit="1/ms")
    v_r: Float[Array, "..."] = param(-55.0, unit="mV")
    v_t: Float[Array, "..."] = param(-40.0, unit="mV")
    a: Float[Array, "..."] = param(0.1, unit="1/ms")
    b: Float[Array, "..."] = param(-2.0, unit="nS")
    c: Float[Array, "..."] = param(-50.0, unit="mV")
    d: Float[Array, "..."] = param(2.0, unit="pA")
    nonlin: Float[Array, "..."] = param(0.1, lower=0.0)
    v_peak: Float[Array, "..."] = param(25.0, unit="mV")
    I_app: Float[Array, "..."] = param(0.0, unit="pA")
    nonlin_is_exponent: bool = eqx.field(static=True, default=False)

    ports = ("base",)

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> CorbitState:
        check_shapes(self, shape)
        zero = jnp.zeros(shape, self.v_r.dtype)
        return CorbitState(zero, zero, zero, zero)

    def derivative(self, state: CorbitState, drive: Drive) -> CorbitState:
        v = jnp.minimum(state.v, self.v_peak)
        quadratic = self.k * (v - self.v_r) * (v - self.v_t)
        dv = (quadratic - state.u + self._input(v, state, drive)) / self.C
        du = self.a * (self.b * (v - self.v_r) - state.u)
        rise = root(state.u, jnp.asarray(0.1, state.u.dtype)) - state.s
        return CorbitState(dv, du, self.a_s * rise, self.a_n * (self.b_n * rise - state.n))

    def _input(self, v: Array, state: CorbitState, drive: Drive) -> Float[Array, "..."]:
        current = self.I_app + drive.at(v)
        shaped = signed_root(current, self.nonlin, is_exponent=self.nonlin_is_exponent)
        return shaped - state.n + drive.port("base").at(v)

    def observe(self, state: CorbitState, drive: Drive) -> dict[str, Float[Array, "..."]]:
        return {"I_v": self._input(state.v, state, drive)}

    def margin(self, old: CorbitState, new: CorbitState) -> Float[Array, "..."]:
        return (new.v - self.v_peak) / jnp.abs(self.v_peak - self.v_r)

    def reset(self, state: CorbitState, spikes: Float[Array, "..."]) -> CorbitState:
        v = reset_voltage(state.v, spikes, "value", self.c, self.v_peak)
        return CorbitState(v, state.u + spikes * self.d, state.s, state.n)
