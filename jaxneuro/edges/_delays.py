"""Delays that differ from synapse to synapse: what is sent now waits in a ring of coming steps."""

import math
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxneuro.core import Context

from ._connectivity import AbstractConnectivity, Sparse
from ._dale import Dale
from ._event_delivery import Delays, Synapses, add_events


def deliver(
    connectivity: AbstractConnectivity,
    weight: Any,
    delays: Float[Array, "synapses"],
    ring: Float[Array, "slots ..."],
    signal: Float[Array, "..."],
    context: Context,
) -> tuple[Float[Array, "slots ..."], Float[Array, "..."]]:
    """What arrives in this step, and the ring with what was sent one step ago on its way.

    Delays are rounded to steps, at least one and at most as many as the ring has slots.

    **Arguments:**

    - `signal`: what the source sent one step ago, of its shape.
    - `ring`: events of the coming steps, that of the absolute step i in slot i modulo the slots.
    """
    if isinstance(connectivity, Dale):
        weight, signals = connectivity.signed(weight, signal[None])
        return deliver(connectivity.connectivity, weight, delays, ring, signals[0], context)
    assert isinstance(connectivity, Sparse), "checked when the projection was made"
    slots, targets = ring.shape[0], math.prod(ring.shape[1:])
    now = context.step % slots
    lags = jnp.clip(jnp.round(delays / context.dt).astype(jnp.int32), 1, slots) - 1
    synapses = Synapses(connectivity.pre, connectivity.post, connectivity.layout)
    flat = ring.reshape(slots, targets)
    flat = add_events(flat, signal.reshape(-1), weight, synapses, Delays(lags, now))
    arrived = lax.dynamic_index_in_dim(flat, now, keepdims=False)
    flat = lax.dynamic_update_index_in_dim(flat, jnp.zeros_like(arrived), now, 0)
    return flat.reshape(ring.shape), arrived.reshape(ring.shape[1:])


def innermost(connectivity: AbstractConnectivity) -> AbstractConnectivity:
    """What `Dale` wraps."""
    return connectivity.connectivity if isinstance(connectivity, Dale) else connectivity
