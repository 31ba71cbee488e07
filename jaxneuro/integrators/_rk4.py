from jaxtyping import Array, Float, PyTree

from ._base import AbstractIntegrator, VectorField, advance


class RK4(AbstractIntegrator):
    """The classical Runge–Kutta method, fourth order, four evaluations of f.

    k₁ = f(y, 0), k₂ = f(y + dt k₁ / 2, ½), k₃ = f(y + dt k₂ / 2, ½), k₄ = f(y + dt k₃, 1);
    y ← y + dt (k₁ + 2 k₂ + 2 k₃ + k₄) / 6.

    Reference: Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, II.1.

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxneuro.integrators import RK4

        v = RK4().step(lambda v, c: -v / 10.0, jnp.array(1.0), 1.0)  # 0.9048375
        ```
    """

    def step(self, f: VectorField, y: PyTree, dt: float | Float[Array, ""]) -> PyTree:
        k1 = f(y, 0.0)
        k2 = f(advance(y, dt, [k1], (0.5,)), 0.5)
        k3 = f(advance(y, dt, [k2], (0.5,)), 0.5)
        k4 = f(advance(y, dt, [k3]), 1.0)
        return advance(y, dt, [k1, k2, k3, k4], (1 / 6, 1 / 3, 1 / 3, 1 / 6))
