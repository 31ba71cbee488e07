from jaxtyping import Array, Float, PyTree

from ._base import AbstractIntegrator, VectorField, advance


class Heun(AbstractIntegrator):
    """The explicit trapezoidal rule (Euler predicts, the mean slope corrects), second order.

    k₁ = f(y, 0), k₂ = f(y + dt k₁, 1); y ← y + dt (k₁ + k₂) / 2.

    Reference: Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, II.1.

    !!! example

        ```python
        import jax.numpy as jnp
        from jaxneuro.integrators import Heun

        v = Heun().step(lambda v, c: -v / 10.0, jnp.array(1.0), 1.0)  # 0.905
        ```
    """

    def step(self, f: VectorField, y: PyTree, dt: float | Float[Array, ""]) -> PyTree:
        k1 = f(y, 0.0)
        k2 = f(advance(y, dt, [k1]), 1.0)
        return advance(y, dt, [k1, k2], (0.5, 0.5))
