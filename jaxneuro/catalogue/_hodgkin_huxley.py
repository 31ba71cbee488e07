"""Hodgkin–Huxley cells of CompNeuroPy 1.0.4 with synapses, and under voltage clamp.

Further parameters of the cell can be given by name (`gg_Na=500.0`), which CompNeuroPy cannot.
"""

from jaxneuro.neurons import Fragment, HHneuronBischop, HHneuronCorbit, VoltageClamp

from ._parts import SYNAPSE_NAMES, Number, synapses


def HHneuronBischopSyn(
    tau_ampa: Number = 10.0,
    tau_gaba: Number = 10.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = -90.0,
    **parameters: Number | str,
) -> Fragment:
    """`HHneuronBischop` with AMPA and GABA synapses (ms, mV)."""
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba)
    return Fragment(HHneuronBischop(**parameters), edges, SYNAPSE_NAMES)  # pyright: ignore


def HHneuronCorbitSyn(
    tau_ampa: Number = 10.0,
    tau_gaba: Number = 10.0,
    E_ampa: Number = 0.0,
    E_gaba: Number = -90.0,
    **parameters: Number,
) -> Fragment:
    """`HHneuronCorbit` with AMPA and GABA synapses (ms, mV)."""
    edges = synapses(tau_ampa, tau_gaba, E_ampa, E_gaba)
    return Fragment(HHneuronCorbit(**parameters), edges, SYNAPSE_NAMES)  # pyright: ignore


def HHneuronCorbitVoltageClamp(**parameters: Number) -> VoltageClamp:
    """`HHneuronCorbit` held at its start voltage; record `I_inf` (µA/cm², inward positive).

    Give the voltage as a start value: `Population(..., initial={"v": -60.0})`. The clamp current is
    -I_L - I_Na - I_Kv3 - I_Kv1 + I_app as in CompNeuroPy, without the factor 1 / C_m.
    """
    cell = HHneuronCorbit(**parameters)  # pyright: ignore
    return VoltageClamp(cell, C=cell.C_m)
