from typing import Any, Literal

import equinox as eqx
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Key

from jaxneuro.core import Context, Drive, check_option, fits, param

from ._arriving import SparseEvents
from ._base import AbstractEdge
from ._connectivity import AbstractConnectivity, Dense, Sparse
from ._delays import deliver, innermost
from ._receptors import AbstractReceptor, Direct

SpikeTimes = Literal["grid", "interpolated"]


class Projection(AbstractEdge):
    """A bundle of synapses: weight, connectivity, receptor and delay.

    **Arguments:**

    - `source`, `target`: names of nodes; a population may project to itself.
    - `weight`: in the target's unit of current per spike (or of conductance, or of v, as the
      receptor reads it), of the shape that the connectivity wants; None until `initialise` or
      `fluctuation_driven` draws it.
    - `connectivity`: `Dense` over the weight's second axis by default.
    - `receptor`: `Direct()` by default.
    - `delay`: ms; None means one step, 0 within the same step.
    - `delays`: instead, one for each synapse of a `Sparse` connectivity, ms, `(synapses,)`; they
      are rounded to steps, at least one.
    - `longest_delay`: the most that `delays` can be, ms; by default their maximum.
    - `spike_times`: `"grid"` hands spikes over at the end of their step, `"interpolated"` when they
      crossed the threshold within it: an event at the fraction c of a step is shared between the
      start of the step (1 - c) and that of the next (c), to which every receptor, being smooth
      between events, responds as to the event itself, with an error of second order in dt. The
      delay counts from the crossing then. With `reset_gradient="event"` the gradient through the
      spike is that of its time alone.
    - `bias`: a constant current into each target neuron: `()`, or of the target's rank with
      its lengths or 1, such as `(1, 1, 32)` for one number per channel.

    !!! example

        ```python
        edge = Projection("exc", "inh", weight=jnp.ones((80, 20)), delay=1.5)
        ```
    """

    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    weight: Float[Array, "..."] | None = param(None)
    connectivity: AbstractConnectivity = eqx.field(default=None)  # pyright: ignore
    receptor: AbstractReceptor = eqx.field(default_factory=Direct)
    delay: float | None = eqx.field(static=True, default=None)
    bias: Float[Array, "..."] | None = param(None)
    delays: Float[Array, "synapses"] | None = param(None, unit="ms")
    longest_delay: float | None = eqx.field(static=True, default=None)
    spike_times: SpikeTimes = eqx.field(static=True, default="grid")

    def __post_init__(self):
        if self.delays is not None and self.longest_delay is None:
            if isinstance(self.delays, Tracer):
                raise ValueError(
                    f"Projection {self.source!r} -> {self.target!r}: its delays are traced; pass "
                    "longest_delay, which fixes how many steps are kept."
                )
            self.longest_delay = float(np.max(np.asarray(self.delays), initial=0.0))
        if self.connectivity is not None:
            return
        # Not `self.weight.ndim`: it may still be the nested list that was passed.
        shape = None if self.weight is None else np.shape(self.weight)
        if shape is None or len(shape) != 2:
            raise ValueError(
                f"Projection {self.source!r} -> {self.target!r}: without a connectivity the "
                "weight must be a (pre, post) matrix. Pass one, or connectivity=Dense(post)."
            )
        self.connectivity = Dense(shape[1])

    def __check_init__(self):
        what = f"Projection {self.source!r} -> {self.target!r}"
        check_option(self.spike_times, SpikeTimes, f"{what}: spike_times")
        if self.delays is None:
            return
        if self.delay is not None:
            raise ValueError(f"{what}: it has delay and delays; pass one of them.")
        sparse = innermost(self.connectivity)
        if not isinstance(sparse, Sparse):
            raise ValueError(
                f"{what}: delays are one for each synapse of a Sparse connectivity, but it has "
                f"{type(sparse).__name__}. jaxneuro.topology.all_to_all lists all pairs."
            )
        if self.delays.shape != sparse.pre.shape:
            raise ValueError(
                f"{what}: delays have shape {self.delays.shape}, but there are {sparse.pre.size} "
                "synapses. Pass one delay for each."
            )
        if not isinstance(self.delays, Tracer) and not np.all(np.asarray(self.delays) >= 0):
            raise ValueError(
                f"{what}: delays go down to {self.delays.min():g} ms; none may be < 0."
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
    ) -> Any:
        return self.receptor.init(target_shape)

    def output_shape(self, source_shape: tuple[int, ...]) -> tuple[int, ...]:
        wanted = self.connectivity.weight_shape(source_shape)
        came = None if self.weight is None else self.weight.shape
        if came is not None and came != wanted:
            raise ValueError(
                f"weight has shape {came}, but a source of shape {source_shape} through "
                f"{type(self.connectivity).__name__} wants {wanted or 'none'}."
            )
        shape = self.connectivity.output_shape(source_shape)
        if self.bias is not None and not fits(self.bias.shape, shape):
            raise ValueError(
                f"bias has shape {self.bias.shape}, which does not fit a target of shape {shape}. "
                f"Pass one number, or shape {self.connectivity.bias_shape(source_shape)}."
            )
        return shape

    def release(
        self, state: Any, signals: Float[Array, "time ..."], context: Context
    ) -> tuple[Any, Float[Array, "time ..."]]:
        return state, signals

    def deliver(
        self, ring: Float[Array, "slots ..."], signal: Float[Array, "..."], context: Context
    ) -> tuple[Float[Array, "slots ..."], Float[Array, "..."]]:
        """With `delays`: the ring of coming events after what was sent, and what arrives now."""
        assert self.delays is not None, "without delays there is no ring"
        if self.weight is None:
            raise _lacks_weight(self)
        return deliver(self.connectivity, self.weight, self.delays, ring, signal, context)

    @property
    def leaves_sums_to_receptor(self) -> bool:
        """Whether `arriving` takes the place of `propagate`: for `Sparse` without `delays`."""
        is_listed = isinstance(innermost(self.connectivity), Sparse) and self.delays is None
        return is_listed and self.receptor.accumulates and self.weight is not None

    def arriving(self, signal: Float[Array, "..."]) -> SparseEvents:
        """The events of one step, left to the receptor to add up."""
        return SparseEvents(self.connectivity, self.weight, signal)

    def propagate(self, signals: Float[Array, "time ..."]) -> Float[Array, "time ..."]:
        if self.weight is None and self.connectivity.weight_shape(signals.shape[1:]) is not None:
            raise _lacks_weight(self)
        return self.connectivity.propagate(self.weight, signals)

    def step(
        self, state: Any, events: Any, v: Float[Array, "..."], context: Context
    ) -> tuple[Any, Drive]:
        state, drive = self.receptor.step(state, events, v, context.dt)
        return state, drive if self.bias is None else drive + Drive(current=self.bias)


def projection_of(edge: AbstractEdge) -> Projection | None:
    """The projection that an edge is, or that a wrapper such as `Dropout` wraps."""
    if isinstance(edge, Projection):
        return edge
    inner = vars(edge).get("edge")
    return None if inner is None else projection_of(inner)


def _lacks_weight(projection: Projection) -> ValueError:
    return ValueError(
        f"Projection {projection.source!r} -> {projection.target!r} has no weight yet. Call "
        "`initialise(network, key)`, or pass one."
    )
