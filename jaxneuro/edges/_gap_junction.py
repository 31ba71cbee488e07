import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, param

from ._base import AbstractEdge
from ._product import dense_product


class GapJunction(AbstractEdge):
    """Resistors between the neurons of a population: I_j = sum_i g_ij (V_i - V_j).

    V_i is read at the start of the step, V_j is the integrator's own. A resistor has no direction,
    so g is symmetric; training keeps it so, since g is used as (weight + weight^T) / 2 without its
    diagonal. (Between two populations, pass one edge each way, with the transposed weight.)

    **Arguments:**

    - `source`, `target`: names of populations, the same one as a rule.
    - `weight`: conductances, `(pre, post)`; within one population symmetric.
    - `reads`: the leaf of the source's state that is its voltage.

    **Raises:** `ValueError` for a weight that is not symmetric within one population.

    !!! example

        ```python
        edge = GapJunction("exc", "exc", [[0.0, 0.1], [0.1, 0.0]])
        ```
    """

    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    weight: Float[Array, "pre post"] = param()
    # By keyword: it has its place in the order of fields from the class variable it replaces.
    reads: str = eqx.field(static=True, default="v", kw_only=True)  # pyright: ignore
    delay: None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if self.weight.ndim != 2:
            raise ValueError(
                f"GapJunction {self.source!r} -> {self.target!r}: the weight must be a (pre, post) "
                f"matrix, but has shape {self.weight.shape}."
            )
        if self.source != self.target or isinstance(self.weight, Tracer):
            return
        weight = np.asarray(self.weight)
        if weight.shape != weight.T.shape or not np.array_equal(weight, weight.T):
            raise ValueError(
                f"GapJunction {self.source!r} -> {self.target!r}: the weight is not symmetric, but "
                "a resistor conducts both ways alike. Pass (weight + weight.T) / 2."
            )

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
        size = math.prod(source_shape)
        if self.weight.shape[0] != size:
            raise ValueError(
                f"weight has shape {self.weight.shape}, but a source of shape {source_shape} wants "
                f"{size} rows."
            )
        return source_shape if self.source == self.target else self.weight.shape[1:]

    def release(
        self, state: None, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[None, Float[Array, "time ..."]]:
        return None, signals

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        shape = self.output_shape(signals.shape[1:])
        flat = signals.reshape(signals.shape[0], -1)
        return dense_product(flat, self._conductances()).reshape(-1, *shape)

    def step(
        self, state: None, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[None, Drive]:
        total = self._conductances().sum(0).reshape(v.shape)
        return None, Drive(current=events, conductance=total)

    def _conductances(self) -> Float[Array, "pre post"]:
        if self.source != self.target:
            return self.weight
        between = 1.0 - jnp.eye(self.weight.shape[0], dtype=self.weight.dtype)
        return (self.weight + self.weight.T) * 0.5 * between
