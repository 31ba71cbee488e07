"""Artificial neurons of CompNeuroPy 1.0.4: Poisson sources."""

import jax.numpy as jnp

from jaxneuro.edges import Oscillation, UniformDraw
from jaxneuro.neurons import Fragment, IntegratorNeuron, PoissonCell

from ._parts import Number


def IntegratorNeuronSimple(tau: Number = 1.0, neuron_id: Number = 0.0) -> Fragment:
    """An `IntegratorNeuron` that never spikes: it only sums events, `g_ampa`.

    (In CompNeuroPy it is a rate neuron whose rate stays 0.) `tau` in ms.
    """
    return Fragment(IntegratorNeuron(tau=tau, threshold=None, neuron_id=neuron_id))


def PoissonNeuron(rates: Number = 0.0) -> Fragment:
    """Spikes at random at `rates` Hz, at most once a step; drive it to add to the rate."""
    return Fragment(PoissonCell(rates=rates), {"draw": UniformDraw(".draw")})


def PoissonNeuronUpDown(
    rates: Number = 0.0, tau_up: Number = 1.0, tau_down: Number = 1.0
) -> Fragment:
    """Spikes at random at `act` Hz, which follows `rates` with two time constants (ms)."""
    return Fragment(PoissonCell(rates, tau_up, tau_down), {"draw": UniformDraw(".draw")})


def PoissonNeuronSin(
    amplitude: Number = 0.0, base: Number = 0.0, frequency: Number = 0.0, phase: Number = 0.0
) -> Fragment:
    """Spikes at random at rates = amplitude sin(2 pi frequency (t / 1000 - phase)) + base, Hz.

    `frequency` in Hz; `phase` in s, as in CompNeuroPy (not in ms or radians).
    """
    wave = Oscillation("", amplitude, frequency, shift=1000.0 * jnp.asarray(phase, float))
    return Fragment(PoissonCell(rates=base), {"draw": UniformDraw(".draw"), "osc": wave})
