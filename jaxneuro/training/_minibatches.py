from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Int, Key

from ._train import count_samples


class Minibatches(NamedTuple):
    """Which samples each generation sees.

    **Attributes:**

    - `samples`: in the data, 0 without.
    - `slices`, `batch`: minibatches of a generation and samples in each.
    - `is_shuffled`: whether a generation sees only a part of the data.
    """

    samples: int
    slices: int
    batch: int
    is_shuffled: bool

    @classmethod
    def choose(cls, data: Any, batch_size: int | None, slices: int) -> "Minibatches":
        if data is None:
            return cls(0, slices, 0, False)
        samples = count_samples("evolve", data)
        if batch_size is None and slices > 1:
            raise ValueError(f"evolve: for {slices} slices of the data give a batch_size.")
        batch = samples if batch_size is None else batch_size
        if not 1 <= batch * slices <= samples:
            raise ValueError(
                f"evolve: {samples} samples do not fill {slices} minibatches of {batch}."
            )
        return cls(samples, slices, batch, batch_size is not None)

    def order(self, key: Key[Array, ""], generation: Int[Array, ""]) -> Int[Array, "samples"]:
        """The order of the pass over the data that a generation is part of."""
        return jax.random.permutation(jax.random.fold_in(key, self._pass(generation)), self.samples)

    def renew(
        self, order: Int[Array, "samples"], key: Key[Array, ""], generation: Int[Array, ""]
    ) -> Int[Array, "samples"]:
        """The order for a generation, given that of the one before it."""
        is_first = generation % (self.samples // (self.slices * self.batch)) == 0
        return jax.lax.cond(is_first, lambda: self.order(key, generation), lambda: order)

    def pick(self, order: Int[Array, "samples"], generation: Int[Array, ""]) -> Int[Array, "pool"]:
        pool = self.slices * self.batch
        start = generation % (self.samples // pool) * pool
        return jax.lax.dynamic_slice(order, (start,), (pool,))

    def _pass(self, generation: Int[Array, ""]) -> Int[Array, ""]:
        return generation // (self.samples // (self.slices * self.batch))
