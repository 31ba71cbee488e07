"""Which steps an explicit integrator can take with a neuron."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxneuro.integrators import RK4, AbstractIntegrator, Euler, Heun

from ._base import AbstractNeuron
from ._rest import as_vector_field, linearise, quiet_drive

# The factor by which one step of each method multiplies y, for dy/dt = λ y and z = λ dt.
_GROWTH = {
    Euler: (1.0, 1.0),
    Heun: (1 / 2, 1.0, 1.0),
    RK4: (1 / 24, 1 / 6, 1 / 2, 1.0, 1.0),
}


def largest_stable_dt(
    neuron: AbstractNeuron, integrator: AbstractIntegrator, shape: tuple[int, ...] = ()
) -> float:
    """The largest step, ms, with which what decays in the neuron decays in the simulation.

    From the eigenvalues of its Jacobian at its own start values; a spike may need smaller steps
    still. Infinite for integrators other than Euler, Heun and RK4: `ExponentialEuler` is stable
    wherever a variable's own decay is what is fast.

    !!! example

        ```python
        largest_stable_dt(LIF(tau=10.0), Euler())  # 20 ms
        ```
    """
    growth = _GROWTH.get(type(integrator))
    if growth is None:
        return math.inf
    with jax.ensure_compile_time_eval():  # the caller may be traced, the neuron is not
        jacobian = np.asarray(_jacobian(neuron, shape), np.float64)
    values = np.linalg.eigvals(jacobian).ravel()
    decaying = values[values.real < -1e-6 * np.abs(values)]
    if decaying.size == 0:
        return math.inf

    def is_stable(length: np.ndarray) -> np.ndarray:
        z = (decaying / np.abs(decaying))[:, None] * length
        return np.abs(np.polyval(growth, z)) <= 1.0 + 1e-12

    # No stability region reaches further than 3 / |λ|: the first step outside, then bisection.
    lengths = np.geomspace(1e-6, 10.0, 200)
    outside = np.argmin(is_stable(lengths), axis=1)
    low, high = lengths[outside - 1], lengths[outside]
    for _ in range(50):
        middle = (low + high) / 2
        is_inside = is_stable(middle[:, None])[:, 0]
        low, high = np.where(is_inside, middle, low), np.where(is_inside, high, middle)
    return float((low / np.abs(decaying)).min())


@eqx.filter_jit
def _jacobian(neuron: AbstractNeuron, shape: tuple[int, ...]) -> Array:
    start = neuron.init(shape, jax.random.key(0))
    slopes, y, _ = as_vector_field(neuron, start, quiet_drive(neuron, shape))
    return jnp.nan_to_num(linearise(slopes, y)[1])
