from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxneuro.core import check_bounds, param

# The filtered voltage of an element: a function of the place of a filter, None for V itself.
Taps = Callable[[int | None], Float[Array, "..."]]


class Filter(eqx.Module):
    """A first-order filter of the membrane voltage, which any number of elements may read.

    tau dV_x/dt = V - V_x.

    **Arguments:**

    - `tau`: time constant, ms, shape `()` or that of the population.
    - `v0`: its start value; None starts at the neuron's `filter_start`.
    """

    tau: Float[Array, "..."] = param(unit="ms", lower=0.0)
    v0: Float[Array, "..."] | None = param(None)

    def __check_init__(self):
        check_bounds(self)


class CurrentElement(eqx.Module):
    """A current that depends on the filtered voltage alone: I = a tanh(V_x - delta).

    a < 0 amplifies (a negative conductance around delta), a > 0 restores.

    **Arguments:**

    - `a`: gain, current.
    - `delta`: where the current is 0, voltage.
    - `tau`: time constant of the filter it reads, ms; 0 is V itself. `Neuromorphic` turns it into
      the place of a filter; afterwards it is None and the time constant is the filter's.
    - `v0`: start value of a filter of its own; None shares one.
    - `filter`: the place of that filter, for those who pass the neuron's filters themselves.
    """

    a: Float[Array, "..."] = param()
    delta: Float[Array, "..."] = param()
    tau: float | Float[Array, "..."] | None = 0.0
    v0: float | Float[Array, "..."] | None = None
    filter: int | None = eqx.field(static=True, default=None)

    def current(self, v: Float[Array, "..."], taps: Taps) -> Float[Array, "..."]:
        """The outward current at the membrane voltage v (unused) and the filtered ones."""
        return self.a * jnp.tanh(taps(self.filter) - self.delta)


class Gate(eqx.Module):
    """A gate of a conductance: x = 1 / (1 + exp(-k (V_x - v_off))).

    **Arguments:**

    - `k`: slope, 1 / voltage; k > 0 opens with V (activation), k < 0 closes (inactivation).
    - `v_off`: where it is half open, voltage.
    - `tau`, `v0`, `filter`: as in `CurrentElement`.
    """

    k: Float[Array, "..."] = param()
    v_off: Float[Array, "..."] = param()
    tau: float | Float[Array, "..."] | None = 0.0
    v0: float | Float[Array, "..."] | None = None
    filter: int | None = eqx.field(static=True, default=None)

    def opening(self, taps: Taps) -> Float[Array, "..."]:
        """How far it is open, 0 to 1."""
        return jax.nn.sigmoid(self.k * (taps(self.filter) - self.v_off))


class ConductanceElement(eqx.Module):
    """A conductance with gates: I = g_max (V - e_rev) x_1 x_2 ..., with V always unfiltered.

    Without a gate it is a resistor; `ConductanceElement(1.0)` is the leak I = V.

    **Arguments:**

    - `g_max`: conductance with all gates open.
    - `e_rev`: reversal potential, voltage.
    - `gates`: any number of `Gate`.
    """

    g_max: Float[Array, "..."] = param()
    e_rev: Float[Array, "..."] = param(0.0)
    gates: tuple[Gate, ...] = eqx.field(default=(), converter=tuple)

    def current(self, v: Float[Array, "..."], taps: Taps) -> Float[Array, "..."]:
        """The outward current at the membrane voltage v and the filtered ones."""
        current = self.g_max * (v - self.e_rev)
        for gate in self.gates:
            current = current * gate.opening(taps)
        return current


Element = CurrentElement | ConductanceElement
_Reader = TypeVar("_Reader", CurrentElement, Gate)


def placed(
    elements: tuple[Element, ...], filters: tuple[Filter, ...]
) -> tuple[tuple[Element, ...], tuple[Filter, ...]]:
    """The elements with each time constant replaced by the place of a filter, and all filters.

    Elements of equal tau share one filter, those with a `v0` have their own. Both are told apart
    here, on the host; afterwards the filters' time constants are arrays like any other parameter.
    """
    all_filters = list(filters)
    shared: dict[tuple[object, ...], int] = {}

    def place(reader: _Reader) -> _Reader:
        if reader.tau is None:
            _check_place(reader, len(all_filters))
            return reader
        name = type(reader).__name__
        if isinstance(reader.tau, Tracer):
            raise ValueError(
                f"{name}: tau is being traced, so it cannot be told which elements share a filter. "
                "Pass filters=(Filter(tau), ...) to Neuromorphic, and tau=None, filter=0 here."
            )
        tau = np.asarray(reader.tau, np.float64)
        if not np.all(tau >= 0.0) or (tau.ndim > 0 and not np.all(tau > 0.0)):
            raise ValueError(f"{name}: tau is {reader.tau}; it must be 0 (V itself) or above.")
        if not tau.any():
            if reader.v0 is not None:
                raise ValueError(
                    f"{name}: v0 is {reader.v0}, but tau = 0 reads the voltage itself, which "
                    "starts at the neuron's v_start. Leave v0 out, or give a tau above 0."
                )
            return _with_place(reader, None)
        key = (tau.shape, tau.tobytes())
        if reader.v0 is not None or key not in shared:
            tau, v0 = reader.tau, reader.v0
            all_filters.append(Filter(tau, v0))  # pyright: ignore[reportArgumentType]
            if reader.v0 is not None:
                return _with_place(reader, len(all_filters) - 1)
            shared[key] = len(all_filters) - 1
        return _with_place(reader, shared[key])

    def place_element(element: Element) -> Element:
        if isinstance(element, CurrentElement):
            return place(element)
        gates = tuple(place(gate) for gate in element.gates)
        return ConductanceElement(element.g_max, element.e_rev, gates)

    return tuple(place_element(element) for element in elements), tuple(all_filters)


def _with_place(reader: _Reader, filter: int | None) -> _Reader:
    if isinstance(reader, CurrentElement):
        return CurrentElement(reader.a, reader.delta, None, None, filter)
    return Gate(reader.k, reader.v_off, None, None, filter)


def _check_place(reader: CurrentElement | Gate, count: int) -> None:
    if reader.filter is not None and not 0 <= reader.filter < count:
        raise ValueError(
            f"{type(reader).__name__}: filter is {reader.filter}, but the neuron has {count} "
            "filters. Pass its filters to Neuromorphic, or give the element a tau."
        )
