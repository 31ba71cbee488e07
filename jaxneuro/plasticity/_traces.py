import jax.numpy as jnp
from jaxtyping import Array, Float


def decayed(trace: Float[Array, "n"], tau: Float[Array, "..."], dt: float) -> Float[Array, "n"]:
    """A trace after a step in which nothing was added, exact for any dt.

    **Arguments:**

    - `tau`: time constant, ms.
    - `dt`: length of the step, ms.
    """
    return trace * jnp.exp(-dt / tau)


def after_spikes(
    trace: Float[Array, "n"], spikes: Float[Array, "n"], is_nearest: bool = False
) -> Float[Array, "n"]:
    """A trace after these spikes, each of which adds 1 to it, or (`is_nearest`) sets it to 1."""
    return trace + spikes * (1.0 - trace) if is_nearest else trace + spikes
