"""Receptors made of any kinetics, and the four of the textbooks."""

from typing import Any

from jaxtyping import Array, Float

from jaxneuro.core import Drive, GatedConductance, param

from ._g_protein import GProtein
from ._gates import AbstractGate, MagnesiumBlock
from ._kinetics import AbstractKinetics, FirstOrder, SecondOrder
from ._receptors import AbstractReceptor

Number = Float[Array, "..."] | float


class ConductanceReceptor(AbstractReceptor):
    """A conductance that follows any kinetics, possibly with a gate that depends on v.

    I = g_max s gate(v) (e_rev - v). Both the change of s within the step and the gate at its own v
    reach the integrator.

    **Arguments:**

    - `kinetics`: of the open fraction s.
    - `g_max`: conductance at s = 1, in the target's unit.
    - `e_rev`: reversal potential, in the target's unit of v.
    - `gate`: `MagnesiumBlock()` makes it an NMDA receptor; None for no gate.

    Reference: Destexhe, Mainen & Sejnowski (1994), J. Comput. Neurosci. 1:195.

    !!! example

        ```python
        receptor = ConductanceReceptor(Alpha(tau=3.0), g_max=1.5, e_rev=-70.0)
        edge = Projection("exc", "inh", jnp.ones((80, 20)), receptor=receptor)
        ```
    """

    kinetics: AbstractKinetics
    g_max: Float[Array, "..."] = param(1.0)
    e_rev: Float[Array, "..."] = param(0.0, unit="mV")
    gate: AbstractGate | None = None

    def init(self, shape: tuple[int, ...]) -> Any:
        return self.kinetics.init(shape)

    def step(
        self, state: Any, events: Float[Array, "..."], v: Float[Array, "..."], dt: float
    ) -> tuple[Any, Drive]:
        state, start, end = self.kinetics.step(state, events, dt)
        start, end = self.g_max * start, self.g_max * end
        if self.gate is not None:
            return state, Drive(gated=(GatedConductance(self.gate, start, self.e_rev, end),))
        return state, Drive(
            current=start * self.e_rev,
            conductance=start,
            current_end=end * self.e_rev,
            conductance_end=end,
        )


class CurrentReceptor(AbstractReceptor):
    """A current that follows any kinetics: I = scale s.

    **Arguments:**

    - `kinetics`: of s.
    - `scale`: the current at s = 1, in the target's unit; negative inhibits.

    !!! example

        ```python
        receptor = CurrentReceptor(DualExponential(tau_rise=1.0, tau_decay=5.0), scale=20.0)
        ```
    """

    kinetics: AbstractKinetics
    scale: Float[Array, "..."] = param(1.0)

    def init(self, shape: tuple[int, ...]) -> Any:
        return self.kinetics.init(shape)

    def step(
        self, state: Any, events: Float[Array, "..."], v: Float[Array, "..."], dt: float
    ) -> tuple[Any, Drive]:
        state, start, end = self.kinetics.step(state, events, dt)
        return state, Drive(current=self.scale * start, current_end=self.scale * end)


def AMPA(
    g_max: Number = 1.0,
    e_rev: Number = 0.0,
    tau: Number = 2.0,
    alpha: Number = 1.0,
    *,
    kinetics: AbstractKinetics | None = None,
) -> ConductanceReceptor:
    """Fast excitation: a `ConductanceReceptor` with `FirstOrder` kinetics.

    **Arguments:**

    - `g_max`, `e_rev`: as in `ConductanceReceptor`, mV.
    - `tau`, `alpha`: as in `FirstOrder`, ms.
    - `kinetics`: replaces the default kinetics, and with it its arguments.

    Reference: Wang (1999), J. Neurosci. 19:9587.

    !!! example

        ```python
        edge = Projection("exc", "inh", jnp.ones((80, 20)), receptor=AMPA(g_max=0.2))
        ```
    """
    return ConductanceReceptor(kinetics or FirstOrder(tau, alpha), g_max, e_rev)  # pyright: ignore


def NMDA(
    g_max: Number = 1.0,
    e_rev: Number = 0.0,
    tau_rise: Number = 2.0,
    tau_decay: Number = 80.0,
    alpha_x: Number = 1.0,
    alpha_s: Number = 1.0,
    mg: Number = 1.0,
    half: Number = 3.57,
    slope: Number = 0.062,
    *,
    kinetics: AbstractKinetics | None = None,
) -> ConductanceReceptor:
    """Slow excitation that needs depolarisation: `SecondOrder` kinetics and a `MagnesiumBlock`.

    **Arguments:**

    - `g_max`, `e_rev`: as in `ConductanceReceptor`, mV.
    - `tau_rise`, `tau_decay`, `alpha_x`, `alpha_s`: as in `SecondOrder`, ms.
    - `mg`, `half`, `slope`: as in `MagnesiumBlock`, mM, mV.
    - `kinetics`: replaces the default kinetics, and with it its arguments.

    Reference: Wang (1999), J. Neurosci. 19:9587; Jahr & Stevens (1990), J. Neurosci. 10:3178.

    !!! example

        ```python
        edge = Projection("exc", "exc", jnp.ones((80, 80)), receptor=NMDA(g_max=0.07))
        ```
    """
    default = SecondOrder(tau_rise, tau_decay, alpha_x, alpha_s)  # pyright: ignore
    gate = MagnesiumBlock(mg, half, slope)  # pyright: ignore
    return ConductanceReceptor(kinetics or default, g_max, e_rev, gate)  # pyright: ignore


def GABAA(
    g_max: Number = 1.0,
    e_rev: Number = -70.0,
    tau: Number = 10.0,
    alpha: Number = 1.0,
    *,
    kinetics: AbstractKinetics | None = None,
) -> ConductanceReceptor:
    """Fast inhibition: a `ConductanceReceptor` with `FirstOrder` kinetics.

    **Arguments:**

    - `g_max`, `e_rev`: as in `ConductanceReceptor`, mV.
    - `tau`, `alpha`: as in `FirstOrder`, ms.
    - `kinetics`: replaces the default kinetics, and with it its arguments.

    Reference: Wang (1999), J. Neurosci. 19:9587.

    !!! example

        ```python
        edge = Projection("inh", "exc", jnp.ones((20, 80)), receptor=GABAA(g_max=0.1))
        ```
    """
    return ConductanceReceptor(kinetics or FirstOrder(tau, alpha), g_max, e_rev)  # pyright: ignore


def GABAB(
    g_max: Number = 1.0,
    e_rev: Number = -95.0,
    K1: Number = 0.09,
    K2: Number = 0.0012,
    K3: Number = 0.18,
    K4: Number = 0.034,
    Kd: Number = 100.0,
    pulse: Number = 1.0,
    n: int = 4,
    *,
    kinetics: AbstractKinetics | None = None,
) -> ConductanceReceptor:
    """Slow inhibition through G proteins: a `ConductanceReceptor` with `GProtein` kinetics.

    **Arguments:**

    - `g_max`, `e_rev`: as in `ConductanceReceptor`, mV.
    - `K1`, `K2`, `K3`, `K4`, `Kd`, `pulse`, `n`: as in `GProtein`.
    - `kinetics`: replaces the default kinetics, and with it its arguments.

    Reference: Destexhe, Mainen & Sejnowski (1998), Kinetic models of synaptic transmission, in:
    Methods in Neuronal Modeling, MIT Press.

    !!! example

        ```python
        edge = Projection("inh", "exc", jnp.ones((20, 80)), receptor=GABAB(g_max=0.06))
        ```
    """
    default = GProtein(K1, K2, K3, K4, Kd, pulse, n)  # pyright: ignore
    return ConductanceReceptor(kinetics or default, g_max, e_rev)  # pyright: ignore
