import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ._base import AbstractIntegrator, VectorField, check_rate, has_slope, step_like


class ExponentialEuler(AbstractIntegrator):
    """Each variable in turn relaxes exponentially at its own rate, the others held: Rush–Larsen.

    g = ∂f_y/∂y, y ← y + dt f(y, ½) φ(g dt), with φ(z) = (exp(z) - 1) / z where g ≤ 0 and φ = 1
    (Euler) where g > 0, since a runaway variable must not run away faster than the equation says.

    Variables go in the order of their leaves, each with what those before it have become: v first,
    then the gates at the new v. The result is a splitting whose error is of first order along a
    trajectory, but of second order in the period of a cycle of v and gates, at no further cost.

    Exact at any dt for a linear equation with constant coefficients, second order for one variable,
    first order for coupled ones; stable where a variable's own decay is what makes the equation
    stiff. The slope is taken by one forward derivative per leaf, so each element of a leaf must
    depend on no other element of that leaf. For complex leaves read re g.

    Reference: Rush & Larsen (1978), IEEE Trans. Biomed. Eng. 25:389; Hochbruck & Ostermann (2010),
    Acta Numer. 19:209.

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxneuro.integrators import ExponentialEuler

        v = ExponentialEuler().step(lambda v, c: -v / 10.0, jnp.array(1.0), 20.0)  # exp(-2)
        ```
    """

    def step(self, f: VectorField, y: PyTree, dt: float | Float[Array, ""]) -> PyTree:
        paths_and_leaves, structure = jax.tree_util.tree_flatten_with_path(y)
        leaves = [leaf for _, leaf in paths_and_leaves]

        def rate_of(index):
            # The other leaves are closed over, not given zero tangents: a zero that is an array
            # would still be multiplied by their (batched) slopes.
            def rate(leaf):
                moved = structure.unflatten([*leaves[:index], leaf, *leaves[index + 1 :]])
                own = structure.flatten_up_to(f(moved, 0.5))[index]
                check_rate(paths_and_leaves[index][0], leaf, own)
                return jnp.broadcast_to(own, leaf.shape)

            return rate

        for index, leaf in enumerate(leaves):
            if has_slope(leaf):
                leaves[index] = _relax(rate_of(index), jnp.asarray(leaf), dt)
        return structure.unflatten(leaves)


def _relax(rate, leaf: Array, dt: float | Float[Array, ""]) -> Array:
    # Fresh ones, not `ones_like(leaf)`: under `vmap` the tangent then has no batch axis, and
    # neither has the slope of a linear variable, whose exponential is computed once for all lanes.
    value, slope = jax.jvp(rate, (leaf,), (jnp.ones(leaf.shape, leaf.dtype),))
    step = step_like(dt, leaf)
    return leaf + step * value * _phi(step * slope)


def _phi(z: Array) -> Array:
    """(exp(z) - 1) / z where re z ≤ 0, else 1, with finite gradients everywhere.

    Near 0 it is a Taylor series: the quotient itself is accurate there, but its derivative is a
    difference of two numbers of size 1 / z. At |z| = ε^¼ both errors are small.
    """
    is_decay = jnp.real(z) <= 0
    is_near = jnp.abs(z) < float(jnp.finfo(z.dtype).eps) ** 0.25
    # Guarded on both branches: the gradient of an unused NaN is NaN.
    near = jnp.where(is_decay & is_near, z, 0.0)
    far = jnp.where(is_decay & ~is_near, z, -1.0)
    series = 1.0 + near / 2.0 * (1.0 + near / 3.0 * (1.0 + near / 4.0))
    return jnp.where(is_decay & ~is_near, jnp.expm1(far) / far, series)
