"""Populations of Calvin & Redish (2021): conductance LIF cells with AMPA, NMDA, GABA and noise.

Units: mV, ms, nF, µS and nA throughout, rates in Hz. C / g_leak is then in ms, and g (e - v) in nA.
"""

from typing import Any

import jax.numpy as jnp

from jaxneuro.edges import AMPA, GABAA, NMDA, AbstractKinetics, PoissonNoise, SharedReceptor
from jaxneuro.integrators import AbstractIntegrator, Heun
from jaxneuro.neurons import LIF, Fragment, Population, Refractory, UniformStart

from ._parts import Number

OPENINGS = {
    "s_ampa": "ampa.s",
    "x_nmda": "nmda.x",
    "s_nmda": "nmda.s",
    "s_gaba": "gaba.s",
    "s_noise": "noise.s",
}


def PyramidalPopulation(
    size: int | tuple[int, ...],
    *,
    C: Number = 0.5,
    g_leak: Number = 0.025,
    v_leak: Number = -70.0,
    threshold: Number = -52.0,
    v_reset: Number = -60.0,
    period: Number = 2.0,
    g_ampa: Number = 0.7,
    g_nmda: Number = 0.07,
    g_gaba: Number = 0.1,
    g_noise: Number = 0.003,
    noise_rate: Number = 1800.0,
    e_ampa: Number = 0.0,
    e_nmda: Number = 0.0,
    e_gaba: Number = -70.0,
    mg: Number = 1.0,
    ampa: AbstractKinetics | None = None,
    nmda: AbstractKinetics | None = None,
    gaba: AbstractKinetics | None = None,
    whole_steps: bool = True,
    integrator: AbstractIntegrator | None = None,
    **options: Any,
) -> Population:
    """Pyramidal cells: leaky integrate-and-fire with AMPA, NMDA and GABA receptors and noise.

    C dv/dt = -g_leak (v - v_leak) - g_ampa s_ampa (v - e_ampa) - g_gaba s_gaba (v - e_gaba)
    - g_nmda s_nmda (v - e_nmda) / (1 + mg / 3.57 exp(-0.062 v)) - g_noise s_noise (v - e_ampa);
    a spike where v > threshold, after which v is v_reset for a while.

    Projections reach the receptors as `"exc/ampa"`, `"exc/nmda"` and `"exc/gaba"` (a pyramidal cell
    projects to the first two, an interneuron to the third); events of weight w raise s_ampa, s_gaba
    and the x of NMDA by w. Noise is external AMPA. Currents (nA, a positive one depolarises) come
    from the inputs of `simulate`, or from edges that aim at the population itself: `TunedCurrent`
    (the original's afferents, of 0.15 nA), `TunedPoisson` with `AMPA(g_max=0.001)`, `GaussianNoise`
    (`per_step=True` is that of the original).

    Recordable beside v: `exc/ampa.s`, `exc/nmda.x`, `exc/nmda.s`, `exc/gaba.s`, `exc/noise.s`.

    v starts at random, uniformly between v_reset and threshold, unless `initial` says otherwise.

    **Arguments:**

    - `size`: number of neurons, or a shape.
    - `C`: capacitance, nF.
    - `g_leak`, `g_ampa`, `g_nmda`, `g_gaba`, `g_noise`: conductances, µS; those of synapses at an
      open fraction of 1.
    - `v_leak`, `e_ampa`, `e_nmda`, `e_gaba`: reversal potentials, mV.
    - `threshold`, `v_reset`: mV.
    - `period`: refractory period, ms.
    - `noise_rate`: events of the noise at each neuron, Hz.
    - `mg`: as in `edges.MagnesiumBlock`, mM.
    - `ampa`, `nmda`, `gaba`: other kinetics. By default AMPA and GABA are `FirstOrder` (2 and
      10 ms), NMDA is `SecondOrder` (2 and 80 ms).
    - `whole_steps`: False resets v where in the step it crosses the threshold, and ends the
      refractory period at its exact time, so that spike times (`spike_times="interpolated"`) are of
      second order in dt. It takes about twice as long.
    - `integrator`: `Heun()`, which is what the original means. (Its own predictor lacks the factor
      1 / C, which makes it first order.)
    - `options`: further ones of `Population`.

    **Returns:** a `Population`; its parameters can be arrays of its shape.

    Reference: Calvin & Redish (2021), ModelDB 267046; after Wang (1999), J. Neurosci. 19:9587.

    !!! example

        ```python
        net = Network(
            {"pyr": PyramidalPopulation(80), "int": InterneuronPopulation(20)},
            {
                "pyr_int": Projection("pyr", "int/ampa", jnp.full((80, 20), 1 / 80)),
                "int_pyr": Projection("int", "pyr/gaba", jnp.full((20, 80), 1 / 20)),
            },
        )
        run = simulate(net, {"pyr": Constant(0.6)}, dt=0.1, steps=1000, key=jax.random.key(0))
        ```
    """
    C, g_leak = jnp.asarray(C, float), jnp.asarray(g_leak, float)
    cell = LIF(
        tau=C / g_leak,
        threshold=threshold,
        v_rest=v_leak,
        v_reset=v_reset,
        resistance=1.0 / g_leak,
        reset_by="value",
    )
    receptors = {
        "ampa": AMPA(g_ampa, e_ampa, kinetics=ampa),
        "nmda": NMDA(g_nmda, e_nmda, mg=mg, kinetics=nmda),
        "gaba": GABAA(g_gaba, e_gaba, kinetics=gaba),
        "noise": AMPA(g_noise, e_ampa),
    }
    edges: dict[str, Any] = {name: SharedReceptor("", part) for name, part in receptors.items()}
    edges["background"] = PoissonNoise("/noise", noise_rate)
    own: dict[str, Any] = {"initial": {"v": UniformStart(v_reset, threshold)}}
    if not whole_steps:
        own["reset_gradient"] = "event"
    return Population(
        Fragment(Refractory(cell, period, whole_steps=whole_steps), edges, OPENINGS),
        size,
        integrator=Heun() if integrator is None else integrator,
        **own | options,
    )


def InterneuronPopulation(size: int | tuple[int, ...], **parameters: Any) -> Population:
    """Interneurons: as `PyramidalPopulation`, smaller and quicker.

    The original gives them GABA receptors of 0.1 µS that its equation of v leaves out. Here the
    equation has them, with g_gaba = 0; pass `g_gaba=0.1` for interneurons that inhibit each other.

    **Arguments:**

    - `size`: as in `PyramidalPopulation`.
    - `parameters`: as there, with the defaults C = 0.2, g_leak = 0.02, v_leak = -65, period = 1,
      g_ampa = 0.2, g_nmda = 0.02, g_gaba = 0.

    !!! example

        ```python
        cells = InterneuronPopulation(20, g_gaba=0.1)
        ```
    """
    own = {"C": 0.2, "g_leak": 0.02, "v_leak": -65.0, "period": 1.0}
    own |= {"g_ampa": 0.2, "g_nmda": 0.02, "g_gaba": 0.0}
    return PyramidalPopulation(size, **own | parameters)


def PyramidalRing(size: int | tuple[int, ...], **parameters: Any) -> Population:
    """Pyramidal cells of a ring of preferred directions, excited by each other through NMDA alone.

    Neuron i of n prefers the direction 2 pi i / n; only the edges that join it to others know that
    (`topology.ring_weights`, `TunedPoisson(..., directions=n)`).

    **Arguments:**

    - `size`: as in `PyramidalPopulation`.
    - `parameters`: as there, with the defaults threshold = -50, g_ampa = 0, g_nmda = 0.4,
      g_gaba = 1.4, g_noise = 0.0031.

    Reference: Calvin & Redish (2021), ModelDB 267046; after Compte, Brunel, Goldman-Rakic & Wang
    (2000), Cereb. Cortex 10:910.

    !!! example

        ```python
        ring = PyramidalRing(256)
        edge = TunedPoisson("cue", "ring", 256, kappa=15.7, receptor=AMPA(g_max=0.001))
        ```
    """
    own = {"threshold": -50.0, "g_noise": 0.0031}
    own |= {"g_ampa": 0.0, "g_nmda": 0.4, "g_gaba": 1.4}
    return PyramidalPopulation(size, **own | parameters)


def InterneuronRing(size: int | tuple[int, ...], **parameters: Any) -> Population:
    """Interneurons of a ring: excited through NMDA, and inhibited by each other.

    **Arguments:**

    - `size`: as in `PyramidalPopulation`.
    - `parameters`: as there, with the defaults threshold = -50, C = 0.2, g_leak = 0.02, period = 1,
      g_ampa = 0, g_nmda = 0.3, g_gaba = 1.05, g_noise = 0.00238.

    Reference: as of `PyramidalRing`.

    !!! example

        ```python
        inhibition = InterneuronRing(64)
        ```
    """
    own = {"threshold": -50.0, "g_noise": 0.00238, "C": 0.2, "g_leak": 0.02, "period": 1.0}
    own |= {"g_ampa": 0.0, "g_nmda": 0.3, "g_gaba": 1.05}
    return PyramidalPopulation(size, **own | parameters)
