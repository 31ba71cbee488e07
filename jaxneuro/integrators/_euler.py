from jaxtyping import Array, Float, PyTree

from ._base import AbstractIntegrator, VectorField, advance


class Euler(AbstractIntegrator):
    """The explicit Euler method, first order, one evaluation of f.

    y ← y + dt f(y, 0).

    Reference: Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, I.7.

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxneuro.integrators import Euler

        v = Euler().step(lambda v, c: -v / 10.0, jnp.array(1.0), 1.0)  # 0.9
        ```
    """

    def step(self, f: VectorField, y: PyTree, dt: float | Float[Array, ""]) -> PyTree:
        return advance(y, dt, [f(y, 0.0)])
