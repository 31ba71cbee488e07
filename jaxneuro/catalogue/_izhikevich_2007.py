"""The models of CompNeuroPy 1.0.4 that resemble Izhikevich (2007).

v and u start at 0, as there (a spike and a transient): give `Population(..., start="rest")` or
`initial={"v": -60.0}` for another start. Currents in pA, conductances in nS, voltages in mV;
synapses reach `"exc/ampa"` and `"exc/gaba"`.
"""

from jaxneuro.neurons import (
    Fragment,
    Izhikevich2007,
    Izhikevich2007FSI,
    IzhikevichCorbitFSI,
    VoltageClamp,
)

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


def Izhikevich2007RecCur(
    C: Number = 100.0,
    k: Number = 0.7,
    v_r: Number = -60.0,
    v_t: Number = -40.0,
    a: Number = 0.03,
    b: Number = -2.0,
    c: Number = -50.0,
    d: Number = 100.0,
    v_peak: Number = 35.0,
    I_app: Number = 0.0,
) -> Fragment:
    """`Izhikevich2007`; record its currents `I_u`, `I_k` and `I_a`.

    They are those after the reset of a step; in CompNeuroPy those before it.
    """
    return Fragment(Izhikevich2007(C, k, v_r, v_t, a, b, c, d, v_peak, I_app))


def Izhikevich2007VoltageClamp(
    C: Number = 100.0,
    k: Number = 0.7,
    v_r: Number = -60.0,
    v_t: Number = -40.0,
    a: Number = 0.03,
    b: Number = -2.0,
    c: Number = -50.0,
    d: Number = 100.0,
    v_peak: Number = 35.0,
    I_app: Number = 0.0,
) -> Fragment:
    """`Izhikevich2007` held at its start voltage; record `I_inf` (pA, inward positive).

    Give the voltage as a start value: `Population(..., initial={"v": -60.0})`.
    """
    return Fragment(VoltageClamp(Izhikevich2007(C, k, v_r, v_t, a, b, c, d, v_peak, I_app), C=C))


def Izhikevich2007Syn(
    C: Number = 100.0,
    k: Number = 0.7,
    v_r: Number = -60.0,
    v_t: Number = -40.0,
    a: Number = 0.03,
    b: Number = -2.0,
    c: Number = -50.0,
    d: Number = 100.0,
    v_peak: Number = 35.0,
    I_app: Number = 0.0,
    tau_ampa: Number = 10.0,
    tau_gaba: Number = 10.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = -90.0,
) -> Fragment:
    """`Izhikevich2007` with AMPA and GABA synapses."""
    cell = Izhikevich2007(C, k, v_r, v_t, a, b, c, d, v_peak, I_app)
    return Fragment(cell, synapses(tau_ampa, tau_gaba, E_ampa, E_gaba), SYNAPSE_NAMES)


def Izhikevich2007NoisyAmpa(
    C: Number = 100.0,
    k: Number = 0.7,
    v_r: Number = -60.0,
    v_t: Number = -40.0,
    a: Number = 0.03,
    b: Number = -2.0,
    c: Number = -50.0,
    d: Number = 100.0,
    v_peak: Number = 35.0,
    I_app: Number = 0.0,
    tau_ampa: Number = 10.0,
    tau_gaba: Number = 10.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = -90.0,
    increase_noise: Number = 0.0,
    rates_noise: Number = 0.0,
) -> Fragment:
    """`Izhikevich2007Syn` with noise in the AMPA conductance."""
    cell = Izhikevich2007(C, k, v_r, v_t, a, b, c, d, v_peak, I_app)
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_ampa(increase_noise, rates_noise)
    return Fragment(cell, edges, SYNAPSE_NAMES)


def Izhikevich2007NoisyBase(
    C: Number = 100.0,
    k: Number = 0.7,
    v_r: Number = -60.0,
    v_t: Number = -40.0,
    a: Number = 0.03,
    b: Number = -2.0,
    c: Number = -50.0,
    d: Number = 100.0,
    v_peak: Number = 35.0,
    I_app: Number = 0.0,
    tau_ampa: Number = 10.0,
    tau_gaba: Number = 10.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = -90.0,
    base_mean: Number = 0.0,
    base_noise: Number = 0.0,
    rate_base_noise: Number = 0.0,
) -> Fragment:
    """`Izhikevich2007Syn` with a noisy baseline current."""
    cell = Izhikevich2007(C, k, v_r, v_t, a, b, c, d, v_peak, I_app)
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_base(
        base_mean, base_noise, rate_base_noise
    )
    return Fragment(cell, edges, SYNAPSE_NAMES | BASELINE_NAMES)


def Izhikevich2007FsiNoisyAmpa(
    C: Number = 20.0,
    k: Number = 1.0,
    v_r: Number = -55.0,
    v_t: Number = -40.0,
    v_b: Number = -55.0,
    a: Number = 0.1,
    b: Number = -2.0,
    c: Number = -50.0,
    d: Number = 2.0,
    v_peak: Number = 25.0,
    I_app: Number = 0.0,
    tau_ampa: Number = 2.0,
    tau_gaba: Number = 5.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = -80.0,
    increase_noise: Number = 0.0,
    rates_noise: Number = 0.0,
) -> Fragment:
    """`Izhikevich2007FSI` with synapses and noise in the AMPA conductance."""
    cell = Izhikevich2007FSI(C, k, v_r, v_t, v_b, a, b, c, d, v_peak, I_app)
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_ampa(increase_noise, rates_noise)
    return Fragment(cell, edges, SYNAPSE_NAMES)


def Izhikevich2007CorbitFsiNoisyAmpa(
    C: Number = 20.0,
    k: Number = 1.0,
    b_n: Number = 0.1,
    a_s: Number = 0.1,
    a_n: Number = 0.1,
    v_r: Number = -55.0,
    v_t: Number = -40.0,
    a: Number = 0.1,
    b: Number = -2.0,
    c: Number = -50.0,
    d: Number = 2.0,
    nonlin: Number = 0.1,
    v_peak: Number = 25.0,
    I_app: Number = 0.0,
    tau_ampa: Number = 2.0,
    tau_gaba: Number = 5.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = -80.0,
    increase_noise: Number = 0.0,
    rates_noise: Number = 0.0,
    nonlin_is_exponent: bool = False,
) -> Fragment:
    """`IzhikevichCorbitFSI` with synapses and noise in the AMPA conductance.

    The default nonlin of 0.1 is |I|^10, which explodes: pass 1.0 for a linear input.
    """
    cell = IzhikevichCorbitFSI(
        C, k, b_n, a_s, a_n, v_r, v_t, a, b, c, d, nonlin, v_peak, I_app, nonlin_is_exponent
    )
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_ampa(increase_noise, rates_noise)
    return Fragment(cell, edges, SYNAPSE_NAMES)


def Izhikevich2007CorbitFsiNoisyBase(
    C: Number = 20.0,
    k: Number = 1.0,
    b_n: Number = 0.1,
    a_s: Number = 0.1,
    a_n: Number = 0.1,
    v_r: Number = -55.0,
    v_t: Number = -40.0,
    a: Number = 0.1,
    b: Number = -2.0,
    c: Number = -50.0,
    d: Number = 2.0,
    nonlin: Number = 0.1,
    v_peak: Number = 25.0,
    I_app: Number = 0.0,
    tau_ampa: Number = 2.0,
    tau_gaba: Number = 5.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = -80.0,
    base_mean: Number = 0.0,
    base_noise: Number = 0.0,
    rate_base_noise: Number = 0.0,
    nonlin_is_exponent: bool = False,
) -> Fragment:
    """`IzhikevichCorbitFSI` with synapses and a noisy baseline current outside the input function.

    `nonlin` as in `Izhikevich2007CorbitFsiNoisyAmpa`.
    """
    cell = IzhikevichCorbitFSI(
        C, k, b_n, a_s, a_n, v_r, v_t, a, b, c, d, nonlin, v_peak, I_app, nonlin_is_exponent
    )
    base = noisy_base(base_mean, base_noise, rate_base_noise, target=".base")
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | base
    return Fragment(cell, edges, SYNAPSE_NAMES | BASELINE_NAMES)


def Izhikevich2007NoisyAmpaOscillating(
    C: Number = 20.0,
    k: Number = 1.0,
    v_r: Number = -55.0,
    v_t: Number = -40.0,
    a: Number = 0.1,
    b: Number = -2.0,
    c: Number = -50.0,
    d: Number = 2.0,
    v_peak: Number = 25.0,
    I_app: Number = 0.0,
    tau_ampa: Number = 2.0,
    tau_gaba: Number = 5.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = -80.0,
    increase_noise: Number = 0.0,
    rates_noise: Number = 0.0,
    freq: Number = 0.0,
    amp: Number = 300.0,
) -> Fragment:
    """`Izhikevich2007NoisyAmpa` with a sinusoidal current of `freq` Hz and `amp` pA."""
    cell = Izhikevich2007(C, k, v_r, v_t, a, b, c, d, v_peak, I_app)
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba) | noisy_ampa(increase_noise, rates_noise)
    return Fragment(cell, edges | oscillation(freq, amp), SYNAPSE_NAMES | OSCILLATION_NAMES)
