import functools
import operator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Key

from jaxneuro.core import Drive, fits, leaf_paths, param

from ._base import AbstractODENeuron
from ._elements import Element, Filter, Taps, placed
from ._options import crossing_margin, filled


class FilteredVoltage(eqx.Module):
    """The state of `Neuromorphic`: its voltage and, one leaf each, the voltages of its filters."""

    v: Float[Array, "..."]
    filters: tuple[Float[Array, "..."], ...]


class Neuromorphic(AbstractODENeuron):
    """A membrane whose excitability is composed of elements on several time scales.

    C dV/dt = I_app - sum of the elements' I_e,  tau_x dV_x/dt = V - V_x for each filter.

    There is no reset: a spike is counted where V crosses `threshold` upwards. The numbers are
    dimensionless or in mV, as the elements are; time is in ms.

    Elements of equal tau share a filter. What they share is fixed when the neuron is made; the time
    constant itself is one array, `neuron.filters[i].tau`, which can be trained, swept and changed
    while running, as every other parameter (`neuron.elements[i].a`).

    **Arguments:**

    - `elements`: `CurrentElement` and `ConductanceElement`, any number.
    - `C`: capacitance; with it 1 the currents are voltages per ms.
    - `v_start`, `filter_start`: V and every V_x before the first step.
    - `threshold`: where an upward crossing of V is a spike.
    - `filters`: `Filter`s that elements with `tau=None, filter=i` read; those of the elements
      with a tau of their own are added. Needed only where a tau is traced when the neuron is made.

    Different from the original program: an element's `v0=0` is a start value as any other (there
    it is ignored); the start of the filters belongs to one neuron (there it is shared by all
    neurons and changes with the latest one); Euler's method is the integrator `Euler()` (there
    `simulate(method="Euler")` fails). Its adaptive solver's default tolerance shifts the period of
    a burst by up to 0.4 ms; ours is `jaxneuro.simulation.solve_adaptive`. `RK4()` at dt = 0.5 ms
    has that period to 0.03 ms.

    Reference: Ribar & Sepulchre (2019), IEEE Trans. Circuits Syst. I 66:3028;
    Ribar & Sepulchre (2021), IEEE Control Syst. Mag. 41:58.

    !!! example

        ```python
        leak = ConductanceElement(1.0)
        fast = CurrentElement(a=-2.0, delta=0.0, tau=0.0)
        slow = CurrentElement(a=2.0, delta=0.0, tau=50.0)
        neuron = Neuromorphic((leak, fast, slow))
        ```
    """

    elements: tuple[Element, ...]
    C: Float[Array, "..."] = param(1.0, lower=0.0)
    v_start: Float[Array, "..."] = param(-1.9)
    filter_start: Float[Array, "..."] = param(-1.8)
    threshold: Float[Array, "..."] = param(0.0)
    filters: tuple[Filter, ...] = ()

    def __post_init__(self):
        self.elements, self.filters = placed(tuple(self.elements), tuple(self.filters))

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> FilteredVoltage:
        _check_all_shapes(self, shape)
        starts = [self.filter_start if f.v0 is None else f.v0 for f in self.filters]
        filters = tuple(jnp.broadcast_to(start, shape) for start in starts)
        return FilteredVoltage(filled(self, "v_start", shape), filters)

    def derivative(self, state: FilteredVoltage, drive: Drive) -> FilteredVoltage:
        v = state.v
        outward = self._current(v, lambda place: v if place is None else state.filters[place])
        filters = zip(state.filters, self.filters, strict=True)
        slopes = tuple((v - filtered) / filter.tau for filtered, filter in filters)
        return FilteredVoltage((drive.at(v) - outward) / self.C, slopes)

    def margin(self, old: FilteredVoltage, new: FilteredVoltage) -> Float[Array, "..."]:
        return crossing_margin(old.v, new.v, self.threshold, 1.0)

    def reset(self, state: FilteredVoltage, spikes: Float[Array, "..."]) -> FilteredVoltage:
        return state

    def static_current(
        self,
        v: Float[Array, "..."],
        v_rest: Float[Array, "..."] | float,
        tau: Float[Array, ""] | float,
    ) -> Float[Array, "..."]:
        """The elements' current if the filters up to `tau` followed V and the slower ones did not.

        Over v it is the I-V curve of the time scale `tau`; with v_rest = v the steady state.

        **Arguments:**

        - `v`: the membrane voltage.
        - `v_rest`: where the filters slower than `tau` (ms) still are.
        """

        def followed(place: int | None) -> Float[Array, "..."]:
            return v if place is None else jnp.where(self.filters[place].tau <= tau, v, v_rest)

        return self._current(v, followed)

    def filter_path(self, tau: float) -> str:
        """The leaf of the state that is V filtered with `tau` (ms), for an edge to read.

        **Raises:** `ValueError` if this neuron has none; of several, the first is named.
        """
        if tau == 0.0:
            return "v"
        if any(isinstance(filter.tau, Tracer) for filter in self.filters):
            raise ValueError("Neuromorphic: call filter_path before tracing, for the edge's reads.")
        taus = [np.asarray(filter.tau) for filter in self.filters]
        for place, own in enumerate(taus):
            if np.all(own == np.asarray(tau, own.dtype)):
                return f"filters.{place}"
        raise ValueError(
            f"Neuromorphic: no filter has tau = {tau:g} ms; there are {[t.tolist() for t in taus]}."
            f" Give the neuron one (filters=(Filter({tau:g}),)), or let the edge read one of those."
        )

    def _current(self, v: Float[Array, "..."], taps: Taps) -> Float[Array, "..."]:
        return functools.reduce(
            operator.add, (part.current(v, taps) for part in self.elements), jnp.zeros_like(v)
        )


def _check_all_shapes(neuron: Neuromorphic, shape: tuple[int, ...]) -> None:
    """As `check_shapes`, for the parameters of elements and filters too."""
    for path, leaf in zip(leaf_paths(neuron), jax.tree.leaves(neuron), strict=True):
        if not fits(leaf.shape, shape):
            raise ValueError(
                f"Neuromorphic: {path} has shape {leaf.shape}, which does not fit a population of "
                f"shape {shape}. Give one number, or an array of shape {shape}."
            )
