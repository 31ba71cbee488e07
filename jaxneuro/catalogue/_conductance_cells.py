"""Cells of the conductance networks: LIF with adaptation, two receptors, and two kinds of noise.

Units: mV and ms; conductances in 1/ms, currents in mV/ms (both per capacitance).
"""

from typing import Any, Literal

from jaxneuro.core import check_option
from jaxneuro.edges import (
    AbstractReceptor,
    Delta,
    ExponentialConductance,
    GaussianEvents,
    GaussianNoise,
    NonNegative,
    SharedReceptor,
)
from jaxneuro.integrators import AbstractIntegrator, Euler
from jaxneuro.neurons import ConductanceLIF, Fragment, Population, Refractory

from ._parts import Number

Noise = Literal["white", "per_step"]
CONDUCTANCES = {"g_exc": "ampa.g", "g_inh": "gaba.g"}


def ConductanceCells(
    size: int | tuple[int, ...],
    *,
    tau: Number = 10.0,
    threshold: Number = -55.0,
    v_rest: Number = -65.0,
    v_reset: Number = -75.0,
    period: Number = 2.0,
    delta_w: Number = 0.5,
    tau_w: Number = 100.0,
    e_adaptation: Number = -90.0,
    adaptation: Literal["current", "conductance"] = "current",
    tau_exc: Number = 3.0,
    tau_inh: Number = 7.0,
    e_exc: Number = 0.0,
    e_inh: Number = -70.0,
    v_noise: Number | None = None,
    g_noise: Number | None = None,
    noise: Noise = "white",
    integrator: AbstractIntegrator | None = None,
    **options: Any,
) -> Population:
    """Leaky integrate-and-fire cells with adaptation and conductances that decay exponentially.

    dv/dt = (v_rest - v) / tau + g_exc (e_exc - v) + g_inh (e_inh - v) - w; a spike where
    v > threshold, after which v is v_reset for a while, and w grows by delta_w.

    Projections reach the receptors as `"cells/ampa"` and `"cells/gaba"`; events of weight q raise
    the conductance by q. Recordable beside v and w: `cells/ampa.g`, `cells/gaba.g`.

    Noise is `"white"`: v moves by v_noise sqrt(dt) xi in each step, and each conductance by
    g_noise sqrt(dt) xi, but not below 0. Or it is as in programs that draw `"per_step"`: v moves by
    v_noise xi, and each conductance by the positive part of g_noise xi, whatever dt is.

    **Arguments:**

    - `size`: number of neurons, or a shape.
    - `tau`, `threshold`, `v_rest`, `v_reset`, `delta_w`, `tau_w`, `e_adaptation`, `adaptation`: as
      in `neurons.ConductanceLIF`.
    - `period`: refractory period, ms.
    - `tau_exc`, `tau_inh`: time constants of the conductances, ms.
    - `e_exc`, `e_inh`: their reversal potentials, mV.
    - `v_noise`: mV / sqrt(ms), or mV per step; None leaves it out.
    - `g_noise`: 1 / (ms sqrt(ms)), or 1 / ms per step; None leaves it out.
    - `noise`: as above.
    - `integrator`: `Euler()`, which is what the original does.
    - `options`: further ones of `Population`.

    **Returns:** a `Population`; its parameters can be arrays of its shape.

    Reference: ImagineOrange/Spiking-Neural-Network-Experiments (2025); Destexhe et al. (2001),
    Neuroscience 107:13 (of fluctuating conductances).

    !!! example

        ```python
        net = Network({"cells": ConductanceCells(100, v_noise=0.5, g_noise=0.05)})
        run = simulate(net, dt=0.1, steps=1000, key=jax.random.key(0), record=("cells/ampa.g",))
        ```
    """
    check_option(noise, Noise, "ConductanceCells: noise")
    cell = ConductanceLIF(
        tau=tau,
        threshold=threshold,
        v_rest=v_rest,
        v_reset=v_reset,
        delta_w=delta_w,
        tau_w=tau_w,
        e_adaptation=e_adaptation,
        adaptation=adaptation,
    )
    is_white = noise == "white"
    edges: dict[str, Any] = {}
    for name, part in (
        ("ampa", ExponentialConductance(tau_exc, e_exc)),
        ("gaba", ExponentialConductance(tau_inh, e_inh)),
    ):
        may_fall = is_white and g_noise is not None
        receptor: AbstractReceptor = NonNegative(part) if may_fall else part
        edges[name] = SharedReceptor("", receptor)
        if g_noise is not None:
            edges[f"{name}_noise"] = GaussianEvents(
                f"/{name}", g_noise, rectified=not is_white, per_step=not is_white
            )
    if v_noise is not None and is_white:
        edges["v_noise"] = GaussianNoise("", sd=v_noise)
    elif v_noise is not None:
        edges["kick"] = SharedReceptor("", Delta())
        edges["v_noise"] = GaussianEvents("/kick", v_noise, per_step=True)
    return Population(
        Fragment(Refractory(cell, period), edges, CONDUCTANCES),
        size,
        integrator=Euler() if integrator is None else integrator,
        **options,
    )
