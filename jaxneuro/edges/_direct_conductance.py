from jaxtyping import Array, Float

from jaxneuro.core import Drive, param

from ._receptors import AbstractReceptor


class DirectConductance(AbstractReceptor):
    """Events are a conductance that lasts for their step: I = (sum of weights) (e_rev - v).

    **Arguments:**

    - `e_rev`: reversal potential, in the target's unit of v.

    !!! example

        ```python
        edge = Projection("input", "exc", weight, receptor=DirectConductance(e_rev=0.0), delay=0.0)
        ```
    """

    e_rev: Float[Array, "..."] = param(0.0, unit="mV")

    def init(self, shape: tuple[int, ...]) -> None:
        return None

    def step(
        self, state: None, events: Float[Array, "..."], v: Float[Array, "..."], dt: float
    ) -> tuple[None, Drive]:
        return None, Drive(current=events * self.e_rev, conductance=events)
