"""Ring attractors of Calvin & Redish (2021): one ring that holds a cue, and a task of two rings."""

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxneuro.edges import AMPA, AbstractEdge, Projection, TunedPoisson
from jaxneuro.network import Network
from jaxneuro.neurons import Input, Population
from jaxneuro.topology import all_to_all, ring_weights

from ._artificial import IntegratorNeuronSimple
from ._calvin_redish import InterneuronRing, PyramidalRing
from ._parts import Number

KAPPA = 2.0 * math.pi / 0.4
RINGS = "perception", "memory"


def cue_probe_ring(
    pyramidal: int = 1024,
    interneurons: int = 256,
    *,
    g_nmda: Number = 0.35,
    g_gaba: Number = 1.25,
    g_ampa_int: Number = 0.66,
    g_nmda_int: Number = 0.2,
    g_gaba_int: Number = 1.0,
    g_cue: Number = 0.001,
    kappa: Number = KAPPA,
    p: float = 0.7,
    sigma: float = 0.05,
    sparse: bool = True,
    of_pyramidal: Mapping[str, Any] | None = None,
    of_interneurons: Mapping[str, Any] | None = None,
) -> Network:
    """A ring that goes on firing where a cue was: spatial working memory.

    `"pyr"` excites itself through NMDA, the more the closer two preferred directions 2 pi i / n
    are, and `"int"` through AMPA and NMDA evenly; `"int"` inhibits both evenly. All weights onto a
    neuron add up to 1. The input `"cue"` is the (rate, Hz; direction, rad) of Poisson events, of
    which a neuron hears rate exp(kappa (cos(theta - direction) - 1)); the original's is 1250 Hz.

    Spikes arrive one step after they were sent; in the original they do within the step.

    **Arguments:**

    - `pyramidal`, `interneurons`: number of neurons.
    - `g_nmda`, `g_gaba`: conductances of pyramidal cells, µS.
    - `g_ampa_int`, `g_nmda_int`, `g_gaba_int`: those of interneurons, µS.
    - `g_cue`: conductance of the cue's AMPA receptors, µS.
    - `kappa`: sharpness of the cue.
    - `p`, `sigma`: as in `topology.ring_weights`.
    - `sparse`: False keeps the weights as matrices. Lists of synapses, of which only those of
      neurons that fire are visited, are faster on a CPU, several times at the default size.
    - `of_pyramidal`, `of_interneurons`: further parameters of `PyramidalRing` and
      `InterneuronRing`, by name.

    **Returns:** a `Network`.

    Reference: Calvin & Redish (2021), ModelDB 267046; after Compte, Brunel, Goldman-Rakic & Wang
    (2000), Cereb. Cortex 10:910.

    !!! example

        ```python
        net = cue_probe_ring(256, 64)
        cue = Cues(start=[300.0], stop=[600.0], values=[[1250.0, 3.14]])
        run = simulate(net, {"cue": cue}, dt=0.1, steps=15000, key=key, record=("pyr.spikes",))
        ```
    """
    pyr = {"g_nmda": g_nmda, "g_gaba": g_gaba}
    own = {"g_ampa": g_ampa_int, "g_nmda": g_nmda_int, "g_gaba": g_gaba_int}
    nodes: dict[str, Population | Input] = {
        "cue": Input(2),
        "pyr": PyramidalRing(pyramidal, **pyr | dict(of_pyramidal or {})),
        "int": InterneuronRing(interneurons, **own | dict(of_interneurons or {})),
    }
    profile = ring_weights(pyramidal, pyramidal, p=p, sigma=sigma)
    edges = _ring("pyr", "int", profile, interneurons, sparse)
    edges["pyr_int_ampa"] = _even("pyr", "int/ampa", pyramidal, interneurons, sparse)
    edges["cue_pyr"] = TunedPoisson("cue", "pyr", pyramidal, kappa, receptor=AMPA(g_cue))
    return Network(nodes, edges)


def dual_ring(
    pyramidal: int = 1024,
    interneurons: int = 256,
    *,
    g_nmda: Number = 0.37,
    g_gaba: Number = 1.25,
    g_nmda_int: tuple[Number, Number] = (0.3, 0.35),
    g_gaba_int: Number = 1.0,
    nmda: Number = 1.0,
    coupling: Number = 0.1,
    g_cue: Number = 0.001,
    kappa: Number = KAPPA,
    p: float = 0.7,
    sigma: float = 0.05,
    action: Float[Array, "rings pyramidal responses"] | None = None,
    sparse: bool = True,
    of_pyramidal: Mapping[str, Any] | None = None,
    of_interneurons: Mapping[str, Any] | None = None,
) -> Network:
    """Two rings for tasks in which what came before decides what a stimulus means.

    The input `"cue"` drives the ring `"perception"`, which follows each stimulus at once. It drives
    the ring `"memory"` weakly, which follows more slowly, and so still holds a cue when perception
    already holds the probe. The interneurons are `"perception_int"` and `"memory_int"`. Spikes of
    both rings add up in two accumulators `"response"` (`"response.g_ampa"`), which forget with
    80 ms; a response is drawn from softmax(k / 5) of what they hold, k.

    **Arguments:**

    - `pyramidal`, `interneurons`: number of neurons of each ring.
    - `g_nmda_int`: conductance of NMDA of the interneurons, in perception and in memory, µS.
    - `g_nmda`, `g_gaba`, `g_gaba_int`, `g_cue`, `kappa`, `p`, `sigma`, `sparse`, `of_pyramidal`,
      `of_interneurons`: as in `cue_probe_ring`, for both rings.
    - `nmda`: factor on all conductances of NMDA (the original's hypofunction).
    - `coupling`: factor on the weights from perception to memory, whose profile is that inside a
      ring.
    - `action`: what a spike of each neuron adds to each accumulator, first those of perception; 0
      by default.

    **Returns:** a `Network`.

    Reference: Calvin & Redish (2021), ModelDB 267046.

    !!! example

        ```python
        net = dual_ring(256, 64)
        cue = Cues(start=[500.0, 5500.0], stop=[1500.0, 6000.0],
                   values=[[1250.0, 0.0], [1250.0, 3.14]])
        run = simulate(net, {"cue": cue}, dt=0.1, steps=66000, key=key, record=("memory.spikes",))
        ```
    """
    excited = {"g_nmda": nmda * jnp.asarray(g_nmda, float), "g_gaba": g_gaba}
    profile = ring_weights(pyramidal, pyramidal, p=p, sigma=sigma)
    nodes: dict[str, Population | Input] = {
        "cue": Input(2),
        "response": Population(IntegratorNeuronSimple(tau=80.0), 2),
    }
    edges: dict[str, AbstractEdge] = {}
    action = jnp.zeros((2, pyramidal, 2)) if action is None else action
    for ring, g_int, weight in zip(RINGS, g_nmda_int, action, strict=True):
        own = {"g_nmda": nmda * jnp.asarray(g_int, float), "g_gaba": g_gaba_int}
        inside = f"{ring}_int"
        nodes[ring] = PyramidalRing(pyramidal, **excited | dict(of_pyramidal or {}))
        nodes[inside] = InterneuronRing(interneurons, **own | dict(of_interneurons or {}))
        edges |= _ring(ring, inside, profile, interneurons, sparse)
        edges[f"{ring}_response"] = Projection(ring, "response", weight)
    edges["perception_memory"] = _joined("perception", "memory/nmda", coupling * profile, sparse)
    receptor = AMPA(g_cue)
    edges["cue_perception"] = TunedPoisson("cue", "perception", pyramidal, kappa, receptor=receptor)
    return Network(nodes, edges)


def _ring(
    pyr: str, inside: str, profile: Float[Array, "pre post"], interneurons: int, sparse: bool
) -> dict[str, AbstractEdge]:
    """The edges inside a ring, without AMPA."""
    pyramidal = profile.shape[0]
    return {
        f"{pyr}_{pyr}": _joined(pyr, f"{pyr}/nmda", profile, sparse),
        f"{pyr}_{inside}": _even(pyr, f"{inside}/nmda", pyramidal, interneurons, sparse),
        f"{inside}_{pyr}": _even(inside, f"{pyr}/gaba", interneurons, pyramidal, sparse),
        f"{inside}_{inside}": _even(inside, f"{inside}/gaba", interneurons, interneurons, sparse),
    }


def _even(source: str, target: str, pre: int, post: int, sparse: bool) -> Projection:
    """All to all, with weights that add up to 1 at each target."""
    return _joined(source, target, jnp.full((pre, post), 1.0 / pre), sparse)


def _joined(source: str, target: str, weight: Float[Array, "pre post"], sparse: bool) -> Projection:
    if not sparse:
        return Projection(source, target, weight)
    return Projection(source, target, weight.reshape(-1), all_to_all(*weight.shape))
