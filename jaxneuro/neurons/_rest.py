from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxneuro.core import Drive
from jaxneuro.integrators import Euler

from ._base import AbstractNeuron

STEPS = 300


def rest(neuron: AbstractNeuron, shape: tuple[int, ...] = (), drive: Drive | None = None) -> Any:
    """The stable fixed point below threshold that a neuron settles in from its start values.

    Pseudo-transient continuation: implicit Euler steps that grow as the state settles, so that it
    goes where the neuron itself would go and ends with the speed of Newton's method.

    **Arguments:**

    - `neuron`: any neuron; parameters `()` or of `shape`.
    - `shape`: of the population.
    - `drive`: held constant; none by default.

    **Returns:** a state as that of `neuron.init(shape, key)`; only floating-point leaves move.

    **Raises:** a runtime error that names the model if it finds no such state.

    Reference: Kelley & Keyes (1998), SIAM J. Numer. Anal. 35:508.

    !!! example

        ```python
        state = rest(HodgkinHuxley(), (10,))
        ```
    """
    drive = quiet_drive(neuron, shape) if drive is None else drive
    start = neuron.init(shape, jax.random.key(0))
    slopes, first, build = as_vector_field(neuron, start, drive)
    # A start above threshold leads off to infinity; after the spike it leads back.
    after_spike = neuron.reset(start, jnp.ones(shape, start.v.dtype))
    again = eqx.tree_at(lambda s: s.v, start, after_spike.v)
    _, second, _ = as_vector_field(neuron, again, drive)

    def settled(y: Array) -> tuple[Array, Array]:
        """Where the neurons end, and whether that is a stable state below threshold."""
        y = _settle(slopes, y)
        rates, matrix = linearise(slopes, y)
        state = build(y)
        margin = neuron.margin(state, state)
        is_below = True if margin is None else margin <= 0
        is_still = _size(rates, y) < float(jnp.finfo(y.dtype).eps) ** 0.5
        return y, is_below & is_still & _is_stable(matrix)

    ends, is_found = jax.vmap(settled)(jnp.stack([first, second]))
    y = jnp.where(is_found[0][None], ends[0], ends[1])
    message = (
        f"rest: {type(neuron).__name__} settles in no stable state below threshold from its start "
        f"values (in {STEPS} steps of the solver). Start from 'original', or give start values of "
        "your own."
    )
    return build(eqx.error_if(y, ~jnp.all(is_found.any(0)), message))


def quiet_drive(neuron: AbstractNeuron, shape: tuple[int, ...]) -> Drive:
    """No current, at the ports neither."""
    silence = Drive(current=jnp.zeros(shape))
    return Drive(ports=dict.fromkeys(neuron.ports, silence))


def as_vector_field(neuron: AbstractNeuron, start: Any, drive: Drive) -> Any:
    """The differential equation of a neuron in plain arrays.

    **Returns:** d(y)/dt as a function of y, `(variables, *shape)` to the same; y of the state
    `start`; and the function that makes a state of y.
    """
    moving, still = eqx.partition(start, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(moving)

    def build(y: Array) -> Any:
        return eqx.combine(jax.tree.unflatten(structure, list(y)), still)

    def slopes(y: Array) -> Array:
        # A step of 1 ms by Euler's method holds the slope for every neuron, wrapped or not.
        new = neuron.advance(build(y), drive, 1.0, Euler())
        return jnp.stack(jax.tree.leaves(eqx.filter(new, eqx.is_inexact_array))) - y

    return slopes, jnp.stack(leaves), build


def linearise(
    slopes: Any, y: Float[Array, "variables ..."]
) -> tuple[Float[Array, "variables ..."], Float[Array, "... variables m"]]:
    """The slopes at y, and d(slope i)/d(y j) of each neuron, `(*shape, i, j)`.

    Neurons do not depend on each other.
    """
    rates, along = jax.linearize(slopes, y)
    basis = jnp.eye(y.shape[0], dtype=y.dtype).reshape(*(y.shape[0],) * 2, *(1,) * (y.ndim - 1))
    columns = jax.vmap(along)(jnp.broadcast_to(basis, (y.shape[0], *y.shape)))
    return rates, jnp.moveaxis(columns, (1, 0), (-2, -1))


def _settle(slopes: Any, y: Array) -> Array:
    """Continues until nothing moves, or for `STEPS` steps."""
    identity = jnp.broadcast_to(
        jnp.eye(y.shape[0], dtype=y.dtype), (*y.shape[1:], y.shape[0], y.shape[0])
    )

    def advance(_: Any, carry: Any) -> Any:
        y, last, length, before = carry
        rates, matrix = linearise(slopes, y)
        now = _size(rates, y)
        is_finite = jnp.isfinite(now)
        growth = jnp.clip(before / jnp.maximum(now, 1e-30), 0.3, 3.0)
        length = jnp.clip(length * jnp.where(is_finite, growth, 0.1), 1e-3, 1e7)
        # A step that led astray is taken back, and tried again with a shorter one.
        safe = jnp.where(is_finite[..., None, None], matrix, 0.0)
        system = identity / length[..., None, None] - safe
        ahead = jnp.where(is_finite[..., None], jnp.moveaxis(rates, 0, -1), 0.0)
        change = jnp.moveaxis(jnp.linalg.solve(system, ahead[..., None])[..., 0], -1, 0)
        new = jnp.where(is_finite[None], y + change, last)
        return new, jnp.where(is_finite[None], y, last), length, jnp.where(is_finite, now, before)

    first = _size(slopes(y), y)
    return jax.lax.fori_loop(0, STEPS, advance, (y, y, jnp.full_like(first, 0.1), first))[0]


def _size(rates: Array, y: Array) -> Float[Array, "..."]:
    """How fast the state moves, relative to what it is."""
    return jnp.max(jnp.abs(rates) / (1.0 + jnp.abs(y)), axis=0)


def _is_stable(matrix: Float[Array, "... m m"]) -> Bool[Array, "..."]:
    """Whether all eigenvalues have negative real parts, on any device.

    The Cayley transform takes them into the unit circle, so that its powers vanish. Variables that
    nothing moves (a count of held ms) stay where they are, which is stable.
    """
    identity = jnp.broadcast_to(jnp.eye(matrix.shape[-1], dtype=matrix.dtype), matrix.shape)
    is_unmoved = jnp.all(matrix == 0, -1, keepdims=True)
    matrix = jnp.where(is_unmoved, -identity, matrix)
    scale = jnp.max(jnp.sum(jnp.abs(matrix), -1), -1)[..., None, None]
    scaled = matrix / jnp.maximum(scale, 1e-30)
    power = jnp.linalg.solve(identity - scaled / 2, identity + scaled / 2)
    power = jax.lax.fori_loop(0, 30, lambda _, p: jnp.clip(p @ p, -1e6, 1e6), power)
    return jnp.max(jnp.abs(power), (-2, -1)) < 1e-3
