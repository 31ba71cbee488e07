"""One example of every neuron of `jaxneuro.neurons`, for the suites that run them all.

A new neuron joins by an entry in `EXAMPLES`. Examples are functions, called in the test, so that
parameters have its precision. No parameter is at its default, and all differ, so that one in the
place of another is noticed.
"""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax.numpy as jnp

import jaxneuro.neurons
from jaxneuro.core import Drive
from jaxneuro.neurons import (
    EIF,
    GLIF,
    IF,
    LI,
    LIF,
    QIF,
    AbstractNeuron,
    AdaptiveLIF,
    AdaptiveThreshold,
    AdaptiveThresholdAdEx,
    AdEx,
    ConductanceElement,
    ConductanceLIF,
    CurrentElement,
    CurrentLIF,
    FitzHughNagumo,
    Gate,
    HHneuronBischop,
    HHneuronCorbit,
    HindmarshRose,
    HodgkinHuxley,
    IntegratorNeuron,
    Izhikevich2003,
    Izhikevich2007,
    Izhikevich2007FSI,
    IzhikevichCorbitFSI,
    MorrisLecar,
    Neuromorphic,
    PoissonCell,
    Population,
    Refractory,
    ResonateAndFire,
    TraubMiles,
    VoltageClamp,
    WangBuzsaki,
)

NOTHING: Mapping = MappingProxyType({})


class Example(NamedTuple):
    """A neuron, and how to drive it.

    - `make`: the neuron, given options of its class.
    - `quiet`: a current under which it does not spike within 200 steps of `dt` ms.
    - `driving`: one under which it does.
    - `start`: start values that differ from its own, by name.
    - `ports`: constant currents at its ports.
    - `coarse`: a step, ms, small enough for integrators to show their order.
    - `spikes`: False if it never does.
    - `flows`: False if a step is not the solution of a differential equation over dt.
    """

    make: Callable[..., AbstractNeuron]
    quiet: float
    driving: float
    dt: float = 0.5
    start: Mapping[str, float] = NOTHING
    ports: Mapping[str, float] = NOTHING
    coarse: float = 0.5
    spikes: bool = True
    flows: bool = True

    def population(self, **options) -> Population:
        """Three of them."""
        options = {"initial": dict(self.start)} | options
        return Population(self.make(), 3, **options)

    def drive(self, current) -> Drive:
        ports = {k: Drive(current=jnp.full_like(current, x)) for k, x in self.ports.items()}
        return Drive(current=current, ports=ports)


def lif(**options):
    return LIF(tau=8.0, threshold=1.3, v_rest=0.2, v_reset=-0.25, resistance=1.5, **options)


def adaptive_lif(**options):
    return AdaptiveLIF(
        tau=7.0,
        tau_threshold=30.0,
        step=0.3,
        threshold=1.2,
        v_rest=-0.1,
        v_reset=0.15,
        resistance=1.4,
        **options,
    )


def current_lif(**options):
    return CurrentLIF(
        tau=9.0, tau_syn=4.0, threshold=1.1, v_rest=0.1, v_reset=-0.2, resistance=1.7, **options
    )


# Neurons that share the options `reset_by` and `input_scale`; the tests of these are theirs alone.
LIF_FAMILY = {
    "LIF": Example(lif, 0.1, 2.0),
    "AdaptiveLIF": Example(adaptive_lif, 0.1, 2.0),
    "CurrentLIF": Example(current_lif, 0.1, 2.0),
    "IF": Example(lambda **kw: IF(threshold=1.2, v_reset=-0.1, capacitance=6.0, **kw), 0.02, 2.0),
    "LI": Example(
        lambda **kw: LI(tau=6.0, v_rest=0.3, resistance=1.6, **kw), 0.1, 2.0, spikes=False
    ),
    "Refractory": Example(lambda **kw: Refractory(lif(**kw), period=2.5), 0.1, 2.0),
}


def izhikevich_2003():
    return Izhikevich2003(
        a=0.03,
        b=0.22,
        c=-60.0,
        d=6.0,
        n2=0.041,
        n1=5.05,
        n0=141.0,
        I_app=-2.0,
        nonlin=0.9,
        v_peak=29.0,
        v_start=-64.0,
        u_start=-14.2,
    )


def izhikevich_2007():
    return Izhikevich2007(
        C=90.0, k=0.8, v_r=-61.0, v_t=-42.0, a=0.04, b=-1.5, c=-52.0, d=90.0, v_peak=33.0, I_app=5.0
    )


def fsi():
    return Izhikevich2007FSI(
        C=21.0,
        k=1.1,
        v_r=-56.0,
        v_t=-41.0,
        v_b=-57.0,
        a=0.2,
        b=0.025,
        c=-45.0,
        d=3.0,
        v_peak=24.0,
        I_app=4.0,
    )


def corbit_fsi():
    return IzhikevichCorbitFSI(
        C=22.0,
        k=1.2,
        b_n=0.3,
        a_s=0.13,
        a_n=0.07,
        v_r=-56.0,
        v_t=-41.0,
        a=0.12,
        b=1.5,
        c=-51.0,
        d=3.0,
        nonlin=0.9,
        v_peak=24.0,
        I_app=4.0,
    )


def hh_corbit():
    return HHneuronCorbit(
        C_m=1.1, gg_L=0.26, v_L=-69.0, gg_Na=111.0, gg_Kv3=224.0, gg_Kv1=0.4, I_app=0.1, v_t=1.0
    )


def hh_bischop():
    return HHneuronBischop(
        C_m=31.0, gg_L=2.6, E_L=-67.0, gg_Na=690.0, gg_Kv1=2.1, gg_SK=2.2, I_app=3.0, v_t=29.0
    )


def adex():
    return AdEx(
        C=270.0,
        g_L=29.0,
        E_L=-69.0,
        v_t=-51.0,
        Delta_T=2.2,
        v_reset=-68.0,
        v_peak=-38.0,
        tau_w=120.0,
        a=5.0,
        b=70.0,
    )


def adaptive_threshold_adex():
    return AdaptiveThresholdAdEx(
        C=270.0,
        g_L=29.0,
        E_L=-69.0,
        v_t=-51.0,
        Delta_T=2.2,
        v_reset=-68.0,
        v_peak=-38.0,
        tau_w=120.0,
        a=5.0,
        b=70.0,
        tau_2=15.0,
        a_2=-3.0,
        b_2=20.0,
        tau_s=30.0,
        delta_theta=4.0,
        tau_v=12.0,
        a_v=0.2,
        v_i=-62.0,
    )


def hodgkin_huxley():
    return HodgkinHuxley(
        C=1.1, g_Na=118.0, E_Na=51.0, g_K=35.0, E_K=-76.0, g_L=0.31, E_L=-54.0, v_threshold=1.0
    )


def conductance_lif():
    return ConductanceLIF(
        tau=9.0,
        threshold=-54.0,
        v_rest=-66.0,
        v_reset=-74.0,
        delta_w=0.02,
        tau_w=90.0,
        e_adaptation=-88.0,
        adaptation="conductance",
    )


def eif():
    return EIF(C=90.0, g_L=9.0, E_L=-66.0, v_t=-58.0, Delta_T=3.0, v_reset=-69.0, v_peak=-31.0)


def qif():
    return QIF(C=90.0, k=0.8, v_rest=-61.0, v_t=-42.0, v_reset=-63.0, v_peak=29.0)


def glif():
    return GLIF(
        C=60.0,
        G=9.0,
        E_L=-78.0,
        theta_inf=-52.0,
        v_reset=-77.0,
        f_v=0.25,
        delta_V=-17.0,
        b_s=0.01,
        delta_theta_s=0.4,
        k_1=0.004,
        k_2=0.12,
        f_1=0.95,
        f_2=0.9,
        delta_I_1=-9.0,
        delta_I_2=-190.0,
        a_v=0.006,
        b_v=0.08,
    )


def traub_miles():
    return TraubMiles(
        C=190.0, g_L=11.0, E_L=-61.0, g_Na=19000.0, E_Na=51.0, g_K=5900.0, E_K=-89.0, v_t=-62.0
    )


def wang_buzsaki():
    return WangBuzsaki(
        C=1.1, g_Na=34.0, E_Na=54.0, g_K=9.5, E_K=-89.0, g_L=0.12, E_L=-66.0, phi=4.5
    )


def morris_lecar():
    return MorrisLecar(
        C=19.0, g_Ca=4.5, E_Ca=119.0, g_K=8.2, E_K=-83.0, g_L=2.1, E_L=-61.0, V_1=-1.0, phi=0.05
    )


def hindmarsh_rose():
    return HindmarshRose(a=1.1, b=2.9, c=0.9, d=4.8, r=0.002, s=4.1, v_rest=-1.6, v_threshold=0.9)


def neuromorphic():
    elements = (
        ConductanceElement(1.1, -0.1),
        CurrentElement(-2.1, 0.1),
        CurrentElement(1.9, 0.05, tau=40.0),
        ConductanceElement(0.2, -3.0, (Gate(3.0, -0.5, 30.0),)),
    )
    return Neuromorphic(elements, C=1.2, v_start=-1.7, filter_start=-1.6, threshold=0.2)


EXAMPLES: dict[str, Example] = LIF_FAMILY | {
    "AdaptiveThreshold": Example(
        lambda: AdaptiveThreshold(lif(), increase=0.3, tau=40.0, rate=15.0), 0.1, 2.0
    ),
    "AdEx": Example(adex, 100.0, 1500.0, 0.1),
    "AdaptiveThresholdAdEx": Example(adaptive_threshold_adex, 100.0, 1500.0, 0.1),
    "ConductanceLIF": Example(conductance_lif, 0.3, 4.0, start={"v": -63.0, "w": 0.05}),
    "HHneuronBischop": Example(hh_bischop, 10.0, 400.0, 0.1, coarse=0.05),
    "HHneuronCorbit": Example(hh_corbit, 0.5, 12.0, 0.1, coarse=0.05),
    "EIF": Example(eif, 5.0, 300.0, 0.1),
    "FitzHughNagumo": Example(
        lambda: FitzHughNagumo(a=0.72, b=0.78, tau=12.0, v_threshold=0.9, v_start=-1.1), 0.05, 0.8
    ),
    "GLIF": Example(glif, 50.0, 800.0),
    "HindmarshRose": Example(hindmarsh_rose, 0.1, 4.0, 0.2, coarse=0.03),
    "HodgkinHuxley": Example(hodgkin_huxley, 0.5, 12.0, 0.1, coarse=0.02),
    "IntegratorNeuron": Example(
        lambda: IntegratorNeuron(tau=9.0, threshold=1.5, neuron_id=3.0), 0.02, 1.0, flows=False
    ),
    "Izhikevich2003": Example(izhikevich_2003, 0.3, 20.0, 0.1, ports={"base": 0.3}, coarse=0.1),
    "Izhikevich2007": Example(
        izhikevich_2007, 10.0, 500.0, 0.2, {"v": -59.0, "u": 3.0}, coarse=0.2
    ),
    "Izhikevich2007FSI": Example(fsi, 10.0, 300.0, 0.1, {"v": -54.0, "u": 2.0}, coarse=0.1),
    "IzhikevichCorbitFSI": Example(
        corbit_fsi, 10.0, 300.0, 0.1, {"v": -54.0, "u": 4.0}, {"base": 3.0}, coarse=0.1
    ),
    "MorrisLecar": Example(morris_lecar, 10.0, 150.0),
    "Neuromorphic": Example(neuromorphic, -3.0, 3.0, 0.5, coarse=0.1),
    "PoissonCell": Example(
        lambda: PoissonCell(rates=30.0, tau_up=20.0, tau_down=30.0),
        -20.0,
        50.0,
        ports={"draw": 0.01},
        flows=False,
    ),
    "QIF": Example(qif, 20.0, 500.0, 0.2),
    "ResonateAndFire": Example(
        lambda: ResonateAndFire(b=-0.12, omega=0.9, threshold=1.1, x_reset=0.1, v_reset=0.8),
        0.05,
        2.0,
        coarse=0.2,
    ),
    "TraubMiles": Example(traub_miles, 10.0, 600.0, 0.1, coarse=0.02),
    "VoltageClamp": Example(
        lambda: VoltageClamp(hh_corbit(), C=1.1, v_clamp=-50.0), 1.0, 12.0, spikes=False
    ),
    "WangBuzsaki": Example(wang_buzsaki, 0.02, 6.0, 0.1, coarse=0.02),
}
NAMES = [
    name
    for name, cls in vars(jaxneuro.neurons).items()
    if isinstance(cls, type) and issubclass(cls, AbstractNeuron) and not inspect.isabstract(cls)
]


def example(name: str) -> Example:
    assert name in EXAMPLES, f"add an example of {name} to EXAMPLES in tests/neuron_examples.py"
    return EXAMPLES[name]
