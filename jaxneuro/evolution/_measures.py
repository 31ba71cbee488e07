import jax.numpy as jnp
from jaxtyping import Array, Float

from ._base import Parameters


def spread(members: Parameters) -> Float[Array, ""]:
    """Root mean square distance of the members' numbers `(members, ...)` from their mean."""
    distances = [x - jnp.mean(x, axis=0, keepdims=True) for x in members.values()]
    total = sum((jnp.sum(x**2) for x in distances), jnp.asarray(0.0))
    return jnp.sqrt(total / sum(x.size for x in distances))
