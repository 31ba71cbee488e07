"""The six models of CompNeuroPy 1.0.4 that resemble Izhikevich (2003).

All parameters are 0 by default (time constants 1 ms), and v and u start at 0, as there. Currents
are in mV/ms, the unit of dv/dt; synapses reach `"exc/ampa"` and `"exc/gaba"`.
"""

from jaxneuro.edges import AbstractEdge
from jaxneuro.neurons import Fragment, Izhikevich2003

from ._parts import (
    BASELINE_NAMES,
    OSCILLATION_NAMES,
    SYNAPSE_NAMES,
    Number,
    noisy_ampa,
    noisy_base,
    oscillation,
    synapses,
)

_START = {"v_start": 0.0, "u_start": 0.0}


def Izhikevich2003FixedNoisyAmpa(
    a: Number = 0.0,
    b: Number = 0.0,
    c: Number = 0.0,
    d: Number = 0.0,
    tau_ampa: Number = 1.0,
    tau_gaba: Number = 1.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = 0.0,
    I_app: Number = 0.0,
    increase_noise: Number = 0.0,
    rates_noise: Number = 0.0,
) -> Fragment:
    """The quadratic 0.04 v² + 5 v + 140, with synapses and noise in the AMPA conductance."""
    cell = Izhikevich2003(a, b, c, d, I_app=I_app, **_START)
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_ampa(increase_noise, rates_noise)
    return Fragment(cell, edges, SYNAPSE_NAMES)


def Izhikevich2003NoisyAmpa(
    a: Number = 0.0,
    b: Number = 0.0,
    c: Number = 0.0,
    d: Number = 0.0,
    n2: Number = 0.0,
    n1: Number = 0.0,
    n0: Number = 0.0,
    tau_ampa: Number = 1.0,
    tau_gaba: Number = 1.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = 0.0,
    I_app: Number = 0.0,
    increase_noise: Number = 0.0,
    rates_noise: Number = 0.0,
) -> Fragment:
    """A quadratic n2 v² + n1 v + n0, with synapses and noise in the AMPA conductance."""
    cell = Izhikevich2003(a, b, c, d, n2, n1, n0, I_app, **_START)
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_ampa(increase_noise, rates_noise)
    return Fragment(cell, edges, SYNAPSE_NAMES)


def Izhikevich2003NoisyAmpaNonlin(
    a: Number = 0.0,
    b: Number = 0.0,
    c: Number = 0.0,
    d: Number = 0.0,
    n2: Number = 0.0,
    n1: Number = 0.0,
    n0: Number = 0.0,
    tau_ampa: Number = 1.0,
    tau_gaba: Number = 1.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = 0.0,
    I_app: Number = 0.0,
    increase_noise: Number = 0.0,
    rates_noise: Number = 0.0,
    nonlin: Number = 1.0,
    nonlin_is_exponent: bool = False,
) -> Fragment:
    """`Izhikevich2003NoisyAmpa` whose input passes sign(I) |I|^(1 / nonlin).

    CompNeuroPy documents nonlin as an exponent ("2 = square"), but its equations take the root, as
    here; `nonlin_is_exponent=True` gives |I|^nonlin.
    """
    cell = Izhikevich2003(
        a, b, c, d, n2, n1, n0, I_app, nonlin, nonlin_is_exponent=nonlin_is_exponent, **_START
    )
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_ampa(increase_noise, rates_noise)
    return Fragment(cell, edges, SYNAPSE_NAMES)


def Izhikevich2003NoisyAmpaOscillating(
    a: Number = 0.0,
    b: Number = 0.0,
    c: Number = 0.0,
    d: Number = 0.0,
    n2: Number = 0.0,
    n1: Number = 0.0,
    n0: Number = 0.0,
    tau_ampa: Number = 1.0,
    tau_gaba: Number = 1.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = 0.0,
    I_app: Number = 0.0,
    increase_noise: Number = 0.0,
    rates_noise: Number = 0.0,
    freq: Number = 0.0,
    amp: Number = 6.0,
) -> Fragment:
    """`Izhikevich2003NoisyAmpa` with a sinusoidal current of `freq` Hz."""
    cell = Izhikevich2003(a, b, c, d, n2, n1, n0, I_app, **_START)
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_ampa(increase_noise, rates_noise)
    return Fragment(cell, edges | oscillation(freq, amp), SYNAPSE_NAMES | OSCILLATION_NAMES)


def Izhikevich2003NoisyBase(
    a: Number = 0.0,
    b: Number = 0.0,
    c: Number = 0.0,
    d: Number = 0.0,
    n2: Number = 0.0,
    n1: Number = 0.0,
    n0: Number = 0.0,
    tau_ampa: Number = 1.0,
    tau_gaba: Number = 1.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = 0.0,
    I_app: Number = 0.0,
    base_mean: Number = 0.0,
    base_noise: Number = 0.0,
    rate_base_noise: Number = 0.0,
) -> Fragment:
    """A quadratic of your own, with synapses and a noisy baseline current."""
    cell = Izhikevich2003(a, b, c, d, n2, n1, n0, I_app, **_START)
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_base(
        base_mean, base_noise, rate_base_noise
    )
    return Fragment(cell, edges, SYNAPSE_NAMES | BASELINE_NAMES)


def Izhikevich2003NoisyBaseNonlin(
    a: Number = 0.0,
    b: Number = 0.0,
    c: Number = 0.0,
    d: Number = 0.0,
    n2: Number = 0.0,
    n1: Number = 0.0,
    n0: Number = 0.0,
    tau_ampa: Number = 1.0,
    tau_gaba: Number = 1.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = 0.0,
    I_app: Number = 0.0,
    base_mean: Number = 0.0,
    base_noise: Number = 0.0,
    rate_base_noise: Number = 0.0,
    nonlin: Number = 1.0,
    nonlin_is_exponent: bool = False,
) -> Fragment:
    """`Izhikevich2003NoisyBase` whose input, but not the baseline, passes sign(I) |I|^(1 / nonlin).

    `nonlin` as in `Izhikevich2003NoisyAmpaNonlin`.
    """
    cell = Izhikevich2003(
        a, b, c, d, n2, n1, n0, I_app, nonlin, nonlin_is_exponent=nonlin_is_exponent, **_START
    )
    base = noisy_base(base_mean, base_noise, rate_base_noise, target=".base")
    edges: dict[str, AbstractEdge] = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | base
    return Fragment(cell, edges, SYNAPSE_NAMES | BASELINE_NAMES)
