import equinox as eqx
from jaxtyping import Array, Float

from ._product import dense_product


class LowRank(eqx.Module):
    """A matrix plus a perturbation of low rank, `base + left @ right.T`, that is never formed.

    It may take the place of a `Dense` weight: the signals of all members of a population then
    pass through one product with the shared `base`, and a cheap one with each member's factors.

    **Arguments:**

    - `base`: `(pre, post)`.
    - `left`, `right`: `(pre, rank)` and `(post, rank)`.
    """

    base: Float[Array, "pre post"]
    left: Float[Array, "pre rank"]
    right: Float[Array, "post rank"]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    def dense(self) -> Float[Array, "pre post"]:
        """The matrix itself."""
        return self.base + self.left @ self.right.T

    def product(self, signals: Float[Array, "*rows pre"]) -> Float[Array, "*rows post"]:
        """`signals @ self.dense()`."""
        return dense_product(signals, self.base) + (signals @ self.left) @ self.right.T
