from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, fits, param

from ._base import AbstractEdge
from ._connectivity import AbstractConnectivity, Dense


class GradedCurrent(AbstractEdge):
    """A synapse without spikes: a current that follows the voltage of its source.

    I_j = sign sum_i w_ij S(x_i),  S(x) = 1 / (1 + exp(-k (x - v_off))),

    with x the leaf `reads` of the source's state at the start of the step.

    **Arguments:**

    - `source`, `target`: names of populations.
    - `weight`: `(pre, post)` matrix, or of the shape that the connectivity wants; the current of an
      open synapse, in the target's unit.
    - `sign`: 1 excites, -1 inhibits.
    - `k`: slope of S, 1 / voltage; `()` or of the source's shape.
    - `v_off`: where S is one half, voltage; `()` or of the source's shape.
    - `reads`: `"v"`, or a filtered voltage: `neuron.filter_path(50.0)` of the source's
      `Neuromorphic` names that of tau = 50 ms, and says so if the neuron has none.
    - `connectivity`: `Dense` over the weight's second axis by default.

    Reference: Ribar & Sepulchre (2021), IEEE Control Syst. Mag. 41:58.

    !!! example

        ```python
        slow = burster().filter_path(50.0)
        edge = GradedCurrent("a", "b", [[0.2]], sign=-1, v_off=-1.0, reads=slow)
        ```
    """

    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    weight: Float[Array, "..."] = param()
    sign: int = eqx.field(static=True, default=1)
    k: Float[Array, "..."] = param(2.0)
    v_off: Float[Array, "..."] = param(0.0)
    # By keyword: it has its place in the order of fields from the class variable it replaces.
    reads: str = eqx.field(static=True, default="v", kw_only=True)  # pyright: ignore
    connectivity: AbstractConnectivity = eqx.field(default=None)  # pyright: ignore
    delay: None = eqx.field(static=True, default=None)

    def __post_init__(self):
        self.connectivity = _dense_unless_told(self)

    def __check_init__(self):
        if self.sign not in (1, -1):
            raise ValueError(f"GradedCurrent: sign is {self.sign}; 1 excites and -1 inhibits.")

    @property
    def releases_evenly(self) -> bool:
        return True

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> None:
        return None

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        return _output_shape(self, source_shape)

    def release(
        self, state: None, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[None, Float[Array, "time ..."]]:
        return None, _opening(signals, self.k, self.v_off)

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        return self.connectivity.propagate(self.weight, signals)

    def step(
        self, state: None, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[None, Drive]:
        return None, Drive(current=self.sign * events)


class GradedConductance(AbstractEdge):
    """A synapse without spikes: a conductance that follows the voltage of its source.

    I_j = g_j (e_rev - V_j),  g_j = sum_i w_ij S(x_i), S and x as in `GradedCurrent`.

    V_j is drawn towards e_rev. The original program has the opposite sign: there a positive weight
    pushes V away from e_rev.

    **Arguments:**

    - `weight`: as in `GradedCurrent`; the conductance of an open synapse.
    - `e_rev`: reversal potential, voltage, `()` or of the target's shape.
    - `source`, `target`, `k`, `v_off`, `reads`, `connectivity`: as in `GradedCurrent`.

    Reference: Ribar & Sepulchre (2021), IEEE Control Syst. Mag. 41:58.

    !!! example

        ```python
        edge = GradedConductance("a", "b", jnp.full((10, 5), 0.1), e_rev=-3.0, v_off=-1.0)
        ```
    """

    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    weight: Float[Array, "..."] = param()
    e_rev: Float[Array, "..."] = param(0.0)
    k: Float[Array, "..."] = param(2.0)
    v_off: Float[Array, "..."] = param(0.0)
    # By keyword: it has its place in the order of fields from the class variable it replaces.
    reads: str = eqx.field(static=True, default="v", kw_only=True)  # pyright: ignore
    connectivity: AbstractConnectivity = eqx.field(default=None)  # pyright: ignore
    delay: None = eqx.field(static=True, default=None)

    def __post_init__(self):
        self.connectivity = _dense_unless_told(self)

    @property
    def releases_evenly(self) -> bool:
        return True

    def init(
        self,
        source_shape: tuple[int, ...],
        target_shape: tuple[int, ...],
        key: Key[Array, ""],
        inference: bool,
    ) -> None:
        return None

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        shape = _output_shape(self, source_shape)
        if not fits(self.e_rev.shape, shape):
            raise ValueError(
                f"e_rev has shape {self.e_rev.shape}, which does not fit a target of shape "
                f"{shape}. Pass one number, or shape {shape}."
            )
        return shape

    def release(
        self, state: None, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[None, Float[Array, "time ..."]]:
        return None, _opening(signals, self.k, self.v_off)

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        return self.connectivity.propagate(self.weight, signals)

    def step(
        self, state: None, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[None, Drive]:
        return None, Drive(current=events * self.e_rev, conductance=events)


def _opening(
    signals: Float[Array, "time ..."], k: Float[Array, "..."], v_off: Float[Array, "..."]
) -> Float[Array, "time ..."]:
    return jax.vmap(lambda v: jax.nn.sigmoid(k * (v - v_off)))(signals)


def _dense_unless_told(edge: GradedCurrent | GradedConductance) -> AbstractConnectivity:
    """The edge's connectivity, by default all to all for its matrix of weights."""
    if edge.connectivity is not None:
        return edge.connectivity
    shape = np.shape(edge.weight)
    if len(shape) != 2:
        raise ValueError(
            f"{type(edge).__name__} {edge.source!r} -> {edge.target!r}: without a connectivity "
            f"the weight must be a (pre, post) matrix, but has shape {shape}."
        )
    return Dense(shape[1])


def _output_shape(
    edge: GradedCurrent | GradedConductance, source_shape: tuple[int, ...]
) -> tuple[int, ...]:
    wanted = edge.connectivity.weight_shape(source_shape)
    if edge.weight.shape != wanted:
        raise ValueError(
            f"weight has shape {edge.weight.shape}, but a source of shape {source_shape} through "
            f"{type(edge.connectivity).__name__} wants {wanted or 'none'}."
        )
    for name, value in (("k", edge.k), ("v_off", edge.v_off)):
        if not fits(value.shape, source_shape):
            raise ValueError(
                f"{name} has shape {value.shape}, which does not fit a source of shape "
                f"{source_shape}. Pass one number, or shape {source_shape}."
            )
    return edge.connectivity.output_shape(source_shape)
